"""Copies of the embedded databases, made while they are in use, and put back. Neither needs Django.

The key is no part of a copy: who finds one must not be able to read the credentials in it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from cryptography.fernet import InvalidToken

from ropewalk.core.errors import Conflict, MustFix
from ropewalk.store import keyring, uploads
from ropewalk.store.disk import sync
from ropewalk.store.events import sqlite

RECORD = "ropewalk.sqlite"
JOBS = "jobs.sqlite"
EVENTS = sqlite.FILE
UPLOADS = uploads.FOLDER


def back_up(record: Path, jobs: Path, folder: Path) -> int:
    """Makes the folder; answers the bytes in it. Whatever goes wrong, there is either a whole copy or none."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"There is something at {folder} already. Name a folder that doesn't exist yet.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    draft.mkdir(mode=0o700)
    try:
        # The jobs first: a run that has no job yet gets one, but a job without its run would have nothing to do.
        # Events before their files: whoever has a file in the copy's events has had it for longer.
        for source, name in ((jobs, JOBS), (record, RECORD), (jobs.with_name(EVENTS), EVENTS)):
            if source.exists():
                _copy(source, draft / name)
        _copy_folder(jobs.with_name(UPLOADS), draft / UPLOADS)
        sync(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync(folder.parent)
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def restore(folder: Path, record: Path, jobs: Path, given_keys: Sequence[str], key_file: Path) -> None:
    """Only where there is no data yet, only what is whole, and only beside the key that opens its credentials."""
    events, files = jobs.with_name(EVENTS), jobs.with_name(UPLOADS)
    if there := [str(each) for each in (record, jobs, events, files) if each.exists()]:
        raise Conflict(f"There is data already: {', '.join(there)}. Move it away, or choose another --data.")
    _require_whole(folder)
    _require_key(folder / RECORD, given_keys, key_file)
    _copy_folder(folder / UPLOADS, files)
    for source, target in ((folder / EVENTS, events), (folder / JOBS, jobs), (folder / RECORD, record)):
        if source.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                _copy(source, draft)
                draft.rename(target)
            finally:
                draft.unlink(missing_ok=True)
            sync(target.parent)


def _copy(source: Path, target: Path) -> None:
    """In one read transaction, which keeps no writer waiting."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(handle)
    with closing(_opened(source)) as there, closing(sqlite3.connect(target)) as copy:
        there.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def _copy_folder(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")):
        # A draft of one that is just coming begins with a dot.
        if file.is_file() and not file.name.startswith("."):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(file, copy)
                copy.chmod(0o600)
                sync(copy)


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _require_whole(folder: Path) -> None:
    if not (folder / RECORD).is_file():
        raise MustFix(
            "no_backup", f"There is no {RECORD} in {folder}. Name a folder that `ropewalk backup` made."
        )
    for name in (RECORD, JOBS, EVENTS):
        if (folder / name).exists() and not _is_whole(folder / name):
            raise MustFix("backup_damaged", f"{folder / name} is damaged. Take another backup.")


def _is_whole(file: Path) -> bool:
    try:
        with closing(_opened(file)) as opened:
            return bool(opened.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _require_key(record: Path, given_keys: Sequence[str], key_file: Path) -> None:
    with closing(_opened(record)) as opened:
        rows = opened.execute("SELECT ciphertext FROM ropewalk_secret")
        first = rows.fetchone()
        if not given_keys and not key_file.exists() and first is None:
            # Nothing was encrypted, so that any key will do.
            keyring.make(key_file)
            return
        fernet = (keyring.Keyring(tuple(given_keys)) if given_keys else keyring.read(key_file)).fernet
        try:
            while first is not None:
                fernet.decrypt(bytes(first[0]))
                first = rows.fetchone()
        except InvalidToken:
            raise MustFix(
                "wrong_key",
                "The credentials in this backup can't be read with this installation's key. Put the key there first "
                f"that was in use when it was made: as {key_file}, or as ROPEWALK_SECRET_KEY.",
            ) from None
