"""An installation as its operator has it: a data folder, an environment, and `ropewalk` as a process.

    acme = Installation(folder)
    acme.cli("init", "--organization", "Acme", "--owner", "ada@acme.example")
    acme.json("sync", "CRM", "accounts", status=3)
    with acme.started("serve", "--port", "8787") as serve: …

On PostgreSQL each has a database of its own on the server of the tests. Nothing here waits for a time to pass:
`until` asks again and again, and gives up at its deadline. Whatever was started is ended by its process id.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import psutil
import psycopg
import yaml

from tests.cli.conftest import Loaded
from tests.migrated import Migrated

ROOT = Path(__file__).parents[2]
DEADLINE = 240.0
"""Long enough for a machine that has much else to do."""
T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str, *, seconds: float = DEADLINE) -> T:
    """The first answer that is one."""
    ends = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < ends:
        if answer := ask():
            return answer
        pause.wait(0.05)
    raise AssertionError(f"after {seconds:.0f} s still not: {what}")


class Installation:
    def __init__(
        self,
        folder: Path,
        *,
        like: Installation | Migrated | None = None,
        loaded: Loaded | None = None,
        **environ: str,
    ) -> None:
        """`like`: one that no process has open; the new one begins as its copy. `loaded` runs its commands, which are
        otherwise processes from the beginning."""
        if like is None:
            folder.mkdir(exist_ok=True)
        else:
            shutil.copytree(like.folder, folder)
        self.folder = folder
        self.data = folder / "data"
        self.loaded = like.loaded if isinstance(like, Installation) else loaded
        self.said: list[bytes] = []
        """Everything that a process of this installation has printed, once it has ended."""
        self._server = os.environ.get("ROPEWALK_DATABASE_URL")
        self.database = f"e2e_{uuid.uuid4().hex}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROPEWALK_")}
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        self.environ = kept | {
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PYTHONWARNINGS": "ignore",
            "ROPEWALK_DATA_DIR": str(self.data),
            "ROPEWALK_ALLOW_NETWORKS": "127.0.0.0/8",
            **environ,
        }
        if self._server:
            with psycopg.connect(self._server, autocommit=True) as connection:
                template = f" TEMPLATE {like.database}" if like else ""
                connection.execute(f"CREATE DATABASE {self.database}{template}")
            parts = urlsplit(self._server)
            self.environ["ROPEWALK_DATABASE_URL"] = parts._replace(path=f"/{self.database}").geturl()

    def drop(self) -> None:
        if self._server:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {self.database} WITH (FORCE)")

    # ---- commands ----

    def cli(self, *arguments: str, status: int = 0, **environ: str) -> str:
        """What it answered on standard output; it has to end with `status`."""
        return self._called("ropewalk.cli", *arguments, status=status, **environ)

    def python(self, module: str, *arguments: str) -> str:
        """What a module that uses Ropewalk's code answers."""
        return self._called(module, *arguments, DJANGO_SETTINGS_MODULE="ropewalk.settings")

    def _called(self, module: str, *arguments: str, status: int = 0, **environ: str) -> str:
        if self.loaded and module == "ropewalk.cli":
            done = self.loaded.run(arguments, self.folder, self.environ | environ, "")
        else:
            done = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env=self.environ | environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE * 4,
                check=False,
            )
        self.said += [done.stdout.encode(), done.stderr.encode()]
        assert done.returncode == status, (
            f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def json(self, *arguments: str, status: int = 0, **environ: str) -> Any:
        return json.loads(self.cli("--json", *arguments, status=status, **environ))

    def init(self, organization: str = "Acme") -> str:
        """An API key with every scope."""
        made = self.json("init", "--organization", organization, "--owner", "ada@acme.example", "--api-key")
        return str(made["api_key"]["key"])

    def apply(self, *connectors: dict[str, Any], organization: str = "Acme", **environ: str) -> None:
        file = self.folder / "crm.yaml"
        file.write_text(yaml.safe_dump(list(connectors)))
        self.cli("--organization", organization, "apply", str(file), **environ)

    # ---- processes that stay ----

    @contextmanager
    def started(self, *arguments: str, module: str = "ropewalk.cli", **environ: str) -> Iterator[Started]:
        process = Started(self, [sys.executable, "-m", module, *arguments], self.environ | environ)
        try:
            yield process
        finally:
            process.clear_away()
            self.said += [bytes(process.out), bytes(process.err)]

    # ---- its database ----

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        if url := self.environ.get("ROPEWALK_DATABASE_URL"):
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(self.data / "ropewalk.sqlite", timeout=30)) as file, file:
            return file.execute(statement).fetchall()

    def events(self) -> tuple[list[tuple[str, bytes]], list[str]]:
        """What the event store has: ids and contents of events, and the ids of earlier versions."""
        earlier = "SELECT external_id FROM version"
        if url := self.environ.get("ROPEWALK_DATABASE_URL"):
            with psycopg.connect(url, options="-c search_path=ropewalk_events") as connection:
                rows = connection.execute("SELECT external_id, content FROM event").fetchall()
                return [(name, bytes(content)) for name, content in rows], [
                    name for (name,) in connection.execute(earlier)
                ]
        with closing(sqlite3.connect(self.data / "events.sqlite", timeout=30)) as file, file:
            packs = [msgspec.msgpack.decode(events) for (events,) in file.execute("SELECT events FROM pack")]
            return [(event[2], event[11]) for _, _, events in packs for event in events], [
                name for (name,) in file.execute(earlier)
            ]

    def half_a_minute_passes(self) -> None:
        """For every heartbeat there is: that of a worker which is gone is then too old to count."""
        if "ROPEWALK_DATABASE_URL" in self.environ:
            self.execute("UPDATE ropewalk_worker SET heartbeat_at = heartbeat_at - interval '31 seconds'")
        else:
            self.execute(
                "UPDATE ropewalk_worker SET heartbeat_at = "
                "strftime('%Y-%m-%d %H:%M:%f000', heartbeat_at, '-31 seconds')"
            )


