"""The house: which room may import which, and the rules of tests/house/rules.py, each shown to bite."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.rules import broken, imports

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ropewalk"


def test_the_rules_hold_everywhere() -> None:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" not in path.parts:
            found += broken(path.relative_to(SOURCE).as_posix(), path.read_text())

    assert found == []


DATABASE = "only the store talks to the database: write a function in ropewalk/store and call it"
TOP = "imports stand at the top; if that makes a cycle, move what both need one floor down"
SOCKETS = "only net opens sockets, not urllib.request: take a `fetch`, or add what is missing to ropewalk/net"
WORDS = "'helpers' says nothing: name it after its one job, with a word of docs/reference/glossary.md"
TEXT = "no decision reads an error's text: ask for its class, its `code`, or a number it carries"

STRUCT = (
    "a value is a msgspec.Struct, which every command defines forty times faster than a dataclass;"
    " a dataclass is for fields that repr() hides"
)


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("engine/runs/sync.py", "Account.objects.filter()", [f"engine/runs/sync.py:1: {DATABASE}"]),
        ("api/runs.py", "q = 'SELECT id FROM run'", [f"api/runs.py:1: {DATABASE}"]),
        ("web/home.py", "from django.db import connection", [f"web/home.py:1: {DATABASE}"]),
        ("store/runs.py", "Run.objects.get(); q = 'DELETE FROM run'", []),
        ("engine/runs/sync.py", "from django.db import transaction", []),
        (
            "engine/probing/probe.py",
            "import urllib.parse\nimport urllib.request",
            [f"engine/probing/probe.py:2: {SOCKETS}"],
        ),
        ("net/guard.py", "import socket", []),
        (
            "core/window.py",
            "import datetime\ndef since():\n    return datetime.datetime.now(datetime.UTC)",
            ["core/window.py:3: core has no clock, so no datetime.now(): take `now` as an argument"],
        ),
        ("engine/runs/sync.py", "now = datetime.now(UTC)", []),
        (
            "engine/runs/sync.py",
            "def run():\n    from ropewalk import core",
            [f"engine/runs/sync.py:2: {TOP}"],
        ),
        ("cli/serve.py", "def run():\n    from ropewalk import core", []),
        ("engine/runs/sync.py", "if TYPE_CHECKING:\n    from ropewalk import core", []),
        (
            "api/helpers.py",
            "",
            [f"api/helpers.py:1: {WORDS}"],
        ),
        (
            "net/retry.py",
            "try:\n    x()\nexcept E as error:\n    if 'timed out' in str(error):\n        pass",
            [f"net/retry.py:4: {TEXT}"],
        ),
        (
            "net/retry.py",
            "try:\n    x()\nexcept E as error:\n    if error.message.startswith('no'):\n        pass",
            [f"net/retry.py:4: {TEXT}"],
        ),
        ("net/retry.py", "try:\n    x()\nexcept E as error:\n    log(str(error), error.code == 'x')", []),
        ("core/counts.py", "@dataclass(slots=True)\nclass A:\n    a: int", [f"core/counts.py:2: {STRUCT}"]),
        ("core/counts.py", "@dataclass(slots=True)\nclass A:\n    a: int = field(default=0, repr=False)", []),
        ("core/counts.py", "class A(Struct, frozen=True):\n    a: int", []),
    ],
)
def test_each_rule_bites_and_names_the_right_way(path: str, source: str, found: list[str]) -> None:
    assert broken(path, source) == found


def test_imports_go_down_only() -> None:
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_every_version_by_its_digest_and_name_no_registry(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    pins = [line for line in lines if not line.startswith(" ")]
    rest = [line.strip().removesuffix(" \\") for line in lines if line.startswith(" ")]

    assert len(pins) > 30
    assert [pin for pin in pins if "==" not in pin or "://" in pin or " @ " in pin] == []
    assert [line for line in rest if not line.startswith("--hash=sha256:")] == []


def test_the_development_lock_holds_the_same_versions() -> None:
    def pins(name: str) -> set[str]:
        return {line.split()[0] for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum()}

    assert pins("requirements.lock") - pins("requirements-dev.lock") == set()


def test_the_locks_hold_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for name, wanted in {
        "requirements.lock": [*project["dependencies"], *extras["build"]],
        "requirements-dev.lock": [
            *project["dependencies"],
            *(each for extra in extras.values() for each in extra),
        ],
    }.items():
        pinned = {
            normal(line.partition("==")[0]) for line in (ROOT / name).read_text().splitlines() if "==" in line
        }

        assert {named(entry) for entry in wanted} - pinned == set(), f"{name} is behind: make lock"


def named(requirement: str) -> str:
    return normal(re.split(r"[\[<>=,; ]", requirement)[0])


def normal(name: str) -> str:
    """As package registries compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


NEWER = {"compression"}
"""Of the standard library of Python 3.14."""


def test_what_is_imported_is_declared() -> None:
    """A library that is only there because another one wants it can go with that one's next version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [
        wanted for name, wanted in project["optional-dependencies"].items() if name not in ("build", "dev")
    ]
    declared = {named(entry) for wanted in (project["dependencies"], *extras) for entry in wanted}
    declared.add("pydantic-core")  # pydantic names its exact version, and its documentation our imports
    brought_by = importlib.metadata.packages_distributions()
    undeclared = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in imports(node)[:1]:
                package = name.partition(".")[0]
                if package == "ropewalk" or package in sys.stdlib_module_names | NEWER:
                    continue
                owners = {normal(owner) for owner in brought_by.get(package, ["nobody"])}
                if not owners & declared:
                    undeclared.add(f"{path.relative_to(SOURCE)}: {name}")

    assert sorted(undeclared) == []
