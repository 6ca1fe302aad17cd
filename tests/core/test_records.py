from __future__ import annotations

import json
from typing import Any

import pytest

from ropewalk.core.errors import RowRefused
from ropewalk.core.records import decode, whole


def test_decode() -> None:
    assert decode(b'{"a":{"b":[1,2.5,null,"\\u00e4"]}}') == {"a": {"b": [1, 2.5, None, "ä"]}}
    nested = b'{"a":' * 100 + b"1" + b"}" * 100
    assert json.dumps(decode(nested)).encode().replace(b" ", b"") == nested
    assert decode(b'{"s":"' + b"[{" * 200 + b'"}') == {"s": "[{" * 200}


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        (b'\xef\xbb\xbf{"a":12345678901234567890123}', "application/json", {"a": "12345678901234567890123"}),
        (b'{"a":1}\n\n{"a":2}\n', "Application/X-NDJSON; charset=utf-8", [{"a": 1}, {"a": 2}]),
    ],
)
def test_a_body_as_one_value(body: bytes, kind: str, value: Any) -> None:
    assert whole(body, kind) == value


def test_a_body_that_is_no_json_is_no_value() -> None:
    with pytest.raises(RowRefused, match="This record is not JSON at byte 0"):
        whole(b"<html>", "text/html")


def test_forty_levels_deep() -> None:
    raw = b'{"a":' * 40 + b"1" + b"}" * 40
    assert json.loads(json.dumps(decode(raw))) == json.loads(raw)


def test_long_digits_excuse_nothing() -> None:
    for bad in (b"1e999", b'"\\ud800"', b'"\xff"', b"NaN"):
        with pytest.raises(RowRefused, match="This record"):
            decode(b'{"long":12345678901234567890123,"a":' + bad + b"}")
