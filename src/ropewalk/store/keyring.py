"""The installation's keys: given by its operator, or kept in a 0600 file; everything else is derived from them.

A key file holds one key a line, the newest first. Only while keys are being rotated are there two.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ropewalk.core.errors import MustFix
from ropewalk.store.disk import sync


@dataclass(frozen=True)
class Keyring:
    """`keys` are the master keys, the newest first. `path` is None where the operator gave them."""

    keys: tuple[str, ...] = field(repr=False)
    path: Path | None = None

    @property
    def fernet(self) -> MultiFernet:
        return MultiFernet(
            [Fernet(base64.urlsafe_b64encode(self._derived(key, "secrets"))) for key in self.keys]
        )

    @property
    def newest(self) -> Keyring:
        return Keyring(self.keys[:1], self.path)

    def digests(self, value: str) -> list[str]:
        """A keyed digest of `value` under each key: equal values can be told without being read."""
        return [
            hmac.new(self._derived(key, "digests"), value.encode(), sha256).hexdigest() for key in self.keys
        ]

    def signing(self) -> list[str]:
        """Keys for cookies and sessions; knowing one tells nothing about the stored credentials."""
        return [base64.urlsafe_b64encode(self._derived(key, "signing")).decode() for key in self.keys]

    @staticmethod
    def _derived(key: str, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=f"ropewalk/{purpose}/1".encode()).derive(key.encode())


def fresh() -> str:
    return secrets.token_urlsafe(32)


def read(path: Path) -> Keyring:
    try:
        keys = tuple(path.read_text(encoding="ascii").split())
    except FileNotFoundError:
        raise MustFix(
            "key_missing", f"The key file {path} is missing. Put it back from your backup."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MustFix("key_unreadable", f"The key file {path} can't be read.", detail=repr(error)) from error
    if not keys or min(map(len, keys)) < 32:
        raise MustFix("key_unreadable", f"The key file {path} holds no key. Put it back from your backup.")
    return Keyring(keys, path)


def make(path: Path) -> Keyring:
    """Several processes may start at once: whoever is first makes the key, and all read that one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, [fresh()])
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync(path.parent)
    return read(path)


def replace(path: Path, keys: Sequence[str]) -> Keyring:
    """At every instant the file holds either the keys of before or these."""
    os.replace(_draft(path, keys), path)
    sync(path.parent)
    return read(path)


def load(given: Sequence[str], path: Path, data_dir: Path) -> Keyring:
    """Where there is no key yet, one is made beside its place, for `keep`: only the database can tell whether it holds
    credentials that a new key can't read."""
    if given:
        return Keyring(tuple(given))
    fresh_one = _not_kept_yet(path)
    if path.exists() or (any(data_dir.glob("*.sqlite")) and not fresh_one.exists()):
        return read(path)
    made = make(fresh_one)
    # Another process may have kept its key meanwhile.
    return read(path) if path.exists() else made


def keep(path: Path) -> None:
    """The key that `load` made is the installation's from here on. Whoever is first keeps the one that all have read."""
    fresh_one = _not_kept_yet(path)
    with suppress(FileExistsError, FileNotFoundError):
        os.link(fresh_one, path)
    fresh_one.unlink(missing_ok=True)
    sync(path.parent)


def drop(path: Path) -> None:
    """The key that `load` made is not to be used."""
    _not_kept_yet(path).unlink(missing_ok=True)


def _not_kept_yet(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _draft(path: Path, keys: Sequence[str]) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return draft
