"""A warehouse that holds one result, whatever it is asked for, and remembers what that was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ropewalk.core.errors import MustFix
from ropewalk.core.query import Column, Described, Query, Table


@dataclass
class Held:
    """`types` are those of the columns that a query is asked to describe; `batch`: so many rows come at once."""

    rows: Sequence[Any] = ()
    types: Sequence[str] = ()
    listed: Sequence[Table] = ()
    total: int | None = None
    batch: int = 2
    home: str = "home"
    asked: list[Query] = field(default_factory=list)
    kept: Mapping[str, Any] = field(default_factory=lambda: {"job": "j-1"})
    is_gone: bool = False

    def query(self, query: Query) -> Held:
        self.asked.append(query)
        return self

    def result(self, kept: Mapping[str, Any], timeout_ms: int) -> Held:
        if self.is_gone:
            raise MustFix("not_found_there", "This result is not kept any more.")
        assert kept == self.kept
        return self

    def describe(self, query: Query) -> Described:
        self.asked.append(query)
        return Described(tuple(Column(f"c{place}", type) for place, type in enumerate(self.types)))

    def tables(self, datasets: Sequence[str], *, columns: bool = True) -> Sequence[Table]:
        found = {tuple(each.rpartition(".")[::2]) for each in datasets}
        wanted = {(project or self.home, name) for project, name in found}
        return [each for each in self.listed if not datasets or each.path[:2] in wanted]

    def batches(self, start: int = 0) -> Iterator[Sequence[bytes]]:
        for place in range(start, len(self.rows), self.batch):
            yield [json.dumps(each).encode() for each in self.rows[place : place + self.batch]]
