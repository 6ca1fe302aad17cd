"""What can be wrong with an installation from outside, before its database is opened: each with its remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ropewalk.core.errors import MustFix
from ropewalk.installation import Installation
from ropewalk.store import keyring

ENOUGH_BYTES = 256 * 1024 * 1024
OTHERS = 0o077


class Finding(Struct, frozen=True):
    """`remedy` is what to do where it is not `ok`."""

    code: str
    ok: bool
    message: str
    remedy: str = ""


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def outside(installation: Installation, *, free: Callable[[Path], int] = free_bytes) -> list[Finding]:
    return [_key(installation), _folder(installation.data_dir), _disk(installation.data_dir, free)]


def _key(installation: Installation) -> Finding:
    if installation.given_keys:
        return Finding("key", True, "The key is given in the environment.")
    path = installation.key_file
    if not path.exists():
        if installation.database_url is None and not _has_data(installation.data_dir):
            return Finding("key", True, "There is no data yet; the first start makes a key.")
        return Finding(
            "key_missing",
            False,
            f"The key file {path} is missing.",
            f"Put {path} back from your backup, or give the key as ROPEWALK_SECRET_KEY. Without it the stored "
            "credentials can't be read, and have to be entered again.",
        )
    try:
        keyring.read(path)
    except MustFix as error:
        return Finding("key_unreadable", False, error.message, f"See who may read {path}, or put it back.")
    if path.stat().st_mode & OTHERS:
        return Finding(
            "key_open",
            False,
            f"Other users of this machine may read the key file {path}.",
            f"chmod 600 '{path}'",
        )
    return Finding("key", True, f"The key is in {path}.")


def _has_data(folder: Path) -> bool:
    return any(folder.glob("*.sqlite"))


def _folder(folder: Path) -> Finding:
    if not folder.exists():
        return Finding("data_folder", True, f"The first start makes the data folder {folder}.")
    mode = folder.stat().st_mode
    if mode & OTHERS:
        return Finding(
            "data_folder_open",
            False,
            f"Other users of this machine may look into the data folder {folder} (mode {mode & 0o777:o}).",
            f"chmod 700 '{folder}'",
        )
    return Finding("data_folder", True, f"The data folder {folder} is this user's alone.")


def _disk(folder: Path, free: Callable[[Path], int]) -> Finding:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    left = free(there)
    megabytes = f"{left // 1024**2:,} MiB"
    if left < ENOUGH_BYTES:
        return Finding(
            "disk_full",
            False,
            f"The disk of {folder} has {megabytes} left.",
            "Make room, or move the data folder to a larger disk (--data, ROPEWALK_DATA_DIR).",
        )
    return Finding("disk", True, f"The disk has {megabytes} left.")
