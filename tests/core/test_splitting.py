from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings, strategies as st

from ropewalk.core import bodies, splitting
from ropewalk.core.errors import MustFix, RowRefused
from ropewalk.core.paths import parse
from ropewalk.core.records import decode
from ropewalk.core.splitting import Split, beginning, split
from ropewalk.core.values import MISSING

Hold = Callable[[bytes], bytes | BinaryIO]

KB = 1024
MB = 1024 * 1024


@pytest.fixture(params=["in memory", "in a file"])
def hold(request: pytest.FixtureRequest) -> Hold:
    """Small bodies are bytes, large ones files; both say the same."""
    return bytes if request.param == "in memory" else BytesIO


@pytest.fixture(params=[bodies.CHUNK_BYTES, 1, 7], ids="chunks of {}".format)
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "CHUNK_BYTES", request.param)


def taken(body: bytes | BinaryIO, path: str = "", kind: str = "application/json", **wanted: str) -> Split:
    return split(body, kind, parse(path), {name: parse(text) for name, text in wanted.items()})


def raws(got: Split) -> list[bytes]:
    return [bytes(raw) for raw in got.records]


def refused(raw: bytes) -> tuple[str, str]:
    with pytest.raises(RowRefused) as caught:
        decode(raw)
    return caught.value.code, caught.value.message


def wrong(
    body: bytes | BinaryIO, path: str = "", kind: str = "application/json", **wanted: str
) -> tuple[str, str]:
    with pytest.raises(MustFix) as caught:
        taken(body, path, kind, **wanted)
    assert [problem.message for problem in caught.value.problems] == [caught.value.message]
    return caught.value.code, caught.value.message


# Where records are


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (b"[]", "", []),
        (b' [ {"a": 1} , {"b":[{}]},2 ] \n', "", [b'{"a": 1}', b'{"b":[{}]}', b"2"]),
        (b'{"data":{"accounts":[{"a":1}]},"x":[9]}', "data.accounts", [b'{"a":1}']),
        (b'{"x":{"y":"]"},"data":[{"s":"a\\"]}b\\\\"}]}', "data", [b'{"s":"a\\"]}b\\\\"}']),
        (b'{"result":[7,{"items":[1,2]}]}', "result.1.items", [b"1", b"2"]),
        (b'{"0":[1]}', "0", [b"1"]),
        (b'{"a.b":{"c":[null,true,"x",-1.5e3]}}', r"a\.b.c", [b"null", b"true", b'"x"', b"-1.5e3"]),
        ('{"ä🎉":[1]}'.encode(), "ä🎉", [b"1"]),
        (b'{"\\u00e4":[1]}', "ä", [b"1"]),
        (b"\xef\xbb\xbf[1]", "", [b"1"]),
        (b'{"a":[],"a":[1,2]}', "a", [b"1", b"2"]),
        (b"[[1],[2,[3]]]", "1", [b"2", b"[3]"]),
        (b"[[1],[2,[3]]]", "-1.-1", [b"3"]),
    ],
)
def test_records_are_the_bytes_that_were_sent(
    hold: Hold, body: bytes, path: str, expected: list[bytes]
) -> None:
    got = taken(hold(body), path)
    assert raws(got) == expected
    assert got.count == len(expected)
    assert raws(got) == expected


def test_records_that_hold_objects_like_themselves(hold: Hold) -> None:
    small = b'{"id":1,"kids":[{"id":2},{"id":3}]}'
    large = b'{"id":1,"kids":[' + b",".join(b'{"id":%d}' % number for number in range(20)) + b"]}"
    expected = [small, large, small, large, large, small, large]
    assert (
        raws(taken(hold(b'{"rows":[' + b" ,\n".join(expected) + b"]}"), "rows", first="rows.4.id"))
        == expected
    )


@pytest.mark.usefixtures("chunks")
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_both_ways_agree(data: st.DataObject) -> None:
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )
    rows = data.draw(st.lists(values, max_size=6))
    meta = data.draw(values)
    body = json.dumps(
        {"meta": meta, "data": {"more": meta, "rows": rows}},
        ensure_ascii=data.draw(st.booleans()),
        indent=data.draw(st.sampled_from([None, 1])),
    ).encode()
    in_memory, in_file = (
        taken(
            held,
            "data.rows",
            meta="meta",
            row="data.rows.1",
            last="data.rows.-1",
            deep="meta.-1.-1",
            beside="data.more",
            under="data.more.-1",
        )
        for held in (body, BytesIO(body))
    )
    assert raws(in_memory) == raws(in_file)
    assert [json.loads(raw) for raw in raws(in_memory)] == rows
    assert in_memory.fingerprint == in_file.fingerprint
    assert in_memory.count == in_file.count == len(rows)
    assert in_memory.found == in_file.found
    assert set(in_memory.found) == {"meta", "row", "last", "deep", "beside", "under"}
    # As in a record: integers beyond 64 bits are text.
    last = decode(b'{"last":%s}' % raws(in_memory)[-1])["last"] if rows else MISSING
    assert in_memory.found["last"] == last


