import pytest
from pydantic import TypeAdapter, ValidationError

from ropewalk.core import transforms
from ropewalk.core.errors import RowRefused
from ropewalk.core.values import MISSING

NO_DATE = 'is not a date that is understood (ISO 8601 or epoch); name its format, as in {date: "%d.%m.%Y"}.'


def run(specs, value):
    return transforms.compile(specs)(value)


@pytest.mark.parametrize(
    ("spec", "value", "expected"),
    [
        ("trim", "  a b ", "a b"),
        ("trim", 5, 5),
        ("lower", "AbC", "abc"),
        ("lower", True, True),
        ("upper", "aBc", "ABC"),
        ("upper", 1.5, 1.5),
        ("upper", ["a", None, "b"], ["A", None, "B"]),
        ("number", " 42 ", 42),
        ("number", "-4.50", -4.5),
        ("number", "1e3", 1000.0),
        ("number", ".5", 0.5),
        ("number", 7, 7),
        ("number", 7.5, 7.5),
        ("number", "", None),
        ("number", str(2**64 - 1), 2**64 - 1),
        ("number", str(2**64), str(2**64)),
        ("number", str(-(2**63)), -(2**63)),
        ("number", str(-(2**63) - 1), str(-(2**63) - 1)),
        ("number", "9" * 5000, "9" * 5000),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", " YES ", True),
        ("boolean", "off", False),
        ("boolean", "", None),
        ("date", "2024-01-31", "2024-01-31"),
        ("date", " 2024-01-31T14:00:00+02:00", "2024-01-31T12:00:00Z"),
        ("date", 1706702400, "2024-01-31T12:00:00Z"),
        ("date", "1706702400000", "2024-01-31T12:00:00Z"),
        ("date", "", None),
        ({"date": "%d.%m.%Y"}, "31.01.2024", "2024-01-31"),
        ({"date": "%d.%m.%Y"}, " ", None),
        ({"date": "%d/%m/%y %H:%M"}, "31/01/24 09:05", "2024-01-31T09:05:00Z"),
        ({"date": "%Y-%m-%dT%H:%M:%S%z"}, "2024-01-31T09:00:00+0100", "2024-01-31T08:00:00Z"),
        ("domain", "https://www.acme.com/x", "acme.com"),
        ("domain", "bob@acme.com", "acme.com"),
        ("domain", " ", None),
        ("domain", ["a.com", "b.com"], ["a.com", "b.com"]),
        ("split", "a, b,,c", ["a", "b", "c"]),
        ({"split": ";"}, "a;b, c", ["a", "b, c"]),
        ("split", ["a"], ["a"]),
        ("split", "", []),
        ("first", ["a", "b"], "a"),
        ("first", [], None),
        ("first", "a", "a"),
        ("join", ["a", 1, None, True, {"k": 1}], 'a, 1, true, {"k":1}'),
        ({"join": ""}, ["a", "b"], "ab"),
        ({"join": " / "}, ["a", "b"], "a / b"),
        ("join", "a", "a"),
        ({"constant": "x"}, "a", "x"),
        ({"constant": None}, "a", None),
        ({"default": "x"}, "a", "a"),
        ({"default": "x"}, 0, 0),
        ({"default": "x"}, False, False),
        ({"default": "x"}, "", "x"),
    ],
)
def test_a_transform(spec, value, expected):
    result = run([spec], value)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    "spec", ["trim", "lower", "upper", "number", "boolean", "date", "domain", "split", "first", "join"]
)
@pytest.mark.parametrize("value", [None, MISSING])
def test_null_and_absent_pass_through(spec, value):
    assert run([spec], value) is value


@pytest.mark.parametrize("value", [None, MISSING])
@pytest.mark.parametrize("name", ["constant", "default"])
def test_null_and_absent_are_filled(name, value):
    assert run([{name: "x"}], value) == "x"


def test_transforms_run_in_their_order():
    assert run(["split", "first", "trim", "upper"], " a , b") == "A"
    assert transforms.compile([]) is None


