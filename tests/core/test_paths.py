from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from ropewalk.core.paths import Path, flatten, get, index, join, parse, put
from ropewalk.core.values import JSON, MISSING

keys = st.text(st.sampled_from("ab.\\ 0é🎉"), max_size=4) | st.text(max_size=5)
scalars: st.SearchStrategy[JSON] = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values: st.SearchStrategy[JSON] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
records = st.dictionaries(keys, values, max_size=4)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("name", ("name",)),
        ("data.accounts", ("data", "accounts")),
        ("result.0.items", ("result", "0", "items")),
        (r"a\.b", ("a.b",)),
        (r"a\.b.c", ("a.b", "c")),
        (r"a\\.b", ("a\\", "b")),
        (r"a\\\.b", ("a\\.b",)),
        (r"a\nb", (r"a\nb",)),
        ("a\\", ("a\\",)),
        ("\\", ("",)),
        (".", ("", "")),
        ("a.", ("a", "")),
        (" a b .c", (" a b ", "c")),
        ("🎉.é", ("🎉", "é")),
    ],
)
def test_parse(text: str, path: Path) -> None:
    assert parse(text) == path


@example([""])
@given(st.lists(keys, max_size=5))
def test_what_join_writes_parse_reads(segments: list[str]) -> None:
    assert parse(join(segments)) == tuple(segments)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": {"b": [1, {"c": None}]}, "0": "zero"}),
        ("a.b", [1, {"c": None}]),
        ("a.b.0", 1),
        ("a.b.1.c", None),
        ("0", "zero"),
        ("a.b.2", MISSING),
        ("a.b.-1.c", None),
        ("a.b.-2", MISSING),
        ("a.b.x", MISSING),
        ("a.b.0.x", MISSING),
        ("a.x", MISSING),
        ("x.y", MISSING),
        ("a.b.1.c.d", MISSING),
    ],
)
def test_get(path: str, value: JSON) -> None:
    assert get({"a": {"b": [1, {"c": None}]}, "0": "zero"}, parse(path)) == value


@pytest.mark.parametrize(
    ("segment", "length", "place"),
    [
        ("0", 1, 0),
        ("0", 0, None),
        ("10", 11, 10),
        ("10", 10, None),
        ("999999999", 10**9, 999999999),
        ("9999999999", 10**11, None),
        ("-1", 3, 2),
        ("-1", 0, None),
        ("-2", 3, None),
        ("01", 3, None),
        ("", 3, None),
        ("²", 3, None),
        ("٣", 4, None),
        ("1 ", 3, None),
    ],
)
def test_index(segment: str, length: int, place: int | None) -> None:
    assert index(segment, length) == place


@given(records)
def test_flatten_then_look_up_gives_the_value_back(record: dict[str, JSON]) -> None:
    flat = flatten(record)
    assert {text: get(record, parse(text)) for text in flat} == flat


@given(records)
def test_flatten_loses_nothing(record: dict[str, JSON]) -> None:
    built: JSON = {}
    for text, value in flatten(record).items():
        built = put(built, parse(text), value)
    assert built == record


def test_flatten_goes_three_levels_deep() -> None:
    record: dict[str, JSON] = {
        "id": 1,
        "address": {"geo": {"city": {"name": "Bonn"}, "lat": 50.7}, "lines": ["a", "b"]},
        "none": {},
        "people": [{"name": "Ada"}],
        "v1.2": {"a b": None},
    }
    assert flatten(record) == {
        "id": 1,
        "address.geo.city": {"name": "Bonn"},
        "address.geo.lat": 50.7,
        "address.lines": ["a", "b"],
        "none": {},
        "people": [{"name": "Ada"}],
        r"v1\.2.a b": None,
    }
    assert flatten({"a": {"b": {"c": 1}}}, depth=2) == {"a.b": {"c": 1}}


def test_put_makes_objects_on_the_way_and_leaves_the_original_alone() -> None:
    body: JSON = {"query": "{ x }", "variables": {"first": 10}, "list": [{"a": 1}, {"a": 2}], "nothing": None}
    assert put(body, parse("variables.after"), "c") == {**body, "variables": {"first": 10, "after": "c"}}  # type: ignore[dict-item]
    assert put(body, parse("list.1.a"), 3) == {**body, "list": [{"a": 1}, {"a": 3}]}  # type: ignore[dict-item]
    assert put(body, parse("nothing.a"), 3) == {**body, "nothing": {"a": 3}}  # type: ignore[dict-item]
    assert put(None, parse("a.b"), 1) == {"a": {"b": 1}}
    assert put({"a": 1}, (), 2) == 2
    assert body == {
        "query": "{ x }",
        "variables": {"first": 10},
        "list": [{"a": 1}, {"a": 2}],
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"a": "x"}, "a.b", "“a” is a single value that has no place “b”"),
        ({"a": [1]}, "a.1", "“a” is an array that has no place “1”"),
        ({"a": [1]}, "a.b", "“a” is an array that has no place “b”"),
        ([1], "a", "the whole body is an array that has no place “a”"),
    ],
)
def test_put_says_what_is_in_the_way(body: JSON, path: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        put(body, parse(path), 1)
    assert str(caught.value) == message
