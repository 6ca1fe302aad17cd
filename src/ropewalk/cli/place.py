"""How far a file has been pushed: noted beside it, after each batch that is kept for good, until all of it is."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final

_BEGINNING: Final = 65_536


class Place:
    """It holds while the file begins as it did, up to there."""

    def __init__(self, file: Path, target: str) -> None:
        self._file = file
        self._note = file.with_name(file.name + ".place")
        self._target = target
        self._writable = True
        self.is_noted = False

    def found(self, lines: BinaryIO) -> dict[str, int] | None:
        try:
            noted = json.loads(self._note.read_text())
            offset, line, begins = int(noted["offset"]), int(noted["line"]), noted["begins"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if noted.get("to") != self._target or begins != _beginning(lines, offset):
            return None
        return {"offset": offset, "line": line}

    def note(self, number: int, end: int) -> None:
        """The number of the last line, and the byte after it."""
        if not self._writable:
            return
        with self._file.open("rb") as lines:
            begins = _beginning(lines, end)
        noted = {"to": self._target, "offset": end, "line": number, "begins": begins}
        draft = self._note.with_name(self._note.name + ".new")
        try:
            draft.write_text(json.dumps(noted))
            draft.replace(self._note)
        except OSError:
            # A folder that can't be written to: pushing from the start again makes no second events.
            self._writable = False
        else:
            self.is_noted = True

    def forget(self) -> None:
        self._note.unlink(missing_ok=True)


def _beginning(lines: BinaryIO, offset: int) -> str:
    """Of the file, and of what ends at the offset."""
    lines.seek(0)
    head = lines.read(min(_BEGINNING, offset))
    lines.seek(max(0, offset - _BEGINNING))
    tail = lines.read(min(_BEGINNING, offset))
    lines.seek(0)
    return blake2b(head + tail + b"%d" % offset, digest_size=16).hexdigest()
