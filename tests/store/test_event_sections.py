"""Keys of events on SQLite, in sections so small that a few events fill some."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.store.test_events import NOW, draft, ids, push

ACCOUNTS = ["id:a", "id:b", "domain:c.example"]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    from ropewalk.store.events.sqlite import SqliteEvents

    made = SqliteEvents(tmp_path / "events.sqlite", section=5)
    yield made
    made.close_all()


def pages(store: Any, whose: Any, keys: list[str], size: int) -> list[str]:
    """All of a list, page by page."""
    found, place = [], None
    while True:
        page = store.newest(whose[0], keys=keys, before=place, limit=size)
        found += ids(page)
        if page.next is None:
            return found
        place = page.next


def test_lists_are_in_order_whatever_came_when(store: Any) -> None:
    whose, random = (uuid4(), uuid4()), Random(7)
    kept: dict[str, Any] = {}
    for turn in range(40):
        # Some of them come again with another time and other accounts.
        names = {f"e{random.randrange(150)}" for _ in range(random.choice((1, 3, 9)))}
        drafts = [
            draft(
                name,
                NOW - timedelta(minutes=random.randrange(60)),
                b'{"data":%d}' % turn,
                keys=tuple(random.sample(ACCOUNTS, random.randrange(3))),
            )
            for name in sorted(names)
        ]
        push(store, whose, *drafts)
        kept |= {each.external_id: each for each in drafts}
        if turn % 8 == 7:
            gone = random.choice(sorted(kept))
            store.erase_event(*whose, gone)
            del kept[gone]

    for keys in ([ACCOUNTS[0]], ACCOUNTS):
        expected = {name for name, each in kept.items() if not {*keys}.isdisjoint(each.keys)}
        found = pages(store, whose, keys, 4)
        times = [kept[name].at for name in found]
        assert times == sorted(times, reverse=True)
        assert (len(found), {*found}) == (len(expected), expected)


def test_what_was_put_in_order_is_read_anew_and_erased(store: Any) -> None:
    from ropewalk.core.itemreading import Reading

    whose = uuid4(), uuid4()
    push(
        store,
        whose,
        *(draft(f"e{number}", NOW + timedelta(minutes=number), keys=("id:a",)) for number in range(23)),
    )

    after: int | None = 0
    while after is not None:
        after = store.rekey(*whose, lambda event: Reading(None, "n", None, ("id:b",)), after, limit=7)

    newest_first = [f"e{number}" for number in reversed(range(23))]
    assert pages(store, whose, ["id:a"], 10) == []
    assert pages(store, whose, ["id:b"], 10) == newest_first
    assert [store.erase_account(whose[0], ["id:b"], limit=9).events for _ in range(4)] == [9, 9, 5, 0]
