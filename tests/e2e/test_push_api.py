"""The requests of push-api.md as curl sends them, at a real server; the client, a file and a tail beside them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ropewalk.client import Client, Refused
from tests.cli.conftest import Loaded
from tests.e2e.installation import Api, Installation, Started, until
from tests.fakes.warehouses.listening import free_port
from tests.migrated import migrated


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Curl:
    url: str
    key: str
    asked: int = 0
    ids: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, *more: str, key: str | None = None) -> Answer:
        text = self.key if key is None else key
        authorization = ["-H", f"Authorization: Bearer {text}"] if text else []
        done = subprocess.run(
            ["curl", "-sS", "-i", "-X", method, *authorization, *more, f"{self.url}{path}"],
            capture_output=True,
            timeout=60,
            check=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, body = body.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), headers, body)

    def send(self, path: str, body: Any, *more: str, method: str = "POST", **options: Any) -> Answer:
        return self(
            method, path, "-H", "Content-Type: application/json", "--data", json.dumps(body), *more, **options
        )


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, loaded: Loaded
) -> Iterator[tuple[Installation, Curl, Started]]:
    installation = Installation(tmp_path_factory.mktemp("push") / "acme", like=migrated(), loaded=loaded)
    key, port = installation.init(), free_port()
    url = f"http://127.0.0.1:{port}"
    with installation.started("serve", "--port", str(port)) as process:
        process.says(url)
        yield installation, Curl(url, key), process
    installation.drop()


@pytest.fixture(scope="module")
def curl(served: tuple[Installation, Curl, Started]) -> Curl:
    curl = served[1]
    made = curl.send("/v1/custom-connectors", {"name": "Product", "source_name": "product"})
    assert made.status == 201, made.body
    curl.ids["product"] = made.json["connector_id"]
    return curl


@pytest.fixture(scope="module")
def second(served: tuple[Installation, Curl, Started]) -> Iterator[str]:
    """Where another web process of the same installation answers."""
    port = free_port()
    with served[0].started(str(port), module="tests.e2e.impatient"):
        until(Api(port).is_up, "the second process answers")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def at(curl: Curl) -> str:
    return f"/v1/custom-connectors/{curl.ids['product']}"


def refusal(answer: Answer) -> tuple[int, str]:
    assert [*answer.json] in (["error_code", "message"], ["error_code", "message", "details"])
    assert isinstance(answer.json["message"], str)
    return answer.status, answer.json["error_code"]


def test_a_connector_is_the_documented_resource(curl: Curl, at: str) -> None:
    found = curl("GET", at).json

    assert [*found] == [
        "connector_id",
        "name",
        "source_name",
        "created_at",
        "created_by",
        "is_active",
        "accepted_kinds",
        "metadata",
        "event_schema",
        "statistics",
    ]
    assert found["created_by"].keys() == {"type", "id"}
    assert isinstance(curl("GET", "/v1/custom-connectors").json, list)


def test_what_is_kept_is_answered_to_the_byte(curl: Curl, at: str) -> None:
    items = {"items": [{"external_id": "a", "data": {"n": 1}}, {"external_id": "b", "data": [2]}]}

    first = curl.send(f"{at}/ingest", items)
    again = curl.send(f"{at}/ingest", {"items": [items["items"][1], {"external_id": "a", "data": {"n": 2}}]})

    assert (first.status, first.body) == (
        202,
        b'{"status":"accepted","events":2,"external_ids":["a","b"],"results":'
        b'[{"external_id":"a","outcome":"created"},{"external_id":"b","outcome":"created"}]}',
    )
    assert again.body == (
        b'{"status":"accepted","events":2,"external_ids":["b","a"],"results":'
        b'[{"external_id":"b","outcome":"duplicate"},{"external_id":"a","outcome":"updated"}]}'
    )
    assert {
        "x-request-id",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    } <= first.headers.keys()
    latest, before = (
        curl("GET", "/v1/events/custom:product/a"),
        curl("GET", "/v1/events/custom:product/a?version=1"),
    )
    assert [(each.json["version"], each.json["data"]) for each in (latest, before)] == [
        (2, {"n": 2}),
        (1, {"n": 1}),
    ]


def test_only_checked_is_answered_to_the_byte(curl: Curl, at: str) -> None:
    answer = curl.send(f"{at}/ingest?validate=true", {"items": [{"external_id": "never", "data": 1}]})

    assert (answer.status, answer.body) == (200, b'{"status":"valid","events":1}')
    assert curl("GET", "/v1/events/custom:product/never").status == 404


def test_each_call(curl: Curl, at: str, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("What we agreed on.")
    lines = tmp_path / "lines.ndjson"
    lines.write_text('{"external_id": "l1", "data": 1}\n{"external_id": "l2", "data": 2}\n')
    packed = tmp_path / "lines.gz"
    packed.write_bytes(subprocess.run(["gzip", "-c", lines], capture_output=True, check=True).stdout)

    found = [
        curl.send(f"{at}/ingest/text", {"items": [{"external_id": "t1", "text": "Hello"}]}),
        curl("POST", f"{at}/ingest/text", "-H", "Content-Type: text/plain", "--data", "Hello, whole"),
        curl.send(
            f"{at}/ingest/typed",
            {
                "items": [
                    {"kind": "email", "external_id": "m1", "payload": {"from": "ada@acme.com", "subject": "Hi"}},
                    {"kind": "message", "external_id": "m2", "payload": {"text": "Hi", "author": {"email": "ada@acme.com"}}},
                ]
            },
        ),
        curl(
            "POST",
            f"{at}/ingest/typed/upload",
            "-F",
            f"file=@{page}",
            "-F",
            "kind=page",
            "-F",
            "external_id=u1",
            "-F",
            'payload={"title": "Plan"}',
            "-F",
            'metadata={"company_domain": "acme.com"}',
        ),
        curl("POST", f"{at}/ingest", "-H", "Content-Type: application/x-ndjson", "--data-binary", f"@{lines}"),
        curl(
            "POST", f"{at}/ingest", "-H", "Content-Type: application/x-ndjson", "-H", "Content-Encoding: gzip",
            "--data-binary", f"@{packed}",
        ),
    ]  # fmt: skip

    assert [each.status for each in found] == [202] * 6, [each.body for each in found]
    assert [[one["outcome"] for one in each.json["results"]] for each in found] == [
        ["created"],
        ["created"],
        ["created", "created"],
        ["created"],
        ["created", "created"],
        ["duplicate", "duplicate"],
    ]
    kinds = {each["external_id"]: each["kind"] for each in curl("GET", "/v1/events?limit=500").json["items"]}
    assert {name: kinds[name] for name in ("t1", "m1", "m2", "u1", "l1")} == {
        "t1": "custom",
        "m1": "email",
        "m2": "message",
        "u1": "page",
        "l1": "custom",
    }
    acme = curl.send("/v1/accounts", {"companyName": "Acme", "companyDomain": "acme.com"}).json["account_id"]
    mine = curl("GET", f"/v1/events?account_id={acme}").json["items"]
    assert sorted(each["external_id"] for each in mine) == ["m1", "m2", "u1"]
    timeline = curl("GET", f"/v1/accounts/{acme}/events?source=Product").json["items"]
    assert sorted(each["name"] for each in timeline) == ["email", "message", "page"]


def test_each_row_of_the_error_table(curl: Curl, at: str) -> None:
    item = {"external_id": "x", "data": 1}
    reader = curl.send("/v1/api-keys", {"name": "Reader", "scopes": ["read"]}).json["key"]
    other = curl.send(
        "/v1/custom-connectors", {"name": "Mail", "source_name": "mail", "accepted_kinds": ["email"]}
    )
    mail = f"/v1/custom-connectors/{other.json['connector_id']}"
    off = curl.send("/v1/custom-connectors", {"name": "Off", "source_name": "off"}).json["connector_id"]
    curl("DELETE", f"/v1/custom-connectors/{off}")
    nobody = "/v1/custom-connectors/01980000-0000-7000-8000-000000000000"

    found = {
        "malformed": curl("POST", f"{at}/ingest", "-H", "Content-Type: application/json", "--data", "{"),
        "not accepted": curl.send(
            f"{mail}/ingest/typed", {"items": [{"kind": "message", "payload": {"text": "Hi"}}]}
        ),
        "custom not accepted": curl.send(f"{mail}/ingest", {"items": [item]}),
        "text not accepted": curl.send(f"{mail}/ingest/text", {"items": [{"text": "x"}]}),
        "no key": curl.send(f"{at}/ingest", {"items": [item]}, key=""),
        "unknown key": curl.send(f"{at}/ingest", {"items": [item]}, key="pk_live_unknown"),
        "lacks ingest": curl.send(f"{at}/ingest", {"items": [item]}, key=reader),
        "lacks write": curl.send("/v1/custom-connectors", {"name": "X", "source_name": "x"}, key=reader),
        "lacks admin": curl("DELETE", "/v1/events?source=custom:product&external_id=a", key=reader),
        "inactive": curl.send(f"/v1/custom-connectors/{off}/ingest", {"items": [item]}),
        "no connector": curl.send(f"{nobody}/ingest", {"items": [item]}),
        "no resource": curl("GET", nobody),
        "method": curl("PUT", f"{at}/ingest"),
        "taken": curl.send("/v1/custom-connectors", {"name": "X", "source_name": "product"}),
        "too many items": curl.send(f"{at}/ingest", {"items": [{"data": 1}] * 5_001}),
        "type": curl("POST", f"{at}/ingest", "-H", "Content-Type: text/csv", "--data", "a,b"),
        "invalid": curl.send(f"{at}/ingest", {"items": [{}]}),
        "unknown kind": curl.send(f"{at}/ingest/typed", {"items": [{"kind": "fax", "payload": {}}]}),
    }

    assert {name: refusal(each) for name, each in found.items()} == {
        "malformed": (400, "bad_request"),
        "not accepted": (400, "bad_request"),
        "custom not accepted": (400, "bad_request"),
        "text not accepted": (400, "bad_request"),
        "no key": (401, "authentication_error"),
        "unknown key": (401, "authentication_error"),
        "lacks ingest": (403, "insufficient_scopes"),
        "lacks write": (403, "insufficient_scopes"),
        "lacks admin": (403, "insufficient_scopes"),
        "inactive": (403, "permission_denied"),
        "no connector": (404, "not_found"),
        "no resource": (404, "not_found"),
        "method": (405, "method_not_allowed"),
        "taken": (409, "conflict"),
        "too many items": (413, "payload_too_large"),
        "type": (415, "unsupported_media_type"),
        "invalid": (422, "unprocessable_entity"),
        "unknown kind": (422, "unprocessable_entity"),
    }
    assert found["lacks ingest"].json["details"] == {"missing_scopes": ["ingest"]}
    assert found["too many items"].json["details"] == {"limit_items": 5_000}
    assert [each["path"] for each in found["invalid"].json["details"]["errors"]] == ["items.0.data"]
    assert all("x-request-id" in each.headers for each in found.values())


def test_a_revoked_key_is_refused_by_every_process_at_once(
    served: tuple[Installation, Curl, Started], curl: Curl, second: str, at: str
) -> None:
    installation = served[0]
    made = curl.send("/v1/api-keys", {"name": "Short-lived", "scopes": ["ingest", "read"]}).json

    def asked() -> list[int]:
        each = [Curl(url, made["key"]) for url in (curl.url, second)]
        pushed = [one.send(f"{at}/ingest", {"items": []}).status for one in each]
        return [*pushed, *(one("GET", at).status for one in each)]

    before = asked()
    installation.cli("keys", "revoke", "Short-lived")

    assert (before, asked()) == ([202, 202, 200, 200], [401, 401, 401, 401])


def test_bodies_that_come_too_slowly(curl: Curl, second: str, at: str) -> None:
    place = urlsplit(second)
    begun = [
        ("/ingest", "application/json", b'{"items":['),
        ("/ingest", "application/x-ndjson", b'{"data":1}\n'),
        ("/ingest/text", "text/plain", b"He"),
        ("/ingest/typed", "application/json", b""),
        ("/ingest/typed/upload", "multipart/form-data; boundary=B", b"--B\r\n"),
    ]
    with ExitStack() as callers:
        waiting = []
        for call, kind, piece in begun:
            head = (
                f"POST {at}{call} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {curl.key}\r\n"
                f"Content-Type: {kind}\r\n"
            ).encode()
            chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
            for length in (
                b"Content-Length: 1000\r\n\r\n" + piece,
                b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
            ):
                caller = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30)
                callers.enter_context(caller)
                caller.sendall(head + length)
                waiting.append(caller)
        answers = [b"".join(iter(partial(caller.recv, 65_536), b"")) for caller in waiting]

    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 408 "] * 10
    assert all(b'"error_code":"request_timeout"' in answer for answer in answers)


def test_erased_and_pushed_again_it_starts_anew(curl: Curl, at: str) -> None:
    for number in (1, 2):
        curl.send(f"{at}/ingest", {"items": [{"external_id": "gone", "data": number}]})

    erased = curl("DELETE", "/v1/events?source=custom:product&external_id=gone")
    again = curl.send(f"{at}/ingest", {"items": [{"external_id": "gone", "data": 2}]})

    assert (erased.status, erased.json) == (200, {"events": 1})
    assert again.json["results"] == [{"external_id": "gone", "outcome": "created"}]
    assert curl("GET", "/v1/events/custom:product/gone").json["version"] == 1


def test_the_client(curl: Curl) -> None:
    with Client(curl.url, curl.key) as ropewalk:
        made = {each["source_name"]: each["connector_id"] for each in ropewalk.connectors()}["product"]
        items = [{"external_id": f"p{number}", "data": {"n": number}} for number in range(2_500)]
        pushed = ropewalk.push(made, items)
        again = ropewalk.push(
            made, [*items[:10], {"external_id": "p0", "data": "new"}, {"nothing": 1}], partial=True
        )
        with pytest.raises(Refused) as refused:
            ropewalk.push(made, [{"data": 1}, {"data": 1, "timestamp": "soon"}])
        valid = ropewalk.validate(made, items[:3])
        upload = ropewalk.upload(
            made, b"PDF", filename="plan.pdf", payload={"title": "Plan"}, external_id="up"
        )
        found = list(ropewalk.events(source="custom:product", kind="custom", limit=500))
        one = ropewalk.event("custom:product", "p0", version=1)

    assert (pushed.created, pushed.rejected) == (2_500, {})
    assert (again.duplicates + again.created + again.updated, again.updated, [*again.rejected]) == (
        11,
        2,
        [11],
    )
    assert [each["path"] for each in refused.value.problems] == ["items.1.timestamp"]
    assert valid == 3
    assert upload.results[0].outcome == "created"
    assert len([each for each in found if each["external_id"].startswith("p")]) == 2_500
    assert one["data"] == {"n": 0}


def test_a_file_from_the_command_line(served: tuple[Installation, Curl, Started], curl: Curl) -> None:
    """Over HTTP, and directly while the server is up."""
    installation, _, _ = served
    file = installation.folder / "events.ndjson"
    file.write_text("".join(json.dumps({"data": {"line": number}}) + "\n" for number in range(100)))

    over_http = installation.json("push", "product", str(file), "--url", curl.url, ROPEWALK_KEY=curl.key)
    directly = installation.json("push", "product", str(file))

    assert (over_http["created"], directly["created"], directly["duplicate"]) == (100, 0, 100)


def test_a_tail_hears_of_it_and_ends_with_the_server(
    served: tuple[Installation, Curl, Started], curl: Curl, at: str
) -> None:
    _, _, process = served
    command = ["curl", "-sSN", "-H", f"Authorization: Bearer {curl.key}", f"{curl.url}{at}/tail"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listening:
        assert listening.stdout is not None
        said: list[str] = []
        out = listening.stdout

        def hear() -> None:
            said.extend(line.decode() for line in out)

        thread = threading.Thread(target=hear)
        thread.start()
        until(lambda: [each for each in said if each.startswith("id:")], "the tail has begun")
        curl.send(f"{at}/ingest", {"items": [{"external_id": "heard", "data": 1}]})
        curl.send(f"{at}/ingest", {"items": [{"external_id": "refused", "data": 1, "metadata": 7}]})
        until(lambda: any("event: rejection" in each for each in said), "the rejection is told")
        until(lambda: any('"heard"' in each for each in said), "the arrival is told")

        assert process.ends(signal.SIGTERM, seconds=20) == 0
        thread.join(20)
        assert listening.wait(20) in (0, 18)

    rejection = next(line for place, line in enumerate(said) if "event: rejection" in said[place - 2])
    assert json.loads(rejection.removeprefix("data: "))["errors"] == ["metadata: Give an object."]
