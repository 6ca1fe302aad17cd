"""Items as they are pushed: what is wrong with them, and the events that they make."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, strategies as st

from ropewalk.core import itembatches, items, limits, pushed, times
from ropewalk.core.itemreading import Reading, Schema, Terms, reread
from ropewalk.core.items import Form, Wrong
from ropewalk.core.pushed import Draft

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ARRIVED = times.micros(NOW)
_made = count()


def read(item: Any, form: Form = "data", terms: Terms = Terms()) -> Draft | Wrong:  # noqa: B008 - frozen
    """One by one; and at a stroke, which takes it in the same way or leaves it."""
    raw = item if isinstance(item, bytes) else json.dumps(item).encode()
    identity = f"made-{next(_made)}"
    found = items.draft(raw, form, terms, ARRIVED, lambda: identity)
    assert itembatches.drafts([raw], form, terms, ARRIVED, lambda: identity) in (None, [found])
    return found


def event(item: Any, form: Form = "data", terms: Terms = Terms()) -> Draft:  # noqa: B008 - frozen
    found = read(item, form, terms)
    assert isinstance(found, Draft), found
    return found


def wrong(item: Any, form: Form = "data", terms: Terms = Terms()) -> tuple[int, dict[str, str]]:  # noqa: B008 - frozen
    found = read(item, form, terms)
    assert isinstance(found, Wrong), found
    return found.status, {each.path: each.message for each in found.problems}


def typed(kind: str, **payload: Any) -> dict[str, Any]:
    return {"kind": kind, "payload": payload}


class TestListed:
    def test_each_as_sent(self) -> None:
        assert items.listed(b' {"items" : [ {"data": 1.0} , 2,[ ] ]}\n') == [b'{"data": 1.0}', b"2", b"[ ]"]
        assert items.listed(b'{"data":1}\r\n\n  \n{"data":2}', lines=True) == [b'{"data":1}', b'{"data":2}']
        assert items.listed(b'{"items":[]}') == []

    def test_items_within_items_are_no_second_list(self) -> None:
        body = b'{"items": [{"data":{"items":[{"items":1}]}}]}'

        assert items.listed(body) == [b'{"data":{"items":[{"items":1}]}}']

    @pytest.mark.parametrize(
        ("body", "status", "told"),
        [
            (b"", 422, {"": "This is required."}),
            (b" \n", 422, {"": "This is required."}),
            (b'{"items": [', 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b"{'items': []}", 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b'{"items": []} x', 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b'{"items": NaN}', 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b"\xef\xbb\xbf{}", 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b"[" * 100_000, 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b'{"items":[1],"items":[1]}', 400, {"": "The body has the key 'items' twice."}),
            (b'{"items":[],\n"items":[1]}', 400, {"": "The body has the key 'items' twice."}),
            (b"[]", 422, {"": "Give an object."}),
            (b'"x"', 422, {"": "Give an object."}),
            (b"{}", 422, {"items": "This is required."}),
            (b'{"items": {}}', 422, {"items": "Give a list."}),
            (b'{"items": null}', 422, {"items": "Give a list."}),
            (
                b'{"item": [], "more": 1}',
                422,
                {
                    "item": "There is no such key; there is items.",
                    "more": "There is no such key; there is items.",
                    "items": "This is required.",
                },
            ),
            (b'{"items": [], "more": 1}', 422, {"more": "There is no such key; there is items."}),
            (b'{"items": [], "\\ud800": 1}', 400, {"": "The body isn't JSON (RFC 8259, as UTF-8)."}),
            (b'{"items":[' + b"1," * 5_000 + b"1]}", 413, {"items": "A request has at most 5000 items."}),
        ],
    )
    def test_what_is_no_list(self, body: bytes, status: int, told: dict[str, str]) -> None:
        found = items.listed(body)

        assert isinstance(found, Wrong)
        assert (found.status, {each.path: each.message for each in found.problems}) == (status, told)


class TestRefused:
    @pytest.mark.parametrize(
        "raw",
        [
            b'{"data": "\\ud800"}', b'{"data": 1e999}', b'{"data": "\xff"}', b"{", b'{"data": 01}', b'{"data": +1}',
            b'{"data":' + b"[" * 101 + b"]" * 101 + b"}", b'{"data": {"a": 1, "b": 2, "a": 3}}', b'{"data": 1, "data": 1}',
            b'{"data": [[{"\\u0061": 1, "a": 3}]]}',
        ],
    )  # fmt: skip
    def test_what_is_no_json(self, raw: bytes) -> None:
        assert wrong(raw)[0] == 400

    def test_a_text_that_looks_like_a_key(self) -> None:
        assert event({"data": {"a": '":1,"a":', "b": [{"c": '"x":'}]}}).kind == "custom"

    def test_an_item_of_a_megabyte(self) -> None:
        room = 1024 * 1024 - len(b'{"data":""}')

        assert event(b'{"data":"' + b"x" * room + b'"}').kind == "custom"
        assert wrong(b'{"data":"' + b"x" * (room + 1) + b'"}') == (
            413,
            {"": "An item has at most 1048576 bytes."},
        )

    def test_all_problems_at_once(self) -> None:
        assert wrong({"externalId": 1, "external_id": "", "metadata": {"a": 1, "b": "\0"}, "timestamp": "soon"}) == (
            422,
            {
                "externalId": "There is no such key; there are data, external_id, metadata, timestamp.",
                "external_id": "Give 1 to 512 characters.",
                "metadata.a": "Give a text.",
                "metadata.b": "Text can't hold the character U+0000.",
                "timestamp": "Give an ISO 8601 time, or an epoch in seconds or milliseconds.",
                "data": "This is required.",
            },
        )  # fmt: skip

    @pytest.mark.parametrize("item", [1, "x", None, [], True])
    def test_no_object(self, item: Any) -> None:
        assert wrong(item) == (422, {"": "Give an object."})

    @pytest.mark.parametrize("value", ["", "x" * 513, 1, 1.5, True, [], {}, "a\0b"])
    def test_external_ids(self, value: Any) -> None:
        status, told = wrong({"data": 1, "external_id": value})
        assert (status, [*told]) == (422, ["external_id"])

    @pytest.mark.parametrize(
        "value", [[], "x", {"a": None}, {"a": 1}, {"a": {}}, {"a": ["b"]}, {str(n): "" for n in range(51)}]
    )
    def test_metadata(self, value: Any) -> None:
        status, told = wrong({"data": 1, "metadata": value})
        assert (status, [each.partition(".")[0] for each in told]) == (422, ["metadata"])

    @pytest.mark.parametrize(
        "value",
        ["", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30", "12:00", True, [], {}, 0, -1, 1e20, 10**17,
         "Sun, 01 Mar 2026 12:00:00 GMT"
            "2026-03-02T12:00:01Z", 1772452801, 1772452801000],
    )  # fmt: skip
    def test_timestamps(self, value: Any) -> None:
        status, told = wrong({"data": 1, "timestamp": value})
        assert (status, [*told]) == (422, ["timestamp"])

    @pytest.mark.parametrize("value", ["", "Email", "video", 1, None, [], {}])
    def test_unknown_kinds(self, value: Any) -> None:
        status, told = wrong({"kind": value, "payload": {}}, "typed")
        assert (status, [*told]) == (422, ["kind"])

    def test_a_known_kind_that_is_not_accepted(self) -> None:
        terms = Terms(kinds=["message", "page"])

        assert wrong(typed("email", **{"from": "a@b.co"}), "typed", terms) == (
            400, {"kind": "This connector doesn't accept the kind email; it accepts page, message."},
        )  # fmt: skip
        assert wrong({"data": 1}, "data", terms)[0] == 400
        # What is wrong with it in itself comes first.
        assert wrong(typed("email"), "typed", terms)[0] == 422

    @pytest.mark.parametrize(
        ("item", "path"),
        [
            (typed("email"), "payload.from"), (typed("email", **{"from": "ada"}), "payload.from"),
            (typed("email", to=["a@b.co", 1]), "payload.to.1"), (typed("email", to={"mail": "a@b.co"}), "payload.to"),
            (typed("email", to="a@b.co", subject=1), "payload.subject"),
            (typed("page", content="x"), "payload.title"), (typed("message", channel="x"), "payload.text"),
            (typed("message", text=1), "payload.text"), (typed("message", text="x", author={"name": 7}), "payload.author.name"), (typed("calendar", attendees=[]), "payload.title"),
            (typed("calendar", title="x", start="soon"), "payload.start"),
            (typed("calendar", title="x", attendees=[{"email": "x"}]), "payload.attendees.0.email"),
            (typed("issue", status="open"), "payload.title"), (typed("issue", title="x", assignee=[]), "payload.assignee"),
            ({"kind": "custom", "payload": []}, "payload"), ({"kind": "custom"}, "payload"),
        ],
    )  # fmt: skip
    def test_payloads(self, item: Any, path: str) -> None:
        status, told = wrong(item, "typed")
        assert (status, [*told]) == (422, [path])


class TestRead:
    def test_as_sent(self) -> None:
        raw = b'{ "data" : [1, {"b":1,"a":2}], "external_id":"e-1" }'

        assert event(raw) == Draft("e-1", ARRIVED, ARRIVED, "custom", "custom", raw)

    def test_an_id_is_made_where_none_is_given(self) -> None:
        assert event({"data": 1}).external_id != event({"data": 1, "external_id": None}).external_id

    @pytest.mark.parametrize(
        ("written", "at"),
        [
            ("2026-02-28T10:00:00.123456Z", datetime(2026, 2, 28, 10, 0, 0, 123456, tzinfo=UTC)),
            ("2026-02-28T10:00:00Z", datetime(2026, 2, 28, 10, tzinfo=UTC)),
            ("2026-02-28T10:00:00+02:00", datetime(2026, 2, 28, 8, tzinfo=UTC)),
            ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
            (1772280000, datetime(2026, 2, 28, 12, tzinfo=UTC)),
            (1772280000123, datetime(2026, 2, 28, 12, 0, 0, 123000, tzinfo=UTC)),
            ("2026-03-02T12:00:00Z", NOW + timedelta(hours=24)),
            (None, NOW),
        ],
    )
    def test_times(self, written: Any, at: datetime) -> None:
        assert event({"data": 1, "timestamp": written}).at == times.micros(at)

    def test_metadata_under_the_items(self) -> None:
        terms = Terms(metadata={"team": "blue", "company_domain": "https://www.Acme.com/x"})
        found = event({"data": 1, "metadata": {"team": "red", "external_customer_id": " 42 "}}, terms=terms)

        assert msgspec.json.decode(found.metadata or "") == {
            "team": "red", "company_domain": "https://www.Acme.com/x", "external_customer_id": " 42 ",
        }  # fmt: skip
        assert found.keys == ("domain:acme.com", "id:42")

    def test_by_a_schema(self) -> None:
        schema = {"time": "when", "name": "what.0", "account": "for", "user": "who.id", "match_by": "domain"}
        data = {"when": 1772280000, "what": ["Paid"], "for": ["a.com", "B.com", 7], "who": {"id": 7}}
        found = event({"data": data}, terms=Terms(schema=Schema.of(schema)))

        at = times.micros(datetime(2026, 2, 28, 12, tzinfo=UTC))
        assert (found.at, found.name, found.user, found.keys) == (
            at,
            "Paid",
            "7",
            ("domain:a.com", "domain:b.com"),
        )

        own = event({"data": data, "timestamp": "2026-01-01"}, terms=Terms(schema=Schema.of(schema)))
        assert own.at == times.micros(datetime(2026, 1, 1, tzinfo=UTC))

    @pytest.mark.parametrize(
        "data", [1, None, [], {}, {"when": "soon", "what": {}, "for": None, "who": True}]
    )
    def test_a_schema_that_finds_nothing(self, data: Any) -> None:
        schema = {"time": "when", "name": "what", "account": "for", "user": "who"}
        found = event({"data": data}, terms=Terms(schema=Schema.of(schema)))

        assert (found.at, found.name, found.user, found.keys) == (ARRIVED, "custom", None, ())

    @pytest.mark.parametrize("settings", [None, {}])
    def test_without_a_schema_nothing_is_looked_for(self, settings: Any) -> None:
        assert Schema.of(settings) is None

    def test_people_without_our_own_and_free_mail(self) -> None:
        terms = Terms(own_domains=["ours.com"])
        mail = typed(
            "email", cc=["c@Ours.com", {"email": "d@Third.co", "name": "D"}], to=["b@gmail.com", "x@acme.com"],
            **{"from": {"name": "Ada", "email": "ada@acme.com"}},
        )  # fmt: skip

        assert event(mail, "typed", terms).keys == ("domain:acme.com", "domain:third.co")
        assert event(typed("message", text="hi", author={"name": "Ada"}), "typed", terms).keys == ()

    def test_a_stored_item_is_read_anew(self) -> None:
        stored = event({"data": {"id": "A1", "n": "x"}, "metadata": {"company_domain": "acme.com"}})
        terms = Terms(schema=Schema.of({"account": "id", "name": "n"}))
        metadata = msgspec.json.decode(stored.metadata or "{}")

        assert reread(stored.content, "custom", metadata, terms, ARRIVED) == Reading(
            ARRIVED, "x", None, ("domain:acme.com", "id:A1")
        )


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(
    st.characters(codec="utf-8"), max_size=20
)  # fmt: skip
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), below, max_size=4), max_leaves=12
)  # fmt: skip


def test_a_schema_reads_a_text_like_any_other_item() -> None:
    schema = Schema.of({"name": "text", "account": "text", "match_by": "external_id"})

    found = event({"text": "c-7"}, "text", Terms(schema=schema))

    assert (found.name, found.keys) == ("c-7", ("id:c-7",))


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


class TestProperties:
    @given(values)
    def test_any_json_is_taken_as_sent_and_is_the_same_in_any_spelling(self, value: Any) -> None:
        one = msgspec.json.encode({"data": value})
        other = json.dumps({"data": shuffled(value)}, indent=1).encode()

        assert event(one).content == one
        assert event(other).content == other
        assert pushed.same_content(one, other)
        assert pushed.content_digest(one) == pushed.content_digest(other)

    @given(values, values)
    def test_contents_are_the_same_when_their_digests_are(self, one: Any, other: Any) -> None:
        first, second = msgspec.json.encode(one), msgspec.json.encode(other)

        assert pushed.same_content(first, second) == (
            pushed.content_digest(first) == pushed.content_digest(second)
        )

    @given(
        st.binary(max_size=60)
        | st.text(max_size=60).map(str.encode)
        | values.map(lambda v: json.dumps(v).encode())
    )
    def test_nothing_breaks_it(self, raw: bytes) -> None:
        forms: tuple[Form, ...] = ("data", "text", "typed")
        for form in forms:
            assert isinstance(items.draft(raw, form, Terms(), ARRIVED, lambda: "x"), Draft | Wrong)
        assert isinstance(items.listed(raw), list | Wrong)

    @given(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=512).filter(lambda text: "\0" not in text)
    )
    def test_any_text_is_an_id(self, text: str) -> None:
        assert event({"data": 1, "external_id": text}).external_id == text

    @pytest.mark.parametrize("domain", [None, "acme.com"])
    @pytest.mark.parametrize("external_id", [None, "42"])
    def test_an_account_is_found_by_the_keys_of_the_items_about_it(
        self, domain: str | None, external_id: str | None
    ) -> None:
        metadata = {"company_domain": domain, "external_customer_id": external_id}
        about = event({"data": 1, "metadata": {name: value for name, value in metadata.items() if value}})

        assert pushed.keys_of_account(domain, external_id) == about.keys

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_keys_have_one_number_when_they_differ_only_in_case(self, one: str, other: str) -> None:
        whose = UUID(int=1)
        same = pushed.key_number(whose, one) == pushed.key_number(whose, other)
        assert same == (one.casefold() == other.casefold())
        assert pushed.names_account([one], [other]) == same


def spelled(value: Any, spaces: list[str], escapes: bool) -> str:
    """As JSON, with these spaces around its colons and commas, and its texts spelled out or not."""
    before, after = spaces
    if isinstance(value, dict):
        pieces = [
            f"{spelled(k, spaces, escapes)}{before}:{after}{spelled(v, spaces, escapes)}"
            for k, v in value.items()
        ]
        return "{" + f"{after},{before}".join(pieces) + "}"
    if isinstance(value, str) and escapes:
        return '"' + "".join(f"\\u{ord(each):04x}" for each in value) + '"'
    return json.dumps(value)


texts = st.text('a:"\\ ,{x', max_size=4)
members = st.dictionaries(texts, texts | st.dictionaries(texts, texts, max_size=2), min_size=1, max_size=3)
spaces = st.lists(st.sampled_from(["", " ", "\n", "\t ", "  "]), min_size=2, max_size=2)


class TestAtAStroke:
    """Most are taken so; whatever has a fault is left to be looked at."""

    ITEM: bytes = b'{"external_id":"%d","data":{"a":[1,{"b":"x: y"}]},"metadata":{"a":"b"},"timestamp":"2026-03-01T12:00:00Z"}'

    def drafts(self, raws: list[bytes], form: Form = "data") -> list[Draft] | None:
        return itembatches.drafts(raws, form, Terms(), ARRIVED, lambda: "made")

    def test_many(self) -> None:
        raws = [self.ITEM % number for number in range(1_000)]

        assert self.drafts(raws) == [items.draft(raw, "data", Terms(), ARRIVED, str) for raw in raws]

    @pytest.mark.parametrize(
        "fault",
        [b'{"data":1', b'{"data":1}{', b"[]", b'{"text":"x"}', b'{"data":"\\u0000"}', b'{"data":{"a":1,"a":2}}',
         b'{"data":1,"timestamp":"then"}', b'{"data":1,"timestamp":"2026-03-03T12:00:00Z"}', b'{"data":1e999}',
         b'{"data":"' + b"x" * limits.ITEM_BYTES + b'"}', b'{"data":' + b"[" * 100 + b"]" * 100 + b"}"],
    )  # fmt: skip
    def test_one_fault_among_many(self, fault: bytes) -> None:
        good = [self.ITEM % number for number in range(100)]

        assert self.drafts(good) is not None
        assert self.drafts([*good, fault]) is None

    def test_lines_that_only_together_are_items(self) -> None:
        assert self.drafts([b'{"data":[1', b"2]}"]) is None

    @given(st.lists(st.tuples(members, spaces, st.booleans()), min_size=1, max_size=3), st.data())
    def test_a_key_that_comes_twice_is_never_taken(self, written: list[Any], data: st.DataObject) -> None:
        raws = [f'{{"data":{spelled(value, spaces, escapes)}}}' for value, spaces, escapes in written]
        value, around, escapes = data.draw(st.sampled_from(written))
        repeated = spelled(data.draw(st.sampled_from([*value])), around, escapes)
        place = data.draw(st.integers(0, len(raws) - 1))
        again = f'{{"data":{spelled(value, around, escapes)[:-1]},{repeated}{around[0]}:1}}}}'

        assert self.drafts([each.encode() for each in [*raws[:place], again, *raws[place:]]]) is None
        found = items.draft(again.encode(), "data", Terms(), ARRIVED, str)
        assert isinstance(found, Wrong)
        assert found.status == 400
