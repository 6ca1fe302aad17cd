"""Recordings of tests: they hold no credential, and replayed they give what was shown when they were made."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core import recording
from ropewalk.core.errors import MustFix
from ropewalk.engine.probing import probe
from tests.engine.conftest import Serving
from tests.engine.test_hostile import AUTHS, TOKEN, auth_at
from tests.engine.test_secrets import Echo, forms
from tests.engine.world import START, World, iso
from tests.fakes import Asked, Fake, customers
from tests.fakes.shapes import Pages

pytestmark = pytest.mark.any_database


def recorded(world: World, connector: str) -> tuple[dict[str, Any], str]:
    answer, made = probe.record_stream(world.org, world.owner, UUID(connector), "accounts", world.clock)
    return answer, made.dump()


def replayed(world: World, connector: str, text: str) -> dict[str, Any]:
    return probe.replay_stream(world.org, UUID(connector), "accounts", recording.load(text))


@pytest.mark.parametrize("auth", AUTHS)
def test_no_credential_is_recorded_in_any_encoding(auth: str, world: World, serving: Serving) -> None:
    fake = Echo()
    base = serving(fake)
    connector = world.connect(base, headers={"X-Tenant": "h-5ecret-planted"}, **auth_at(base, auth))

    answer, text = recorded(world, connector)

    asked = len(fake.seen)
    planted = [TOKEN, "h-5ecret-planted", "acc-5ecret-planted"]
    assert [secret for secret in planted for form in forms(secret) if form in text.encode()] == []
    assert len(json.loads(text)["exchanges"]) > 2
    assert replayed(world, connector, text) == answer
    assert len(fake.seen) == asked


def test_a_replay_gives_the_same_test_without_the_network(world: World, serving: Serving) -> None:
    shop = Pages(customers(60), total_key="total")
    connector = world.connect(serving(shop), shop.stream)

    answer, text = recorded(world, connector)
    live = world.test(connector)
    asked, audited = len(shop.seen), world.every("audit-log")
    world.clock.advance(days=3)
    again = replayed(world, connector, text)

    assert again == answer
    assert again["proposal"]["pagination"]["proved"]
    assert (len(shop.seen), world.every("audit-log")) == (asked, audited)
    for one in (answer, live):
        one["response"].pop("milliseconds")
        one["response"].pop("clock_skew_seconds")
        one["response"]["headers"].pop("date", None)
    assert answer == live
    assert world.state(connector)["tested_at"] == iso(START)


def test_what_is_called_a_secret_has_a_stand_in_that_still_leads_on(world: World, serving: Serving) -> None:
    def answer(asked: Asked) -> Any:
        start = int(asked.params.get("token", "cursor-to-0").rpartition("-")[2])
        rows = [row | {"api_key": f"key-of-{row['id']}"} for row in customers(20, start + 1)]
        return {"data": rows, "token": f"cursor-to-{start + 20}" if start < 40 else None}

    paging = {"type": "cursor", "cursor_param": "token", "next_cursor_path": "token", "size_param": None}
    connector = world.connect(serving(Fake(answer)), {"records_path": "data", "pagination": paging})

    said, text = recorded(world, connector)

    assert "cursor-to-2" not in text
    assert "key-of-" not in text
    assert (said["ok"], said["message"]) == (True, "40 records on 2 pages read.")
    assert said["proposal"]["pagination"]["proved"]
    assert replayed(world, connector, text) == said


def test_failures_are_recorded_too(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda _: {"accounts": customers(3)})))

    answer, text = recorded(world, connector)

    assert (answer["ok"], answer["error"]["code"]) == (False, "records_path")
    assert answer["proposal"]["records_path"]["value"] == "accounts"
    assert replayed(world, connector, text) == answer


def test_a_request_that_is_not_in_the_recording_is_named(world: World, serving: Serving) -> None:
    shop = Pages(customers(25))
    base = serving(shop)
    connector = world.connect(base, shop.stream)
    _, text = recorded(world, connector)
    world.change(connector, url=f"{base}/customers?region=eu")

    with pytest.raises(MustFix) as caught:
        replayed(world, connector, text)

    assert (caught.value.code, caught.value.message) == (
        "not_recorded",
        f"The recording holds no answer to GET {base}/customers?region=eu with page=1&limit=100. It was made with "
        "other settings, or by another version; make a new one with --record.",
    )


def test_a_recording_of_another_stream_is_refused(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda _: {"data": customers(3)})))
    _, text = recorded(world, connector)

    with pytest.raises(MustFix, match="The recording is of hubspot accounts") as caught:
        replayed(world, connector, text.replace('"custom_api"', '"hubspot"'))

    assert caught.value.code == "other_recording"
