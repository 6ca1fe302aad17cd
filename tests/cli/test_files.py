"""`plan`, `apply --prune`, `export`: what they print, their exit status, and that nothing is deleted unasked."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ropewalk.cli.app import status
from tests.cli.conftest import TOKEN
from tests.engine.world import World


@dataclass
class Here:
    """Commands in this process, on the test's database."""

    folder: Path
    world: World
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        answer = status(arguments)
        return (answer, *self.capsys.readouterr())

    def json(self, *arguments: str) -> Any:
        return json.loads(self("--json", *arguments)[1])

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def names(self) -> list[str]:
        return [one["name"] for one in self.json("export")]


CRM: dict[str, Any] = {
    "source": "custom_api",
    "name": "CRM",
    "settings": {"auth": {"type": "bearer"}},
    "secrets": {"token": "${CRM_TOKEN}"},
    "streams": {
        "accounts": {
            "url": "https://api.example.com/customers",
            "matching": "external_id",
            "mapping": [
                {"from": "id", "to": "externalCustomerId"},
                {"from": "site", "to": "companyDomain"},
            ],
        }
    },
}


@pytest.fixture
def here(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Here]:
    """With two connectors, and a file for each."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv("CRM_TOKEN", TOKEN)
    made = Here(tmp_path, World.new(), capsys)
    files = made.write("crm", json.dumps(CRM)), made.write("erp", "{source: custom_api, name: ERP}")
    assert made("apply", *files)[0] == 0
    yield made
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def test_a_plan_says_what_apply_would_do_and_does_none_of_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = CRM["streams"]["accounts"] | {"timeout_ms": 5000, "matching": "domain"}
    file = here.write(
        "new", json.dumps([CRM | {"streams": {"accounts": stream}}, {"source": "custom_api", "name": "New"}])
    )
    monkeypatch.setenv("CRM_TOKEN", "planted-another-token")

    planned, told = here("plan", file), here.json("plan", file)

    assert planned == (
        4,
        "CRM: change\n"
        "  secrets.token\n"
        "  streams.accounts.matching: external_id → domain\n"
        "  streams.accounts.timeout_ms: 30,000 → 5000\n"
        "  The next accounts run is a full one.\n"
        "New: create\n"
        "Nothing was changed; `ropewalk apply` makes it so.\n",
        "In no file: ERP. `--prune` would delete what is in no file.\n",
    )
    assert told == [
        {
            "name": "CRM",
            "action": "change",
            "streams": {"accounts": "change"},
            "differences": [
                {"path": "secrets.token", "old": None, "new": None},
                {"path": "streams.accounts.matching", "old": "external_id", "new": "domain"},
                {"path": "streams.accounts.timeout_ms", "old": 30000, "new": 5000},
            ],
            "baseline_reset": ["accounts"],
        },
        {"name": "New", "action": "create", "streams": {}, "differences": [], "baseline_reset": []},
    ]
    assert here.names() == ["CRM", "ERP"]


def test_an_export_is_applied_again_without_a_difference(here: Here) -> None:
    _, exported, _ = here("export")
    _, alone, _ = here("export", "crm")
    file = here.write("exported", exported)

    assert TOKEN not in exported
    assert exported.startswith(alone.rstrip())
    assert here("plan", file, "--prune") == (
        0,
        "CRM: unchanged\nERP: unchanged\nNothing to do: everything is as the files say.\n",
        "",
    )
    assert here("export", "Nope") == (2, "", "Error: There is no connector Nope; there is CRM, ERP.\n")


def test_what_is_in_no_file_is_deleted_only_when_said_so(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    crm, erp = str(here.folder / "crm"), str(here.folder / "erp")
    bare = here.write("bare", "{source: custom_api, name: CRM, settings: {auth: {type: bearer}}}")

    assert here("plan", erp, "--prune")[:2] == (
        4,
        "ERP: unchanged\nCRM: delete\nNothing was changed; `ropewalk apply` makes it so.\n",
    )
    assert here("apply", erp, "--prune") == (
        2,
        "",
        "Error: This would delete CRM. Say so with --yes.\n",
    )
    assert here("apply", bare, erp, "--prune")[2] == (
        "Error: This would delete CRM accounts. Say so with --yes.\n"
    )
    assert here("apply", crm, erp, "--prune")[0] == 0
    assert here.names() == ["CRM", "ERP"]
    assert here("apply", bare, erp, "--prune", "--yes")[1] == (
        "CRM: changed\n  streams.accounts: deleted\nERP: unchanged\n"
    )
    assert here("apply", erp, "--prune", "--yes") == (0, "ERP: unchanged\nCRM: deleted\n", "")
    assert here.names() == ["ERP"]


@pytest.mark.parametrize(("answer", "exit_status", "left"), [("n", 1, ["CRM", "ERP"]), ("y", 0, ["ERP"])])
def test_at_a_keyboard_one_is_asked(
    answer: str, exit_status: int, left: list[str], here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    with os.fdopen(keyboard, "rb"), os.fdopen(terminal) as typed:
        monkeypatch.setattr("sys.stdin", typed)
        ended, _, error = here("apply", str(here.folder / "erp"), "--prune")

    assert "Delete CRM? [y/N]:" in error
    assert (ended, here.names()) == (exit_status, left)


def test_problems_of_a_plan_come_at_once(here: Here) -> None:
    file = here.write("bad", "[{source: nope, name: A}, {source: custom_api, name: B, colour: red}]")

    ended, out, error = here("plan", file)

    assert (ended, out) == (1, "")
    assert [line.removeprefix(f"  {file}: ").partition(":")[0] for line in error.splitlines()[1:]] == [
        "1.source",
        "2.colour",
    ]
