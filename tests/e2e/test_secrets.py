"""Secrets planted in each type of auth, at a vendor that says back whatever it is sent, with debug logs on.

They go from a connector file and the environment into runs and tests that succeed and fail, and must be nowhere else:
in no file of the installation, no row, no line of a process, no answer, and no list of processes.
"""

from __future__ import annotations

import base64
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.e2e.installation import Api, Installation
from tests.fakes import Answer, Asked, Fake, customers, serve
from tests.fakes.warehouses.listening import free_port

SECRETS = {
    "bearer": "bear+er/5Xq=one&two%41~KJhgT",
    "header": "head+er/8Wn=one&two%41~PlmQz",
    "query": "que+ry/3Vb=one&two%41~YtrEw",
    "basic": "ba sic+/2Mk=one&two%41~UiopL",
    "client": "cli+ent/7Rd=one&two%41~XcvBn",
    # With the scheme that some vendors want in front of it, which is no part of it.
    "scheme": "sche+me/9Gs=one_two%41~AsdFg",
}
ACCESS_TOKEN = "acc+ess/4Hj=one-two%41~ZxcVb"
AUTH: dict[str, dict[str, Any]] = {
    "bearer": {"type": "bearer"},
    "header": {"type": "api_key", "in": "header", "name": "X-Vendor"},
    "query": {"type": "api_key", "in": "query", "name": "vendor"},
    "basic": {"type": "basic", "username": "ropewalk"},
    "client": {"type": "oauth2_client_credentials", "client_id": "ropewalk"},
    "scheme": {"type": "api_key", "in": "header", "name": "Authorization"},
}
NAMES = {"basic": "password", "client": "client_secret"}


def sent(kind: str) -> str:
    return ACCESS_TOKEN if kind == "client" else SECRETS[kind]


def said_back(kind: str) -> dict[str, str]:
    secret = sent(kind)
    return {
        "as it is": f"you sent {secret}, didn't you",
        "base64": base64.b64encode(f"user:{secret}".encode()).decode(),
        "url": f"https://vendor.example/?k={urllib.parse.quote(secret, safe='')}",
        "form": urllib.parse.quote_plus(secret),
    }


class Vendor(Fake):
    """`/KIND/good` and `/KIND/bad`: the second one never works, each in its own way."""

    def answer(self, asked: Asked) -> Answer | Any:
        _, kind, path = asked.path.split("/")
        if path == "token":
            text = asked.headers.get("authorization", "") + asked.body.decode()
            known = urllib.parse.quote_plus(SECRETS["client"])
            right = known in text or known in base64.b64decode(text.partition(" ")[2] + "==").decode()
            return {"access_token": ACCESS_TOKEN, "expires_in": 600} if right else Answer({}, 401)
        proof = {
            "query": asked.params.get("vendor"),
            "header": asked.headers.get("x-vendor"),
            "basic": base64.b64decode(asked.headers.get("authorization", "").partition(" ")[2] + "==")
            if kind == "basic"
            else None,
        }.get(kind, asked.headers.get("authorization", "").partition(" ")[2])
        wanted: Any = f"ropewalk:{SECRETS['basic']}".encode() if kind == "basic" else sent(kind)
        if proof != wanted:
            return Answer({"error": "who are you?"}, 401)
        back = said_back(kind)
        if path == "good":
            # The last one is rejected, so that its record stands in the ledger.
            return {
                "data": [{**each, "debug": back} for each in customers(3)] + [{"name": "?", "debug": back}]
            }
        match kind:
            case "bearer":
                return Answer({"error": back}, 400)
            case "header":
                return Answer(f"<html>{back}</html>", 200, {"Content-Type": "text/html"})
            case "query":
                return Answer("", 302, {"Location": f"http://127.0.0.2:9/?{urllib.parse.urlencode(back)}"})
            case "basic":
                return Answer(
                    {"error": back}, 403, {"X-Echo": back["base64"], "WWW-Authenticate": back["form"]}
                )
            case "client":
                return {"error": back, SECRETS["client"]: [1], ACCESS_TOKEN: {"x": []}}
            case _:
                return Answer(f'{{"data": [{{"a": NaN, "b": "{back["as it is"]}"}}]}}')


def connector(kind: str, path: str, url: str) -> dict[str, Any]:
    auth = AUTH[kind] | ({"token_url": f"{url}/client/token"} if kind == "client" else {})
    value = f"${{{kind.upper()}_SECRET}}"
    return {
        "source": "custom_api",
        "name": f"{kind} {path}",
        "settings": {"auth": auth},
        "secrets": {NAMES.get(kind, "token"): f"Vendor {value}" if kind == "scheme" else value},
        "streams": {
            "accounts": {
                "url": f"{url}/{kind}/{path}",
                "records_path": "data",
                "matching": "external_id",
                "mapping": [
                    {"from": "id", "to": "externalCustomerId"},
                    {"from": "name", "to": "companyName"},
                ],
            }
        },
    }


