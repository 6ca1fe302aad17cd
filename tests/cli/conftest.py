"""The command line as people use it: `ropewalk` as a process of its own, on an installation of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import customers, serve
from tests.fakes.shapes import Pages

ROOT = Path(__file__).parents[2]
TOKEN = "planted-token-for-the-command-line"


@dataclass
class Shell:
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "ropewalk.cli", *arguments],
            cwd=self.folder,
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            try:
                out, error = process.communicate(given, timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """On the same installation."""
        environ = self._environ() | {"DJANGO_SETTINGS_MODULE": "ropewalk.settings"}
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self("--json", *arguments).stdout)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _environ(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ROPEWALK_", "DJANGO_"))
        }
        own = {
            "PYTHONPATH": str(ROOT / "src"),
            "ROPEWALK_DATA_DIR": str(self.data),
            "ROPEWALK_ALLOW_NETWORKS": "127.0.0.0/8",
            "CRM_TOKEN": TOKEN,
            "TERM": "dumb",
        }
        return kept | own | self.environ


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only copies of it are used. Making an installation takes longer than most tests do."""
    shell = Shell(tmp_path_factory.mktemp("fresh"))
    made = shell("init", "--organization", "Acme", "--owner", "ada@acme.example")
    assert made.returncode == 0, made.stderr
    return shell.folder


@pytest.fixture
def acme(shell: Shell, fresh: Path) -> Shell:
    """With an organization in it."""
    shutil.copytree(fresh, shell.folder, dirs_exist_ok=True)
    return shell


@dataclass
class Vendor:
    fake: Pages
    url: str

    def file(self, **stream: Any) -> str:
        """A connector file, as YAML (which JSON is)."""
        settings = {
            "url": f"{self.url}/customers",
            **self.fake.stream,
            "matching": "external_id",
            "mapping": [
                {"from": "id", "to": "externalCustomerId"},
                {"from": "name", "to": "companyName"},
                {"from": "website", "to": "companyDomain", "transforms": ["domain"]},
                {"from": "plan.tier", "to": "planTier"},
            ],
        }
        connector = {
            "source": "custom_api",
            "name": "CRM",
            "settings": {"auth": {"type": "bearer"}},
            "secrets": {"token": "${CRM_TOKEN}"},
            "streams": {"accounts": settings | stream},
        }
        return json.dumps([connector])


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    fake = Pages(customers(25), token=TOKEN, total_key="total")
    with ExitStack() as stack:
        yield Vendor(fake, stack.enter_context(serve(fake)))


@pytest.fixture
def crm(acme: Shell, vendor: Vendor) -> Shell:
    """With a connector in it."""
    applied = acme("apply", acme.write("crm.yaml", vendor.file()))
    assert applied.returncode == 0, applied.stderr
    return acme
