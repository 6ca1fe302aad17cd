"""Files that came with events: kept once for each content and organization, under the digest of what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Final, Protocol
from uuid import UUID

from django.conf import settings

from ropewalk.store.buckets import BucketUploads
from ropewalk.store.disk import sync

FOLDER: Final = "uploads"
_PIECE_BYTES: Final = 1024 * 1024


class Uploads(Protocol):
    """`digest`: SHA-256, in hexadecimal."""

    def put(self, organization_id: UUID, digest: str, file: Path) -> None:
        """Durable when this returns. The file given stays."""

    def has(self, organization_id: UUID, digest: str) -> bool: ...

    def read(self, organization_id: UUID, digest: str) -> Iterator[bytes]:
        """In pieces; `FileNotFoundError` where there is none."""

    def delete(self, organization_id: UUID, digests: Sequence[str]) -> None: ...


class FolderUploads:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, organization_id: UUID, digest: str, file: Path) -> None:
        target = self._place(organization_id, digest)
        if target.exists():
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{digest}.{os.getpid()}")
        try:
            with file.open("rb") as source, _private(draft) as copy:
                while piece := source.read(_PIECE_BYTES):
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        for folder in (target.parent, target.parent.parent, self._folder):
            sync(folder)

    def has(self, organization_id: UUID, digest: str) -> bool:
        return self._place(organization_id, digest).exists()

    def read(self, organization_id: UUID, digest: str) -> Iterator[bytes]:
        with self._place(organization_id, digest).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def delete(self, organization_id: UUID, digests: Sequence[str]) -> None:
        for digest in digests:
            place = self._place(organization_id, digest)
            place.unlink(missing_ok=True)
            # Others may be in there.
            with suppress(OSError):
                place.parent.rmdir()

    def _place(self, organization_id: UUID, digest: str) -> Path:
        return self._folder / organization_id.hex / digest[:2] / digest


def uploads() -> Uploads:
    """Of this installation."""
    given = settings.ROPEWALK.blobs_url
    if given is not None:
        return _in_bucket(given.get_secret_value())
    return FolderUploads(settings.ROPEWALK.data_dir / FOLDER)


@cache
def _in_bucket(url: str) -> Uploads:
    return BucketUploads(url)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
