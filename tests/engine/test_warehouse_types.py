"""What values of each type a warehouse has become, read through its vendor's client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.warehouses import connect
from tests.engine.world import World

pytestmark = pytest.mark.any_database

BIGQUERY = """
SELECT
  TIMESTAMP '2026-01-02 03:04:05.123456+02' AS instant,
  DATETIME '2026-01-02 03:04:05' AS local,
  DATE '2026-01-02' AS day,
  TIME '10:00:00' AS hour,
  NUMERIC '12345678901234567.123456789' AS long_number,
  NUMERIC '12.50' AS money,
  9007199254740993 AS big,
  1.5 AS double,
  CAST('inf' AS FLOAT64) AS endless,
  TRUE AS yes,
  b'abc' AS bytes,
  STRUCT('x' AS a, TIMESTAMP '2026-01-01 00:00:00+00' AS at, NUMERIC '0.10' AS n) AS nested,
  [1, 2] AS repeated,
  [STRUCT('q' AS b)] AS repeated_nested,
  JSON '{"a": {"b": [1, null]}}' AS json,
  CAST(NULL AS STRING) AS nothing
"""
SNOWFLAKE = """
SELECT
  '2026-01-02 03:04:05.123456 +0200'::TIMESTAMP_TZ AS "instant",
  '2026-01-02 03:04:05'::TIMESTAMP_NTZ AS "local",
  '2026-01-02 03:04:05'::TIMESTAMP_LTZ AS "of_session",
  '2026-01-02'::DATE AS "day",
  '10:00:00'::TIME AS "hour",
  12345678901234567.123456789::NUMBER(38,9) AS "long_number",
  12.50::NUMBER(10,2) AS "money",
  9007199254740993::NUMBER(38,0) AS "big",
  1.5::FLOAT AS "double",
  TRUE AS "yes",
  TO_BINARY('616263', 'hex') AS "bytes",
  PARSE_JSON('{"a": {"b": [1, null]}}') AS "json",
  OBJECT_CONSTRUCT('x', 1) AS "object",
  NULL::VARCHAR AS "nothing"
"""
SHARED: dict[str, Any] = {
    "instant": "2026-01-02T01:04:05.123456Z",
    "local": "2026-01-02T03:04:05Z",
    "day": "2026-01-02",
    "hour": "10:00:00",
    "long_number": "12345678901234567.123456789",
    "money": 12.5,
    "big": 9007199254740993,
    "double": 1.5,
    "yes": True,
    "bytes": "YWJj",
    "json": {"a": {"b": [1, None]}},
    "nothing": None,
}
OF = {
    "bigquery": (
        BIGQUERY,
        {
            "endless": "inf",
            "nested": {"a": "x", "at": "2026-01-01T00:00:00Z", "n": 0.1},
            "repeated": [1, 2],
            "repeated_nested": [{"b": "q"}],
        },
    ),
    "snowflake": (SNOWFLAKE, {"of_session": "2026-01-02T03:04:05Z", "object": {"x": 1}}),
}


def test_values_of_every_type(world: World, of: Any) -> None:
    query, own = OF[of.source]
    answer = world.test(connect(world, of, query=query))

    assert answer["records"] == [SHARED | own]


def test_nothing_but_nulls(world: World, of: Any) -> None:
    # fakesnow sends a time that is NULL as 1970.
    names = ["text", "number", "double", *(["instant", "local"] if of.source == "bigquery" else [])]
    columns = ", ".join(f"CAST(NULL AS {of.types[name]}) AS a_{name}" for name in names)
    answer = world.test(connect(world, of, query=f"SELECT {columns}"))

    assert answer["records"] == [dict.fromkeys(of.field(f"a_{name}") for name in names)]