class Started:
    """A process in a session of its own, as a terminal would start it."""

    def __init__(self, of: Installation, command: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=of.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.out = bytearray()
        self.err = bytearray()
        self._family: dict[int, psutil.Process] = {}
        self._readers = [
            threading.Thread(target=_keep, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        return (bytes(self.out) + bytes(self.err)).decode(errors="replace")

    def says(self, words: str, *, seconds: float = DEADLINE) -> None:
        def said() -> bool:
            ended = self.process.poll() is not None
            if words in self.text:
                return True
            assert not ended, (
                f"it ended with {self.process.returncode} before it said {words!r}:\n{self.text}"
            )
            return False

        until(said, f"it says {words!r}: {self.text[-2_000:]}", seconds=seconds)

    def family(self) -> list[psutil.Process]:
        """Itself and all that it has started, and they."""
        with suppress(psutil.NoSuchProcess):
            mine = psutil.Process(self.pid)
            self._family |= {one.pid: one for one in (mine, *mine.children(recursive=True))}
        return [one for one in self._family.values() if _lives(one)]

    def child(self, *words: str) -> psutil.Process:
        """The one whose command line has all these words."""

        def found() -> psutil.Process | None:
            for one in self.family():
                with suppress(psutil.NoSuchProcess):
                    if one.pid != self.pid and set(words) <= {*one.cmdline()}:
                        return one
            return None

        return until(found, f"it has a process {' '.join(words)}: {self.text[-2_000:]}")

    def ends(self, number: signal.Signals, *, seconds: float = DEADLINE) -> int:
        """Its exit status after a signal; a Ctrl-C goes to the whole process group, as from a terminal.

        None of its processes is left then."""
        family = self.family()
        if number is signal.SIGINT:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)
        status = self.process.wait(seconds)
        until(
            lambda: not any(map(_lives, family)),
            f"all of its processes have ended: {[one for one in family if _lives(one)]}",
        )
        self._join()
        return status

    def clear_away(self) -> None:
        for one in self.family():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(10)
        self._join()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def _keep(pipe: IO[bytes], said: bytearray) -> None:
    while data := pipe.read1(65_536):  # type: ignore[attr-defined]
        said += data


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Api:
    """The JSON API over HTTP, with a key. Everything it answered is in `said`."""

    def __init__(self, port: int, key: str = "") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = key
        self.said: list[bytes] = []

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {self.key}"} if self.key else {}),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                status, headers, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, text = error.code, error.headers, error.read()
        self.said += [bytes(headers), text]
        as_json = headers.get_content_type() == "application/json"
        return status, json.loads(text) if as_json and text else text.decode()

    def get(self, path: str) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer

    def is_up(self) -> bool:
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def run(self, connector_id: str, kind: str = "accounts") -> str:
        """Asks for a run; its id."""
        status, run = self.call(
            "POST", f"/v1/connectors/{connector_id}/streams/{kind}/runs", {"mode": "sync"}
        )
        assert status == 202, run
        return str(run["run_id"])

    def ended(self, run_id: str) -> Any:
        def ended() -> Any:
            run = self.get(f"/v1/runs/{run_id}")
            return run if run["status"] not in ("queued", "running") else None

        return until(ended, f"the run {run_id} has ended")
