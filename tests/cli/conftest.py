"""The command line as people use it: `ropewalk` as a process of its own, on an installation of its own. One that stays is
started as people start it; one that ends is forked from a process that has loaded Ropewalk (tests.cli.forked)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import customers, serve
from tests.fakes.shapes import Pages
from tests.migrated import migrated

ROOT = Path(__file__).parents[2]
TOKEN = "planted-token-for-the-command-line"


class Loaded:
    """A process that has loaded Ropewalk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking = threading.Lock()
        environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "ropewalk.settings",
            "ROPEWALK_DATA_DIR": str(folder / "nobodys"),
            "ROPEWALK_SECRET_KEY": "for-nobody-for-nobody-for-nobody-for-nobody",
        }
        environ.pop("ROPEWALK_DATABASE_URL", None)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.cli.forked"],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(60) == 0

    def run(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], given: str
    ) -> subprocess.CompletedProcess[str]:
        with self._asking:
            files = {name: self._folder / name for name in ("given", "out", "error")}
            files["given"].write_text(given)
            asked = {"arguments": arguments, "folder": str(folder), "environ": dict(environ)}
            asked |= {name: str(path) for name, path in files.items()}
            assert self._process.stdin
            assert self._process.stdout
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            out, error = (files[name].read_bytes().decode() for name in ("out", "error"))
        return subprocess.CompletedProcess(arguments, status, out, error)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    made = Loaded(tmp_path_factory.mktemp("loaded"))
    yield made
    made.close()


@dataclass
class Shell:
    folder: Path
    loaded: Loaded
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
        return self.loaded.run(arguments, self.folder, self._environ(), given)

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
def shell(tmp_path: Path, loaded: Loaded) -> Shell:
    return Shell(tmp_path, loaded)


@pytest.fixture
def nobodys(shell: Shell) -> Shell:
    """With nobody in it yet."""
    shutil.copytree(migrated().folder, shell.folder, dirs_exist_ok=True)
    return shell


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, loaded: Loaded) -> Path:
    """Only copies of it are used. Making an installation takes longer than most tests do."""
    shell = Shell(tmp_path_factory.mktemp("fresh"), loaded)
    shutil.copytree(migrated().folder, shell.folder, dirs_exist_ok=True)
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
