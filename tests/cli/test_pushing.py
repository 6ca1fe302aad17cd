"""`ropewalk push`: into this installation, and over HTTP."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ropewalk.cli.pushed import as_item
from tests.cli.conftest import Shell
from tests.fakes import Answer, Asked, Fake, serve

ID = "01980000-0000-7000-8000-000000000001"


class Api(Fake):
    """Takes NDJSON as the push API does; a line with `"bad"` in it is wrong. `fails_at`: which request it can't take."""

    def __init__(self, fails_at: int = 0) -> None:
        super().__init__()
        self.fails_at = fails_at
        self.kept: dict[str, Any] = {}

    def answer(self, asked: Asked) -> Any:
        if asked.method == "GET":
            return [{"connector_id": ID, "name": "Web shop", "source_name": "shop"}]
        if len([each for each in self.seen if each.method == "POST"]) == self.fails_at:
            return Answer({"error_code": "permission_denied", "message": "Not active."}, status=403)
        body = gzip.decompress(asked.body) if "content-encoding" in asked.headers else asked.body
        items = [json.loads(line) for line in body.splitlines()]
        wrong = [place for place, each in enumerate(items) if each.get("data") == "bad"]
        problem = {"message": "This is bad."}
        if wrong and "partial" not in asked.params:
            errors = [{"path": f"items.{place}.data", **problem} for place in wrong]
            refusal = {"error_code": "unprocessable_entity", "message": "No.", "details": {"errors": errors}}
            return Answer(refusal, status=422)
        results = []
        for place, each in enumerate(items):
            if place in wrong:
                results.append({"external_id": each["external_id"], "outcome": "rejected", "error": problem})
                continue
            known = self.kept.get(each["external_id"])
            outcome = "created" if known is None else "duplicate" if known == each else "updated"
            self.kept[each["external_id"]] = each
            results.append({"external_id": each["external_id"], "outcome": outcome})
        return Answer({"events": len(items) - len(wrong), "results": results}, status=202)


@contextmanager
def serving(api: Api) -> Iterator[list[str]]:
    with serve(api) as url:
        yield ["--url", url, "--key", "pk_live_x"]


def lines(count: int, **more: Any) -> str:
    return "".join(json.dumps({"data": {"n": number}, **more}) + "\n" for number in range(count))


def test_a_file_over_http(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(5) + "\n")
    with serving(api := Api()) as there:
        first = shell("push", "web shop", file, "--batch", "2", *there)
        again = json.loads(shell("push", ID, file, *there, "--json").stdout)

    assert (first.returncode, first.stdout) == (
        0,
        "5 items: 5 created, 0 updated, 0 duplicate, 0 rejected.\n",
    )
    assert api.lines == [
        "GET /v1/custom-connectors",
        *[f"POST /v1/custom-connectors/{ID}/ingest"] * 4,
    ]
    assert again == {
        "line": 5,
        "created": 0,
        "updated": 0,
        "duplicate": 5,
        "rejected": 0,
        "rejected_items": [],
    }
    assert sorted(each.name for each in shell.folder.iterdir()) == ["events.ndjson"]


def test_it_goes_on_where_it_was_interrupted(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(6))
    with serving(api := Api(fails_at=3)) as there:
        failed = shell("push", ID, file, "--batch", "2", *there)
        after = shell("push", ID, file, "--batch", "2", *there)

    assert (failed.returncode, after.returncode) == (1, 0)
    assert failed.stderr == (
        "What came before is kept. The same command goes on from there.\nError: Not active.\n"
    )
    assert after.stderr == "Going on after line 4, where it was interrupted.\n"
    assert after.stdout == "2 items: 2 created, 0 updated, 0 duplicate, 0 rejected.\n"
    assert len(api.kept) == 6
    assert not (shell.folder / "events.ndjson.place").exists()


def test_a_file_that_has_changed_begins_anew(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(4))
    with serving(Api(fails_at=2)) as there:
        shell("push", ID, file, "--batch", "2", *there)
        shell.write("events.ndjson", lines(4, external_id="x"))
        after = shell("push", ID, file, "--batch", "2", *there)

    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout.startswith("4 items: ")


def test_restart_begins_anew(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(4))
    with serving(Api(fails_at=2)) as there:
        shell("push", ID, file, "--batch", "2", *there)
        after = shell("push", ID, file, "--restart", *there)

    assert after.stdout == "4 items: 2 created, 0 updated, 2 duplicate, 0 rejected.\n"


def test_lines_that_are_wrong_are_named(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(3) + '{"data": "bad"}\n' + lines(1))
    with serving(Api()) as there:
        refused = shell("push", ID, file, "--batch", "2", *there)
        partial = shell("push", ID, file, "--partial", "--restart", *there)

    assert (refused.returncode, partial.returncode) == (1, 3)
    assert refused.stderr.endswith("Error: Lines 3 to 4 were not taken: No.\n  line 4, data: This is bad.\n")
    assert partial.stdout == (
        "line 4: This is bad.\n5 items: 2 created, 0 updated, 2 duplicate, 1 rejected.\n"
    )


