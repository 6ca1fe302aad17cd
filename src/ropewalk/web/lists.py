"""A list's state is its address: search, filters, sort and columns stand in the URL, so that it can be shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from msgspec import Struct


class Address(Struct, frozen=True):
    """The parameters of a list that mean something; whatever changes one of them starts again at the first page."""

    given: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, sent: QueryDict, known: Iterable[str], prefixes: tuple[str, ...] = ()) -> Address:
        names = {*known}
        found = (
            (name, str(value))
            for name, values in sent.lists()
            if name in names or name.startswith(prefixes or "\0")
            for value in values[-1:]
        )
        return cls(tuple((name, value.replace("\0", "")) for name, value in found if value))

    def get(self, name: str, otherwise: str = "") -> str:
        return dict(self.given).get(name, otherwise)

    def beginning(self, prefix: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.given if name.startswith(prefix)]

    def to(self, **changes: str | None) -> str:
        return self.with_(changes)

    def with_(self, changes: Mapping[str, str | None]) -> str:
        """`?…` with these set, or taken away where None."""
        merged: dict[str, str | None] = {**dict(self.given), "cursor": None, **changes}
        kept = [(name, value) for name, value in merged.items() if value]
        return f"?{urlencode(kept)}" if kept else "?"

    def hidden(self, *but: str) -> Iterator[tuple[str, str]]:
        """What a form within the list carries along; not the page, which its own inputs change."""
        left_out = {"cursor", *but}
        return ((name, value) for name, value in self.given if name not in left_out)


class Column(Struct, frozen=True):
    """`kind` decides how it is set: text, number, boolean, date-time, list, object. `why_not`: what would make a column
    sort that doesn't."""

    key: str
    label: str
    kind: str = "text"
    sorts: bool = True
    why_not: str = ""

    def order(self, sort: str) -> str:
        """What `aria-sort` says."""
        if sort.removeprefix("-") != self.key:
            return "none"
        return "descending" if sort.startswith("-") else "ascending"

    def next_sort(self, sort: str) -> str:
        down_first = self.kind in ("number", "date-time")
        if sort.removeprefix("-") != self.key:
            return f"-{self.key}" if down_first else self.key
        return self.key if sort.startswith("-") else f"-{self.key}"

    @property
    def is_number(self) -> bool:
        return self.kind == "number"


class Heading(Struct, frozen=True):
    """A column's head, with the address that sorts by it."""

    column: Column
    order: str
    href: str


def headings(columns: Iterable[Column], sort: str, address: Address) -> list[Heading]:
    return [
        Heading(each, each.order(sort), address.to(sort=each.next_sort(sort)) if each.sorts else "")
        for each in columns
    ]


class Cell(Struct, frozen=True):
    """`value` is what tags draw by the column's kind."""

    column: Column
    value: Any
