"""Events of one account, asked of a warehouse at the moment that somebody looks (product.md §7, sources.md §3, §4).

Time and account are compared as the warehouse has them, a time column with a value of its own type, so that only the
partitions of the time that is wanted are read. What the account is compared with may be wider than the account; what comes is
looked at again here."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import idna
import msgspec

from ropewalk.core import limits, paths
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.mapping import MappingEntry
from ropewalk.core.paging import Ending
from ropewalk.core.query import Column, Parameter, Query, Warehouse
from ropewalk.core.values import JSON
from ropewalk.sources.base import Page, Window
from ropewalk.sources.warehouse.dialect import Binding, Dialect
from ropewalk.sources.warehouse.reading import SAMPLE_ROWS, MayRead
from ropewalk.sources.warehouse.settings import MOST_TABLES, TABLE_COLUMN, Happened

_WIDER: Final = frozenset({"trim", "lower", "upper", "domain"})
"""Transforms after which a value still has in it what is looked for."""
_EPOCHS: Final = (1, 1_000, 1_000_000)


def read(
    connector: Any,
    stream: Happened,
    window: Window,
    warehouse: Warehouse,
    state: Mapping[str, Any] | None,  # noqa: ARG001 - a live query begins anew
    *,
    may_read: MayRead,
    max_bytes: int | None = None,
) -> Iterator[Page]:
    tables = _tables(connector, stream, warehouse, may_read)
    if not tables:
        yield Page(1, (), 0, {}, ending=Ending("complete"))
        return
    asking, live = _Asking(stream, tables), not window.sample
    types: Sequence[Column] = ()
    if asking.has_time:
        types = warehouse.describe(Query(asking.types(), (), stream.timeout_ms, live=live)).columns
    most = SAMPLE_ROWS if window.sample else window.max_records or limits.EVENTS_READ
    asked, parameters = asking.statement(types, window, most + 1)
    result = warehouse.query(Query(asked, parameters, stream.timeout_ms, max_bytes, live))
    records: list[bytes] = []
    for batch in result.batches():
        records += [asking.record(each) for each in batch]
    cut = len(records) > most
    ending = Ending("truncated", ("max_records",)) if cut else Ending("complete")
    records = records[:most]
    yield Page(1, records, len(records), {}, ending=ending)


def _tables(
    connector: Any, stream: Happened, warehouse: Warehouse, may_read: MayRead
) -> list[tuple[str, ...]]:
    """The tables that are named, and those that a * stands for."""
    found: dict[tuple[str, ...], None] = {}
    wrong = []
    for place, spelled in enumerate(stream.tables):
        path = stream.DIALECT.path(spelled)
        if why := may_read(connector, warehouse.home, path):
            wrong.append(Problem(f"tables.{place}", why))
        elif path[-1].endswith("*"):
            # Names, not statements: nothing of the pattern is sent.
            dataset = stream.DIALECT.spell(path[:-1]) if len(path) > 2 else path[0]
            for table in warehouse.tables([dataset], columns=False):
                if fnmatch.fnmatchcase(table.path[-1], f"{path[-1][:-1]}*"):
                    found[table.path] = None
        else:
            found[path] = None
    if wrong:
        raise MustFix("query_refused", wrong[0].message, wrong)
    if len(found) > MOST_TABLES:
        message = (
            f"{len(found)} tables are meant, more than the {MOST_TABLES} that one query reads; name fewer."
        )
        raise MustFix("query_refused", message, [Problem("tables", message)])
    return list(found)


class _Asking:
    """The statement for one stream and what it reads."""

    def __init__(self, stream: Happened, tables: Sequence[tuple[str, ...]]) -> None:
        self._stream = stream
        self._dialect: Dialect = stream.DIALECT
        self._tables = tables
        self._entries: dict[str, MappingEntry] = {each.to: each for each in stream.mapping}
        self._several = len(tables) > 1

    @property
    def has_time(self) -> bool:
        """A draft is tested before it is mapped, to see what there is to map."""
        return bool(self._target("eventTime"))

    def types(self) -> str:
        """Asks for nothing but how the time and the account are typed."""
        return (
            f"SELECT {self._target('eventTime')} AS event_time, {self._target('accountKey') or 'NULL'} AS account_key"  # noqa: S608
            f" FROM {self._dialect.table(self._tables[0])} AS t"
        )

    def statement(
        self, types: Sequence[Column], window: Window, most: int
    ) -> tuple[str, tuple[Parameter, ...]]:
        binding = Binding(self._dialect)
        asked = [self._one(path, types, window, binding) for path in self._tables]
        time = "_time" if self._several else self._target("eventTime")
        order = f"ORDER BY {time} DESC " if types else ""
        return f"{' UNION ALL '.join(asked)} {order}LIMIT {most}", tuple(binding.parameters)

    def _one(self, path: tuple[str, ...], types: Sequence[Column], window: Window, binding: Binding) -> str:
        dialect, quote = self._dialect, self._dialect.quote
        table = binding.mark(f"table_{self._tables.index(path)}", "text", path[-1])
        whole = f"{', '.join(self._columns())} FROM {dialect.table(path)} AS t"
        if not self._several:
            return f"SELECT {table} AS {quote(TABLE_COLUMN)}, {whole}{self._where(types, window, binding)}"
        time = self._of_row("eventTime") if types else "NULL"
        return (
            f"SELECT {table} AS {quote(TABLE_COLUMN)}, {time} AS _time, {dialect.row} AS {quote('_row')}"  # noqa: S608 - names are quoted
            f" FROM (SELECT {whole}{self._where(types, window, binding)}) AS t"
        )

    def record(self, raw: bytes) -> bytes:
        """Of several tables, rows come as one JSON each."""
        if not self._several:
            return raw
        row = msgspec.json.decode(raw)
        inner = row["_row"]
        whole: dict[str, JSON] = inner if isinstance(inner, dict) else msgspec.json.decode(inner)
        return msgspec.json.encode({**whole, TABLE_COLUMN: row[TABLE_COLUMN]})

    # ---- columns ----

    def _columns(self) -> list[str]:
        quote, named = self._dialect.quote, self._stream.named
        made = [f"({text}\n) AS {quote(name)}" for name, text in named.items()]
        if not self._stream.columns:
            return ["t.*", *made]
        mapped = [paths.parse(each.from_)[0] for each in self._entries.values() if each.from_]
        chosen = [self._dialect.plain(name) for name in self._stream.columns]
        wanted = dict.fromkeys(
            name for name in (*mapped, *chosen) if name not in named and name != TABLE_COLUMN
        )
        return [*(f"t.{quote(name)}" for name in wanted), *made]

    def _target(self, target: str) -> str:
        """What a target is mapped from, as SQL beside the table."""
        entry = self._entries.get(target)
        if entry is None or not entry.from_:
            return ""
        column, *keys = paths.parse(entry.from_)
        text = self._stream.named.get(column)
        base = f"t.{self._dialect.quote(column)}" if text is None else f"({text}\n)"
        return self._dialect.within(base, tuple(keys))

    def _of_row(self, target: str) -> str:
        """The same beside a row that has all columns already, those of expressions too."""
        column, *keys = paths.parse(self._entries[target].from_)
        return self._dialect.within(f"t.{self._dialect.quote(column)}", tuple(keys))

    # ---- conditions ----

    def _where(self, types: Sequence[Column], window: Window, binding: Binding) -> str:
        if not types:
            return ""
        time, account = types
        said = [*self._of_time(time.type, window, binding)]
        if window.account is not None and (
            of_account := self._of_account(account.type, window.account, binding)
        ):
            said.append(of_account)
        return f" WHERE {' AND '.join(said)}" if said else ""

    def _of_time(self, type: str, window: Window, binding: Binding) -> Iterator[str]:
        dialect, column = self._dialect, self._target("eventTime")
        kind = dialect.times.get(type)
        if kind is None:
            message = f"eventTime is a {type}; map it from a time, a date, a number of seconds or a text, or write an expression."
            raise MustFix("query_refused", message, [Problem("mapping", message)])
        bounds = [("since", ">=", window.since), ("until", "<=", window.until)]
        if kind == "epoch":
            yield self._of_epoch(column, [(sign, moment) for _, sign, moment in bounds if moment])
            return
        for name, sign, moment in bounds:
            if moment is None:
                continue
            if kind == "date":
                yield f"{column} {sign} {binding.mark(name, 'date', moment.astimezone(UTC).date())}"
            elif kind == "datetime":
                yield f"{column} {sign} {binding.mark(name, 'datetime', moment.astimezone(UTC).replace(tzinfo=None))}"
            else:
                compared = dialect.instant(column) if kind == "text" else column
                yield f"{compared} {sign} {binding.mark(name, 'timestamp', moment)}"

    def _of_epoch(self, column: str, bounds: Sequence[tuple[str, datetime]]) -> str:
        """Whether it counts seconds or a finer unit shows in its size; the ranges are apart."""
        ranges = (
            " AND ".join(f"{column} {sign} {int(moment.timestamp()) * unit}" for sign, moment in bounds)
            for unit in _EPOCHS
        )
        return f"({' OR '.join(f'({each})' for each in ranges)})" if bounds else "TRUE"

    def _of_account(self, type: str, value: str, binding: Binding) -> str:
        """Empty where only the mapping can say whose an event is."""
        dialect, entry = self._dialect, self._entries["accountKey"]
        if not entry.from_ or not {str(each) for each in entry.transforms} <= _WIDER:
            return ""
        text = f"LOWER({dialect.text(self._target('accountKey'))})"
        wanted = value.strip().lower()
        if dialect.lists.search(type):
            wanted = msgspec.json.encode(wanted).decode()[1:-1]
        elif self._stream.match_by == "external_id" and not entry.transforms:
            return f"TRIM({text}) = {binding.mark('account', 'text', wanted)}"
        forms = {"account": wanted}
        if self._stream.match_by == "domain" and (spelled := _unicode(wanted)) != wanted:
            forms["account_spelled"] = spelled
        found = [dialect.holds(text, binding.mark(name, "text", form)) for name, form in forms.items()]
        return found[0] if len(found) == 1 else f"({' OR '.join(found)})"


def _unicode(domain: str) -> str:
    """As people write it, where punycode is how it is kept."""
    try:
        return idna.decode(domain) if "xn--" in domain else domain
    except idna.IDNAError:
        return domain