def test_standard_input_and_rows_of_ones_own(shell: Shell) -> None:
    with serving(api := Api()) as there:
        pushed = shell("push", ID, "-", "--data", *there, given='{"type": "a"}\n[1]\n"text"\n')

    assert pushed.returncode == 0, pushed.stderr
    assert [each["data"] for each in api.kept.values()] == [{"type": "a"}, [1], "text"]


@pytest.mark.parametrize(
    ("line", "call", "item"),
    [
        ({"data": 1, "external_id": "a"}, "ingest", {"data": 1, "external_id": "a"}),
        ({"data": 1}, "ingest", {"external_id": "*-7", "data": 1}),
        ({"text": "x"}, "ingest/text", {"external_id": "*-7", "text": "x"}),
        (
            {"kind": "page", "payload": {}},
            "ingest/typed",
            {"external_id": "*-7", "kind": "page", "payload": {}},
        ),
        ({}, "ingest", {"external_id": "*-7"}),
        ([], "ingest", []),
    ],
)
def test_a_line_becomes_an_item(line: Any, call: str, item: Any) -> None:
    made, by = as_item(json.dumps(line).encode(), 7, as_data=False)

    found = json.loads(made)
    if isinstance(found, dict) and found.get("external_id", "").endswith("-7"):
        found["external_id"] = "*-7"
    assert (by, found) == (call, item)


def test_what_is_missing_is_said(shell: Shell) -> None:
    file = shell.write("events.ndjson", lines(1))
    with serving(Api()) as there:
        found = [
            shell("push", "nobody", file, *there),
            shell("push", ID, "nowhere.ndjson", *there),
            shell("push", ID, file, "--url", there[1]),
            shell("push", ID, file, "--url", "nowhere", "--key", "x"),
            shell("push", ID, file, "--batch", "0", *there),
        ]

    assert [each.returncode for each in found] == [2] * 5
    assert [each.stderr.splitlines()[0] for each in found[:4]] == [
        "Error: There is no push connector nobody, or several; there is shop.",
        "Error: nowhere.ndjson can't be read: No such file or directory.",
        "Error: Pushing to an address needs a key: --key, or ROPEWALK_KEY.",
        "Error: --url: Give a URL such as https://ropewalk.example.com.",
    ]


def test_ctrl_c_keeps_the_place(shell: Shell) -> None:
    import threading

    held, let_go = threading.Event(), threading.Event()

    class Slow(Api):
        def answer(self, asked: Asked) -> Any:
            if asked.method == "POST" and len(self.kept) >= 2:
                held.set()
                let_go.wait(10)
            return super().answer(asked)

    file = shell.write("events.ndjson", lines(6))
    # Whoever runs the tests in the background has it ignored.
    heeding: Any = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with (
        serving(Slow()) as there,
        shell.start("push", ID, file, "--batch", "2", *there, **heeding) as process,
    ):
        assert held.wait(30)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=240)
        let_go.set()

    assert process.returncode == 130
    assert out == "2 items: 2 created, 0 updated, 0 duplicate, 0 rejected.\n"
    assert error == "Interrupted. The same command goes on from there.\n"
    assert json.loads((shell.folder / "events.ndjson.place").read_text())["line"] == 2


MAKE = """
import django
django.setup()
from ropewalk.core.actors import SYSTEM
from ropewalk.engine import accounts
from ropewalk.engine.events import pushing
from ropewalk.engine.clock import SystemClock
from ropewalk.store import people
organization, clock = people.organizations()[0].id, SystemClock()
pushing.create(organization, SYSTEM, {"name": "Shop", "source_name": "shop", "accepted_kinds": ["custom"]}, clock)
accounts.create_account(organization, SYSTEM, {"companyName": "Acme", "companyDomain": "acme.com"}, clock)
"""


def test_into_this_installation(acme: Shell) -> None:
    file = acme.write("events.ndjson", lines(3, metadata={"company_domain": "acme.com"}))
    none = acme("push", "shop", file)
    made = acme.python(MAKE)
    assert made.returncode == 0, made.stderr

    first = acme("push", "custom:shop", file, "--batch", "2")
    again = acme("push", "Shop", file)
    odd = '{"data": 1}\n{"kind": "fax", "payload": {}}\n{"text": 1}\nno\n'
    wrong = acme("push", "shop", acme.write("odd.ndjson", odd), "--partial")
    timeline = acme.json("events", "acme.com")

    assert (none.returncode, none.stderr.partition(" Make")[0]) == (
        2,
        "Error: There is no push connector yet.",
    )
    assert (first.returncode, first.stdout) == (
        0,
        "3 items: 3 created, 0 updated, 0 duplicate, 0 rejected.\n",
    )
    assert again.stdout == "3 items: 0 created, 0 updated, 3 duplicate, 0 rejected.\n"
    assert wrong.returncode == 3
    assert [line.partition(":")[0] for line in wrong.stdout.splitlines()] == [
        "line 2",
        "line 3",
        "line 4",
        "4 items",
    ]
    pushed = [each for each in timeline["items"] if each["source"] == "Shop"]
    assert sorted(each["properties"]["n"] for each in pushed) == [0, 1, 2]
