"""What the door takes, and what it answers."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from backports import zstd

from tests.ingest.conftest import COMMITS, Caller, Change, Made

pytestmark = COMMITS


def accepted(*told: tuple[str, str]) -> dict[str, Any]:
    return {
        "status": "accepted",
        "events": len(told),
        "external_ids": [name for name, _ in told],
        "results": [{"external_id": name, "outcome": outcome} for name, outcome in told],
    }


def test_items_in_their_order(push: Caller) -> None:
    items = [
        {"external_id": "b", "data": {"n": 1}},
        {"external_id": "a", "data": [2], "metadata": {"k": "v"}},
    ]
    answer = push("", {"items": items})

    assert (answer.status, answer.body) == (202, accepted(("b", "created"), ("a", "created")))
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-request-id"]) == ("1000000", "made")
    assert [(each.external_id, json.loads(each.content), each.metadata) for each in push.stored()[:2]] == [
        ("a", items[1], {"k": "v"}),
        ("b", items[0], {}),
    ]


def test_once_more_and_with_other_content(push: Caller) -> None:
    def outcome(data: Any) -> str:
        return str(push("", {"items": [{"external_id": "a", "data": data}]}).body["results"][0]["outcome"])

    assert [outcome(1), outcome(1.0), outcome(2), outcome(1)] == [
        "created",
        "duplicate",
        "updated",
        "updated",
    ]


def test_twice_in_a_batch_the_later_one_wins(push: Caller) -> None:
    one, two = {"external_id": "a", "data": 1}, {"external_id": "a", "data": 2}
    push("", {"items": [one]})

    assert push("", {"items": [one, two]}).body == accepted(("a", "updated"), ("a", "updated"))
    assert push("", {"items": [one, two]}).body == accepted(("a", "duplicate"), ("a", "duplicate"))
    assert json.loads(push.stored()[0].content) == two


def test_ids_are_made(push: Caller) -> None:
    answer = push("", {"items": [{"data": 1}, {"data": 1}]})

    ids = answer.body["external_ids"]
    assert len(set(ids)) == 2
    assert [each.external_id for each in push.stored()[:2]] == ids[::-1]


def test_text(push: Caller) -> None:
    listed = push("/text", {"items": [{"external_id": "a", "text": "hi"}]})
    plain = push("/text", "Grüße\n".encode(), content_type="text/plain; charset=utf-8")

    assert (listed.status, listed.body) == (202, accepted(("a", "created")))
    assert (plain.status, plain.body["events"]) == (202, 1)
    assert json.loads(push.stored()[0].content) == {"text": "Grüße\n"}


def test_typed(push: Caller) -> None:
    page = {
        "kind": "page",
        "external_id": "p",
        "payload": {"title": "T", "more": 1},
        "timestamp": "2026-01-01",
    }
    mail = {"kind": "email", "payload": {"from": "ada@acme.com", "to": ["x@ours.com"]}, "external_id": "m"}

    assert push("/typed", {"items": [page, mail]}).body == accepted(("p", "created"), ("m", "created"))
    found = {each.external_id: each for each in push.stored()}
    assert (found["p"].kind, found["p"].name, found["p"].at.isoformat()) == (
        "page", "page", "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    assert found["m"].keys == ("domain:acme.com",)


@pytest.mark.parametrize("pack", [None, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
def test_lines_and_packed_bodies(push: Caller, pack: Any) -> None:
    lines = b'{"external_id":"a","data":1}\r\n\n{"external_id":"b","data":2}'
    name = {None: "", gzip.compress: "gzip", zstd.compress: "zstd"}[pack]
    packed = pack(lines) if pack else lines

    answer = push("", packed, content_type="application/x-ndjson", content_encoding=name)

    assert (answer.status, answer.body) == (202, accepted(("a", "created"), ("b", "created")))


def test_five_thousand_at_once(push: Caller) -> None:
    items = [{"external_id": str(n), "data": {"n": n, "text": "x" * 50}} for n in range(5_000)]

    answer = push("", {"items": items})
    again = push("", {"items": items})

    assert (answer.status, answer.body["events"]) == (202, 5_000)
    assert {each["outcome"] for each in again.body["results"]} == {"duplicate"}
    assert push.total == 5_000


def test_nothing_is_an_empty_list(push: Caller) -> None:
    assert push("", {"items": []}).body == accepted()
    assert push("/typed", {"items": []}).status == 422


def test_a_body_in_pieces(push: Caller) -> None:
    raw = json.dumps({"items": [{"external_id": "a", "data": 1}]}).encode()
    pieces = [
        {"type": "http.request", "body": raw[n : n + 5], "more_body": True} for n in range(0, len(raw), 5)
    ]

    assert push(pieces=[*pieces, {"type": "http.request"}]).body == accepted(("a", "created"))


def test_who_hangs_up_is_not_answered(push: Caller) -> None:
    half = {"type": "http.request", "body": b'{"items": [{"data": 1}]}', "more_body": True}

    assert push(pieces=[half, {"type": "http.disconnect"}]).status == 0
    assert push.total == 0


def test_only_checked(push: Caller) -> None:
    good, bad = {"external_id": "a", "data": 1}, {"external_id": 1, "data": 1}

    assert push("", {"items": [good]}, query="validate=true").body == {"status": "valid", "events": 1}
    assert push("", {"items": [good, bad]}, query="validate=true&partial=true").body["events"] == 1
    assert push("", {"items": [good, bad]}, query="validate=true").status == 422
    assert push.total == 0


def test_partial(push: Caller) -> None:
    from ropewalk.store.events.installed import events

    items = [
        {"kind": "page", "external_id": "a", "payload": {"title": "A"}},
        {"kind": "page", "external_id": "b", "payload": {"title": 1}},
        {"kind": "video", "payload": {}},
        {"kind": "page", "external_id": "c", "payload": {"url": "u"}},
    ]
    answer = push("/typed", {"items": items}, query="partial=true")

    assert (answer.status, answer.body["events"], answer.body["external_ids"]) == (202, 2, ["a", "c"])
    told = answer.body["results"]
    assert [(each["external_id"], each["outcome"]) for each in told] == [
        ("a", "created"), ("b", "rejected"), (None, "rejected"), ("c", "created"),
    ]  # fmt: skip
    assert told[1]["error"] == {
        "error_code": "unprocessable_entity",
        "message": "Some of this can't be taken as it is.",
        "details": {"errors": [{"path": "items.1.payload.title", "message": "Give a text."}]},
    }
    kept = events().rejections(push.organization, push.connector)
    assert [(each.external_id, each.errors) for each in kept] == [
        (None, ("kind: There is no such kind; there are email, page, message, calendar, issue, custom.",)),
        ("b", ("payload.title: Give a text.",)),
    ]


def test_what_a_connector_says_of_its_events(made: Made, change: Change) -> None:
    push = made.caller(
        metadata={"team": "blue"}, event_schema={"account": "org", "match_by": "domain", "name": "what"}
    )

    push("", {"items": [{"external_id": "a", "data": {"org": "Acme.com", "what": "Paid"}}]})
    change(push.connector, metadata={"team": "red"}, event_schema=None)
    push("", {"items": [{"external_id": "b", "data": {"org": "Acme.com"}, "metadata": {"by": "me"}}]})

    assert [(each.name, each.keys, each.metadata) for each in push.stored()[:2]] == [
        ("custom", (), {"team": "red", "by": "me"}),
        ("Paid", ("domain:acme.com",), {"team": "blue"}),
    ]


def test_many_at_once_are_all_answered(push: Caller) -> None:
    async def together() -> list[Any]:
        bodies = [{"items": [{"external_id": f"{n % 90}", "data": 1}]} for n in range(100)]
        return await asyncio.gather(*(push.ask("", body) for body in bodies))

    answers = push.runner.run(together())

    outcomes = [answer.body["results"][0]["outcome"] for answer in answers]
    assert (outcomes.count("created"), outcomes.count("duplicate")) == (90, 10)
    assert push.total == 90


@pytest.mark.parametrize("size", [1, 100_000])
def test_those_of_one_group_are_answered_each_for_itself(push: Caller, size: int) -> None:
    from ropewalk.store.events.installed import events

    text = "x" * size
    wrong = {"items": [{"external_id": "w", "data": text}, {"external_id": "v", "date": 1}]}

    async def together() -> list[Any]:
        good = {"items": [{"external_id": "a", "data": text}]}
        asked = [
            push.ask("", good),
            push.ask("", wrong),
            push.ask("", {"items": [{"external_id": "b", "data": 1}]}),
        ]
        asked += [push.ask("", wrong, query="partial=true"), push.ask("", good, query="validate=true")]
        return await asyncio.gather(*asked, push.ask("", b"[" * size))

    answers = push.runner.run(together())

    assert [answer.status for answer in answers] == [202, 422, 202, 202, 200, 400]
    assert answers[0].body == accepted(("a", "created"))
    assert [each["path"] for each in answers[1].body["details"]["errors"]] == ["items.1.date", "items.1.data"]
    assert answers[3].body["external_ids"] == ["w"]
    assert answers[4].body == {"status": "valid", "events": 1}
    assert push.total == 3
    assert {each.external_id for each in events().rejections(push.organization, push.connector)} == {"v"}


def test_callers_of_several_connectors_at_once(made: Made) -> None:
    callers = [
        made.caller(metadata={"team": "blue"}),
        made.caller(event_schema={"name": "what"}),
        made.caller(accepted_kinds=["page"]),
    ]
    item = {"external_id": "a", "data": {"what": "Paid"}}

    async def together() -> list[Any]:
        asked = [each.ask("", {"items": [item]}) for each in callers for _ in range(3)]
        asked += [each.ask("/text", {"items": [{"external_id": "b", "text": "Hi"}]}) for each in callers[:2]]
        return await asyncio.gather(*asked)

    answers = callers[0].runner.run(together())

    assert [answer.status for answer in answers] == [202] * 6 + [400] * 3 + [202] * 2
    stored = {(each.connector_id, each.external_id): each for each in callers[0].stored()}
    blue, named = (caller.connector for caller in callers[:2])
    assert [
        (stored[place].name, stored[place].metadata)
        for place in ((blue, "a"), (blue, "b"), (named, "a"), (named, "b"))
    ] == [
        ("custom", {"team": "blue"}),
        ("custom", {"team": "blue"}),
        ("Paid", {}),
        ("custom", {}),
    ]
    assert [caller.total for caller in callers] == [2, 2, 0]


def form(
    *parts: tuple[str, bytes], file: bytes | None = b"%PDF", name: str = "a.pdf", end: str = "--"
) -> bytes:
    pieces = [
        f'--B\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n'.encode() + value + b"\r\n"
        for field, value in parts
    ]
    if file is not None:
        head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        pieces.append((head + "Content-Type: application/pdf\r\n\r\n").encode() + file + b"\r\n")
    return b"".join(pieces) + f"--B{end}\r\n".encode()


FORM = "multipart/form-data; boundary=B"


class TestUploads:
    def test_a_file_and_what_is_said_of_it(self, made: Made, push: Caller) -> None:
        from ropewalk.store.uploads import FolderUploads

        parts = [
            ("kind", b"issue"),
            ("external_id", b"i-1"),
            ("payload", b'{"title":"T"}'),
            ("metadata", b'{"a":"b"}'),
        ]
        answer = push("/typed/upload", form(*parts), content_type=FORM)

        assert (answer.status, answer.body) == (202, accepted(("i-1", "created")))
        stored = push.stored()[0]
        told = json.loads(stored.content)
        digest = told["file"]["sha256"]
        assert told == {
            "kind": "issue", "external_id": "i-1", "payload": {"title": "T"}, "metadata": {"a": "b"},
            "file": {"name": "a.pdf", "content_type": "application/pdf", "bytes": 4, "sha256": digest},
        }  # fmt: skip
        assert (stored.upload, stored.metadata) == (digest, {"a": "b"})
        assert b"".join(FolderUploads(made.folder).read(made.organization, digest)) == b"%PDF"

    def test_no_file_stays_of_an_item_that_was_rejected(self, made: Made, push: Caller) -> None:
        before = sorted(made.folder.rglob("*"))
        body = form(("kind", b"video"), file=b"of nobody")

        answer = push("/typed/upload", body, content_type=FORM, query="partial=true")

        assert [each["outcome"] for each in answer.body["results"]] == ["rejected"]
        assert sorted(made.folder.rglob("*")) == before

    def test_a_page_is_named_by_its_file(self, push: Caller) -> None:
        assert push("/typed/upload", form(name="Übersicht.pdf"), content_type=FORM).status == 202
        assert json.loads(push.stored()[0].content)["payload"] == {"title": "Übersicht.pdf"}

    def test_the_same_file_again(self, push: Caller) -> None:
        bodies = [
            form(("external_id", b"a")),
            form(("external_id", b"a")),
            form(("external_id", b"a"), file=b"2"),
        ]
        answers = [push("/typed/upload", body, content_type=FORM) for body in bodies]

        outcomes = [answer.body["results"][0]["outcome"] for answer in answers]
        assert outcomes == ["created", "duplicate", "updated"]

    @pytest.mark.parametrize(
        ("body", "status", "path"),
        [
            (b"", 400, ""), (b"junk", 400, ""), (form(end=""), 400, ""), (form()[:40], 400, ""),
            (form(("payload", b"{")), 400, ""), (form(("metadata", b"\xff")), 400, ""), (form(("kind", b"\xff")), 400, ""),
            (form(file=None), 422, "file"), (form(("file", b"x"), file=None), 422, "file"),
            (form(("payload", b"[]")), 422, "payload"), (form(("metadata", b'{"a":1}')), 422, "items.0.metadata.a"),
            (form(("kind", b"video")), 422, "items.0.kind"), (form(("colour", b"red")), 422, "colour"),
            (form(("kind", b"page"), ("kind", b"page")), 422, "kind"), (form(("kind", b"email")), 422, "items.0.payload.from"),
            (form(("external_id", b"x" * 513)), 422, "items.0.external_id"),
        ],
    )  # fmt: skip
    def test_forms_that_are_refused(self, push: Caller, body: bytes, status: int, path: str) -> None:
        answer = push("/typed/upload", body, content_type=FORM)

        assert answer.status == status, answer.body
        if status == 422:
            assert path in [each["path"] for each in answer.body["details"]["errors"]]
        assert push.total == 0

    @pytest.mark.parametrize(
        ("kind", "status"),
        [("multipart/form-data", 400), ("multipart/form-data; boundary=" + "b" * 300, 400), ("application/json", 415),
         ("multipart/mixed; boundary=B", 415), ("", 415)],
    )  # fmt: skip
    def test_types_of_forms(self, push: Caller, kind: str, status: int) -> None:
        assert push("/typed/upload", form(), content_type=kind).status == status

    def test_25_mebibytes_and_no_more(self, push: Caller, made: Made) -> None:
        limit = 25 * 1024 * 1024
        over = push("/typed/upload", form(file=b"x" * (limit + 1)), content_type=FORM)

        assert (over.status, over.body["details"]) == (413, {"limit_bytes": limit})
        assert push("/typed/upload", form(file=b"x" * limit), content_type=FORM).status == 202
        assert push.total == 1
