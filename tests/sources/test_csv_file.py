"""A file that somebody handed over, as pages of records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.checking import check
from ropewalk.core.csvfiles import Format
from ropewalk.core.paging import Ending
from ropewalk.sources.base import Page, Window
from ropewalk.sources.csv_file import PAGE_ROWS, SOURCE

STREAMS: dict[str, Any] = {
    "accounts": {
        "matching": "domain",
        "mapping": [{"from": "Site", "to": "companyDomain"}, {"from": "Name", "to": "companyName"}],
    },
    "contacts": {
        "match_by": "domain",
        "mapping": [{"from": "Site", "to": "companyDomain"}, {"from": "Name", "to": "email"}],
    },
}


@dataclass
class Handed:
    file: BinaryIO


def settings(rows: int, **changes: Any) -> Any:
    columns = [
        {"name": "Name", "type": "text", "filled": rows},
        {"name": "Seats", "type": "number", "filled": rows},
    ]
    found = {
        "encoding": "utf-8",
        "delimiter": ",",
        "header": True,
        "size": 1,
        "rows": rows,
        "columns": columns,
    }
    return check(SOURCE.settings, {**found, **changes})


def pages(data: str, settings: Any, kind: Any = "accounts", state: Any = None) -> list[Page]:
    stream = check(SOURCE.kinds[kind].settings, STREAMS[kind])
    return list(SOURCE.kinds[kind].read(settings, stream, Window(), Handed(BytesIO(data.encode())), state))


def records(found: list[Page]) -> list[dict[str, Any]]:
    """Without the line that each begins at: test_csvfiles."""
    rows = [json.loads(bytes(each)) for page in found for each in page.records]
    return [{name: value for name, value in each.items() if name != "#line"} for each in rows]


@given(st.integers(0, 3), st.integers(-1, 1), st.data())
def test_a_file_is_read_once_and_from_wherever_a_run_was_stopped(
    whole: int, more: int, data: st.DataObject
) -> None:
    rows = max(0, whole * PAGE_ROWS + more)
    text = "Name,Seats\n" + "".join(f"n{each},{each}\n" for each in range(rows))
    found = pages(text, settings(rows))
    kept = data.draw(st.integers(0, len(found) - 1))
    after = pages(text, settings(rows), state=json.loads(json.dumps(found[kept].state)))

    assert records(found) == [{"Name": f"n{each}", "Seats": each} for each in range(rows)]
    assert [page.number for page in found] == [*range(1, rows // PAGE_ROWS + 2)]
    assert [page.ending for page in found] == [None] * (rows // PAGE_ROWS) + [Ending("complete")]
    assert records(after) == records(found[kept + 1 :])


@pytest.mark.parametrize(
    ("kind", "changes", "seats"),
    [("accounts", {}, 7), ("accounts", {"typed": False}, "7"), ("contacts", {}, "7")],
)
def test_numbers_are_numbers_where_they_are_wanted(kind: str, changes: Any, seats: Any) -> None:
    assert records(pages("Name,Seats\nAcme,7\n", settings(1, **changes), kind)) == [
        {"Name": "Acme", "Seats": seats}
    ]


def test_a_file_is_read_as_it_was_found_to_be_written() -> None:
    found = settings(1, encoding="utf-16-le", delimiter=";", header=False)

    assert found.format == Format("utf-16-le", ";", header=False)
    assert SOURCE.needs(found, None).origins == frozenset()
