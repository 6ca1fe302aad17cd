"""CSV file: accounts or contacts from a file that somebody has handed over. It is read like a stream that has one answer;
it isn't connected to anything, so it has no schedule, no secrets and no place in the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, BinaryIO, ClassVar, Final, Protocol

import msgspec
from pydantic import Field

from ropewalk.core import csvfiles
from ropewalk.core.checking import Settings
from ropewalk.core.csvfiles import Delimiter, Encoding, Format, Type
from ropewalk.core.paging import Ending
from ropewalk.sources.base import Needs, Page, Source, StreamKind, Window
from ropewalk.sources.streams import Accounts, Contacts

PAGE_ROWS: Final = 1_000


class Handed(Protocol):
    """What the client gives in place of a fetch."""

    @property
    def file(self) -> BinaryIO: ...


class Column(Settings):
    name: str
    type: Type | None
    filled: int


class FormatChange(Settings):
    """How the file is read, where it was told wrongly."""

    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    header: Annotated[bool, Field(strict=True)] | None = None
    typed: Annotated[bool, Field(strict=True)] | None = None


class File(Settings):
    """What was found when all of it was read. `typed`: a column of nothing but numbers, or of true and false, holds such
    values and not texts."""

    encoding: Encoding
    delimiter: Delimiter
    header: bool
    typed: bool = True
    size: int
    rows: int
    columns: list[Column]

    @property
    def format(self) -> Format:
        return Format(self.encoding, self.delimiter, self.header)


class _Once(Settings):
    """What a run asks of a stream's settings that can't be set here."""

    enabled: ClassVar[bool] = True
    overlap_seconds: ClassVar[int | None] = None
    place_expires: ClassVar[bool] = False
    ignore_reasons: ClassVar[tuple[str, ...]] = ()


class AccountFile(_Once, Accounts):
    pass


class ContactFile(_Once, Contacts):
    pass


def columns(file: File, kind: str) -> list[tuple[str, Type | None]]:
    """Contacts have texts alone: a phone number is no number."""
    typed = file.typed and kind == "accounts"
    return [(each.name, each.type if typed else "text") for each in file.columns]


def records(settings: File, kind: str, file: BinaryIO, taken: int = 0) -> Iterator[bytes]:
    """From after as many as were `taken`: what is before them is read again, which takes a second for a million."""
    of = columns(settings, kind)
    found = csvfiles.rows(file, settings.format)
    for row in islice(found, taken + settings.header, None):
        yield msgspec.json.encode(csvfiles.record(row, of))


def read(
    settings: File,
    stream: AccountFile | ContactFile,
    window: Window,  # noqa: ARG001 - there is no part of a file
    handed: Handed,
    state: Mapping[str, Any] | None,
) -> Iterator[Page]:
    taken = state["taken"] if state else 0
    number = taken // PAGE_ROWS
    found = records(
        settings, "accounts" if isinstance(stream, AccountFile) else "contacts", handed.file, taken
    )
    while True:
        page = list(islice(found, PAGE_ROWS))
        taken += len(page)
        number += 1
        ended = len(page) < PAGE_ROWS
        ending = Ending("complete") if ended else None
        yield Page(number, page, len(page), {"taken": taken}, settings.rows, ending)
        if ended:
            return


def needs(settings: File, stream: AccountFile | ContactFile | None) -> Needs:  # noqa: ARG001 - it goes nowhere
    return Needs()


SOURCE: Final = Source(
    slug=csvfiles.SLUG,
    name="CSV file",
    about="Accounts or contacts from a file that somebody hands over.",
    settings=File,
    kinds={"accounts": StreamKind(AccountFile, read), "contacts": StreamKind(ContactFile, read)},
    needs=needs,
    secrets={},
    client="file",
)
