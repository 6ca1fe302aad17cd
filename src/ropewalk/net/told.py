"""A statement and what came of it, in the shapes of a test's answer."""

from __future__ import annotations

from typing import Any

from ropewalk.core.query import Query


def asked(endpoint: str, query: Query) -> dict[str, Any]:
    return {
        "method": "SQL",
        "url": endpoint,
        "params": {each.name: str(each.value) for each in query.parameters},
        "headers": {},
        "body": query.sql,
    }


def answered(seconds: float, job: str, size: int | None) -> dict[str, Any]:
    counted = {} if size is None else {"bytes by a dry run": f"{size:,}"}
    return {
        "status": 200,
        "content_type": "application/vnd.apache.arrow.stream",
        "milliseconds": round(seconds * 1_000),
        "headers": {"job": job, **counted},
        "clock_skew_seconds": None,
    }
