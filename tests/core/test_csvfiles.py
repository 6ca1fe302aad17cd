from __future__ import annotations

import csv
import io
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import csvfiles, limits
from ropewalk.core.csvfiles import DELIMITERS, Column, Delimiter, Encoding, Format, Row
from ropewalk.core.errors import MustFix

COMMAS = Format("utf-8", ",", header=True)
CODECS = {"utf-8": "utf-8", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "windows-1252": "cp1252"}


def file(text: str | bytes, encoding: str = "utf-8") -> io.BufferedReader:
    data = text if isinstance(text, bytes) else text.encode(encoding)
    return io.BufferedReader(cast(Any, io.BytesIO(data)))


def wrong(text: str | bytes, format: Format = COMMAS) -> list[str]:
    with pytest.raises(MustFix) as refused:
        csvfiles.survey(file(text), format)
    assert refused.value.code == "unreadable_file"
    return [each.message for each in refused.value.problems]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("name\nZoë\n".encode(), "utf-8"),
        ("name\nZoë\n".encode("utf-8-sig"), "utf-8"),
        ("name\nZoë\n".encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + "name\nZoë\n".encode("utf-16-be"), "utf-16-be"),
        ("name,city\nZoë,Åre\n".encode("utf-16-le"), "utf-16-le"),
        ("name,city\nZoë,Åre\n".encode("utf-16-be"), "utf-16-be"),
        ("name\nZoë €\n".encode("cp1252"), "windows-1252"),
        # Only its last letter tells.
        (b"name\n" + b"a\n" * 40_000 + "Zoë\n".encode(), "utf-8"),
        (b"name\n" + b"a\n" * 40_000 + "Zoë\n".encode("cp1252"), "windows-1252"),
        (b"name\nZo\xc3", "windows-1252"),
        (b"", "utf-8"),
    ],
)
def test_in_which_encoding_a_file_is_written(data: bytes, encoding: str) -> None:
    assert csvfiles.detect(file(data)).encoding == encoding


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n2,5;3\n", ";"),
        ("a\tb, c\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('name;note\nx;"one; two, three"\ny;"four, five"\n', ";"),
        ("name\nAda\nBo\n", ","),
        ('name,note\nAda,"one\ntwo;three"\nBo,x\n', ","),
        ("", ","),
    ],
)
def test_by_what_values_are_divided(text: str, delimiter: str) -> None:
    assert csvfiles.detect(file(text)).delimiter == delimiter


@pytest.mark.parametrize(
    ("first", "has_names"),
    [
        ("name,website", True),
        ("name,website,", True),
        ("Ada,ada@acme.example", False),
        ("Ada,17", False),
        ("Ada,2026-01-31", False),
        ("Ada,https://acme.example", False),
        ("Ada,true", False),
        ("name,name", False),
        ("name,,website", True),
    ],
)
def test_whether_the_first_row_holds_names(first: str, has_names: bool) -> None:
    assert csvfiles.detect(file(f"{first}\nBo,bo.example\n")).header is has_names


VALUES = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=12)


@given(
    st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=8),
    st.sampled_from(DELIMITERS),
    st.sampled_from([*CODECS]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_rows_come_back_as_they_were_written(
    written: list[list[str]], delimiter: Delimiter, encoding: Encoding, end: str, marked: bool
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(written)
    mark = "\ufeff" if marked and encoding != "windows-1252" else ""
    data = (mark + text.getvalue()).encode(CODECS[encoding])

    read = [row.values for row in csvfiles.rows(file(data), Format(encoding, delimiter, header=False))]

    assert read == [row for row in written if any(value.strip() for value in row)]


def test_a_row_says_at_which_line_it_begins() -> None:
    text = 'name,note\n\n"Ada","one\ntwo"\n,\nBo,x\n'

    assert list(csvfiles.rows(file(text), COMMAS)) == [
        Row(1, ["name", "note"]),
        Row(3, ["Ada", "one\ntwo"]),
        Row(6, ["Bo", "x"]),
    ]


def test_what_is_in_a_file() -> None:
    text = (
        "name,seats,plan,active,since,zip,note,mixed\r\n"
        "Ada,12,gold,true,2026-01-31,01067,,1\r\n"
        "Bo,-3.5,,FALSE,2026-02-01T10:00:00Z,80331,,x\r\n"
        "Cem,,gold,,,,,2\r\n"
    )

    found = csvfiles.survey(file(text), COMMAS)

    assert found == csvfiles.Survey(
        (
            Column("name", "text", 3),
            Column("seats", "number", 2),
            Column("plan", "text", 2),
            Column("active", "boolean", 2),
            Column("since", "date-time", 2),
            Column("zip", "text", 2),
            Column("note", None, 0),
            Column("mixed", "text", 3),
        ),
        3,
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ["a", "b"]),
        ("a,,b\n1,2,3\n", ["a", "Column 2", "b"]),
        ("a,a,a (2)\n1,2,3\n", ["a", "a (2)", "a (2) (2)"]),
        (" a ,b,,\n1,2\n", ["a", "b"]),
        (f"{'x' * 300},b\n1,2\n", ["x" * limits.CSV_NAME_CHARS, "b"]),
    ],
)
def test_every_column_has_a_name_of_its_own(text: str, names: list[str]) -> None:
    assert [one.name for one in csvfiles.survey(file(text), COMMAS).columns] == names


