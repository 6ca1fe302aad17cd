"""A body as it comes in: in memory while it is small, in a temporary file without a name when it is not."""

from __future__ import annotations

import tempfile
from io import BufferedRandom
from typing import BinaryIO, cast

from ropewalk.core import limits


class _Unnamed(BufferedRandom):
    """Closes itself when the page that reads it is dropped: nobody else knows when its last record was read."""

    def __del__(self) -> None:
        self.close()


def _file() -> BinaryIO:
    return cast(BinaryIO, _Unnamed(tempfile.TemporaryFile(prefix="ropewalk-", buffering=0)))


class Spool:
    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes] = []
        self._file: BinaryIO | None = None

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._file is None and self.size <= limits.SPOOL_BYTES:
            self._chunks.append(chunk)
            return
        if self._file is None:
            self._file = _file()
            self._file.writelines(self._chunks)
            self._chunks.clear()
        self._file.write(chunk)

    def start(self, length: int) -> bytes:
        """The first bytes, for messages; only of what is in memory."""
        return b"".join(self._chunks)[:length]

    def take(self) -> bytes | BinaryIO:
        if self._file is None:
            return b"".join(self._chunks)
        file, self._file = self._file, None
        file.seek(0)
        return file

    def close(self) -> None:
        self._chunks.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
