"""Copies of the embedded databases: whole or none, while they are written to, and never beside a key that doesn't fit."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from ropewalk.core.errors import Conflict, MustFix
from ropewalk.store import keyring
from ropewalk.store.backup import back_up, restore


class Place:
    """A data folder, with the key beside it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.record, self.jobs = folder / "ropewalk.sqlite", folder / "jobs.sqlite"
        self.key_file = folder.with_name(f"{folder.name}.key")

    def fill(self, *credentials: str) -> Place:
        fernet = keyring.make(self.key_file).fernet
        for file in (self.record, self.jobs):
            with closing(sqlite3.connect(file)) as opened:
                opened.execute("PRAGMA journal_mode=WAL")
                opened.execute("CREATE TABLE ropewalk_secret (ciphertext BLOB)")
                opened.executemany(
                    "INSERT INTO ropewalk_secret VALUES (?)",
                    [(fernet.encrypt(each.encode()),) for each in credentials],
                )
                opened.commit()
        return self

    def restore(self, folder: Path, *given: str) -> None:
        restore(folder, self.record, self.jobs, given, self.key_file)


def rows(file: Path) -> list[tuple[bytes]]:
    with closing(sqlite3.connect(file)) as opened:
        return opened.execute("SELECT ciphertext FROM ropewalk_secret").fetchall()


@pytest.fixture
def used(tmp_path: Path) -> Place:
    return Place(tmp_path / "data").fill("a", "b")


@pytest.fixture
def fresh(tmp_path: Path) -> Place:
    return Place(tmp_path / "fresh")


def test_pushed_events_and_their_files_are_in_it(used: Place, fresh: Place, tmp_path: Path) -> None:
    events, file = "events.sqlite", Path("uploads", "0a", "cb", "cb94")
    with closing(sqlite3.connect(used.record.with_name(events))) as opened:
        opened.execute("CREATE TABLE ropewalk_secret (ciphertext BLOB)")
        opened.execute("INSERT INTO ropewalk_secret VALUES (x'01')")
        opened.commit()
    there = used.record.parent / file
    there.parent.mkdir(parents=True)
    there.write_bytes(b"%PDF")
    there.with_name(".cb95.7").write_bytes(b"a draft")
    back_up(used.record, used.jobs, tmp_path / "copy")
    fresh.key_file.write_bytes(used.key_file.read_bytes())
    fresh.restore(tmp_path / "copy")

    assert rows(fresh.record.with_name(events)) == [(b"\x01",)]
    restored = [each for each in (fresh.record.parent / "uploads").rglob("*") if each.is_file()]
    assert [(each.relative_to(fresh.record.parent), each.read_bytes()) for each in restored] == [
        (file, b"%PDF")
    ]
    assert stat.S_IMODE(restored[0].stat().st_mode) == 0o600


def test_what_is_committed_is_in_it_and_nobody_waits(used: Place, fresh: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "monday"
    with closing(sqlite3.connect(used.record, timeout=0)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO ropewalk_secret VALUES (x'00')")
        size = back_up(used.record, used.jobs, copy)
        writer.rollback()

    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in [copy, *copy.iterdir()]} == {
        "monday": 0o700,
        "ropewalk.sqlite": 0o600,
        "jobs.sqlite": 0o600,
    }
    assert size == sum(each.stat().st_size for each in copy.iterdir())
    fresh.key_file.write_bytes(used.key_file.read_bytes())
    fresh.restore(copy)
    assert rows(fresh.record) == rows(used.record) != []
    assert rows(fresh.jobs) == rows(used.jobs)
    assert sorted(each.name for each in fresh.record.parent.iterdir()) == ["jobs.sqlite", "ropewalk.sqlite"]


def test_nothing_is_overwritten(used: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(used.record, used.jobs, copy)
    before = {each.name: each.read_bytes() for each in copy.iterdir()}

    with pytest.raises(Conflict):
        back_up(used.record, used.jobs, copy)
    with pytest.raises(Conflict):
        used.restore(copy)

    assert {each.name: each.read_bytes() for each in copy.iterdir()} == before


def test_a_backup_that_fails_leaves_nothing(used: Place, tmp_path: Path) -> None:
    used.record.write_bytes(b"this is no database" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        back_up(used.record, used.jobs, tmp_path / "copy")

    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "data.key"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("nothing there", "no_backup"),
        ("damaged", "backup_damaged"),
        ("no key", "key_missing"),
        ("other key", "wrong_key"),
        ("other key given", "wrong_key"),
    ],
)
def test_what_could_not_be_used_is_not_restored(
    fault: str, code: str, used: Place, fresh: Place, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    back_up(used.record, used.jobs, copy)
    given = ("k" * 40,) if fault == "other key given" else ()
    match fault:
        case "nothing there":
            copy = tmp_path / "nowhere"
        case "damaged":
            content = bytearray((copy / "jobs.sqlite").read_bytes())
            content[4096:] = b"\xff" * (len(content) - 4096)
            (copy / "jobs.sqlite").write_bytes(content)
        case "other key":
            keyring.make(fresh.key_file)

    with pytest.raises(MustFix) as caught:
        fresh.restore(copy, *given)

    assert caught.value.code == code
    assert list(fresh.record.parent.iterdir()) == []


def test_without_credentials_any_key_will_do(fresh: Place, tmp_path: Path) -> None:
    place = Place(tmp_path / "plain").fill()
    back_up(place.record, place.jobs, tmp_path / "copy")

    fresh.restore(tmp_path / "copy")

    assert len(keyring.read(fresh.key_file).keys) == 1
    assert rows(fresh.record) == []