@pytest.mark.parametrize(
    ("spec", "value", "code", "message"),
    [
        (
            "number",
            "1,234",
            "invalid_value",
            '"1,234" is not a plain number such as 1234.5; remove the number transform or fix the source.',
        ),
        (
            "number",
            True,
            "invalid_value",
            "true is not a plain number such as 1234.5; remove the number transform or fix the source.",
        ),
        (
            "number",
            "1e999",
            "invalid_value",
            '"1e999" is too large for a number; remove the number transform to keep it as text.',
        ),
        (
            "number",
            "-1e999",
            "invalid_value",
            '"-1e999" is too large for a number; remove the number transform to keep it as text.',
        ),
        (
            "boolean",
            "maybe",
            "invalid_value",
            '"maybe" is neither true nor false (yes, no, on, off, 1 and 0 are understood as well).',
        ),
        (
            "boolean",
            2,
            "invalid_value",
            "2 is neither true nor false (yes, no, on, off, 1 and 0 are understood as well).",
        ),
        (
            "boolean",
            {"a": 1},
            "invalid_value",
            '{"a":1} is neither true nor false (yes, no, on, off, 1 and 0 are understood as well).',
        ),
        (
            "date",
            "31.01.2024",
            "invalid_value",
            '"31.01.2024" ' + NO_DATE,
        ),
        (
            "date",
            False,
            "invalid_value",
            "false " + NO_DATE,
        ),
        ({"date": "%d.%m.%Y"}, "2024", "invalid_value", '"2024" is not a date in the format "%d.%m.%Y".'),
        ({"date": "%d.%m.%Y"}, 2024, "invalid_value", '2024 is not a date in the format "%d.%m.%Y".'),
        ("domain", "n/a", "invalid_domain", '"n/a" is not a domain, a URL or an email.'),
        ("domain", 5, "invalid_domain", "5 is not a domain, a URL or an email."),
        ("domain", "x" * 300, "invalid_domain", '"' + "x" * 198 + "… is not a domain, a URL or an email."),
    ],
)
def test_what_cannot_be_transformed_refuses_the_row(spec, value, code, message):
    with pytest.raises(RowRefused) as refused:
        run([spec], value)
    assert (refused.value.code, refused.value.message) == (code, message)


NONE_SUCH = (
    "there is no such transform; there are trim, lower, upper, number, boolean, date, domain, split, first, "
    "join, constant, default"
)
FORMAT = "date takes a format of these codes, each once: %A, %B, %H, %I, %M, %S, %Y, %Z, %a, %b, %d, %f, %j, %m, %p, %y, %z"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (5, 'a transform is a name, as trim, or a name with its argument, as {split: ";"}'),
        ({}, 'a transform is a name, as trim, or a name with its argument, as {split: ";"}'),
        (
            {"split": ",", "join": ","},
            'a transform is a name, as trim, or a name with its argument, as {split: ";"}',
        ),
        ({5: 1}, 'a transform is a name, as trim, or a name with its argument, as {split: ";"}'),
        (
            "title",
            NONE_SUCH,
        ),
        (
            {"title": 1},
            NONE_SUCH,
        ),
        ("constant", "constant needs a value, as {constant: customer}"),
        ("default", "default needs a value, as {default: customer}"),
        ({"trim": 1}, "trim takes no argument"),
        ({"split": 1}, "split takes its separator as text"),
        ({"split": ""}, "split takes its separator as text"),
        ({"join": None}, "join takes its separator as text"),
        ({"date": ""}, "date takes its format as text"),
        ({"date": "DD.MM"}, FORMAT),
        ({"date": "%q"}, FORMAT),
        ({"date": "%d %"}, FORMAT),
        ({"date": "%d %d"}, FORMAT),
    ],
)
def test_a_bad_transform_is_refused_with_the_good_ones(spec, message):
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(transforms.Spec).validate_python(spec)
    assert [error["msg"] for error in invalid.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize(
    "spec", ["trim", {"split": ";"}, {"join": ""}, {"date": "%d.%m.%Y"}, {"constant": None}]
)
def test_a_good_transform_is_kept_as_it_is(spec):
    assert TypeAdapter(transforms.Spec).validate_python(spec) == spec


def test_the_schema_names_every_transform():
    schema = TypeAdapter(transforms.Spec).json_schema()
    assert schema["anyOf"][1]["propertyNames"]["enum"] == list(transforms.NAMES)
