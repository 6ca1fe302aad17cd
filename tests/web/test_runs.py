"""Runs as pages show them, and what can be asked of them. What happens then is the engine's, and tested there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ropewalk.core import reasons
from ropewalk.web import runtexts
from tests.calls import Api
from tests.doors.conftest import World, key_of
from tests.web.conftest import Browser

NOW = datetime.now(UTC)
PLANTED = "<script>planted()</script>"
COUNTS = {
    "processed": 1_234, "created": 1_000, "updated": 200, "unchanged": 4, "skipped": 29, "rejected": 1,
}  # fmt: skip
ENDED = {
    "status": "succeeded", "cancel_requested": False, "verdict": "complete", "counts": COUNTS, "pages": 13, "expected_total": 1_234,
    "reasons": {"no_match": 28, "ambiguous_match": 1, "invalid_domain": 1}, "notices": {"type_widened": 2},
    "started_at": NOW - timedelta(seconds=74), "finished_at": NOW,
}  # fmt: skip


def change(world: World, **values: Any) -> str:
    """The run's path, after `values` became true of it."""
    from ropewalk.store.models import Run

    Run.objects.filter(id=world.ids["run_id"]).update(**values)
    return f"/app/settings/connectors/runs/{world.ids['run_id']}/"


def text(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def buttons(page: Any) -> dict[str, bool]:
    """Of a run's head, what can be clicked: by label, whether it can."""
    found = page.content.decode().partition('<div class="head-actions">')[2].partition("</div>")[0]
    named = re.findall(r"<(?:button|a) ([^>]*)>([^<]+)</", found)
    return {label.rstrip("…"): "disabled" not in attributes for attributes, label in named}


def test_the_numbers_are_the_api_s(world: World, owner: Browser) -> None:
    path = change(world, **ENDED)
    api = Api(key_of(world.organization)).get(f"/v1/runs/{world.ids['run_id']}")

    page = owner.get(path).content.decode()
    panel = owner.get(f"/app/settings/connectors/{world.ids['connector_id']}/").content.decode()
    listed = owner.get("/app/settings/connectors/runs/").content.decode()

    shown = dict(re.findall(r'data-count="(\w+)">([\d,]+)<', page))
    assert {name: int(count.replace(",", "")) for name, count in shown.items()} == api["counts"]
    heaps = re.findall(r'heap-count">([\d,]+)</span><span class="heap-code">(\w+)', page)
    assert {code: int(count) for count, code in heaps} == api["reasons"]
    last = "1,234: 1,000 created, 200 updated, 4 unchanged, 29 skipped, 1 rejected"
    assert last in panel
    row = re.findall(r'<td class="right(?: run-rows)?">([^<]+)</td>', listed)
    assert row == ["1 min 14 s", "1,234", "1,000", "200", "30"]


def test_every_code_has_its_words() -> None:
    assert {*runtexts.REASONS} == {*reasons.SKIPPED, *reasons.REJECTED, reasons.CHANGED_SINCE}
    assert {*runtexts.NOTICES} == {*reasons.NOTICES}


@pytest.mark.parametrize(
    ("seconds", "exactly", "roughly"),
    [
        (0.42, "0.4 s", "a few seconds"),
        (42, "42 s", "40 s"),
        (60, "1 min", "1 min"),
        (754, "12 min 34 s", "13 min"),
        (7_200, "2 h", "2 h"),
        (8_000, "2 h 13 min", "2 h"),
    ],
)
def test_how_long(seconds: float, exactly: str, roughly: str) -> None:
    assert (runtexts.duration(seconds), runtexts.about(seconds)) == (exactly, roughly)


def test_a_run_under_way_asks_for_itself_until_it_has_ended(world: World, member: Browser) -> None:
    from ropewalk.store.models import Run

    path = change(
        world, status="running", finished_at=None, started_at=NOW, counts=COUNTS, expected_total=2_468
    )
    live = f"?live={world.ids['run_id']}"

    whole = member.get(path).content.decode()
    fragments = [
        member.get(f"{at}{live}", **{"HX-Request": "true"}).content.decode()
        for at in (path, f"/app/settings/connectors/{world.ids['connector_id']}/")
    ]
    change(world, **ENDED)
    ended = member.get(path + live, **{"HX-Request": "true"})
    still = member.get(path).content.decode()

    assert f'hx-get="{live}"' in whole
    assert all(f'hx-get="{live}"' in each and "<html" not in each for each in fragments)
    assert all("<b data-rows>1,234</b> of 2,468 rows" in each and "50 %" in each for each in fragments)
    assert "No worker is alive" in fragments[0]
    assert (ended["HX-Retarget"], ended["HX-Reselect"], ended["HX-Reswap"]) == ("#main", "#main", "outerHTML")
    assert "Accounts sync: Complete." in ended.content.decode()
    assert "hx-get" not in still
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "offered", "why"),
    [
        ({"status": "queued", "finished_at": None, "cancel_requested": False}, {"Cancel": True}, ""),
        (
            {"status": "running", "finished_at": None, "cancel_requested": True},
            {"Cancel": False},
            "It is being cancelled.",
        ),
        (ENDED, {"Undo": True}, ""),
        (ENDED | {"counts": {}}, {}, ""),
        (
            ENDED | {"verdict": "suspicious", "verdict_reasons": ["no_rows"]},
            {"Accept": True, "Undo": True},
            "",
        ),
        (
            ENDED | {"finished_at": NOW - timedelta(days=31)},
            {"Undo": False},
            "A run can be undone within 30 days; this one is older.",
        ),
        (ENDED | {"mode": "dry_run"}, {"Apply": True}, ""),
        (ENDED | {"trigger": "undo"}, {}, ""),
    ],
)
def test_what_is_offered(
    values: dict[str, Any], offered: dict[str, bool], why: str, world: World, owner: Browser, member: Browser
) -> None:
    path = change(world, **values)

    pages = owner.get(path), member.get(path)

    assert buttons(pages[0]) == offered
    assert why in text(pages[0])
    assert buttons(pages[1]) == dict.fromkeys(offered, False)
    assert "Only admins and owners of Acme" in text(pages[1]) or not offered