def test_the_fingerprint_is_of_the_records_alone(hold: Hold) -> None:
    one = taken(hold(b'{"at":"10:00","rows":[{"a":1},{"a":2}]}'), "rows")
    same = taken(hold(b'{"rows":[{"a":1}, {"a":2}],"at":"10:01"}'), "rows")
    other = taken(hold(b'{"at":"10:00","rows":[{"a":2},{"a":1}]}'), "rows")
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16


# What is looked up beside them


@pytest.mark.usefixtures("chunks")
def test_wanted_values(hold: Hold) -> None:
    body = hold(
        b'{"paging":{"next":"c\\u00e9","total":12345678901234567890123,"more":null},"n":[3,{"x":4}],"s":5,'
        b'"rows":[{"id":"a"},{"id":"b","in":[6]}]}'
    )
    wanted = {
        "next": "paging.next", "total": "paging.total", "more": "paging.more", "paging": "paging", "n": "n.1.x",
        "all": "n", "none": "paging.nothing", "past": "n.2", "no": "s.x", "last": "rows.1.in.0", "far": "rows.2.id",
        "end": "rows.-1.id", "neg": "rows.-2.id", "away": "x.y",
    }  # fmt: skip
    assert taken(body, "rows", **wanted).found == {
        "next": "cé", "total": "12345678901234567890123", "more": None,
        "paging": {"next": "cé", "total": "12345678901234567890123", "more": None}, "n": 4, "all": [3, {"x": 4}],
        "none": MISSING, "past": MISSING, "no": MISSING, "last": 6, "far": MISSING, "end": "b", "neg": MISSING,
        "away": MISSING,
    }  # fmt: skip


def test_the_records_are_no_value_beside_themselves(hold: Hold) -> None:
    body = hold(b'{"data":{"rows":[{"id":7}],"more":true}}')
    assert taken(body, "data.rows", rows="data.rows", more="data.more").found == {
        "rows": MISSING,
        "more": True,
    }


def test_wanted_beside_an_array_at_the_top(hold: Hold) -> None:
    assert taken(hold(b'[{"id":7}]'), "", first="0.id", next="paging.next").found == {
        "first": 7,
        "next": MISSING,
    }


def test_a_wanted_value_that_cannot_be_read(hold: Hold) -> None:
    code, message = wrong(hold(b'{"next":"\\ud800","rows":[]}'), "rows", next="next")
    assert (code, message) == (
        "not_json",
        (
            "A value that paging goes by can't be read. "
            "This record holds half a surrogate pair, or a number that is out of range."
        ),
    )


# A record on each line


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-ndjson",
        "application/jsonl; charset=utf-8",
        "Application/X-NDJSON",
        "application/json",
        "",
    ],
)
def test_lines(hold: Hold, kind: str) -> None:
    got = taken(hold(b'\xef\xbb\xbf{"a":1}\n\n  {"a":[2,\t3]} \r\n4\n"5"'), "", kind, total="total")
    assert raws(got) == [b'{"a":1}', b'{"a":[2,\t3]}', b"4", b'"5"']
    assert raws(got) == [b'{"a":1}', b'{"a":[2,\t3]}', b"4", b'"5"']
    assert (got.count, got.found) == (4, {"total": MISSING})
    assert got.fingerprint == taken(b'[{"a":1},{"a":[2,\t3]},4,"5"]').fingerprint


def test_one_line_is_one_record_where_the_type_says_so(hold: Hold) -> None:
    assert raws(taken(hold(b'{"a":1}\n'), "", "application/x-ndjson")) == [b'{"a":1}']
    assert wrong(hold(b'{"a":1}\n'))[0] == "records_path"


def test_lines_have_no_path(hold: Hold) -> None:
    expected = (
        "records_path",
        "The answer has a record on each line (NDJSON); leave the records path empty.",
    )
    assert wrong(hold(b'{"a":1}\n{"a":2}'), "data") == expected
    assert wrong(hold(b'{"a":1}'), "data", "application/x-ndjson") == expected


