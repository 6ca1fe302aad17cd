"""How events lie on SQLite: packed, listed in sections so small that a few events fill some, beside a plain dictionary;
files of earlier versions; what is left of what was erased."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from tests.store.test_events import NOW, draft, ids, push

ORGANIZATION = UUID(int=1)
CONNECTORS = UUID(int=2), UUID(int=3)
SECTION = 5
NAMES = st.sampled_from([f"e{number}" for number in range(15)])
MINUTES = st.integers(-3, 3)
KEYS = st.lists(st.sampled_from(["id:a", "id:b", "domain:c.example"]), unique=True, max_size=2).map(tuple)
WHICH = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("push"), WHICH, st.lists(st.tuples(NAMES, MINUTES, KEYS), min_size=1, max_size=12)),
    st.tuples(st.just("push"), WHICH, st.lists(st.tuples(NAMES, MINUTES, KEYS), min_size=1, max_size=12)),
    st.tuples(st.just("erase"), WHICH, NAMES),
    st.tuples(st.just("erase account"), WHICH, KEYS),
    st.tuples(st.just("expire"), WHICH, MINUTES),
    st.tuples(st.just("reread"), WHICH, st.tuples(MINUTES, KEYS)),
)


def opened(file: Path) -> Any:
    from ropewalk.store.events.sqlite import SqliteEvents

    return SqliteEvents(file, section=SECTION)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Any]:
    made = opened(file)
    yield made
    made.close_all()


def carry_out(store: Any, steps: Sequence[tuple[str, int, Any]]) -> dict[tuple[UUID, str], Any]:
    """What is expected to be there: time and keys of each event."""
    from ropewalk.core.itemreading import Reading
    from ropewalk.core.times import micros

    there: dict[tuple[UUID, str], tuple[Any, tuple[str, ...]]] = {}
    for turn, (step, which, what) in enumerate(steps):
        connector = CONNECTORS[which]
        if step == "push":
            content = b'{"data":%d}' % turn
            drafts = [
                draft(name, NOW + timedelta(minutes=minutes), content, keys=keys)
                for name, minutes, keys in what
            ]
            push(store, (ORGANIZATION, connector), *drafts)
            there |= {(connector, each.external_id): (each.at, each.keys) for each in drafts}
        elif step == "erase":
            store.erase_event(ORGANIZATION, connector, what)
            there.pop((connector, what), None)
        elif step == "erase account":
            while store.erase_account(ORGANIZATION, what, limit=3).events:
                pass
            there = {name: said for name, said in there.items() if {*what}.isdisjoint(said[1])}
        elif step == "expire":
            before = NOW + timedelta(minutes=what)
            while store.expire(ORGANIZATION, before, limit=3).events:
                pass
            there = {name: said for name, said in there.items() if said[0] >= micros(before)}
        else:
            said = micros(NOW + timedelta(minutes=what[0])), what[1]
            after: int | None = 0
            while after is not None:
                read = Reading(said[0], "custom", None, said[1])
                after = store.rekey(ORGANIZATION, connector, lambda _, read=read: read, after, limit=4)
            there |= {name: said for name in there if name[0] == connector}
    return there


def pages(store: Any, size: int, **wanted: Any) -> list[Any]:
    found: list[Any] = []
    place = None
    while True:
        page = store.newest(ORGANIZATION, before=place, limit=size, **wanted)
        found += page.events
        if page.next is None:
            return found
        assert len(page.events) == size
        place = page.next


@given(st.lists(STEPS, min_size=6, max_size=20))
@settings(max_examples=25, deadline=None)
def test_lists_are_those_of_a_dictionary(steps: Sequence[tuple[str, int, Any]]) -> None:
    from ropewalk.core.times import micros
    from ropewalk.store.events.base import Filters

    with TemporaryDirectory() as folder:
        store = opened(Path(folder) / "events.sqlite")
        there = carry_out(store, steps)

        found = pages(store, 4)
        assert {
            (each.connector_id, each.external_id): (micros(each.at), each.keys) for each in found
        } == there
        assert len(found) == len(there)
        assert found == sorted(found, key=lambda each: each.place, reverse=True)
        for keys in (["id:a"], ["id:b", "domain:c.example"]):
            assert pages(store, 3, keys=keys) == [each for each in found if not {*keys}.isdisjoint(each.keys)]
        start, end = NOW - timedelta(minutes=1), NOW + timedelta(minutes=2)
        between = [each for each in found if start <= each.at < end]
        assert pages(store, 50, filters=Filters(start=start, end=end)) == between
        for connector in CONNECTORS:
            mine = sorted(
                (each for each in found if each.connector_id == connector), key=lambda each: each.number
            )
            assert store.arrivals(ORGANIZATION, connector, 0).events == mine
            assert (
                store.arrivals(ORGANIZATION, connector, 7, limit=2).events
                == [each for each in mine if each.number > 7][:2]
            )
            assert store.latest(ORGANIZATION, connector, limit=5) == mine[::-1][:5]
            last = store.statistics(ORGANIZATION, connector, NOW).last_event_at
            assert last == max((each.at for each in mine), default=None)
        store.close_all()


def test_what_is_large_is_packed_apart(store: Any) -> None:
    contents = [
        b'{"data":"%s"}' % (b"x" * size) for size in (1, 200_000, 30_000, 30_000, 30_000, 5, 900_000, 7)
    ]

    push(
        store,
        (ORGANIZATION, CONNECTORS[0]),
        *(draft(f"e{n}", content=each) for n, each in enumerate(contents)),
    )

    found = store.arrivals(ORGANIZATION, CONNECTORS[0], 0).events
    assert [each.content for each in found] == contents
    assert store.get(ORGANIZATION, CONNECTORS[0], "e5").content == contents[5]
    sizes = store.rows("SELECT max(length(events)) FROM pack WHERE first IN (1, 3, 8)")
    assert sizes[0][0] < 64 * 1024


def test_of_what_was_erased_no_byte_is_left(store: Any, file: Path) -> None:
    whose = ORGANIZATION, CONNECTORS[0]
    for turn in range(3):
        content = b'{"data":"secret of %d"}' % turn
        push(store, whose, *(draft(f"e{n}", content=content, keys=(f"id:hidden {n}",)) for n in range(40)))
    push(store, whose, draft("kept", content=b'{"data":"still there"}'))

    for number in range(40):
        store.erase_event(*whose, f"e{number}")

    assert ids(store.newest(ORGANIZATION)) == ["kept"]
    # The last to close it writes the log into the file, and takes it away.
    store.close_all()
    (left,) = file.parent.iterdir()
    data = left.read_bytes()
    assert (data.count(b"secret of"), data.count(b"hidden"), data.count(b"still there")) == (0, 0, 1)


OF_VERSION_2 = Path(__file__).with_name("events-of-version-2.sql")
BACK_TO_1 = """
DROP TABLE identity; DROP TABLE new_identity; CREATE UNIQUE INDEX event_identity ON event (connector, external_id);
"""


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_earlier_version_is_carried_over(file: Path, version: int) -> None:
    with closing(sqlite3.connect(file)) as made:
        made.executescript(OF_VERSION_2.read_text() + (BACK_TO_1 if version == 1 else ""))
        made.execute(f"PRAGMA user_version = {version}")
    first, second = (UUID(int=1), UUID(int=2)), (UUID(int=3), UUID(int=4))

    store = opened(file)

    assert ids(store.newest(first[0])) == ["e5", "e10", "e3", "e8", "e6", "e11", "e4", "e9", "e2"]
    assert ids(store.newest(first[0], keys=["id:a"])) == ["e5", "e3", "e11", "e4", "e9"]
    assert ids(store.newest(second[0], keys=["id:a"])) == ["e2", "e1", "e0"]
    assert [(each.version, each.content) for each in store.versions(*first, "e4")] == [
        (2, b'{"data":2}'), (1, b'{"data":1}'),
    ]  # fmt: skip
    one = store.get(*second, "e0")
    assert (one.user, one.metadata, one.upload) == ("u", {"x": "y"}, "ab" * 32)
    # What has expired is still known: e0, e1 and e7.
    outcomes = push(store, first, *(draft(f"e{number}", content=b'{"data":1}') for number in range(13)))
    assert outcomes == [
        "duplicate",
        "updated",
        *["duplicate"] * 2,
        "updated",
        *["duplicate"] * 7,
        "created",
    ]
    assert [store.erase_event(*second, f"e{number}").uploads for number in range(3)] == [(), (), ("ab" * 32,)]
    store.close_all()
