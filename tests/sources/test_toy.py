"""A new source is one file and one line: its form, API schema, connector file, conformance and docs check come by
themselves, and the engine reads it like any other."""

from __future__ import annotations

import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.timeline import Filter
from ropewalk.engine.events import timeline
from ropewalk.engine.events.answers import answers
from ropewalk.sources import REGISTRY
from tests.engine.conftest import Serving
from tests.engine.world import World, brief, complete
from tests.fakes import Asked, Fake
from tests.sources import test_conformance, toy
from tests.web.conftest import Browser
from tests.web.sent import Sent

ROOT = Path(__file__).parents[2]


def test_a_source_is_one_file_and_one_line_of_the_registry() -> None:
    pytest_of_toy = [sys.executable, "-m", "pytest", "-q", "-p", "tests.sources.with_toy", "-k", "toy"]
    where = ["tests/sources/test_conformance.py", "tests/house/test_docs.py"]
    command = [*pytest_of_toy, "-rpfE", "-p", "no:cacheprovider", *where]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = [line.partition(" - ")[0].split(" ", 1) for line in ran.stdout.splitlines()]
    passed = {each[1].partition("[")[0] for each in told if each[0] == "PASSED"}
    of_each = [
        f"tests/sources/test_conformance.py::{name}"
        for name, test in vars(test_conformance).items()
        if name.startswith("test_") and "source" in signature(test).parameters
    ]

    assert passed == set(of_each), ran.stdout[-3_000:]
    # Everything but the page that nobody has written about it.
    assert [each for each in told if each[0] in ("FAILED", "ERROR")] == [
        ["FAILED", "tests/house/test_docs.py::test_every_source_has_its_page[toy]"]
    ], ran.stdout[-3_000:]


SHIPS = [
    {"name": "Meridian", "flag": "NL", "home": "meridian.example"},
    {"name": "Halcyon", "flag": None, "home": "halcyon.example"},
    {"name": "Vesper", "flag": "NO", "home": "vesper.example", "left": True},
]
MAPPING = [{"from": "name", "to": "companyName"}, {"from": "home", "to": "companyDomain"}]


class Harbour(Fake):
    def answer(self, asked: Asked) -> Any:
        assert asked.headers["authorization"] == "Bearer the-pass"
        match asked.path:
            case "/fleets":
                return ["North", "South"]
            case "/ships":
                return SHIPS
        return [{"at": asked.params["since"], "what": asked.path, "ship": asked.params["ship"]}]


@pytest.fixture
def harbour(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(REGISTRY, "toy", toy.SOURCE)  # type: ignore[arg-type]
    return serving(Harbour())


def body(host: str, **streams: Any) -> dict[str, Any]:
    return {
        "source": "toy",
        "name": "Harbour",
        "settings": {"host": host},
        "secrets": {"token": "the-pass"},
        "streams": streams,
    }


@pytest.mark.django_db
def test_the_engine_tests_and_reads_it(world: World, harbour: str) -> None:
    made = world.post("connectors", body(harbour, accounts={"mapping": MAPPING}))["connector_id"]
    tested = world.test(made)
    run = world.sync(made)

    assert tested["ok"]
    assert [(each["path"], each["label"], each["type"]) for each in tested["fields"]] == [
        ("name", "Name of the ship", "text"),
        ("flag", "Flag", "text"),
        ("home", "", "text"),
    ]
    assert tested["suggestions"][0]["to"] == "companyName"
    assert tested["proposal"] is None
    assert brief(run) == complete(created=2)
    assert run["filtered"] == {"left": 1}
    assert world.watermark(made) is not None
    asked = {"source": "toy", "choices": "fleets", "settings": {"host": harbour}, "connector_id": made}
    assert [each["value"] for each in world.post("choices", asked)["items"]] == ["North", "South"]


@pytest.mark.django_db
def test_a_timeline_asks_it(world: World, harbour: str) -> None:
    mapping = [
        {"from": "at", "to": "eventTime"},
        {"from": "what", "to": "eventName"},
        {"from": "ship", "to": "accountKey"},
    ]
    world.post("connectors", body(harbour, accounts={"mapping": MAPPING}, events={"mapping": mapping}))
    [connector] = world.every("connectors")
    world.sync(connector["connector_id"])
    [account, _] = world.listed()
    found = timeline.read(world.org, UUID(account["account_id"]), world.clock, wanted=Filter())
    answers(world.clock).close()
    answers.cache_clear()
    told = [each.answer for each in found.sources if each.source.name == "Harbour"]

    assert [(each.status, len(each.events)) for each in told] == [("ok", 1)]
    assert told[0].filtered_at_source


@pytest.mark.django_db
def test_the_guided_set_up_draws_it(world: World, harbour: str) -> None:
    page = Sent(Browser("olga@acme.example"), "/app/settings/connectors/new?source=toy")
    said = {"settings__host": harbour, "secrets__token": "the-pass"}
    page.do("choose:fleets", **said)

    assert page.status == 200
    assert '<option value="North">North</option>' in page.html
    page.do("test", **said, fleet="North")
    assert "The test passed" in page.html
    assert "companyName" in page.html
    page.do("use:all", **said)
    page.do("save", **said)
    [connector] = world.every("connectors")

    assert page.status == 302
    assert connector["streams"]["accounts"]["fleet"] == "North"
