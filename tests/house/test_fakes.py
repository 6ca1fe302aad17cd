"""The servers that other tests rely on do what they say, as seen by a plain client."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.fakes import Answer, Asked, Fake, customers, serve
from tests.fakes.hostile import (
    BIG_INTEGERS,
    HOSTILE,
    BigPage,
    Busy,
    CutOff,
    GzipBomb,
    Ndjson,
    RedirectElsewhere,
    SlowDrip,
)
from tests.fakes.shapes import Cursors, LinkHeader, NextUrls, Offsets, Pages, Whole
from tests.fakes.tls import authority


def ask(url: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[Any, dict[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Accept": "*/*", **(headers or {})})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read()), {name.lower(): value for name, value in answer.headers.items()}


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


EVERY = ids(customers(45))


def test_a_fake_keeps_what_it_was_asked() -> None:
    echo = Fake(lambda asked: asked.json)
    with serve(echo) as url:
        ask(f"{url}/a%20b?x=1&x=2&y=", {"n": 1}, {"X-Token": "t"})

    (asked,) = echo.seen
    assert echo.lines == ["POST /a%20b?x=1&x=2&y="]
    assert asked.path == "/a b"
    assert asked.query == (("x", "1"), ("x", "2"), ("y", ""))
    assert asked.headers["x-token"] == "t"
    assert asked.json == {"n": 1}
    assert asked.base == url


def test_connections_are_kept() -> None:
    with serve(Whole(customers(2))) as url:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        ports = set()
        for _ in range(3):
            connection.request("GET", "/customers")
            assert len(json.loads(connection.getresponse().read())["data"]) == 2
            ports.add(connection.sock.getsockname())
        connection.close()

    assert len(ports) == 1


def test_what_breaks_in_a_handler_breaks_the_test() -> None:
    def broken(asked: Asked) -> Answer:
        raise LookupError(asked.path)

    with (
        pytest.raises(LookupError, match="/here"),
        serve(broken) as url,
        pytest.raises(urllib.error.HTTPError) as caught,
    ):
        ask(url + "/here")
    assert caught.value.code == 500
    caught.value.close()


def test_over_tls(tmp_path: Any) -> None:
    bundle, certificate = authority(tmp_path)
    context = ssl.create_default_context(cafile=bundle)
    with serve(Whole(customers(1)), certificate=certificate) as url:
        with urllib.request.urlopen(url + "/customers", context=context, timeout=5) as answer:
            assert json.loads(answer.read()) == {"data": customers(1)}
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url + "/customers", timeout=5)
    assert url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize(
    ("knobs", "first"), [({}, 1), ({"first": 0}, 0), ({"records_key": "result.rows", "clamp": 7}, 1)]
)
def test_pages(knobs: dict[str, Any], first: int) -> None:
    shop = Pages(customers(45), total_key="meta.total", more_key="meta.more", **knobs)
    found: list[str] = []
    with serve(shop) as url:
        page = first
        while True:
            body, _ = ask(f"{url}/customers?page={page}&limit=20")
            assert body["meta"]["total"] == 45
            rows = body["result"]["rows"] if "records_key" in knobs else body["data"]
            found += ids(rows)
            page += 1
            if not body["meta"]["more"]:
                break
        beyond, _ = ask(f"{url}/customers?page={page}&limit=20")

    assert found == EVERY
    assert page - first == (7 if "clamp" in knobs else 3)
    assert beyond["meta"] == {"total": 45, "more": False}


def test_offsets_in_the_body() -> None:
    shop = Offsets(
        customers(45), in_body=True, offset_param="page.from", size_param="page.size", records_key=""
    )
    with serve(shop) as url:
        found = [ask(f"{url}/customers", {"page": {"from": at, "size": 20}})[0] for at in (0, 20, 40, 60)]

    assert [ids(rows) for rows in found] == [EVERY[:20], EVERY[20:40], EVERY[40:], []]
    assert shop.stream == {
        "records_path": "",
        "method": "POST",
        "body": {},
        "pagination": {
            "type": "offset",
            "offset_param": "page.from",
            "size_param": "page.size",
            "params_in": "body",
        },
    }


@pytest.mark.parametrize(
    ("last", "end"), [("null", {"next": None}), ("empty", {"next": ""}), ("absent", None)]
)
def test_cursors(last: Any, end: Any) -> None:
    found: list[str] = []
    with serve(Cursors(customers(45), last=last)) as url:
        query = "?limit=20"
        while True:
            body, _ = ask(f"{url}/customers{query}")
            found += ids(body["data"])
            if not (body.get("paging") or {}).get("next"):
                break
            query = "?" + urllib.parse.urlencode({"limit": 20, "cursor": body["paging"]["next"]})

    assert found == EVERY
    assert body.get("paging") == end


def test_next_urls_in_the_body_in_a_header_and_in_link() -> None:
    found: dict[str, list[str]] = {}
    for shop in (
        NextUrls(customers(45)),
        NextUrls(customers(45), relative=True),
        NextUrls(customers(45), next_header="Next-Page"),
        LinkHeader(customers(45)),
    ):
        kind = type(shop).__name__ + (" relative" if shop.relative else "") + (shop.next_header or "")
        with serve(shop) as url:
            link: str | None = f"{url}/customers?limit=20&keep=me"
            while link:
                body, headers = ask(urllib.parse.urljoin(url, link))
                found.setdefault(kind, []).extend(ids(body["data"]))
                if isinstance(shop, LinkHeader):
                    links = headers["link"].split(">; ")
                    link = links[1].split("<")[1] if len(links) == 3 else None
                else:
                    link = headers.get("next-page") if shop.next_header else body["links"]["next"]
        assert [asked.params["keep"] for asked in shop.seen] == ["me", "me", "me"]

    assert found == dict.fromkeys(["NextUrls", "NextUrls relative", "NextUrlsNext-Page", "LinkHeader"], EVERY)


def test_a_filter_by_time_and_a_token() -> None:
    records = [
        {"id": "1", "updated_at": "2026-01-01T00:00:00Z"},
        {"id": "2", "updated_at": "2026-02-01T00:00:00Z"},
    ]
    with serve(Whole(records, token="secret")) as url:
        body, _ = ask(
            f"{url}/customers?updated_since=2026-01-15T00:00:00Z", headers={"Authorization": "Bearer secret"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{url}/customers")
        caught.value.close()

    assert ids(body["data"]) == ["2"]
    assert caught.value.code == 401


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_encodings(encoding: str) -> None:
    with (
        serve(Whole(customers(3), encoding=encoding)) as url,
        urllib.request.urlopen(f"{url}/customers") as answer,
    ):
        assert answer.headers["Content-Encoding"] == encoding
        assert (answer.read()[:2] == b"\x1f\x8b") is (encoding == "gzip")


# Those that don't end by themselves, or take long: each has its own test below.
SPECIAL = {
    "gzip bomb",
    "slow drip",
    "silent",
    "a page of 200 MB",
    "body cut off, always",
    "body cut off, once",
}
LEADS_AWAY = {"redirect to another origin", "redirects for ever"}


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - SPECIAL - LEADS_AWAY))
def test_every_hostile_server_answers_its_first_request(name: str) -> None:
    server = HOSTILE[name]()
    with serve(server) as url:
        try:
            with urllib.request.urlopen(f"{url}/customers?page=1&limit=100&offset=0", timeout=5) as answer:
                status, _ = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()

    assert len(server.seen) == 1
    assert status == (204 if name == "204" else int(name[:3]) if name[:3] in ("429", "503") else 200)
    assert set(server.stream) >= {"records_path", "pagination"}


def test_redirects_keep_path_and_query() -> None:
    target = Whole(customers(1))
    with serve(target, host="127.0.0.2") as elsewhere, serve(RedirectElsewhere(elsewhere, 307)) as url:
        ask(f"{url}/customers?a=b")

    assert target.lines == ["GET /customers?a=b"]


def test_a_body_that_is_cut_off_once() -> None:
    with serve(CutOff(times=1)) as url:
        with pytest.raises(http.client.IncompleteRead):
            ask(f"{url}/customers?page=2")
        body, _ = ask(f"{url}/customers?page=2")

    assert len(body["data"]) == 20


def test_the_bomb_is_small_and_unpacks_to_its_size() -> None:
    packed = b"".join(GzipBomb(8 * 2**20).blocks())
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            while piece := file.read(2**20):
                size += len(piece)
    except EOFError:
        pass  # it has no proper end: nobody gets there

    assert len(packed) < 40_000
    assert size > 8 * 2**20


def test_the_big_page_is_as_big_as_it_says() -> None:
    whole = b"".join(BigPage(megabytes=1).pieces())
    records = json.loads(whole)["data"]

    assert [len(json.dumps(record)) for record in records] == [4_000] * 250
    assert abs(len(whole) - 1_000_000) < 1_000


def test_a_drip_comes_byte_by_byte_and_stops_with_the_server() -> None:
    with serve(SlowDrip(pace=0.01)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /customers HTTP/1.1\r\nHost: x\r\n\r\n")
            pieces = [client.recv(4_096) for _ in range(4)]

    assert [len(piece) for piece in pieces[1:]] == [6, 6, 6]


def test_waits() -> None:
    given = {}
    for name, wait in {"none": None, "seconds": 301, "date": timedelta(seconds=90)}.items():
        busy = Busy(wait=wait, times=2)
        with serve(busy) as url:
            for _ in range(2):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    ask(f"{url}/customers?page=1")
                given[name] = caught.value.headers["Retry-After"]
                caught.value.close()
            assert len(ask(f"{url}/customers?page=1")[0]["data"]) == 20

    assert (given["none"], given["seconds"]) == (None, "301")
    assert (
        timedelta(85) / 86_400
        < parsedate_to_datetime(given["date"]) - datetime.now(UTC)
        < timedelta(seconds=91)
    )


def test_lines_of_json_and_big_integers() -> None:
    with serve(Ndjson(3)) as url, urllib.request.urlopen(f"{url}/customers") as answer:
        assert [json.loads(line) for line in answer] == customers(3)
    with serve(HOSTILE["integers beyond 64 bits"]()) as url:
        body, _ = ask(f"{url}/customers")

    assert [record["big"] for record in body["data"]] == list(BIG_INTEGERS)