def test_the_verdict_says_why_and_what_to_do(world: World, owner: Browser) -> None:
    error = {"code": "not_json", "message": f"The body is {PLANTED}."}
    failed = owner.get(change(world, **ENDED | {"status": "failed", "verdict": None, "error": error}))
    truncated = owner.get(change(world, **ENDED | {"verdict": "truncated", "verdict_reasons": ["max_pages"]}))

    assert PLANTED not in failed.content.decode()
    assert "Failed. The body is &lt;script&gt;planted()&lt;/script&gt;." in failed.content.decode()
    assert "The watermark has not moved" in text(failed)
    assert "It stopped at max_pages, 100 pages. The next run goes on from there." in text(truncated)


def test_the_ledger_group_by_group_and_page_by_page(world: World, owner: Browser) -> None:
    from ropewalk.store import ledger
    from ropewalk.store.ledger import Entry

    path = change(world, **ENDED)
    rows = [Entry(10 + place, "skipped", "no_match", "None.", {"name": PLANTED}) for place in range(27)]
    ledger.write(world.organization, world.ids["run_id"], rows)

    first = owner.get(path).content.decode()
    [href] = re.findall(r'href="([^"]+)" rel="next"', first)
    second = owner.get(path + href.replace("&amp;", "&")).content.decode()
    twin = text(owner.get(f"{path}?outcome=skipped&reason=ambiguous_match"))
    gone = text(owner.get(f"{path}?outcome=rejected&reason=invalid_domain"))

    def positions(page: str) -> list[int]:
        return [int(each) for each in re.findall(r'<span class="quiet">row (\d+)', page)]

    assert [*positions(first), *positions(second)] == [0, *range(10, 37)]
    assert "No account matches 28 rows" in text(owner.get(path))
    assert PLANTED not in first
    assert "Twin row 3 · twin.com" in twin
    assert "Say which account it is" in twin
    assert "These rows are not kept any more" in gone