@pytest.mark.usefixtures("chunks")
def test_lines_that_are_not_json(hold: Hold) -> None:
    assert wrong(hold(b'{"a":1}\n{"a":NaN}\n')) == (
        "not_json",
        'The answer (application/json) is not JSON: NaN at byte 13. It begins with “{"a":1} {"a":NaN}”',
    )
    assert wrong(hold(b'{"a":1}\n{"a":'), "", "application/x-ndjson") == (
        "not_json",
        (
            "The answer (application/x-ndjson) is not JSON: something that is not JSON at byte 13. "
            'It begins with “{"a":1} {"a":”'
        ),
    )


def test_long_lines() -> None:
    body = b'{"a":1}\n{"a":"' + b"x" * 2 * MB + b'"}\n{"a":2}'
    got = taken(body, "", "application/x-ndjson")
    assert [len(raw) for raw in raws(got)] == [7, bodies.KEPT_BYTES, 7]
    assert taken(b'"' + b"x" * 2 * MB + b'"\n1').count == 2


# What is no list of records


@pytest.mark.parametrize("body", [b"", b" \n "])
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_no_body(hold: Hold, body: bytes, kind: str) -> None:
    assert wrong(hold(body), "", kind) == ("empty_body", "The answer has no body.")


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (
            b'{"error":"no such customer"}',
            "",
            (
                "The answer is no array. The answer (application/json) is an object with the keys “error”; "
                'there is no array in it. It begins with “{"error":"no such customer"}”'
            ),
        ),
        (
            b'{"data":{"accounts":[1,[2,3]],"errors":[]},"meta":{"a":{"b":{"c":[4],"d":{"e":[5]}}}}}',
            "data.items",
            (
                "The records path “data.items” leads to no array. The answer (application/json) is an object with the keys "
                "“data”, “meta”; arrays in it: “data.accounts” (2), “data.errors” (0), “meta.a.b.c” (1)."
            ),
        ),
        (
            b'{"items":null,"a.b":[1]}',
            "items",
            (
                "The records path “items” leads to no array. The answer (application/json) is an object with the keys "
                r"“items”, “a.b”; arrays in it: “a\.b” (1)."
            ),
        ),
        (
            b'{"data":{},"list":[]}',
            "data.items",
            (
                "The records path “data.items” leads to no array. The answer (application/json) is an object with the keys "
                "“data”, “list”; arrays in it: “list” (0)."
            ),
        ),
        (
            b'{"list":[]}',
            "list.0.items",
            (
                "The records path “list.0.items” leads to no array. The answer (application/json) is an object with the keys "
                "“list”; arrays in it: “list” (0)."
            ),
        ),
        (
            b"[1,2,3]",
            "data",
            (
                "The records path “data” leads to no array. The answer (application/json) is an array; "
                "it is itself an array of 3: leave the records path empty."
            ),
        ),
        (
            b"null",
            "",
            "The answer is no array. The answer (application/json) is null; there is no array in it. It begins with “null”",
        ),
        (
            b'"<html>"',
            "",
            (
                "The answer is no array. The answer (application/json) is a text; there is no array in it. "
                'It begins with “"<html>"”'
            ),
        ),
        (
            b"12",
            "",
            (
                "The answer is no array. The answer (application/json) is a single value; there is no array in it. "
                "It begins with “12”"
            ),
        ),
    ],
)
def test_no_array(hold: Hold, body: bytes, path: str, message: str) -> None:
    assert wrong(hold(body), path) == ("records_path", message)


