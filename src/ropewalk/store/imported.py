"""Files that somebody has handed over to be imported, in a folder of the data folder: each goes by its import's id."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from ropewalk.core import limits
from ropewalk.core.errors import MustFix, Problem
from ropewalk.store import disk

FOLDER = "imports"


def folder(data_dir: Path) -> Path:
    found = data_dir / FOLDER
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def _path(data_dir: Path, import_id: UUID) -> Path:
    return data_dir / FOLDER / f"{import_id}.csv"


def receive(data_dir: Path, chunks: Iterable[bytes]) -> Path:
    """Writes what comes, as it comes, to a file that is nobody's yet. Raises `MustFix` where it is too large."""
    arriving = folder(data_dir) / f"{uuid4()}.part"
    size = 0
    try:
        with open(os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limits.CSV_BYTES:
                    raise _too_large()
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        arriving.unlink(missing_ok=True)
        raise
    return arriving


def _too_large() -> MustFix:
    message = f"A file may have {limits.CSV_BYTES // 2**20} MiB. Divide it into several, each with the names of the columns."
    return MustFix("file_too_large", message, [Problem("file", message)])


def keep(data_dir: Path, arrived: Path, import_id: UUID, now: datetime) -> None:
    """Its age counts from now."""
    os.utime(arrived, (now.timestamp(), now.timestamp()))
    arrived.replace(_path(data_dir, import_id))
    disk.sync(arrived.parent)


def is_there(data_dir: Path, import_id: UUID) -> bool:
    return _path(data_dir, import_id).is_file()


@contextmanager
def opened(data_dir: Path, import_id: UUID) -> Iterator[BinaryIO]:
    """Raises `MustFix` where it is gone."""
    try:
        file = _path(data_dir, import_id).open("rb")
    except FileNotFoundError:
        raise MustFix(
            "file_gone",
            f"The file isn't here any more: a file is kept for {limits.CSV_DAYS} days. Upload it again. Where workers are on "
            f"other machines than the web process, all of them need the same folder {FOLDER}.",
        ) from None
    with file:
        yield file


def erase(data_dir: Path, import_id: UUID) -> None:
    _path(data_dir, import_id).unlink(missing_ok=True)


def clear(data_dir: Path, now: datetime) -> int:
    """What has been kept long enough, and what came in part and was left."""
    before = (now - timedelta(days=limits.CSV_DAYS)).timestamp()
    gone = 0
    for path in folder(data_dir).iterdir():
        # Another process may clear it too.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                gone += 1
    return gone
