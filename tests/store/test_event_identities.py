"""Identities of events on SQLite, in sections so small that a few events fill some: beside a plain dictionary, with other
processes, after kills, and with hashes that many have in common."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from tests.store.test_events import NOW, draft, push

WHOSE = UUID(int=1), UUID(int=2)
SECTION = 5
NAMES = st.sampled_from([f"e{number}" for number in range(12)])
CONTENTS = st.sampled_from([b"1", b"2"])
PROCESSES = st.sampled_from([0, 1])
PUSHED = st.lists(st.tuples(NAMES, CONTENTS), min_size=1, max_size=12)
STEPS = st.one_of(
    st.tuples(st.just("push"), PROCESSES, PUSHED),
    st.tuples(st.just("push"), PROCESSES, PUSHED),
    st.tuples(st.just("broken"), PROCESSES, PUSHED),
    st.tuples(st.just("erase"), PROCESSES, NAMES),
    st.tuples(st.just("expire"), PROCESSES, st.integers(1, 5)),
    st.tuples(st.just("restart"), PROCESSES, st.none()),
)


class Broken(Exception):
    pass


def opened(file: Path) -> Any:
    from ropewalk.store.events.sqlite import SqliteEvents

    return SqliteEvents(file, section=SECTION)


class Model:
    """What each id is known by: its version and content, and whether it has expired."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, bytes, bool]] = {}

    def push(self, batch: Sequence[tuple[str, bytes]]) -> list[str]:
        told = {}
        for name, content in dict(batch).items():
            version, before, _ = self.known.get(name, (0, b"", False))
            if before == content:
                told[name] = "duplicate"
            else:
                told[name] = "updated" if version else "created"
                self.known[name] = version + 1, content, False
        return [told[name] for name, _ in batch]

    def expire(self, names: Iterable[str]) -> None:
        for name in names:
            version, content, _ = self.known[name]
            self.known[name] = version, content, True

    def there(self) -> dict[str, tuple[int, bytes]]:
        return {name: (version, content) for name, (version, content, gone) in self.known.items() if not gone}


def carry_out(file: Path, steps: Sequence[tuple[str, int, Any]]) -> None:
    stores, model = [opened(file), opened(file)], Model()
    for step, process, what in steps:
        store = stores[process]
        if step == "push":
            told = push(store, WHOSE, *(draft(name, content=content) for name, content in what))
            assert told == model.push(what)
        elif step == "broken":
            broken(store, what)
        elif step == "erase":
            assert store.erase_event(*WHOSE, what).events == (what in model.there())
            model.known.pop(what, None)
        elif step == "expire":
            before = {each.external_id for each in store.newest(WHOSE[0]).events}
            store.expire(WHOSE[0], NOW + timedelta(hours=1), limit=what)
            model.expire(before - {each.external_id for each in store.newest(WHOSE[0]).events})
        else:
            stores[process] = opened(file)
    found = {name: stores[0].get(*WHOSE, name) for name in model.known}
    assert {name: (each.version, each.content) for name, each in found.items() if each} == model.there()
    assert len(stores[0].newest(WHOSE[0], limit=100).events) == len(model.there())
    for each in stores:
        each.close_all()


def broken(store: Any, batch: Sequence[tuple[str, bytes]]) -> None:
    """Its identities are written, and then all goes back."""

    def add_keys(rows: Any) -> None:
        raise Broken

    store.add_keys = add_keys
    try:
        push(store, WHOSE, *(draft(name, content=content) for name, content in batch))
    except Broken:
        pass
    finally:
        del store.add_keys


@given(st.lists(STEPS, min_size=8, max_size=25))
@settings(max_examples=15, deadline=None)
def test_each_identity_is_there_once_whatever_happens(steps: Sequence[tuple[str, int, Any]]) -> None:
    with TemporaryDirectory() as folder:
        carry_out(Path(folder) / "events.sqlite", steps)


@given(st.lists(STEPS, min_size=8, max_size=25))
@settings(max_examples=15, deadline=None)
def test_hashes_that_many_have_in_common(steps: Sequence[tuple[str, int, Any]]) -> None:
    from ropewalk.store.events import identities, sqlite

    def alike(given: Iterable[tuple[int, str]]) -> list[int]:
        # Some are alike in whole, some only in what the filter holds, some by their bucket.
        return [
            (-1, -1 - (1 << 24), -1 - (1 << 33), 1 << 62)[sum(name.encode()) % 4] & -(1 << 24)
            for _, name in given
        ]

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(identities, "hashes_of", alike)
        patched.setattr(sqlite, "hashes_of", alike)
        carry_out(Path(folder) / "events.sqlite", steps)


def test_what_is_erased_leaves_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "events.sqlite")
    for number in range(0, 60, 3):
        push(store, WHOSE, *(draft(f"e{each}", keys=("id:a",)) for each in range(number, number + 3)))
    push(store, WHOSE, *(draft(f"e{each}", content=b"2", keys=("id:a",)) for each in range(0, 60, 2)))
    store.expire(WHOSE[0], NOW + timedelta(hours=1), limit=20)

    for number in range(60):
        store.erase_event(*WHOSE, f"e{number}")

    store.close_all()
    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as there:
        left = [
            entries
            for table in ("identity", "new_identity")
            for (entries,) in there.execute(f"SELECT entries FROM {table}")
        ]
    assert b"".join(left) == b""


CHILD = """
import sys
from pathlib import Path
from uuid import UUID
from ropewalk.core.pushed import Draft
from ropewalk.store.events.base import Batch
from ropewalk.store.events.sqlite import SqliteEvents

store = SqliteEvents(Path(sys.argv[1]), section=5)
for number in range(1_000_000):
    names = [f"e{7 * number + each}" for each in range(11)]
    drafts = [Draft(name, 1, 1, "custom", "custom", b'{"data":1}', ()) for name in names]
    store.append([Batch(UUID(int=1), UUID(int=2), drafts)])
    print(names[-1], flush=True)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, that pushes to the same file until it is killed, and says what it was told is there."""
    command = [sys.executable, "-c", CHILD, str(tmp_path / "events.sqlite")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "src"}
    ) as process:
        yield process
        process.kill()


def test_what_a_process_that_was_killed_has_taken_in(tmp_path: Path, child: subprocess.Popen[str]) -> None:
    file = tmp_path / "events.sqlite"
    assert child.stdout is not None
    store = opened(file)
    push(store, WHOSE, *(draft(f"e{number}") for number in range(30)))
    said = [child.stdout.readline() for _ in range(12)]
    child.kill()
    said += child.stdout.readlines()

    last = int(said[-1][1:])
    outcomes = push(store, WHOSE, *(draft(f"e{number}") for number in range(last + 50)))

    assert outcomes[: last + 1] == ["duplicate"] * (last + 1)
    assert len(store.newest(WHOSE[0], limit=last + 100).events) == last + 50
    store.close_all()