def test_columns_without_names_have_numbers() -> None:
    found = csvfiles.survey(file("Ada,12\nBo,13\n"), Format("utf-8", ",", header=False))

    assert found == csvfiles.Survey((Column("Column 1", "text", 2), Column("Column 2", "number", 2)), 2)


def test_what_is_wrong_is_told_by_line_and_column() -> None:
    assert wrong("") == ["There is nothing in this file."]
    assert wrong("a,b\n") == ["There are no rows below the names of the columns."]
    assert wrong('a,b\n1,"2"\n3,"""four" x\n') == [
        "Line 3, column 11: After a closing quote comes a delimiter. Write a quote inside a value twice."
    ]
    assert wrong('a,b\n1,2\n3,"four\nfive\n') == [
        "Line 3, column 3: The quote that opens here isn't closed within 131,072 characters. Close it, or write it twice."
    ]
    assert wrong('a,b\n1,"' + "x" * 140_000 + '"\n') == [
        "Line 2, column 3: The quote that opens here isn't closed within 131,072 characters. Close it, or write it twice."
    ]
    assert wrong("a,b\n1,Zo\xeb\n".encode("cp1252")) == [
        "Line 2, column 5: The byte 0xEB is no UTF-8. Choose another encoding, or save the file as UTF-8."
    ]
    assert wrong(b"a,b\n1,x\x81\n", Format("windows-1252", ",", header=True)) == [
        "Line 2, column 4: The byte 0x81 is no Windows-1252. Choose another encoding, or save the file as UTF-8."
    ]
    assert wrong("a\n".encode("utf-16-le") + b"x", Format("utf-16-le", ",", header=True)) == [
        "The file ends in the middle of a character. Is it UTF-16, and whole?"
    ]
    assert wrong("a" * (limits.RECORD_BYTES + 1)) == [
        "Line 1, column 1: This line is longer than 1 MiB. Is this a CSV file?"
    ]
    assert wrong(",".join("abcdefghij" * 101) + "\n1\n") == ["It has 1,010 columns; there may be 1,000."]


def test_rows_with_too_many_values_are_told_together_up_to_a_number() -> None:
    said = "Line {} has 3 values, and there are 2 columns. Put a value that holds the delimiter in double quotes."

    assert wrong("a,b\n1,2,3\n1,2\n1,2,\n4,5,6\n") == [said.format(2), said.format(5)]
    assert wrong("a,b\n" + "1,2,3\n" * 50) == [said.format(line) for line in range(2, 22)]
    assert wrong('a,b\n1,2,3\n"x') == [
        said.format(2),
        "Line 3, column 1: The quote that opens here isn't closed within 131,072 characters. Close it, or write it twice.",
    ]


def test_a_record_holds_what_is_filled() -> None:
    columns: list[Any] = [
        ("name", "text"),
        ("seats", "number"),
        ("rate", "number"),
        ("on", "boolean"),
        ("x", None),
    ]

    assert csvfiles.record(Row(7, ["Ada", " 12 ", "0.50", "TRUE", " "]), columns) == {
        "#line": 7,
        "name": "Ada",
        "seats": 12,
        "rate": 0.5,
        "on": True,
    }
    assert csvfiles.record(Row(8, ["'=1+1"]), columns) == {"#line": 8, "name": "=1+1"}
    assert csvfiles.record(Row(8, ["'tis"]), columns) == {"#line": 8, "name": "'tis"}
    assert csvfiles.record(Row(8, ["Ada"]), columns) == {"#line": 8, "name": "Ada"}