def test_what_is_listed_is_bounded(hold: Hold) -> None:
    body = json.dumps({f"k{number}": [] for number in range(25)} | {"x" * 100: 1}).encode()
    message = wrong(hold(body), "data", "")[1]
    keys = ", ".join(f"“k{number}”" for number in range(20))
    arrays = ", ".join(f"“k{number}” (0)" for number in range(20))
    assert message == (
        "The records path “data” leads to no array. The answer (no content type) is an object with the keys "
        f"{keys} and 6 more; arrays in it: {arrays} and 5 more."
    )
    long = wrong(hold(b'{"' + b"x" * 100 + b'":1}'))[1]
    assert long.startswith(
        "The answer is no array. The answer (application/json) is an object with the keys (a name of 100 characters);"
    )


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    ("body", "path", "what"),
    [
        (b"<!doctype html>", "", "something that is not JSON at byte 0"),
        (b"[1,NaN]", "", "NaN at byte 3"),
        (b'[{"a":"NaN","b":-Infinity}]', "", "-Infinity at byte 16"),
        (b'{"meta":{"x":[Infinity]},"rows":[]}', "rows", "Infinity at byte 14"),
        (b'[{"a":1},{"a"', "", "the end, in the middle of a value, at byte 13"),
        (b'[{"a":"x\\', "", "the end, in the middle of a value, at byte 8"),
        (b'[{"a":1}', "", "the end, in the middle of a value, at byte 8"),
        (b'{"rows":[1],"a', "rows", "the end, in the middle of a value, at byte 14"),
        (b'{"rows":', "rows", "the end, in the middle of a value, at byte 8"),
        (b"[1,]", "", "an unexpected b']' at byte 3"),
        (b"[,1]", "", "an unexpected b',' at byte 1"),
        (b'[{"a":1},,{"a":2},{"a":3}]', "", "an unexpected b',' at byte 9"),
        (b'[{"a":1}, ,{"a":2},{"a":3}]', "", "an unexpected b',' at byte 10"),
        (b'[{"a":1},{"a":2},{"a":3},]', "", "an unexpected b']' at byte 25"),
        (b'[{"a":1},{"a":2},{"a":Infinity},{"a":3}]', "", "Infinity at byte 22"),
        (b"[1 2]", "", "an unexpected b'2' at byte 3"),
        (b'{"rows":[1],}', "rows", "an unexpected b'}' at byte 12"),
        (b'{"rows" [1]}', "rows", "an unexpected b'[' at byte 8"),
        (b"{1:2}", "rows", "an unexpected b'1' at byte 1"),
        (b'{"\\ud800":1}', "rows", "an unreadable key at byte 1"),
        (b'[{"a":01}]', "", "something that is not JSON at byte 7"),
        ('["ä",{"ä":x}]'.encode(), "", "something that is not JSON at byte 12"),
        (b"[tru]", "", "something that is not JSON at byte 1"),
        (b"[1] x", "", "more after the end at byte 4"),
        (b"[1}", "", "an unexpected b'}' at byte 2"),
        (b'[{"a":1]]', "", "something that is not JSON at byte 7"),
    ],
)
def test_not_json(hold: Hold, body: bytes, path: str, what: str) -> None:
    assert wrong(hold(body), path) == (
        "not_json",
        f"The answer (application/json) is not JSON: {what}. It begins with “{body.decode()}”",
    )


def test_html_with_status_200(hold: Hold) -> None:
    assert wrong(hold(b"<html>\n <body>Sign in</body>\x00</html>"), "data", "text/html; charset=utf-8") == (
        "not_json",
        (
            "The answer (text/html) is not JSON: something that is not JSON at byte 0. "
            "It begins with “<html> <body>Sign in</body>\N{REPLACEMENT CHARACTER}</html>”"
        ),
    )


def test_the_beginning_of_a_body_ends_with_a_whole_word(hold: Hold) -> None:
    assert beginning(hold(b"x" * 200)) == "x" * 200
    assert beginning(hold(b"a " + b"x" * 300)) == "a ..."
    assert beginning(hold(b'{"a":1,"token":"' + b"s" * 300)) == '{"a":1,"token":" ...'


# Rows that can't be taken, in answers that can


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (
            b'{"a":"\\ud800"}',
            "invalid_value",
            "This record holds half a surrogate pair, or a number that is out of range.",
        ),
        (
            b'{"a":1e999}',
            "invalid_value",
            "This record holds half a surrogate pair, or a number that is out of range.",
        ),
        (b'{"a":"\xff"}', "invalid_value", "This record is not UTF-8 at byte 6."),
        (
            b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
            "invalid_value",
            "This record is nested more than 100 levels deep.",
        ),
        (b"[" * 101 + b"]" * 101, "invalid_value", "This record is nested more than 100 levels deep."),
        (b"[]", "not_an_object", "This record is an array, not an object."),
        (b'"x"', "not_an_object", "This record is a text, not an object."),
        (b"false", "not_an_object", "This record is true or false, not an object."),
        (b"3", "not_an_object", "This record is a number, not an object."),
        (b"3.5", "not_an_object", "This record is a number, not an object."),
        (b"null", "not_an_object", "This record is null, not an object."),
    ],
)
def test_one_bad_row_does_not_spoil_the_page(hold: Hold, raw: bytes, code: str, message: str) -> None:
    got = taken(hold(b'[{"a":1},' + raw + b',{"a":2}]'))
    assert raws(got) == [b'{"a":1}', raw, b'{"a":2}']
    assert refused(raw) == (code, message)


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("9223372036854775807", 9223372036854775807),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775808", -9223372036854775808),
        ("-9223372036854775809", "-9223372036854775809"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5_000, "9" * 5_000),
        ("0.1234567890123456789012", 0.1234567890123456789012),
    ],
)
def test_integers_beyond_64_bits_keep_their_digits_as_text(digits: str, value: Any) -> None:
    raw = f'{{"a":[{digits}],"b":true}}'.encode()
    assert decode(raws(taken(b"[" + raw + b"]"))[0]) == {"a": [value], "b": True}