def test_a_dry_run_field_by_field(world: World, owner: Browser) -> None:
    from ropewalk.store import ledger
    from ropewalk.store.ledger import Entry

    path = change(world, **ENDED | {"mode": "dry_run", "reasons": {}})
    changes = {"planTier": {"old": "gold", "new": PLANTED}, "seats": {"old": None, "new": 12}}
    ledger.write(
        world.organization,
        world.ids["run_id"],
        [Entry(7, "updated", record={"name": "Acme"}, changes=changes)],
    )

    page = owner.get(f"{path}?outcome=updated")

    assert "Plan tier gold → &lt;script&gt;planted()&lt;/script&gt; Seats – → 12" in text(page)
    assert "What it would do" in text(page)


def led_to(answer: Any) -> Any:
    """The run that a verb led to."""
    from ropewalk.store.models import Run

    assert answer.status_code == 302, answer.content.decode()
    return Run.objects.get(id=re.findall(r"runs/([0-9a-f-]{36})/", answer["Location"])[0])


def test_each_verb_leads_to_the_run_that_does_it(world: World, owner: Browser) -> None:
    from ropewalk.store.models import Run

    run_id, connector = world.ids["run_id"], f"/app/settings/connectors/{world.ids['connector_id']}/"
    path = change(world, **ENDED)
    asked = owner.post(f"{connector}accounts/run", {"mode": "sync", "full": "1"})
    again = owner.post(f"{connector}accounts/run", {"mode": "sync"})
    made = led_to(asked)
    cancelled = owner.post(f"/app/settings/connectors/runs/{made.id}/cancel")
    dry = led_to(owner.post(f"{connector}accounts/run", {"mode": "dry_run"}))
    retried = led_to(owner.post(f"{path}retry", {"reason": "no_match"}))
    owner.post(f"/app/settings/connectors/runs/{retried.id}/cancel")
    undone = led_to(owner.post(f"{path}undo"))
    owner.post(f"/app/settings/connectors/runs/{undone.id}/cancel")
    window = {"since": None, "full": True, "resume": None}
    Run.objects.filter(id=dry.id).update(status="succeeded", counts=COUNTS, progress={"window": window})
    applied = led_to(owner.post(f"/app/settings/connectors/runs/{dry.id}/apply"))
    owner.post(f"/app/settings/connectors/runs/{applied.id}/cancel")
    place = {"first_started_at": NOW.isoformat(), "full": False, "rows": 3, "scope": ""}
    change(world, verdict="suspicious", progress=place)
    accepted = led_to(owner.post(f"{path}accept"))

    assert (made.mode, made.full, made.actor["label"]) == ("sync", True, "owner@acme.example")
    assert led_to(again).id == made.id
    assert led_to(cancelled).status == "cancelled"
    assert dry.mode == "dry_run"
    assert (retried.trigger, retried.of_run, retried.settings["retry_reason"]) == (
        "retry",
        run_id,
        "no_match",
    )
    assert (undone.trigger, undone.of_run) == ("undo", run_id)
    assert (applied.of_run, applied.preview) == (dry.id, {"run_id": str(dry.id), "differs": {}})
    assert (accepted.id, accepted.accepted_at is not None) == (run_id, True)
    assert "What followed" in text(owner.get(path))


