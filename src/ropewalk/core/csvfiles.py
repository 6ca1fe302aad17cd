"""CSV files: what one is written in, told from its bytes, and its rows (RFC 4180, and what programs make of it).

Nothing is guessed twice: `detect` proposes a format, `survey` reads the whole file in it once and tells everything that
is wrong, each by line and column, and from then on `rows` reads what has been found good."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final, Literal, NamedTuple, get_args

from msgspec import Struct

from ropewalk.core import limits, times
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.values import JSON

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252"]
Delimiter = Literal[",", ";", "\t", "|"]
Type = Literal["text", "number", "boolean", "date-time"]

SLUG: Final = "csv"
"""What an import goes by among the sources."""
LINE: Final = "#line"
"""Where a record stands in its file, among its values, so that a row that was left out can be found there."""

DELIMITERS: Final[tuple[Delimiter, ...]] = get_args(Delimiter)
DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_MARK: Final = "\ufeff"
_MARKS: Final[tuple[tuple[bytes, Encoding], ...]] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD_BYTES: Final = 64 * 1024
_HEAD_ROWS: Final = 50
_CHUNK: Final = 1024 * 1024
_MOST_PROBLEMS: Final = 20
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_TAMED: Final = re.compile(r"'[=+\-@\t\r]")
"""A text that would be a formula in a spreadsheet, as we and others export it."""
_BOOLEANS: Final = {"true": True, "false": False}
_VALUE_LIKE: Final = re.compile(r"[-+]?[0-9][0-9.,:/ -]*|\S+@\S+|https?://\S+|true|false", re.IGNORECASE)


class Format(Struct, frozen=True):
    """`header`: the first row holds the names of the columns."""

    encoding: Encoding
    delimiter: Delimiter
    header: bool


class Row(NamedTuple):
    """`line` is where it begins: a value in quotes may go over several."""

    line: int
    values: list[str]


class Column(Struct, frozen=True):
    """`type` is what all of its values can be read as, `filled` how many rows have one; None: none has."""

    name: str
    type: Type | None
    filled: int


class Survey(Struct, frozen=True):
    columns: tuple[Column, ...]
    rows: int


# ---- telling what it is written in ----


def detect(file: BinaryIO) -> Format:
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    encoding = _encoding(file, head)
    text = head.decode(encoding, "replace").removeprefix(_MARK)
    whole_lines = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    tries = {one: _beginning(whole_lines, one) for one in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda one: _regularity(tries[one]))
    return Format(encoding, delimiter, _has_header(tries[delimiter]))


def _encoding(file: BinaryIO, head: bytes) -> Encoding:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # Of two bytes a letter, Western text leaves one empty: always the same one.
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[::2].count(0) > len(head) // 4:
        return "utf-16-be"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _beginning(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row in islice(reader, _HEAD_ROWS) if row]


def _regularity(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """How many of the rows have as many values as most have, where that is more than one; then how many values."""
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 0.0, 0
    width, count = max(widths.items(), key=lambda each: (each[1], each[0]))
    return (count / len(rows), width) if width > 1 else (0.0, 1)


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Names differ from each other, and none of them looks like a value."""
    first = [value.strip() for value in rows[0]] if rows else []
    while first and not first[-1]:
        first.pop()
    names = {value.casefold() for value in first}
    return bool(first) and len(names) == len(first) and not any(map(_VALUE_LIKE.fullmatch, first))


# ---- reading rows ----


def rows(file: BinaryIO, format: Format) -> Iterator[Row]:
    """Every row that holds anything, the header too. Raises `MustFix` where the file can't be read on."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=_codec(format), newline="")
    try:
        reader = csv.reader(_lines(text), delimiter=format.delimiter, strict=True)
        while True:
            begins = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise _broken_quotes(file, format, begins) from None
            except UnicodeDecodeError:
                raise _undecodable(file, format) from None
            if any(map(str.strip, values)):
                yield Row(begins, values)
    finally:
        if not file.closed:
            text.detach()


def _codec(format: Format) -> str:
    return "cp1252" if format.encoding == "windows-1252" else format.encoding


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Each no longer than a record may be, so that a file without line ends doesn't fill the memory."""
    for number, line in enumerate(iter(lambda: text.readline(limits.RECORD_BYTES), ""), 1):
        if len(line) >= limits.RECORD_BYTES and not line.endswith(("\n", "\r")):
            raise _unreadable([_problem(number, 1, "This line is longer than 1 MiB. Is this a CSV file?")])
        yield line.removeprefix(_MARK) if number == 1 else line


def _undecodable(file: BinaryIO, format: Format) -> MustFix:
    file.seek(0)
    names = {"utf-8": "UTF-8", "windows-1252": "Windows-1252"}
    for number, line in enumerate(file if format.encoding in names else (), 1):
        try:
            line.decode(_codec(format))
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode(_codec(format))) + 1
            why = f"The byte 0x{line[error.start]:02X} is no {names[format.encoding]}."
            return _unreadable(
                [_problem(number, column, f"{why} Choose another encoding, or save the file as UTF-8.")]
            )
    return _unreadable(
        [Problem("encoding", "The file ends in the middle of a character. Is it UTF-16, and whole?")]
    )


