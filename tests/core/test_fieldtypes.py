import pytest
from hypothesis import given, strategies as st

from ropewalk.core import fieldtypes
from ropewalk.core.errors import RowRefused
from ropewalk.core.fieldtypes import FieldTypes


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("a", "text"),
        ("", "text"),
        ("42", "text"),
        (42, "number"),
        (4.2, "number"),
        (True, "boolean"),
        ("2024-01-31", "date-time"),
        ("2024-01-31T12:00:00Z", "date-time"),
        ([1], "list"),
        ({"a": 1}, "object"),
        (None, None),
    ],
)
def test_a_type_is_inferred(value, type_):
    assert fieldtypes.infer(value) == type_


@pytest.mark.parametrize(
    ("type_", "value", "fits"),
    [
        ("text", [1], True),
        ("text", "2024-01-31", True),
        ("number", 4.2, True),
        ("number", None, True),
        ("number", "42", False),
        ("number", True, False),
        ("boolean", 1, False),
        ("date-time", "2024-01-31", True),
        ("date-time", "soon", False),
        ("list", {}, False),
    ],
)
def test_a_value_fits_its_type_or_not(type_, value, fits):
    assert fieldtypes.fits(value, type_) is fits


def test_a_field_is_created_by_its_first_value_and_widened_once():
    types = FieldTypes({"seats": "number"})
    seen = [
        types.observe("planTier", None),
        types.observe("planTier", "2024-01-31"),
        types.observe("planTier", "2024-02-01"),
        types.observe("seats", None),
        types.observe("seats", 5),
        types.observe("seats", "many"),
        types.observe("seats", "more"),
        types.observe("SEATS", 5),
        types.observe("size", 5),
        types.observe("Size", "big"),
    ]
    assert seen == [None, "created", None, None, None, "widened", None, None, "created", "widened"]
    assert types.drain() == {
        "planTier": ("created", "date-time"),
        "seats": ("widened", "text"),
        "size": ("created", "text"),
    }
    assert types.drain() == {}


def test_a_copy_learns_for_itself():
    types = FieldTypes()
    types.observe("a", 1)
    twin = types.copy()
    twin.observe("b", 2)
    twin.observe("a", "x")
    assert (types.types, types.drain(), twin.drain()) == (
        {"a": "number"},
        {"a": ("created", "number")},
        {"a": ("created", "text"), "b": ("created", "number")},
    )


FULL = {f"field{number}": "text" for number in range(499)}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"a": 1}, None),
        ({"field3": 1, "FIELD4": 2, "b": None, "a": 1}, None),
        ({"a": 1, "A": 2}, None),
        ({"b": 1, "a": 1, "field3": 1}, "a, b"),
    ],
)
def test_a_row_with_fields_too_many_is_refused(values, names):
    types = FieldTypes(FULL)
    if names is None:
        types.require_room(values)
        return
    with pytest.raises(RowRefused) as refused:
        types.require_room(values)
    assert (refused.value.code, refused.value.message) == (
        "invalid_value",
        (
            f"There is no room for {names}: an organization has at most 500 custom fields. "
            "Take targets out of the mapping, or map to existing fields."
        ),
    )


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.just("2024-01-31")
    | st.lists(st.integers())
)


@given(st.lists(VALUES))
def test_whatever_was_seen_fits_the_type_in_the_end(values):
    types = FieldTypes()
    for value in values:
        types.observe("a", value)
    assert all(fieldtypes.fits(value, types.types["a"]) for value in values if value is not None)