def test_a_run_outlives_its_connector(world: World, owner: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure

    path = change(world, **ENDED)
    configure.delete_connector(
        world.organization, Actor("cli", "", "root"), world.ids["connector_id"], SystemClock()
    )

    page = owner.get(path)

    assert "CRM (deleted)" in text(page)
    assert f"/connectors/{world.ids['connector_id']}/" not in page.content.decode()
    assert buttons(page) == {"Undo": True}


def test_what_can_t_be_asked_is_refused_in_words(world: World, owner: Browser) -> None:
    connector = f"/app/settings/connectors/{world.ids['connector_id']}/"
    path = change(world, **ENDED)

    refused = {
        "events": owner.post(f"{connector}events/run", {"mode": "sync"}),
        "mode": owner.post(f"{connector}accounts/run", {"mode": "wet"}),
        "apply": owner.post(f"{path}apply"),
        "reason": owner.post(f"{path}retry", {"reason": "rain"}),
        "accept": owner.post(f"{path}accept"),
    }

    assert {name: answer.status_code for name, answer in refused.items()} == {
        "events": 422, "mode": 422, "apply": 409, "reason": 422, "accept": 409,
    }  # fmt: skip
    assert "An event stream is read live" in text(refused["events"])
    assert "This is no dry run" in text(refused["apply"])


def test_undo_and_accept_say_first_what_they_do(world: World, owner: Browser) -> None:
    path = change(world, **ENDED | {"verdict": "suspicious", "verdict_reasons": ["no_rows"]})

    pages = {name: text(owner.get(path + name)) for name in ("undo", "accept")}

    assert "What this run changed goes back: 1,000 rows created, 200 rows updated." in pages["undo"]
    assert "The next run reads on from here" in pages["accept"]
    assert "already ended" not in pages["undo"]


def test_settling_an_ambiguous_row(world: World, owner: Browser) -> None:
    from ropewalk.store.models import LedgerRow, MatchLink

    path = change(world, **ENDED) + "rows/3/link"
    account = str(world.ids["account_id"])
    LedgerRow.objects.filter(position=3).update(candidates=[{"account_id": account, "companyName": "Acme"}])

    page = owner.get(path).content.decode()
    nothing = owner.post(path)
    odd = owner.post(path, {"account_id": "acme"})
    chosen = owner.post(path, {"account_id": account})

    assert f'value="{account}"' in page
    assert (nothing.status_code, odd.status_code) == (422, 422)
    assert "Choose the account that this row means." in text(nothing)
    assert chosen["Location"].endswith("?outcome=skipped&reason=ambiguous_match")
    assert [str(each.account_id) for each in MatchLink.objects.all()] == [account]


def test_the_list_by_connector_kind_and_status(world: World, owner: Browser) -> None:
    def count(query: str) -> int:
        return owner.get(f"/app/settings/connectors/runs/{query}").content.decode().count('<th scope="row">')

    connector = world.ids["connector_id"]
    found = {query: count(query) for query in ("", f"?connector={connector}", "?kind=contacts", "?status=cancelled", "?status=failed")}  # fmt: skip

    assert [*found.values()] == [1, 1, 0, 1, 0]


def test_the_switches_of_a_connector_and_a_stream(world: World, owner: Browser, member: Browser) -> None:
    from ropewalk.store.models import Connector, Stream

    path = f"/app/settings/connectors/{world.ids['connector_id']}/"
    before = Stream.objects.get()

    def stands() -> tuple[bool, bool, bool]:
        stream = Stream.objects.get()
        return Connector.objects.get(id=world.ids["connector_id"]).enabled, stream.enabled, stream.periodic

    owner.post(f"{path}accounts/switch", {"periodic": "on"})
    first = stands()
    owner.post(f"{path}accounts/switch", {"enabled": "off"})
    second = stands()
    refused = text(owner.get(path))
    owner.post(f"{path}switch", {"enabled": "off"})
    third = stands()
    theirs = member.get(path).content.decode()

    assert (first, second, third) == ((True, True, True), (True, False, True), (False, False, True))
    assert "The accounts stream of CRM is disabled; enable it to sync." in refused
    assert (Stream.objects.get().baseline, Stream.objects.get().resets) == (before.baseline, before.resets)
    assert not re.findall(r'<button class="button[^>]*type="submit">', theirs)


def test_as_many_queries_for_three_runs_as_for_one(
    world: World, owner: Browser, django_assert_num_queries: Callable[..., Any]
) -> None:
    from ropewalk.store.models import Run

    change(world, **ENDED)
    paths = {
        f"/app/settings/connectors/{world.ids['connector_id']}/": 12,
        f"/app/settings/connectors/runs/{world.ids['run_id']}/": 16,
        "/app/settings/connectors/runs/": 5,
    }
    for path, queries in paths.items():
        with django_assert_num_queries(queries):
            owner.get(path)
    [run] = Run.objects.all()
    for number in (1, 2):
        run.pk = type(run.pk)(int=run.pk.int + number)
        run.of_run = world.ids["run_id"]
        run.save(force_insert=True)
    for path, queries in paths.items():
        with django_assert_num_queries(queries):
            owner.get(path)
