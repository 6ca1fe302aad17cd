from __future__ import annotations

import pytest

from ropewalk.core.discover import Field, fields
from ropewalk.core.fieldtypes import infer
from ropewalk.core.values import JSON


def test_fields() -> None:
    records: list[dict[str, JSON]] = [
        {
            "id": 1,
            "name": "Acme",
            "plan": {"tier": "gold", "since": "2024-01-02"},
            "tags": ["a"],
            "x.y": True,
        },
        {
            "id": 2,
            "name": "",
            "plan": {"tier": "free", "since": None},
            "tags": [],
            "geo": {"a": {"b": {"c": 1}}},
        },
        {"id": 3, "name": "Acme", "plan": {}, "score": 1.5},
        {"id": 4, "name": "Bolt", "score": "high"},
    ]
    assert fields(records) == [
        Field("id", "number", 1.0, (1, 2, 3)),
        Field("name", "text", 0.75, ("Acme", "Bolt")),
        Field("plan.tier", "text", 0.5, ("gold", "free")),
        Field("plan.since", "date-time", 0.25, ("2024-01-02",)),
        Field("tags", "list", 0.25, (["a"],)),
        Field(r"x\.y", "boolean", 0.25, (True,)),
        Field("geo.a.b", "object", 0.25, ({"c": 1},)),
        Field("plan", None, 0.0, ()),
        Field("score", "text", 0.5, (1.5, "high")),
    ]


def test_no_records_have_no_fields() -> None:
    assert fields([]) == []


def test_fill_rate_is_rounded() -> None:
    assert fields([{"a": 1}, {}, {}])[0].fill_rate == 0.3333


def test_examples_are_bounded() -> None:
    long_list: list[JSON] = list(range(100))
    found = fields([{"text": "x" * 201, "list": long_list, "short": "y" * 200}])
    assert [field.examples for field in found] == [
        ("x" * 199 + "…",),
        (str(long_list).replace(" ", "")[:199] + "…",),
        ("y" * 200,),
    ]


def test_examples_differ() -> None:
    assert fields([{"a": 1}, {"a": True}, {"a": 1}, {"a": "1"}, {"a": 2}])[0].examples == (1, True, "1")


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (True, "boolean"), (0, "number"), (1.5, "number"), ([], "list"), ({}, "object"), ("x", "text"),
        ("2024-02-29", "date-time"), ("2023-02-29", "text"), ("2024-02-29T10:11:12Z", "date-time"),
        ("2024-02-29 10:11", "date-time"), ("2024-02-29T10:11:12.123456789+02:00", "date-time"),
        ("2024-02-29T10:11:12,5+0200", "date-time"), ("2024-02-29T25:00:00Z", "text"), ("20240229", "text"),
        ("2024-02-29T10", "text"), ("2024", "text"), ("1.2.2024", "text"), ("٢٠٢٤-٠٢-٢٩", "text"),
    ],
)  # fmt: skip
def test_infer(value: JSON, type: str) -> None:
    assert infer(value) == type