def forms(secret: str) -> Iterator[bytes]:
    """As it is, URL-encoded, and in base64 wherever it begins in a group of three."""
    yield secret.encode()
    yield urllib.parse.quote(secret).encode()
    yield urllib.parse.quote(secret, safe="").encode()
    yield urllib.parse.quote_plus(secret).encode()
    for before in range(3):
        data = bytes(before) + secret.encode()
        whole = data[: len(data) // 3 * 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first group has what stood before it.
            yield encode(whole)[4 if before else 0 :]
    yield secret.encode().hex().encode()


NEEDLES = {
    (name, form): form
    for name, secret in {**SECRETS, "access token": ACCESS_TOKEN}.items()
    for form in forms(secret)
}


def leaks(place: str, data: bytes) -> list[tuple[str, str, bytes]]:
    return [(place, name, form) for (name, _), form in NEEDLES.items() if form in data]


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """Of all processes that this one starts, and they, while the block runs."""
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        # Each of them takes half a second to load; to look all the time took as long as all that they do.
        while not done.wait(0.1):
            for one in psutil.Process().children(recursive=True):
                with suppress(OSError):
                    seen.add(Path(f"/proc/{one.pid}/cmdline").read_bytes())

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        done.set()
        watching.join()


def rows(url: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
        ).fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(f"SELECT t::text FROM {table} t"):
                yield table, row.encode()


def drafts(url: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Bodies with a secret in a place where it is wrong, or that the vendor refuses."""
    for kind, auth in AUTH.items():
        made = connector(kind, "bad", url)
        secrets = dict.fromkeys(made["secrets"], SECRETS[kind])
        stream = made["streams"]["accounts"]
        draft = {"source": "custom_api", "kind": "accounts", "settings": made["settings"], "stream": stream}
        yield "POST", "/v1/test", {**draft, "secrets": secrets}
        yield "POST", "/v1/test", {**draft, "settings": {**made["settings"], **secrets}}
        wrong = {**made, "name": f"{kind} wrong", "secrets": {"tokn": SECRETS[kind]}}
        yield "POST", "/v1/connectors", wrong
        yield (
            "POST",
            "/v1/connectors",
            {**wrong, "settings": {"auth": {**auth, "token": SECRETS[kind]}}},
        )
        at = f"{stream['url']}?api_key={urllib.parse.quote(SECRETS[kind])}"
        yield "POST", "/v1/test", {**draft, "secrets": secrets, "stream": {**stream, "url": at}}


@pytest.mark.timeout(900)
def test_a_planted_secret_is_nowhere(acme: Installation) -> None:
    acme.environ["ROPEWALK_LOG_LEVEL"] = "debug"
    forked, key = acme.loaded, acme.init()
    environ = {f"{kind.upper()}_SECRET": secret for kind, secret in SECRETS.items()}
    port = free_port()
    found: list[tuple[str, str, bytes]] = []
    with ExitStack() as stack:
        seen = stack.enter_context(command_lines())
        url = stack.enter_context(serve(Vendor()))
        api = Api(port, key)
        made = [connector(kind, path, url) for kind in AUTH for path in ("good", "bad")]
        acme.loaded = None  # This command has a command line.
        acme.apply(*made, **environ)
        acme.loaded = forked
        acme.apply(*made, **environ)
        with acme.started("serve", "--port", str(port)) as server:
            server.says("Ropewalk is up")
            ids = {
                each["name"]: each["connector_id"] for each in api.get("/v1/connectors?limit=100")["items"]
            }
            tests, runs = {}, {}
            for name, at in ids.items():
                tests[name] = api.call("POST", f"/v1/connectors/{at}/streams/accounts/test")[1]["ok"]
                api.get(f"/v1/connectors/{at}")
                api.get(f"/v1/connectors/{at}/streams/accounts")
            asked = {name: api.run(at) for name, at in ids.items()}
            for name, run_id in asked.items():
                runs[name] = api.ended(run_id)
                api.get(f"/v1/runs/{run_id}/rows")
            statuses = [api.call(*draft)[0] for draft in drafts(url)]
            for path in ("/v1/runs", "/v1/accounts", "/v1/audit-log", "/v1/fields", "/metrics"):
                api.get(path)
            acme.cli("test", "bearer good", "accounts")
            lines = server.text
        # Without a server: by a worker of the command's own.
        acme.cli("test", "scheme bad", "accounts", status=1)
        acme.json("sync", "basic bad", "accounts", status=1)
        acme.loaded = None
        acme.json("runs")
        acme.loaded = None
        acme.cli("sync", "client bad", "accounts", status=1)

    for number, said in enumerate([*acme.said, *api.said]):
        found += leaks(f"output {number}", said)
    for line in seen:
        found += leaks("a command line", line)
    for file in sorted(acme.folder.rglob("*")):
        if file.is_file():
            found += leaks(file.name, file.read_bytes())
    if database := acme.environ.get("ROPEWALK_DATABASE_URL"):
        for table, row in rows(database):
            found += leaks(table, row)

    assert sorted({(place, name) for place, name, _ in found}) == []
    assert tests == {name: name.endswith("good") for name in ids}
    assert {name: (run["status"], run["counts"]["rejected"]) for name, run in runs.items()} == {
        name: ("succeeded", 1) if name.endswith("good") else ("failed", 0) for name in ids
    }
    assert sorted(set(statuses)) == [200, 422]
    assert '"event": "request"' in lines
    assert any(b"ropewalk.cli" in line for line in seen)
    # What would be found, is.
    assert len(leaks("here", f"x{base64.b64encode(b'u:' + SECRETS['basic'].encode()).decode()}".encode())) > 0