def _broken_quotes(file: BinaryIO, format: Format, begins: int) -> MustFix:
    """Finds again what the reader stumbled over, which tells no column."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=_codec(format), newline="")
    try:
        line, column, unclosed = _Quotes(format.delimiter).fault(
            islice(_lines(text), begins - 1, None), begins
        )
    finally:
        text.detach()
    why = (
        f"The quote that opens here isn't closed within {csv.field_size_limit():,} characters. Close it, or write it twice."
        if unclosed
        else "After a closing quote comes a delimiter. Write a quote inside a value twice."
    )
    return _unreadable([_problem(line, column, why)])


class _Quotes:
    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def fault(self, lines: Iterable[str], begins: int) -> tuple[int, int, bool]:
        """Line and column of the first quote that breaks the rules, and whether it is one that is never closed."""
        opened, inside, at_start, closed = (begins, 1), False, True, False
        most = csv.field_size_limit()
        for number, line in enumerate(lines, begins):
            for column, letter in enumerate(line, 1):
                if inside:
                    inside = letter != '"'
                    closed = not inside
                    most -= 1
                    if most < 0:
                        return *opened, True
                elif closed and letter == '"':
                    inside, closed = True, False
                elif letter == self._delimiter or letter in "\r\n":
                    at_start, closed = True, False
                    continue
                elif closed:
                    return number, column, False
                elif letter == '"' and at_start:
                    opened, inside, most = (number, column), True, csv.field_size_limit()
                at_start = False
        return *opened, True


def _problem(line: int, column: int, message: str) -> Problem:
    return Problem("file", f"Line {line}, column {column}: {message}")


def _unreadable(found: Sequence[Problem]) -> MustFix:
    return MustFix("unreadable_file", "This file can't be read as it is.", found)


# ---- looking through all of it ----


def survey(file: BinaryIO, format: Format) -> Survey:
    """Reads the whole file. Raises `MustFix` with what is wrong, up to a number of places."""
    found = rows(file, format)
    first = next(found, None)
    if first is None:
        raise _unreadable([Problem("file", "There is nothing in this file.")])
    names = _names(first.values, format)
    tallies = [_Tally() for _ in names]
    problems: list[Problem] = []
    count = 0
    if not format.header:
        found = _with(first, found)
    try:
        for row in found:
            count += 1
            for tally, value in zip(tallies, row.values, strict=False):
                tally.add(value)
            if len(row.values) > len(names) and any(map(str.strip, row.values[len(names) :])):
                problems.append(_too_wide(row, len(names)))
                if len(problems) == _MOST_PROBLEMS:
                    break
    except MustFix as error:
        problems += error.problems
    if not count and not problems:
        problems.append(Problem("file", "There are no rows below the names of the columns."))
    if problems:
        raise _unreadable(problems)
    columns = (Column(name, tally.type, tally.filled) for name, tally in zip(names, tallies, strict=True))
    return Survey(tuple(columns), count)


def _with(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _names(first: Sequence[str], format: Format) -> list[str]:
    """Each its own; a column without a name has its number. Empty ones at the end are none."""
    values = [value.strip() for value in first]
    while values and not values[-1]:
        values.pop()
    if len(values) > limits.CSV_COLUMNS:
        raise _unreadable(
            [Problem("file", f"It has {len(values):,} columns; there may be {limits.CSV_COLUMNS:,}.")]
        )
    names: list[str] = []
    for number, value in enumerate(values, 1):
        name = value[: limits.CSV_NAME_CHARS] if format.header and value else f"Column {number}"
        base, again = name, 2
        while name in names:
            name, again = f"{base} ({again})", again + 1
        names.append(name)
    return names


def _too_wide(row: Row, width: int) -> Problem:
    message = (
        f"Line {row.line} has {len(row.values)} values, and there are {width} columns. "
        "Put a value that holds the delimiter in double quotes."
    )
    return Problem("file", message)


class _Tally:
    """What the values of a column have in common; the first that is something else makes them texts."""

    __slots__ = ("_reads", "filled", "type")

    def __init__(self) -> None:
        self.filled = 0
        self.type: Type | None = None
        self._reads: Callable[[str], object] | None = None

    def add(self, value: str) -> None:
        text = value.strip()
        if not text:
            return
        self.filled += 1
        if self.type == "text":
            return
        if self.type is None:
            kind = next((name for name, reads in _READS.items() if reads(text)), None)
            self.type, self._reads = kind or "text", _READS[kind] if kind else None
        elif self._reads is not None and not self._reads(text):
            self.type = "text"


def _is_boolean(text: str) -> bool:
    return text.lower() in _BOOLEANS


def _is_time(text: str) -> bool:
    return times.read(text) is not None


_READS: Final[dict[Type, Callable[[str], object]]] = {
    "number": _NUMBER.fullmatch,
    "boolean": _is_boolean,
    "date-time": _is_time,
}


# ---- from rows to records ----


def typed(text: str, type: Type | None) -> JSON:
    """A value of a column whose values are all of this type."""
    if type == "number":
        return float(text) if "." in text else int(text)
    if type == "boolean":
        return _BOOLEANS[text.strip().lower()]
    return text


def record(row: Row, columns: Sequence[tuple[str, Type | None]]) -> dict[str, JSON]:
    """What is empty is left out: it says nothing of its field."""
    found: dict[str, JSON] = {LINE: row.line}
    for (name, type), value in zip(columns, row.values, strict=False):
        if value and not value.isspace():
            found[name] = typed(value[1:] if _TAMED.match(value) else value, type)
    return found
