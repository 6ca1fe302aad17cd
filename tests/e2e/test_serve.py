"""`serve`, `worker` and `rotate-key` as processes, and what is left when they are ended in the middle of something."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cli.conftest import Loaded
from tests.e2e.installation import DEADLINE, ROOT, Api, Installation, Started, until
from tests.fakes import Answer, Asked, customers, serve
from tests.fakes.shapes import Pages
from tests.fakes.warehouses.listening import free_port

PAGE = 5_000
"""As many rows as one transaction takes: what came before the page that is held is committed."""
RECORDS = customers(PAGE * 2 + 500)


class Gate(Pages):
    """Pages of customers. The answer to one page waits until it is let through; `waiting` says that it does."""

    def __init__(self, held: int) -> None:
        super().__init__(RECORDS)
        self.held = held
        self.waiting = threading.Event()
        self.open = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        answer = super().__call__(asked)
        if asked.params["page"] == str(self.held):
            self.waiting.set()
            self.open.wait(60)
        return answer


def connector(name: str, url: str, crm: Pages) -> dict[str, Any]:
    pagination = {**crm.stream["pagination"], "page_size": PAGE}
    return {
        "source": "custom_api",
        "name": name,
        "settings": {"auth": {"type": "none"}},
        "streams": {
            "accounts": {
                "url": f"{url}/customers",
                "records_path": crm.stream["records_path"],
                "pagination": pagination,
                "max_records": 100_000,
                "matching": "external_id",
                "mapping": [
                    {"from": "id", "to": "externalCustomerId"},
                    {"from": "name", "to": "companyName"},
                    {"from": "plan.seats", "to": "seats"},
                ],
            }
        },
    }


def ids(api: Api) -> dict[str, str]:
    return {each["name"]: each["connector_id"] for each in api.get("/v1/connectors")["items"]}


def result(run: dict[str, Any]) -> dict[str, Any]:
    told = ("status", "verdict", "counts", "reasons", "notices", "pages", "restarts", "error")
    return {name: run[name] for name in told}


def accounts(of: Installation) -> dict[str, list[tuple[Any, ...]]]:
    """By organization; and as often as anything was applied twice, there would be a change or a record more."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for organization, *account in of.execute(
        "SELECT o.name, a.external_customer_id, a.company_name, CAST(a.fields AS text), c.times, r.times"
        " FROM ropewalk_account a JOIN ropewalk_organization o ON o.id = a.organization_id"
        " JOIN (SELECT account_id, count(*) AS times FROM ropewalk_change GROUP BY 1) c ON c.account_id = a.id"
        " JOIN (SELECT subject_id, count(*) AS times FROM ropewalk_streamrecord GROUP BY 1) r"
        " ON r.subject_id = a.id ORDER BY a.external_customer_id"
    ):
        found.setdefault(organization, []).append(tuple(account))
    return found


def serving(of: Installation, stack: ExitStack, *arguments: str) -> tuple[Started, int]:
    port = free_port()
    process = stack.enter_context(of.started("serve", "--port", str(port), *arguments))
    process.says("Ropewalk is up")
    return process, port


@pytest.mark.any_database
def test_serve_starts_web_and_worker_and_ends_both(acme: Installation) -> None:
    key = acme.init()
    crm = Pages(customers(120))
    with ExitStack() as stack, serve(crm) as url:
        acme.apply(connector("CRM", url, crm))
        process, port = serving(acme, stack)
        api = Api(port, key)
        worker = process.child("worker")
        run = api.ended(api.run(ids(api)["CRM"]))
        with_worker = api.get("/metrics")
        status = process.ends(signal.SIGTERM)

        alone, port = serving(acme, stack, "--no-worker")
        api = Api(port, key)
        waiting = api.run(ids(api)["CRM"])
        # Nobody is there to do it, until a worker of its own comes.
        without = api.get("/metrics")
        still = api.get(f"/v1/runs/{waiting}")["status"]
        other = stack.enter_context(acme.started("worker"))
        done = api.ended(waiting)

        ended = [other.ends(signal.SIGINT), alone.ends(signal.SIGINT)]

    assert result(run) == {
        "status": "succeeded",
        "verdict": "complete",
        "counts": {
            "processed": 120, "created": 120, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 0,
        },
        "reasons": {},
        "notices": {},
        "pages": 2,
        "restarts": 0,
        "error": None,
    }  # fmt: skip
    assert f"-{worker.pid}-" in with_worker
    assert "ropewalk_workers 1.0" in with_worker
    assert status == 0
    assert "ropewalk_workers 0.0" in without
    assert still == "queued"
    assert (done["status"], done["counts"]["unchanged"]) == ("succeeded", 120)
    assert ended == [0, 0]


