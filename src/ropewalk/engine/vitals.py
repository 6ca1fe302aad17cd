"""What can be wrong with an installation once it is opened: its database, its key, its clock, its workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db.utils import DatabaseError, InterfaceError

from ropewalk.core.errors import MustFix
from ropewalk.engine import doctor
from ropewalk.engine.clock import Clock
from ropewalk.engine.doctor import Finding
from ropewalk.installation import Installation
from ropewalk.store import health, schema, secrets, workers

CLOCK_OFF = timedelta(seconds=60)


def findings(
    installation: Installation, clock: Clock, *, free: Callable[[Path], int] = doctor.free_bytes
) -> list[Finding]:
    """Everything, in the order in which it should be mended."""
    return [*doctor.outside(installation, free=free), *inside(installation, clock)]


def inside(installation: Installation, clock: Clock) -> list[Finding]:
    file = _sqlite_file(installation)
    if file is not None and not file.exists():
        return [Finding("database", True, "There is no database yet; the first start makes it.")]
    reached = _database(installation)
    if not reached.ok:
        return [reached]
    migrated = _migrations()
    if not migrated.ok:
        return [reached, migrated]
    return [reached, migrated, _key_fits(), _clock(clock), _workers(clock)]


def _sqlite_file(installation: Installation) -> Path | None:
    database = installation.database
    return Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None


def _database(installation: Installation) -> Finding:
    file = _sqlite_file(installation)
    where = f"the file {file}" if file else f"PostgreSQL at {installation.database['HOST'] or 'this machine'}"
    try:
        health.answers()
    except (DatabaseError, InterfaceError):
        remedy = (
            f"See that {file} belongs to this user and is a database; else restore it from your backup."
            if file
            else "See that the server runs, and that ROPEWALK_DATABASE_URL has its host, port, name and password."
        )
        return Finding("database_unreachable", False, f"The database, {where}, can't be reached.", remedy)
    return Finding("database", True, f"The database is {where}.")


def _migrations() -> Finding:
    behind = schema.pending()
    if behind:
        return Finding(
            "migrations_behind",
            False,
            f"The database is {len(behind)} migration{'s'[: len(behind) != 1]} behind ({behind[0]} is next).",
            "Start Ropewalk, or run any other command: migrations run forward then.",
        )
    return Finding("migrations", True, "The database is up to date.")


def _key_fits() -> Finding:
    try:
        secrets.check()
    except MustFix as error:
        return Finding(
            error.code,
            False,
            error.message,
            "Put the key back that they were saved with (the key file, or ROPEWALK_SECRET_KEY); where it is lost, "
            "enter the credentials of every connector again.",
        )
    return Finding("credentials", True, "The key opens all stored credentials.")


def _clock(clock: Clock) -> Finding:
    now = clock.now()
    there, newest = health.time_there(), health.newest_moment()
    if there is not None and abs(now - there) > CLOCK_OFF:
        return _clock_off(f"differs from the database's by {_seconds(now - there)}")
    if newest is not None and newest - now > CLOCK_OFF:
        return _clock_off(f"is {_seconds(newest - now)} behind what was last written here")
    return Finding("clock", True, f"The clock says {now:%Y-%m-%d %H:%M:%SZ}.")


def _clock_off(how: str) -> Finding:
    return Finding(
        "clock_off",
        False,
        f"This machine's clock {how}.",
        "Let it be set by NTP (timedatectl set-ntp true): schedules and incremental syncs go by it.",
    )


def _seconds(off: timedelta) -> str:
    return f"{abs(off.total_seconds()):,.0f} s"


def _workers(clock: Clock) -> Finding:
    alive = workers.alive(clock.now())
    if not alive:
        return Finding(
            "no_worker",
            False,
            "No worker is alive, so that no schedule is kept and nothing asked for through the API is carried out.",
            "Start `ropewalk serve`, or `ropewalk worker` beside it.",
        )
    return Finding("worker", True, f"{len(alive)} worker{'s are' if len(alive) > 1 else ' is'} alive.")
