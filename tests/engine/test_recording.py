"""Recordings of tests: they hold no credential, and replayed they give what was shown when they were made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import recording
from ropewalk.core.errors import MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.recording import Exchanged, Replay
from ropewalk.engine import probe
from ropewalk.store.models import AuditEntry
from tests.engine.conftest import Serving
from tests.engine.test_hostile import AUTHS, TOKEN, auth_at
from tests.engine.test_secrets import Echo, forms
from tests.engine.world import START, World
from tests.fakes import Asked, Fake, customers
from tests.fakes.shapes import Pages


def recorded(world: World, connector: Any) -> tuple[dict[str, Any], str]:
    answer, made = probe.record_stream(world.org, world.owner, connector.id, "accounts", world.clock)
    return answer, made.dump()


def replayed(world: World, connector: Any, text: str) -> dict[str, Any]:
    return probe.replay_stream(world.org, connector.id, "accounts", recording.load(text))


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
    live = probe.test_stream(world.org, world.owner, connector.id, "accounts", world.clock)
    asked, audited = len(shop.seen), AuditEntry.objects.count()
    world.clock.advance(days=3)
    again = replayed(world, connector, text)

    assert again == answer
    assert again["proposal"]["pagination"]["proved"]
    assert (len(shop.seen), AuditEntry.objects.count()) == (asked, audited)
    for one in (answer, live):
        one["response"].pop("milliseconds")
        one["response"].pop("clock_skew_seconds")
        one["response"]["headers"].pop("date", None)
    assert answer == live
    assert world.stream(connector).tested_at == START


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


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("no json", []),
        ("[]", [""]),
        ('{"ropewalk_recording": 2}', ["ropewalk_recording"]),
        ('{"ropewalk_recording": 1, "recorded_at": "2026-01-01T00:00:00Z", "source": "s", "kind": "k"}', ["exchanges"]),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_refused(text: str, paths: list[str]) -> None:
    with pytest.raises(MustFix) as caught:
        recording.load(text)

    assert [problem.path for problem in caught.value.problems] == paths
    assert caught.value.code == "no_recording"


def test_a_recording_of_another_stream_is_refused(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda _: {"data": customers(3)})))
    _, text = recorded(world, connector)

    with pytest.raises(MustFix, match="The recording is of hubspot accounts") as caught:
        replayed(world, connector, text.replace('"custom_api"', '"hubspot"'))

    assert caught.value.code == "other_recording"


# ---- the format ----

REQUEST = Request("POST", "https://api.example/a", (("page", "2"),), (("X-Key", "hidden"),), {"q": 1})


def written(outcome: Any, secrets: tuple[str, ...] = (), request: Request = REQUEST) -> str:
    made = recording.record(
        [Exchanged(request, outcome)], secrets, at=START, source="custom_api", kind="accounts"
    )
    return made.dump()


def response(body: bytes, **headers: str) -> Response:
    return Response(200, headers, body, "https://api.example/a", 5)


def test_the_format() -> None:
    assert json.loads(written(response(b'{"data": []}', server="x"))) == {
        "ropewalk_recording": 1,
        "recorded_at": "2026-03-01T12:00:00.250000Z",
        "source": "custom_api",
        "kind": "accounts",
        "exchanges": [
            {
                "request": {
                    "method": "POST",
                    "url": "https://api.example/a",
                    "params": [["page", "2"]],
                    "body": {"q": 1},
                },
                "response": {
                    "status": 200,
                    "url": "https://api.example/a",
                    "headers": {"server": "x"},
                    "milliseconds": 5,
                    "json": {"data": []},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    "body",
    [b'{"a":1.5,"b":[null,true]}', b'{"id":1}\n{"id":2}\n', b"<html>", b'{"n":123456789012345678901234567890}', b"null"],
)  # fmt: skip
def test_a_body_comes_back(body: bytes) -> None:
    assert Replay(recording.load(written(response(body))))(REQUEST).body == body


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("rate_limited", "429", after=7.0),
        RetryLater("unavailable", "503"),
        MustFix("not_found_there", "404"),
    ],
)
def test_an_error_comes_back(error: Any) -> None:
    with pytest.raises(type(error)) as caught:
        Replay(recording.load(written(error)))(REQUEST)

    assert (caught.value.code, caught.value.message) == (error.code, error.message)
    assert getattr(caught.value, "after", None) == getattr(error, "after", None)


def test_an_answer_that_went_to_a_file_is_too_large(tmp_path: Any) -> None:
    with (
        (tmp_path / "body").open("w+b") as body,
        pytest.raises(MustFix, match="too large for a recording"),
    ):
        written(Response(200, {}, body, "https://api.example/a", 5))


def test_a_cookie_and_a_token_in_a_link_are_left_out() -> None:
    link = '<https://api.example/a?access_token=tokentoken&page=3>; rel="next"'

    text = written(response(b"[]", **{"set-cookie": "sid=abcdefgh", "link": link}))

    assert [word for word in ("abcdefgh", "tokentoken", "hidden") if word in text] == []
    assert "page=3" in text


@given(
    st.text(min_size=8, max_size=30, alphabet=st.characters(codec="utf-8", exclude_characters="\x00")),
    st.sampled_from(["token", "password", "api_key", "clientSecret"]),
)
def test_a_value_called_a_secret_is_nowhere_else_either(secret: str, name: str) -> None:
    body = json.dumps({"data": [{name: secret, "note": f"<<{secret}>>"}], "again": secret}).encode()

    made = json.loads(written(response(body)))["exchanges"][0]["response"]["json"]

    assert made["data"][0][name] == made["again"] != secret
    assert f"<<{secret}>>" != made["data"][0]["note"]
