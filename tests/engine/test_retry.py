"""Rows that a run didn't take are tried again, and never laid over what is newer (product.md §5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.engine import accounts, requests
from ropewalk.store import streams
from tests.engine.conftest import Serving
from tests.engine.test_matching import DOMAIN, ID, NAME, Source, by_hand
from tests.engine.world import World, brief, complete
from tests.fakes import Answer, Fake

TEXT = {"from": "tier", "to": "planTier"}
NUMBER = {**TEXT, "transforms": ["number"]}
BAD, GOOD = {"id": "1", "name": "Bad", "tier": "many"}, {"id": "1", "name": "Good", "tier": 1}
NEWER = {"skipped": 1, "reasons": {"changed_since": 1}}


def sourced(world: World, serving: Serving, **given: Any) -> Source:
    return Source(world, serving, **{"matching": "external_id", "mapping": [ID, NAME, NUMBER], **given})


def mend(world: World, source: Source) -> None:
    world.change(source.connector, mapping=[ID, NAME, TEXT])


def test_it_takes_exactly_the_rows_of_a_reason(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    run = source.sync({"id": "9"}, BAD, {"name": "nobody"}, {**BAD, "id": "2"}, 7)
    assert run["reasons"] == {"invalid_value": 2, "missing_match_value": 1, "not_an_object": 1}
    mend(world, source)

    retry = world.retry(run, "invalid_value")

    assert brief(retry) == complete(created=2)
    assert [row.get("companyName") for row in world.accounts()] == [None, "Bad", "Bad"]


@pytest.mark.parametrize("later", [GOOD, {**GOOD, "tier": 2}])
def test_a_newer_record_of_the_account_stays(later: Any, world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    source.sync(GOOD)
    run = source.sync(BAD)
    source.sync({**later, "name": "Better"})
    mend(world, source)

    retry = world.retry(run)

    assert brief(retry) == complete(**NEWER)
    [row] = world.rows(retry)
    assert (row.reason, row.record, row.message) == (
        "changed_since",
        BAD,
        "A later run has read a newer record for this account; this one is not applied over it.",
    )
    assert [candidate["companyName"] for candidate in row.candidates] == ["Better"]
    assert [account["companyName"] for account in world.accounts()] == ["Better"]


def test_so_does_one_that_only_says_what_the_account_has(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    run = source.sync(BAD)
    by_hand(world, externalCustomerId="1", companyName="Good", fields={"planTier": 1})
    assert brief(source.sync(GOOD)) == complete(unchanged=1)
    mend(world, source)

    assert brief(world.retry(run)) == complete(**NEWER)


def test_one_that_comes_again_after_it_was_refused_is_newer(world: World, serving: Serving) -> None:
    """A → B → A, of which B could not be taken."""
    source = sourced(world, serving)
    source.sync(GOOD)
    run = source.sync(BAD)
    source.sync(GOOD)
    mend(world, source)

    assert brief(world.retry(run)) == complete(**NEWER)
    assert [account["companyName"] for account in world.accounts()] == ["Good"]


def test_what_was_read_before_gives_way(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    source.sync(GOOD)
    run = source.sync(BAD)
    mend(world, source)

    assert brief(world.retry(run)) == complete(updated=1, notices={"type_widened": 1})
    assert [account["companyName"] for account in world.accounts()] == ["Bad"]


def test_a_retry_is_as_old_as_the_rows_it_takes(world: World, serving: Serving) -> None:
    """What the second run read is newer than what a retry of the first applies after it."""
    source = sourced(world, serving)
    first, second = source.sync(BAD), source.sync({**BAD, "name": "Newer"})
    mend(world, source)

    assert brief(world.retry(first)) == complete(created=1)
    assert brief(world.retry(second)) == complete(updated=1)
    assert brief(world.retry(first)) == complete(**NEWER)
    assert [account["companyName"] for account in world.accounts()] == ["Newer"]


def test_rows_that_a_retry_refused_are_as_old_as_ever(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    run = source.sync(BAD)
    again = world.retry(run)
    assert brief(again)["reasons"] == {"invalid_value": 1}
    source.sync(GOOD)
    mend(world, source)

    assert brief(world.retry(again)) == complete(**NEWER)


def test_what_another_connector_said_since_doesnt_hold_it_up(world: World, serving: Serving) -> None:
    source, other = sourced(world, serving), Source(world, serving, name="Billing", mapping=[ID, NAME])
    run = source.sync(BAD)
    other.sync({"id": "1", "name": "Billed"})
    mend(world, source)

    assert brief(world.retry(run)) == complete(updated=1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'"no object"', "not_an_object"),
        (b'["no object"]', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"id": "1", "name": "\xff"}', "invalid_value"),
        (b'{"id": "1", "name": "A\\u0000B"}', "invalid_value"),
        (b'{"id": "1", "name": "' + b"x" * 2**20 + b'"}', "invalid_value"),
    ],
)
def test_what_can_never_be_taken_is_refused_for_the_same_reason(
    raw: bytes, reason: str, world: World, serving: Serving
) -> None:
    answer = Answer(b"[" + raw + b"]", headers={"Content-Type": "application/json"})
    connector = world.connect(serving(Fake(lambda asked: answer)), records_path="", mapping=[ID, NAME])
    run = world.sync(connector)

    retry = world.retry(run)

    assert (run["reasons"], retry["reasons"], world.accounts()) == ({reason: 1}, {reason: 1}, [])


def test_an_account_restored_takes_the_row_that_met_its_tombstone(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    source.sync(GOOD)
    account = world.account(external_customer_id="1")
    accounts.delete_account(world.org, world.owner, account.id, world.clock)
    run = source.sync({**GOOD, "name": "Better"})
    accounts.restore_account(world.org, world.owner, account.id, world.clock)

    assert brief(world.retry(run, "deleted_here")) == complete(updated=1)


def test_a_row_linked_once_is_never_asked_about_again(world: World, serving: Serving) -> None:
    """Neither by a retry, nor by runs, full ones too, nor after an undo or another mapping."""
    by_hand(world, companyName="One", companyDomain="big.example")
    two = by_hand(world, companyName="Two", companyDomain="big.example")
    source = Source(world, serving, matching="domain", mapping=[DOMAIN, NAME])
    record = {"site": "big.example", "name": "Big"}
    run = source.sync(record)
    requests.link_row(world.org, world.owner, run["run_id"], 1, two, world.clock)

    retry = world.retry(run)
    again = [source.sync(record), source.sync(record, full=True), source.sync({**record, "name": "Bigger"})]
    world.undo(again[-1])
    again.append(source.sync({**record, "name": "Biggest"}))
    world.change(source.connector, mapping=[DOMAIN, NAME, TEXT])
    again.append(source.sync({**record, "tier": "gold"}))

    assert [each["reasons"] for each in (retry, *again)] == [{}] * 6
    assert [account["companyName"] for account in world.accounts()] == ["One", "Big"]


def test_nothing_of_the_stream_moves(world: World, serving: Serving) -> None:
    source = sourced(world, serving, incremental={"param": "since"})
    run = source.sync(GOOD, {**BAD, "id": "2"})
    before = streams.by_id(world.org, world.stream(source.connector).id)
    world.clock.advance(hours=1)

    world.retry(run)

    after = streams.by_id(world.org, before.id)
    assert (after.watermark, after.last_full_rows, after.last_completed_at) == (
        before.watermark,
        before.last_full_rows,
        before.last_completed_at,
    )


def test_a_dry_run_under_way_is_in_nobodys_way(world: World, serving: Serving) -> None:
    source = sourced(world, serving)
    run = source.sync(GOOD, {**BAD, "id": "2"})
    dry = world.request(source.connector, mode="dry_run")

    assert brief(world.retry(run)) == complete(rejected=1, reasons={"invalid_value": 1})
    assert brief(world.undo(run)) == complete(updated=1)
    assert brief(world.carry_out(dry))["created"] == 1