def test_the_longest_record() -> None:
    longest = b'{"a":"' + b"x" * (MB - 8) + b'"}'
    assert len(longest) == MB
    assert len(str(decode(longest)["a"])) == MB - 8
    too_long = ("invalid_value", "This record is longer than 1 MiB.")
    for body in (b"[" + longest[:-1] + b' },{"a":1}]', b'[{"a":1},' + longest[:-1] + b" }]"):
        for held in (body, BytesIO(body)):
            outcomes = [refused(raw) if len(raw) > 10 else decode(raw) for raw in raws(taken(held))]
            assert sorted(outcomes, key=str) == [too_long, {"a": 1}]


def test_a_record_that_is_far_too_long_is_kept_in_part() -> None:
    body = b'{"rows":[{"a":"' + b"x" * 3 * MB + b'"},{"a":' + b"9" * 3 * MB + b"}]}"
    assert [len(raw) for raw in raws(taken(BytesIO(body), "rows"))] == [bodies.KEPT_BYTES] * 2
    assert taken(BytesIO(b"[" + b"9" * 3 * MB + b"]")).count == 1


# Memory


class Endless:
    """A file of a size, made as it is read."""

    def __init__(self, head: bytes, piece: bytes, times: int, tail: bytes) -> None:
        self.parts = (head, piece, times, tail)
        self.size = len(head) + len(piece) * times + len(tail)
        self.at = 0

    def seek(self, at: int) -> int:
        self.at = at
        return at

    def read(self, count: int) -> bytes:
        head, piece, times, tail = self.parts
        if self.at < len(head):
            data = head[self.at : self.at + count]
        elif self.at < len(head) + len(piece) * times:
            inside = self.at - len(head)
            run = piece[inside % len(piece) :] + piece * (count // len(piece) + 1)
            data = run[: min(count, len(piece) * times - inside)]
        else:
            data = tail[self.at - self.size + len(tail) :][:count]
        self.at += len(data)
        return data


@pytest.mark.parametrize(
    ("head", "piece", "tail", "path", "size"),
    [
        (b'{"rows":[', b'{"id":1,"name":"Acme","in":{"x":[1,2]}},', b'{}],"next":"n"}', "rows", 1 * MB),
        (b'{"rows":[', b"1,", b'{}],"next":"n"}', "rows", 1 * MB),
        (b'{"rows":[{}],"more":"', b"a\\nb", b'","next":"n"}', "rows", 1 * MB),
        (b'{"rows":[{}],"more":', b"[", b"", "rows", 128 * KB),
        (b"", b'{"id":1,"name":"Acme"}\n', b"", "", 512 * KB),
    ],
)
def test_memory_does_not_grow_with_the_body(
    head: bytes, piece: bytes, tail: bytes, path: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "CHUNK_BYTES", 2 * KB)
    monkeypatch.setattr(bodies, "KEPT_BYTES", 4 * KB)
    times = size // len(piece)
    file: Any = Endless(head, piece, times, tail)
    tracemalloc.start()
    try:
        outcome: int | str = sum(1 for _ in taken(file, path, next="next").records)
    except MustFix as error:
        outcome = error.code
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert outcome in (1, times, times + 1, "not_json")
    assert peak < size / 2


def test_a_small_body_of_very_many_values_is_read_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "_QUICK_COMMAS", 1_000)
    row = b'"' + b"x" * 2 * KB + b'"'
    assert isinstance(taken(b"[" + b",".join([row] * 1_001) + b"]").records, list)
    got = taken(b"[" + b",".join([row] * 1_002) + b"]")
    assert (got.count, isinstance(got.records, list)) == (1_002, False)