def until_created(api: Api, run_id: str, count: int) -> None:
    until(lambda: api.get(f"/v1/runs/{run_id}")["counts"]["created"] >= count, f"{count} are created")


@pytest.mark.any_database
def test_a_worker_that_is_ended_hands_over(acme: Installation) -> None:
    key = acme.init()
    gate = Gate(3)
    with ExitStack() as stack, serve(gate) as url:
        stack.callback(gate.open.set)
        acme.apply(connector("CRM", url, gate))
        _, port = serving(acme, stack, "--no-worker")
        api = Api(port, key)
        first = stack.enter_context(acme.started("worker"))
        run_id = api.run(ids(api)["CRM"])
        until(gate.waiting.is_set, "the run waits for page 3")
        until_created(api, run_id, PAGE * 2)
        status = first.ends(signal.SIGTERM)
        between = api.get(f"/v1/runs/{run_id}")
        asked_before = len(gate.seen)
        gate.open.set()
        stack.enter_context(acme.started("worker"))
        run = api.ended(run_id)
        kept = accounts(acme)["Acme"]

    assert status == 0
    assert (between["status"], between["counts"]["created"]) == ("running", PAGE * 2)
    # What was committed stays; the next one goes on behind it.
    assert [asked.params["page"] for asked in gate.seen[asked_before:]] == ["3"]
    assert (run["status"], run["verdict"], run["counts"]["created"]) == (
        "succeeded",
        "complete",
        len(RECORDS),
    )
    assert [(each[0], each[3:]) for each in kept] == [(each["id"], (1, 1)) for each in RECORDS]


def test_several_servers_may_start_at_once_on_an_empty_database(
    install: Callable[..., Installation], loaded: Loaded
) -> None:
    acme = install(loaded=loaded)
    if "ROPEWALK_DATABASE_URL" not in acme.environ:
        pytest.skip("a matter of PostgreSQL: on SQLite there is one web process")
    ports = [free_port() for _ in range(2)]
    with ExitStack() as stack:
        started = [stack.enter_context(acme.started("serve", "--port", str(port))) for port in ports]
        for process in started:
            process.says("Ropewalk is up")
        ready = [until(Api(port).is_up, "it is ready") for port in ports]
        for process in started:
            process.child("worker")
        key = acme.init()
        apis = [Api(port, key) for port in ports]
        workers = until(lambda: workers_of(apis[0]) == 2, "all workers are there")
        seen = [api.get("/v1/organization")["name"] for api in apis]
        status = [process.ends(signal.SIGTERM) for process in started]

    assert ready == [True] * 2
    assert workers
    assert seen == ["Acme"] * 2
    assert status == [0, 0]
    assert "Traceback" not in "".join(process.text for process in started)


def workers_of(api: Api) -> int:
    lines = str(api.get("/metrics")).splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("ropewalk_workers "))))


# ---- rotate-key ----


def test_a_rotation_killed_at_any_of_its_steps_leaves_every_secret_readable(acme: Installation) -> None:
    acme.init()
    crm = Pages(customers(1))
    made = [connector(name, "http://127.0.0.1:9", crm) for name in ("One", "Two", "Three")]
    for each in made:
        each["settings"] = {"auth": {"type": "bearer"}}
        each["secrets"] = {"token": "${TOKEN}-" + each["name"]}
    acme.apply(*made, TOKEN="rope-and-tar")

    killing = subprocess.run(
        [sys.executable, "-m", "tests.e2e.killing"],
        cwd=ROOT,
        env=acme.environ
        | {"PYTHONPATH": f"{ROOT}/src:{ROOT}", "DJANGO_SETTINGS_MODULE": "ropewalk.settings"},
        capture_output=True,
        timeout=DEADLINE * 4,
        check=False,
    )
    assert killing.returncode == 0, killing.stderr.decode()
    told = json.loads(killing.stdout)
    last = acme.json("rotate-key")
    plan = acme.json("doctor", status=1)  # no worker is there

    assert len(told) > 40
    assert [step for step in told if step["killed"] is False] == [told[-1]]
    assert {tuple(step["values"]) for step in told} == {
        ("rope-and-tar-One", "rope-and-tar-Three", "rope-and-tar-Two")
    }
    assert last == {"credentials": 3}
    assert len((acme.folder / "data.key").read_text().split()) == 1
    assert [one["code"] for one in plan if not one["ok"]] == ["no_worker"]
