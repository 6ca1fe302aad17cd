"""From the body of an answer to its records, as the bytes that the server sent (product.md §4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, Final, TypedDict

import msgspec
from xxhash import xxh3_128

from ropewalk.core.bodies import BOM, KEPT_BYTES, Malformed, Outline, fault, lines, survey
from ropewalk.core.errors import MustFix, Problem, RowRefused
from ropewalk.core.limits import RECORD_BYTES
from ropewalk.core.paths import LAST, Path, get, index, join
from ropewalk.core.records import LINES_TYPES, RawRecord, decode_value
from ropewalk.core.values import JSON, MISSING, Missing, checksum

_QUICK_COMMAS: Final = 1_000_000
"""More than that in a small body is no list of records, and would cost more memory than reading it by piece."""
_START_BYTES: Final = 200
_NAMED: Final = 20
_NAME_CHARS: Final = 80

_LAST_WORD = re.compile(rb"[^\s\"'<>,;:{}\[\]()&?]*\Z")

_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_dict = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Split(msgspec.Struct, frozen=True):
    """`records` can be read more than once, and costs no more memory than one record where the body is a file.
    `found` has what stands at each wanted path. The fingerprint is of the records alone."""

    records: Iterable[RawRecord]
    count: int
    fingerprint: bytes
    found: Mapping[str, JSON | Missing]


def split(body: bytes | BinaryIO, content_type: str, records_path: Path, wanted: Mapping[str, Path]) -> Split:
    """`MustFix` (codes `empty_body`, `not_json`, `records_path`) says what is wrong with the answer, and what it holds.
    Whoever fetched it adds the status."""
    kind = content_type.partition(";")[0].strip().lower()
    if isinstance(body, bytes):
        if kind not in LINES_TYPES and (quick := _split_quickly(body, records_path, wanted)) is not None:
            return quick
        body = BytesIO(body)
    return _split_slowly(body, kind, records_path, wanted)


# Bodies in memory


def _split_quickly(body: bytes, records_path: Path, wanted: Mapping[str, Path]) -> Split | None:
    """None: there is something odd, and the slow way has to say what."""
    paths = wanted.values()
    if records_path in paths or (len(body) > RECORD_BYTES and body.count(b",") > _QUICK_COMMAS):
        return None
    opened = _Opened(body.removeprefix(BOM), records_path, paths)
    try:
        records = opened.array(records_path)
        if records is None:
            return None
        found = {name: _plain(opened.at(path)) for name, path in wanted.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RowRefused):
        return None
    return Split(records, len(records), checksum(b"\n".join(records)), found)


class _Opened:
    """Looks up paths in a body and opens each object and array on the way once. An object that holds the records comes
    with them cut: to find them first would be to read them twice."""

    def __init__(self, body: bytes, records_path: Path, wanted: Iterable[Path]) -> None:
        self._body = body
        self._inside: dict[Path, dict[str, Any] | list[msgspec.Raw]] = {}
        self._holder = records_path[:-1] if records_path else None
        if records_path:
            depth = len(records_path) - 1
            beside = (path[depth] for path in wanted if _is_below(path, records_path[:-1]))
            self._cut = _holding(records_path[-1], frozenset(beside))

    def at(self, path: Path) -> Any:
        """The value as it stands, or `MISSING`; the records as a list."""
        value: Any = self._body
        for depth, segment in enumerate(path):
            inside = self._open(path[:depth], value)
            if isinstance(inside, dict):
                if segment not in inside:
                    return MISSING
                value = inside[segment]
            else:
                place = index(segment, len(inside))
                if place is None:
                    return MISSING
                value = inside[place]
        return value

    def array(self, path: Path) -> list[msgspec.Raw] | None:
        value = self.at(path)
        inside = None if isinstance(value, Missing) else self._open(path, value)
        return inside if isinstance(inside, list) else None

    def _open(self, path: Path, value: Any) -> dict[str, Any] | list[msgspec.Raw]:
        if isinstance(value, list):
            return value
        if path not in self._inside:
            first = bytes(memoryview(value)[:64]).lstrip()[:1]
            if first == b"{":
                self._inside[path] = self._cut(value) if path == self._holder else _raw_dict(value)
            elif first == b"[":
                self._inside[path] = _raw_list(value)
            else:
                self._inside[path] = {}
        return self._inside[path]


@lru_cache
def _holding(array: str, beside: Collection[str]) -> Callable[[bytes | msgspec.Raw], Any]:
    """Reads an object: the array under one key as its elements, what is beside it as it stands, and nothing else."""
    members = {**dict.fromkeys(beside, msgspec.Raw), array: list[msgspec.Raw]}
    return msgspec.json.Decoder(TypedDict("Holder", members, total=False)).decode  # type: ignore[operator]


def _plain(raw: bytes | msgspec.Raw | Missing) -> JSON | Missing:
    return raw if isinstance(raw, Missing) else decode_value(bytes(raw))


# Bodies in files, and everything that is odd


def _split_slowly(file: BinaryIO, kind: str, records_path: Path, wanted: Mapping[str, Path]) -> Split:
    if kind in LINES_TYPES:
        return _split_lines(file, kind, records_path, wanted)
    reading = _Reading(file, records_path, wanted.values())
    try:
        outline = Outline(file)
        if outline.end():
            raise _no_body()
        reading.walk(outline, ())
        if not outline.end():
            raise Malformed(outline.position, "more after the end")
    except Malformed as error:
        if _is_lines(file):
            return _split_lines(file, kind, records_path, wanted)
        raise _not_json(file, kind, error) from None
    if reading.begin is None:
        raise _no_array(file, kind, records_path)
    try:
        found = {name: reading.found(path) for name, path in wanted.items()}
    except RowRefused as error:
        message = f"A value that paging goes by can't be read. {error.message}"
        raise MustFix("not_json", message, [Problem("pagination", message)]) from None
    return Split(_Elements(file, reading.begin), reading.count, reading.checksum(), found)


class _Reading:
    """One way through a body: counts the records and adds them up, and keeps what stands at the wanted paths."""

    def __init__(self, file: BinaryIO, records_path: Path, wanted: Iterable[Path]) -> None:
        self.begin: int | None = None
        self.count = 0
        self._hash = xxh3_128()
        self._file = file
        self._records_path = records_path
        self._wanted = frozenset(wanted)
        self._sought = self._wanted | {records_path}
        self._values: dict[Path, bytes] = {}

    def walk(self, outline: Outline, here: Path) -> None:
        first = outline.peek()
        if here == self._records_path and first == b"[":
            self._records(outline, here)
        elif first == b"{" and self._leads_on(here):
            for key in outline.members():
                self.walk(outline, (*here, key))
        elif first == b"[" and self._leads_on(here):
            begin = None
            for number in outline.elements():
                begin = outline.position
                self.walk(outline, (*here, str(number)))
            last = (*here, LAST)
            if begin is not None and any(_is_within(path, last) for path in self._sought):
                self.walk(Outline(self._file, begin), last)
        else:
            self._take(outline, here)

    def _leads_on(self, here: Path) -> bool:
        if _is_below(self._records_path, here):
            return True
        return here not in self._wanted and any(_is_below(path, here) for path in self._wanted)

    def _records(self, outline: Outline, here: Path) -> None:
        self.begin = outline.position
        self.count = 0
        self._hash = xxh3_128()
        watched = {path[len(here)] for path in self._wanted if _is_below(path, here)}
        for number, raw in enumerate(outline.values()):
            if number:
                self._hash.update(b"\n")
            self._hash.update(raw)
            self.count = number + 1
            if watched and str(number) in watched:
                self._values[*here, str(number)] = bytes(raw)
        if self.count and LAST in watched:
            self._values[*here, LAST] = bytes(raw)

    def _take(self, outline: Outline, here: Path) -> None:
        raw = outline.take()
        if here in self._wanted:
            self._values[here] = raw

    def checksum(self) -> bytes:
        return self._hash.digest()

    def found(self, path: Path) -> JSON | Missing:
        for depth in range(len(path), -1, -1):
            raw = self._values.get(path[:depth])
            if raw is not None:
                return get(decode_value(raw), path[depth:])
        return MISSING


def _is_within(path: Path, above: Path) -> bool:
    return path[: len(above)] == above


def _is_below(path: Path, above: Path) -> bool:
    return len(path) > len(above) and _is_within(path, above)


class _Elements(msgspec.Struct, frozen=True):
    """The records of an array that begins at a place in a file, read anew each time."""

    file: BinaryIO
    begin: int

    def __iter__(self) -> Iterator[RawRecord]:
        return Outline(self.file, self.begin).values()


# A record on each line


def _split_lines(file: BinaryIO, kind: str, records_path: Path, wanted: Mapping[str, Path]) -> Split:
    if records_path:
        problem = "The answer has a record on each line (NDJSON); leave the records path empty."
        raise MustFix("records_path", problem, [Problem("records_path", problem)])
    hashed = xxh3_128()
    count = 0
    for position, line in lines(file):
        if len(line) < KEPT_BYTES and (found := fault(line)) is not None:
            raise _not_json(file, kind, Malformed(position + found[0], found[1]))
        hashed.update(b"\n" + line if count else line)
        count += 1
    if not count:
        raise _no_body()
    return Split(_Lines(file), count, hashed.digest(), dict.fromkeys(wanted, MISSING))


class _Lines(msgspec.Struct, frozen=True):
    file: BinaryIO

    def __iter__(self) -> Iterator[bytes]:
        for _, line in lines(self.file):
            yield line


def _is_lines(file: BinaryIO) -> bool:
    """Whether the first of several lines is a JSON value; what may be wrong with the others is said by line."""
    first = [line for _, line in islice(lines(file), 2)]
    return len(first) == 2 and (len(first[0]) == KEPT_BYTES or fault(first[0]) is None)


# What is wrong


def _no_body() -> MustFix:
    return MustFix("empty_body", "The answer has no body.", [Problem("url", "The answer has no body.")])


def _not_json(file: BinaryIO, kind: str, error: Malformed) -> MustFix:
    message = (
        f"The answer ({kind or 'no content type'}) is not JSON: {error.what} at byte {error.position}. "
        f"It begins with “{beginning(file)}”"
    )
    return MustFix("not_json", message, [Problem("url", message)])


def _no_array(file: BinaryIO, kind: str, records_path: Path) -> MustFix:
    seen = survey(file)
    where = (
        f"The records path “{join(records_path)}” leads to no array."
        if records_path
        else "The answer is no array."
    )
    what = f"The answer ({kind or 'no content type'}) is {seen.kind}"
    if seen.keys:
        what += f" with the keys {_listed(map(_quoted, seen.keys))}"
    if () in seen.arrays:
        there = f"; it is itself an array of {seen.arrays[()]}: leave the records path empty."
    elif seen.arrays:
        arrays = (f"{_quoted(join(path))} ({length})" for path, length in seen.arrays.items())
        there = f"; arrays in it: {_listed(arrays)}."
    else:
        there = f"; there is no array in it. It begins with “{beginning(file)}”"
    return MustFix(
        "records_path", f"{where} {what}{there}", [Problem("records_path", f"{where} {what}{there}")]
    )


def _quoted(name: str) -> str:
    return f"“{name}”" if len(name) <= _NAME_CHARS else f"(a name of {len(name)} characters)"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def beginning(body: bytes | BinaryIO) -> str:
    """The start of a body, for an error. It never ends within a word: redaction must see a secret whole or not at all."""
    if isinstance(body, bytes):
        start = body[: _START_BYTES + 1]
    else:
        body.seek(0)
        start = body.read(_START_BYTES + 1)
    if len(start) > _START_BYTES:
        start = _LAST_WORD.sub(b"", start) + b" ..."
    text = " ".join(start.decode("utf-8", "replace").split())
    return "".join(char if char.isprintable() else "�" for char in text)
