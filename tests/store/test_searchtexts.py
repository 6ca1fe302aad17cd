"""A part of a name among many accounts: the same as looking at each of them, whatever has happened to them since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.decide import Fresh
from ropewalk.core.matching import Candidate
from ropewalk.store import accounts, byhand, search, searchtexts
from ropewalk.store.accounts import AccountWrites, Author
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, Organization, SearchText
from ropewalk.store.transactions import transaction

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = Author(actor={"type": "cli", "id": "", "label": "root"})
WORDS = (
    "a",
    "acme",
    "ME CO",
    "co",
    "7",
    "100%",
    "a_b",
    "zoë",
    "cus",
    ".example",
    "x\x1fy",
    "back\\slash",
    "\n",
    "nobody",
    "*",
    "? [s",
    "[sic] *",
    "c] *5?",
    "ë",
    "日本",
    "q" * 200,
)


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were many."""
    monkeypatch.setattr(searchtexts, "FEWEST", 1)
    monkeypatch.setattr(searchtexts, "LINES", 7)


@pytest.fixture
def mine(db: None) -> UUID:
    made: UUID = Organization.objects.create(name="Acme", created_at=NOW).id
    return made


def sync(organization_id: UUID, *names: str | None) -> list[UUID]:
    writes = AccountWrites()
    for number, name in enumerate(names, Account.objects.count()):
        values: dict[str, Any] = {"companyName": name} if name is not None else {}
        account = Candidate(new_id(), f"cus_{number}", f"{number}.example", None, values)
        writes.created[account.account_id] = account
        writes.changes.append((account.account_id, True, Fresh(values)))
    with transaction(organization_id):
        accounts.write(organization_id, writes, by=BY, now=NOW)
    return list(writes.created)


def both(organization_id: UUID, text: str, **options: Any) -> Iterator[list[UUID]]:
    """With what is kept for searching, and by looking at each account."""
    for fewest in (1, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searchtexts, "FEWEST", fewest)
            yield [each.id for each in search.accounts(organization_id, q=text, limit=500, **options).items]


NAMES = [
    "Acme",
    "ACME Co",
    "a_b",
    "aXb",
    "100%",
    "1000",
    "zoë",
    "back\\slash",
    "what? [sic] *5?",
    "日本 KK",
    "q" * 200,
    "two\nlines",
    None,
    *(f"No {n}" for n in range(20)),
]


@pytest.mark.parametrize("word", WORDS)
def test_it_finds_what_looking_at_each_account_finds(word: str, mine: UUID) -> None:
    sync(mine, *NAMES)
    byhand.create(
        mine, {"companyName": "By hand & co", "companyDomain": "hand.example"}, actor=BY.actor, now=NOW
    )

    found, looked = both(mine, word)

    assert found == looked


def test_what_has_changed_is_found_by_what_it_is_now(mine: UUID) -> None:
    first, second, third, *_ = sync(mine, *NAMES)
    byhand.edit(mine, first, {"companyName": "Renamed"}, actor=BY.actor, now=NOW)
    byhand.edit(mine, second, {"companyDomain": "moved.example"}, actor=BY.actor, now=NOW)
    byhand.delete(mine, third, actor=BY.actor, now=NOW)

    assert [*both(mine, "acme")] == [[second], [second]]
    assert [*both(mine, "renam")] == [[first], [first]]
    assert [*both(mine, "moved.ex")] == [[second], [second]]
    assert [*both(mine, "a_b")] == [[], []]
    assert [*both(mine, "a_b", deleted=True)] == [[third], [third]]


def test_what_many_have_is_looked_for_in_order(mine: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(mine, *NAMES)
    monkeypatch.setattr(searchtexts, "MOST", 19)

    assert searchtexts.find(mine, "no ") is None
    assert len(searchtexts.find(mine, "no 1") or ()) == 11


def test_another_organization_has_its_own(mine: UUID) -> None:
    other = Organization.objects.create(name="Elsewhere", created_at=NOW).id
    sync(mine, "Acme")

    assert searchtexts.find(other, "acme") is None
    sync(other, "Bolt")
    assert searchtexts.find(other, "acme") == []


def test_what_is_scattered_is_written_anew(mine: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searchtexts, "_SCATTERED", 4)
    for name in ("Acme", "Bolt", "Crane"):
        sync(mine, name)
    [dropped] = sync(mine, "Dune")
    Account.objects.filter(id=dropped).delete()
    searchtexts.tidy()
    assert SearchText.objects.count() == 4
    sync(mine, "Elm")

    searchtexts.tidy()

    [kept] = SearchText.objects.all()
    assert (kept.lines, kept.texts.count("\n"), len(bytes(kept.accounts))) == (4, 3, 64)
    found, looked = both(mine, "elm")
    assert (found, len(found)) == (looked, 1)


def test_what_says_more_of_before_than_of_now_is_written_anew(mine: UUID) -> None:
    [one] = sync(mine, "Acme")
    for number in range(2):
        byhand.edit(mine, one, {"companyName": f"Name {number}"}, actor=BY.actor, now=NOW)

    searchtexts.tidy()

    assert [each.texts for each in SearchText.objects.all()] == ["name 1\x1f0.example\x1fcus_0"]
