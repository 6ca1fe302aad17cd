"""What the door refuses: each has its answer, and nothing is kept."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from backports import zstd

from tests.ingest.conftest import COMMITS, NOW, Answer, Caller, Change, Made

pytestmark = COMMITS

MIB = 1024 * 1024
GOOD = {"external_id": "a", "data": 1}


def problems(answer: Answer) -> dict[str, str]:
    assert (answer.status, answer.body["error_code"]) == (422, "unprocessable_entity"), answer.body
    return {each["path"]: each["message"] for each in answer.body["details"]["errors"]}


def refusal(answer: Answer) -> tuple[int, str, Any]:
    return answer.status, answer.body["error_code"], answer.body.get("details")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"   ", 422), (b"[]", 422), (b"null", 422), (b"{}", 422), (b'{"items": {}}', 422), (b'{"item": []}', 422),
        (b'{"items": [{"data": 1}', 400), (b"{", 400), (b'{"items": [', 400), (b'{"items": [1', 400), (b'{"items":[{"data":"x}]}', 400),
        (b'{"items":[{"data":' + b"[" * 101 + b"]" * 101 + b"}]}", 400), (b"[" * 100_000, 400),
        (b'{"items":[{"data":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}]}", 400), (b'{"items":' + b"[" * 5_000, 400),
        (b'{"items":[{"data":' + b"[" * 900 + b"]" * 900 + b"}]}", 400),
        (b'{"items":[],"items":[{"data":1}]}', 400), (b'{"items":[{"data":1,"data":2}]}', 400),
        (b'{"items":[{"data":{"a":1,"a":1}}]}', 400), (b'{"items":[{"external_id":"a","external_id":"b","data":1}]}', 400),
        (b'{"items":[{"data":1,"metadata":{"a":"1","a":"2"}}]}', 400),
        (b'{"items":[{"data":"\\ud800"}]}', 400), (b'{"items":[{"data":"\\udc00\\ud800"}]}', 400),
        (b'{"items":[{"data":{"\\udfff":1}}]}', 400), (b'{"items":[{"data":1,"external_id":"\\ud83d"}]}', 400),
        (b'{"items":[{"data":1,"metadata":{"a":"\\uDBFF"}}]}', 400), (b'{"items":[{"data":"\xed\xa0\x80"}]}', 400),
        (b'{"items":[{"data":"\xff"}]}', 400), (b'{"items":[{"data":NaN}]}', 400), (b'{"items":[{"data":1}]} x', 400),
        (b'\xef\xbb\xbf{"items":[]}', 400), (b'{"items":[{"data":1e999}]}', 400),
    ],
)  # fmt: skip
def test_bodies(push: Caller, body: bytes, status: int) -> None:
    answer = push("", body)

    assert answer.status == status, answer.body
    assert answer.body["error_code"] == {400: "bad_request", 422: "unprocessable_entity"}[status]
    assert push.total == 0


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("", "text/plain"), ("", "application/xml"), ("", "multipart/form-data"), ("", "application/x-www-form-urlencoded"),
        ("/typed", "text/plain"), ("/text", "text/html"), ("", "application/json; charset=utf-16"),
        ("/text", "text/plain; charset=iso-8859-1"),
    ],
)  # fmt: skip
def test_content_types(push: Caller, call: str, kind: str) -> None:
    assert refusal(push(call, b"x", content_type=kind)) == (415, "unsupported_media_type", None)


@pytest.mark.parametrize("name", ["br", "deflate", "compress", "gzip, gzip", "zstd, gzip", "x"])
def test_encodings_nobody_offered(push: Caller, name: str) -> None:
    assert refusal(push("", b"x", content_encoding=name)) == (415, "unsupported_media_type", None)


# The time would be a part of it, and of the names of tests.
_PACKED = gzip.compress(json.dumps({"items": [GOOD]}).encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gzip", b"junk"), ("gzip", _PACKED[:-4]), ("gzip", zlib.compress(b"{}")), ("zstd", _PACKED),
        ("zstd", zstd.compress(b'{"items":[]}')[:-1]), ("gzip", b""), ("zstd", b"{}"),
    ],
)  # fmt: skip
def test_bodies_that_arent_packed_as_they_say(push: Caller, name: str, body: bytes) -> None:
    answer = push("", body, content_encoding=name)

    assert answer.status == (400 if body else 422)
    assert push.total == 0


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("inside", ["spaces", "one text", "items", "twice", "lines"])
def test_bombs(push: Caller, pack: Any, inside: str) -> None:
    body = {
        "spaces": b" " * 60 * MIB,
        "one text": b'{"items":[{"data":"' + b"x" * 60 * MIB + b'"}]}',
        "items": b'{"items":[' + b'{"data":0},' * 2 * MIB + b'{"data":0}]}',
        "twice": b" " * 11 * MIB,
        "lines": b'{"data":0}\n' * 2 * MIB,
    }[inside]
    kind = "application/x-ndjson" if inside == "lines" else "application/json"
    packed = pack(body) * (2 if inside == "twice" else 1)

    answer = push(
        "", packed, content_encoding=pack.__module__.rpartition(".")[2].lstrip("_"), content_type=kind
    )

    assert refusal(answer) == (413, "payload_too_large", {"limit_bytes": 10 * MIB})
    assert push.total == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nope", "This item is not JSON at byte 0."),
        (b'{"data": NaN}', "This item is not JSON at byte 9."),
        (b'{"data":"\\ud800"}', "This item holds half a surrogate pair, or a number that is out of range."),
    ],
)  # fmt: skip
def test_a_line_that_can_t_be_read_is_told_with_its_place(push: Caller, line: bytes, said: str) -> None:
    answer = push("", b'{"data":0}\n' + line, content_type="application/x-ndjson")

    assert (answer.status, answer.body["message"]) == (400, f"items.1: {said}")


def test_sizes(push: Caller) -> None:
    many = {"items": [{"data": n} for n in range(5_001)]}
    large = json.dumps({"data": "x" * (MIB - 11)}).encode()
    assert len(large) == MIB + 1

    assert refusal(push("", many)) == (413, "payload_too_large", {"limit_items": 5_000})
    lines = b"\n".join(json.dumps(each).encode() for each in many["items"])
    assert refusal(push("", lines, content_type="application/x-ndjson"))[2] == {"limit_items": 5_000}
    assert refusal(push("", b'{"items":[' + large + b"]}"))[2] == {"limit_bytes": MIB}
    assert refusal(push("", large, content_type="application/x-ndjson"))[2] == {"limit_bytes": MIB}
    assert refusal(push("/text", b"x" * MIB, content_type="text/plain"))[2] == {"limit_bytes": MIB}

    assert refusal(push("", b" " * (10 * MIB + 1)))[2] == {"limit_bytes": 10 * MIB}
    assert refusal(push("", b"{}", content_length=str(10 * MIB + 1)))[2] == {"limit_bytes": 10 * MIB}
    piece = {"type": "http.request", "body": b" " * MIB, "more_body": True}
    assert refusal(push(pieces=[dict(piece) for _ in range(11)]))[2] == {"limit_bytes": 10 * MIB}
    assert push.total == 0


@pytest.mark.parametrize("kind", ["video", "", "Email", None, 1, [], {}])
def test_unknown_kinds(push: Caller, kind: Any) -> None:
    answer = push("/typed", {"items": [{"kind": kind, "payload": {}}]})

    assert [*problems(answer)] == ["items.0.kind"]


@pytest.mark.parametrize("kind", ["email", "message", "calendar", "issue", "custom"])
def test_kinds_that_are_not_accepted(made: Made, kind: str) -> None:
    push = made.caller(accepted_kinds=["page"])
    payload = {"from": "a@b.co", "text": "x", "title": "x"}
    page = {"kind": "page", "payload": {"title": "x"}}
    typed = {"items": [page, {"kind": kind, "payload": payload}]}

    assert push("/typed", typed).body == {
        "error_code": "bad_request",
        "message": f"items.1: This connector doesn't accept the kind {kind}; it accepts page.",
    }
    assert push.total == 0
    assert push("/typed", typed, query="partial=true").body["results"][1]["outcome"] == "rejected"
    assert (push("", {"items": [GOOD]}).status, push("/text", {"items": [{"text": "x"}]}).status) == (
        400,
        400,
    )


def test_one_bad_item_keeps_the_whole_batch_out(push: Caller) -> None:
    from ropewalk.store.events.installed import events

    bad = {"external_id": 1, "metadata": {"a": 1}, "data": 1}
    answer = push("", {"items": [GOOD, bad, {"timestamp": "soon", "external_id": "z"}]})

    assert problems(answer) == {
        "items.1.external_id": "Give a text.",
        "items.1.metadata.a": "Give a text.",
        "items.2.timestamp": "Give an ISO 8601 time, or an epoch in seconds or milliseconds.",
        "items.2.data": "This is required.",
    }
    assert push.total == 0
    kept = events().rejections(push.organization, push.connector)
    assert [each.external_id for each in kept] == ["z", None]


def test_parameters(push: Caller) -> None:
    for query in ("partial=maybe", "validate=", "partial=true&partial=true", "colour=red", "partial%00=true"):
        assert len(problems(push("", {"items": [GOOD]}, query=query))) == 1
    assert push.total == 0


class TestKeys:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            "Bearer pk_live_nobody",
            "Bearer nothing",
            "pk_live_x",
            "Bearer \xff\xfe",
        ],
    )
    def test_none_that_is_live(self, push: Caller, header: str) -> None:
        answer = push("", {"items": [GOOD]}, authorization=header)

        assert refusal(answer) == (401, "authentication_error", None)
        assert answer.headers["www-authenticate"] == 'Bearer realm="ropewalk"'
        assert "x-ratelimit-limit" not in answer.headers

    def test_one_that_has_expired(self, made: Made, push: Caller) -> None:
        from ropewalk.engine.clock import SystemClock

        class Later(SystemClock):
            def now(self) -> Any:
                return super().now() + timedelta(hours=2 * self.hours)

            hours = 0

        key = made.key(expires_at=NOW + timedelta(hours=1))
        clock = Later()
        caller = Caller(made.door(clock=clock), push.runner, push.organization, push.connector, key)
        assert caller("", {"items": [GOOD]}).status == 202
        Later.hours = 1
        assert caller("", {"items": [GOOD]}).status == 401

    @pytest.mark.parametrize("call", ["", "/text", "/typed", "/typed/upload"])
    def test_scopes(self, made: Made, push: Caller, call: str) -> None:
        answer = push(call, b"{}", key=made.key("read", "write", "admin"))

        assert refusal(answer) == (403, "insufficient_scopes", {"missing_scopes": ["ingest"]})

    @pytest.mark.parametrize("call", ["", "/text", "/typed", "/typed/upload"])
    def test_a_revoked_one_is_refused_by_every_process_at_once(
        self, made: Made, push: Caller, call: str
    ) -> None:
        from ropewalk.store import keys

        text = made.key()
        doors = [made.doors[0], made.door(), made.door()]
        callers = [Caller(door, push.runner, push.organization, push.connector, text) for door in doors]
        assert [each("", {"items": [{"data": 1}]}).status for each in callers] == [202] * 3

        key = keys.authenticate(text, now=NOW)
        assert key
        keys.revoke(made.organization, key.id, now=NOW)

        for each in callers:
            for body in ({"items": [{"data": 1}]}, {"items": 1}, b"{"):
                assert each(call, body).status == 401
            assert each("", {"items": [GOOD]}, query="validate=true").status == 401
            assert each("", {"items": [GOOD]}, connector=uuid4()).status == 401

    def test_calls_a_minute(self, made: Made, push: Caller) -> None:
        caller = Caller(made.door(calls_a_minute=2), push.runner, push.organization, push.connector, push.key)
        answers = [caller("", {"items": [GOOD]}) for _ in range(3)]

        assert [answer.status for answer in answers] == [202, 202, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
        assert refusal(answers[2])[1] == "rate_limit_exceeded"
        assert 0 < int(answers[2].headers["retry-after"]) <= 60


class TestConnectors:
    @pytest.mark.parametrize("call", ["", "/text", "/typed", "/typed/upload"])
    def test_anothers_is_none(self, made: Made, push: Caller, call: str) -> None:
        from ropewalk.core.actors import Actor
        from ropewalk.store import pushing
        from ropewalk.store.models import Organization

        other = Organization.objects.create(name=f"Other {uuid4()}", created_at=NOW)
        made.others.append(other.id)
        theirs = pushing.create(
            other.id, name="T", source_name="t", accepted_kinds=[], metadata={}, event_schema=None,
            created_by=Actor("cli", "root", "root"), now=NOW,
        )  # fmt: skip

        for connector in (theirs.id, uuid4(), "x", "x" * 36, f"{{{uuid4()}}}"):
            answer = push(call, {"items": [GOOD]}, connector=connector)
            assert refusal(answer) == (404, "not_found", None)

    def test_one_that_is_not_active(self, push: Caller, change: Change) -> None:
        assert push("", {"items": [GOOD]}).status == 202
        change(push.connector, is_active=False)
        assert refusal(push("", {"items": [GOOD]})) == (403, "permission_denied", None)
        change(push.connector, is_active=True)
        assert push("", {"items": [GOOD]}).status == 202

    def test_kinds_change_at_once(self, push: Caller, change: Change) -> None:
        change(push.connector, accepted_kinds=["page"])
        assert push("", {"items": [GOOD]}).status == 400
        change(push.connector, accepted_kinds=[])
        assert push("", {"items": [GOOD]}).status == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_methods(push: Caller, method: str) -> None:
    answer = push("", b"", method=method)

    assert refusal(answer) == (405, "method_not_allowed", None)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("call", ["", "/text", "/typed", "/typed/upload"])
def test_bodies_that_come_too_slowly(made: Made, push: Caller, call: str) -> None:
    door = made.door(body_seconds=0.02, upload_seconds=0.02)
    caller = Caller(door, push.runner, push.organization, push.connector, push.key)
    kind = "multipart/form-data; boundary=B" if "upload" in call else "application/json"
    slow = [{"type": "http.request", "body": b"{", "more_body": True}]
    if "upload" in call:
        slow = [{"type": "http.request", "body": b"--B\r\n", "more_body": True}]

    assert refusal(caller(call, pieces=slow, content_type=kind)) == (408, "request_timeout", None)


class TestStorage:
    class Full:
        """A store that can't take anything."""

        def append(self, *_: Any) -> Any:
            from ropewalk.store.events.base import Busy

            raise Busy("full")

        def close(self) -> None:
            pass

    def test_that_can_not_take_it(self, made: Made, push: Caller) -> None:
        from ropewalk.engine.clock import SystemClock
        from ropewalk.ingest.commit import Committer

        door = made.door(committer=lambda loop: Committer(self.Full(), loop, SystemClock()))  # type: ignore[arg-type]
        caller = Caller(door, push.runner, push.organization, push.connector, push.key)
        answer = caller("", {"items": [GOOD]})

        assert refusal(answer) == (503, "unavailable", None)
        assert answer.headers["retry-after"] == "5"
        assert push.total == 0

    def test_that_falls_behind(self, made: Made, push: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        from ropewalk.ingest import commit

        monkeypatch.setattr(commit, "WAITING_BYTES", 0)
        answer = push("", {"items": [GOOD]})

        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert push.total == 0

    def test_bodies_under_way_are_bounded(
        self, made: Made, push: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ropewalk.ingest import door

        monkeypatch.setattr(door, "HELD_BYTES", 2 * MIB)

        async def crowd() -> list[int]:
            refused = asyncio.Event()

            def body() -> list[dict[str, Any] | asyncio.Event]:
                piece = {"type": "http.request", "body": b" " * MIB, "more_body": True}
                return [piece, refused, {"type": "http.request", "body": b'{"items":[]}', "more_body": False}]

            statuses = []
            for answer in asyncio.as_completed([push.ask("", pieces=body()) for _ in range(4)]):
                statuses.append((await answer).status)
                if len(statuses) == 2:
                    refused.set()
            return statuses

        assert push.runner.run(crowd()) == [503, 503, 202, 202]
        assert push("", {"items": []}, content_length=str(3 * MIB)).status == 503
        assert push("", {"items": []}, content_length=str(2 * MIB)).status == 202
