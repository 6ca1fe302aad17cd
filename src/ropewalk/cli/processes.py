"""Processes that stay, and how each of them ends."""

from __future__ import annotations

import fcntl
import os
import platform
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, TYPE_CHECKING

from ropewalk.cli import exits
from ropewalk.cli.opening import Called
from ropewalk.core.errors import Conflict, GiveUp
from ropewalk.installation import Installation
from ropewalk.net import listening
from ropewalk.store import transactions

if TYPE_CHECKING:
    from granian.server.mp import MPServer

    from ropewalk.engine.worker import Worker

STOP_SECONDS = 30.0
KILL_SECONDS = 10
LOOK_SECONDS = 0.05
# Its lines come through our log, not through handlers of its own.
_GRANIAN_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


def new_worker(called: Called, jobs_url: str | None) -> Worker:
    """Its id is unlike any before, so that nothing a dead one held is taken for its own."""
    from ropewalk.engine.worker import Worker
    from ropewalk.store.workers import OWN

    worker_id = f"{'' if jobs_url else OWN}{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
    return Worker(worker_id, jobs_url, called.clock)


def work(called: Called, *, with_parent: bool = False) -> int:
    """Until a signal, or with its parent."""
    stop = threading.Event()
    with signals(stop.set):
        worker = new_worker(called, called.settings().jobs_url)
        worker.start()
        if with_parent:
            threading.Thread(target=_follow_parent, args=(stop,), daemon=True).start()
        else:
            called.output.note("The worker is up; Ctrl-C stops it.")
        stop.wait()
        worker.stop()
    return exits.DONE


def _follow_parent(stop: threading.Event) -> None:
    # Unbuffered: a buffer's lock would be held while the interpreter ends.
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    stop.set()


@contextmanager
def signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM calls `stop`; a second Ctrl-C leaves at once."""
    pressed = 0

    def interrupted(number: int, _: FrameType | None) -> None:
        nonlocal pressed
        pressed += number == signal.SIGINT
        if pressed > 1:
            os._exit(exits.INTERRUPTED)
        stop()

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Beside:
    """A process that this one starts, and that ends with it, however it ends: its standard input closes then."""

    def __init__(self, arguments: list[str], **options: object) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for us; we pass it on in our order.
            start_new_session=True,
            **options,
        )
        # A fork of this process must not hold the pipe open.
        os.register_at_fork(after_in_child=self._let_go)

    def _let_go(self) -> None:
        os.close(self._input.fileno())

    @property
    def _input(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class _Tether:
    """Ends the forks of this process when it goes, also by kill -9: one that lived on would keep the port."""

    def __init__(self) -> None:
        self._far, self._near = os.pipe()
        os.register_at_fork(after_in_child=self._tie)

    def _tie(self) -> None:
        os.close(self._near)
        threading.Thread(target=self._end_with_it, name="tether", daemon=True).start()

    def _end_with_it(self) -> None:
        # Nothing is ever written; the read ends when the last one who could has gone.
        os.read(self._far, 1)
        os._exit(exits.FAILED)


def worker_beside() -> Beside:
    return Beside(["ropewalk.cli", "worker", "--with-parent"])


def serve_web(called: Called, host: str, port: int, *, with_worker: bool) -> int:
    """Until a signal; or until one of its processes ends by itself, which then is a failure."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    if not listening.is_free(host, port):
        raise _cannot_listen(_url(host, port))
    server = MPServer(
        "ropewalk.asgi:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        # SQLite has exactly one web process; PostgreSQL has as many as are started.
        workers=1,
        websockets=False,
        # One that is asked to end before it has begun doesn't hear it.
        workers_kill_timeout=KILL_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOGS,
    )
    _Tether()
    with _only_web_process(called.settings()):
        return _Serving(called, server, host, port).run(with_worker=with_worker)


@contextmanager
def _only_web_process(installation: Installation) -> Iterator[None]:
    if not installation.database["ENGINE"].endswith("sqlite3"):
        yield
        return
    with (installation.data_dir / ".web.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"A web process of {installation.data_dir} is running already; on SQLite there is exactly one."
            ) from None
        yield


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_listen(url: str, error: Exception | None = None) -> GiveUp:
    message = f"Can't listen on {url}. If something else does already, choose another --port."
    return GiveUp("cannot_listen", message, detail=repr(error))


def _first_start() -> str:
    """Where the first organization is made, for whoever may; empty where there is one."""
    from ropewalk.engine.members import founding

    return f"/app/start?code={founding.code()}" if founding.is_open() else ""


class _Serving:
    def __init__(self, called: Called, server: MPServer, host: str, port: int) -> None:
        self._called = called
        self._server = server
        self._at = host, port
        self._url = _url(host, port)
        self._first_start = _first_start()
        self._worker: Beside | None = None
        self._stopped = threading.Event()
        self._worker_failed = False

    def run(self, *, with_worker: bool) -> int:
        if with_worker:
            self._server.on_startup(self._start_worker)
        self._server.on_startup(threading.Thread(target=self._say, daemon=True).start)
        # The web process is a fork: it is to open connections of its own.
        transactions.close()
        web_failed = False
        try:
            self._server.serve()
        except SystemExit as error:
            web_failed = bool(error.code)
        except (OSError, RuntimeError) as error:
            raise _cannot_listen(self._url, error) from None
        finally:
            self._stopped.set()
            if self._worker is not None:
                self._worker.stop()
        if web_failed and not self._worker_failed:
            raise GiveUp("web_ended", "The web process ended by itself; its log lines above say why.")
        if self._worker_failed:
            raise GiveUp("worker_ended", "The worker process ended by itself; its log lines above say why.")
        return exits.DONE

    def _say(self) -> None:
        """Once it answers: whoever reads this may ask at once."""
        while not listening.listens(*self._at):
            if self._stopped.wait(LOOK_SECONDS):
                return
        self._called.output.note(f"Ropewalk is up: {self._url} (Ctrl-C stops it)")
        if self._first_start:
            reached_at = self._called.settings().public_url or self._url
            self._called.output.note(f"Create your organization: {reached_at}{self._first_start}")

    def _start_worker(self) -> None:
        self._worker = worker_beside()
        threading.Thread(target=self._watch_worker, args=(self._worker,), daemon=True).start()

    def _watch_worker(self, worker: Beside) -> None:
        worker.process.wait()
        if not self._stopped.is_set():
            self._worker_failed = True
            # To the main thread, which would sleep on if another one took it.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
