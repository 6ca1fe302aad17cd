"""What warehouse sources ask and what comes back: the vocabulary that they share with the net, who don't know each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

from msgspec import Struct

ParameterType = Literal["timestamp", "datetime", "date", "text", "integer"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Bound, never written into the statement. Where a dialect's markers have no names, the order is that of the markers."""

    name: str
    type: ParameterType
    value: str | int | date | datetime = field(repr=False)


class Query(Struct, frozen=True):
    """One SELECT. `max_bytes`: more than that is refused before anything is read; None where nobody counts them. `live`: it is
    asked again and again, for one account after another, so that what was told of the statement lately still holds."""

    sql: str
    parameters: tuple[Parameter, ...] = ()
    timeout_ms: int = 30_000
    max_bytes: int | None = None
    live: bool = False


class Column(Struct, frozen=True):
    """`type` is the warehouse's own word for it."""

    name: str
    type: str


class Described(Struct, frozen=True):
    """What a query would give, told without running it. `bytes`: what it would read, where the warehouse says."""

    columns: tuple[Column, ...]
    bytes: int | None = None


class Table(Struct, frozen=True):
    """`path`: project or database, dataset or schema, name; each as it is, unquoted."""

    path: tuple[str, str, str]
    columns: tuple[Column, ...] = ()
    is_view: bool = False


class Rows(Protocol):
    """A result, as JSON objects in batches, always in the same order. `kept` is plain JSON by which the warehouse finds it again
    for some hours."""

    @property
    def kept(self) -> Mapping[str, Any]: ...
    @property
    def total(self) -> int | None: ...
    def batches(self, start: int = 0) -> Iterator[Sequence[bytes]]: ...


class Warehouse(Protocol):
    """Answers, or raises `RetryLater`, `GiveUp`, `MustFix` or `Refused`."""

    @property
    def home(self) -> str:
        """The project or database that names without one are of."""

    def query(self, query: Query) -> Rows: ...

    def result(self, kept: Mapping[str, Any], timeout_ms: int) -> Rows:
        """One that was asked for earlier. `MustFix`, code not_found_there: it is not kept any more."""

    def describe(self, query: Query) -> Described: ...

    def tables(self, datasets: Sequence[str], *, columns: bool = True) -> Sequence[Table]: ...
