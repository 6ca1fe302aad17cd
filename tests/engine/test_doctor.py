"""Eight faults, each planted for real where it can be, each found under its name with a way out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ropewalk.engine import doctor, vitals
from ropewalk.engine.doctor import Finding
from ropewalk.installation import Installation
from ropewalk.store import keyring, workers
from tests.engine.world import World

KEY = "k" * 40


def plenty(_: Path) -> int:
    return 10 * doctor.ENOUGH_BYTES


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    """One that has been used, with its key in a file."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    made = Installation.load({}, data_dir=folder)
    keyring.make(made.key_file)
    (folder / "ropewalk.sqlite").touch(0o600)
    return made


def wrong(found: list[Finding]) -> list[str]:
    assert all(one.remedy for one in found if not one.ok)
    return [one.code for one in found if not one.ok]


def outside(installation: Installation) -> list[str]:
    return wrong(doctor.outside(installation, free=plenty))


def test_nothing_is_wrong_with_a_sound_or_a_fresh_one(installed: Installation, tmp_path: Path) -> None:
    fresh = Installation.load({}, data_dir=tmp_path / "not" / "there" / "yet")

    assert outside(installed) == []
    assert wrong([*doctor.outside(fresh, free=plenty), *vitals.inside(fresh, _never())]) == []


def _never() -> Any:
    return None


def test_key_missing(installed: Installation) -> None:
    installed.key_file.unlink()

    [finding] = [one for one in doctor.outside(installed, free=plenty) if not one.ok]
    assert finding.code == "key_missing"
    assert str(installed.key_file) in finding.remedy


def test_key_missing_beside_postgres(tmp_path: Path) -> None:
    made = Installation.load({}, data_dir=tmp_path, database_url="postgresql://h/n")
    tmp_path.chmod(0o700)

    assert outside(made) == ["key_missing"]


def test_key_without_a_key_in_it(installed: Installation) -> None:
    installed.key_file.write_text("")

    assert outside(installed) == ["key_unreadable"]


def test_key_that_others_may_read(installed: Installation) -> None:
    installed.key_file.chmod(0o644)

    assert outside(installed) == ["key_open"]


def test_a_given_key_needs_no_file(installed: Installation) -> None:
    installed.key_file.unlink()

    assert outside(installed.model_copy(update={"secret_key": _secret(KEY)})) == []


def test_data_folder_readable_by_others(installed: Installation) -> None:
    for mode in (0o750, 0o701, 0o755):
        installed.data_dir.chmod(mode)
        assert outside(installed) == ["data_folder_open"]


def test_disk_full(installed: Installation) -> None:
    asked = []

    def nothing_left(folder: Path) -> int:
        asked.append(folder)
        return doctor.ENOUGH_BYTES - 1

    assert wrong(doctor.outside(installed, free=nothing_left)) == ["disk_full"]
    assert asked == [installed.data_dir]
    assert doctor.free_bytes(installed.data_dir) > 0


# ---- inside ----


def inside(world: World, settings: Any) -> list[str]:
    return wrong(vitals.inside(settings.ROPEWALK, world.clock))


@pytest.fixture
def here(settings: Any) -> Any:
    """The database of the tests is where this installation says it is."""
    if connection.vendor == "sqlite":
        path = connection.settings_dict["NAME"]
        settings.ROPEWALK = settings.ROPEWALK.model_copy(
            update={"database_url": _secret(f"sqlite:///{path}")}
        )
    return settings


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


def working(world: World, at: timedelta = timedelta()) -> None:
    workers.heartbeat("w-1", host="here", pid=1, now=world.clock.now() + at)


def but_the_clock(found: list[str]) -> list[str]:
    """The clock of these tests stands still in March; that of a PostgreSQL server doesn't."""
    return [code for code in found if code != "clock_off" or connection.vendor == "sqlite"]


def test_no_worker(world: World, here: Any) -> None:
    assert but_the_clock(inside(world, here)) == ["no_worker"]
    working(world)
    assert but_the_clock(inside(world, here)) == []
    world.clock.advance(seconds=31)
    assert but_the_clock(inside(world, here)) == ["no_worker"]


def test_clock_off(world: World, here: Any) -> None:
    working(world, timedelta(seconds=61))

    assert "clock_off" in inside(world, here)


def test_wrong_key(world: World, here: Any) -> None:
    working(world)
    world.connect("http://127.0.0.1:1/", auth={"type": "bearer"}, secrets={"token": "planted"})
    before = here.ROPEWALK
    here.ROPEWALK = before.model_copy(update={"secret_key": _secret("another-key-" * 4)})

    assert "wrong_key" in inside(world, here)
    here.ROPEWALK = before
    assert "wrong_key" not in inside(world, here)


@pytest.mark.django_db(transaction=True)
def test_migrations_behind(here: Any) -> None:
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.recorder import MigrationRecorder

    [(_, newest)] = MigrationExecutor(connection).loader.graph.leaf_nodes("ropewalk")
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("ropewalk", newest)
    try:
        found = [one for one in vitals.inside(here.ROPEWALK, _never()) if not one.ok]
    finally:
        recorder.record_applied("ropewalk", newest)

    assert [one.code for one in found] == ["migrations_behind"]
    assert f"ropewalk.{newest} is next" in found[0].message
