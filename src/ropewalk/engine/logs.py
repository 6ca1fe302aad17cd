"""What this process writes to its log: structured, on standard error, without secrets.

Everything goes through one handler, other people's `logging` included. What it writes is redacted by name and by
the values that were made known to it: `know` is called by whoever opens credentials.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterable, MutableMapping
from functools import cached_property
from types import TracebackType
from typing import Any, TextIO

from ropewalk.core.redact import Redactor, named_secrets

REMEMBERED = 256
"""Sets of credentials, the ones opened last. Each costs time at every line."""

# Of the line itself; none of it comes from outside.
_OWN = frozenset(("event", "level", "logger", "timestamp"))
# They bring handlers of their own, or say at every step what they do.
_TAMED = {"dbos": logging.WARNING, "asyncio": logging.WARNING, "sqlalchemy": logging.WARNING}


# Whoever has such a link comes in by it; Django names the path of what it refuses.
_LINKS = re.compile(r"(/app/(?:invitation|reset)/)[\w-]+")


class KnownSecrets:
    """The values that must not be written down. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._redactors: OrderedDict[frozenset[str], Redactor] = OrderedDict()
        self._names = Redactor()

    def know(self, secrets: Iterable[str]) -> None:
        together = frozenset(secret for secret in secrets if secret)
        if not together:
            return
        with self._lock:
            if together not in self._redactors:
                self._redactors[together] = Redactor(together)
            self._redactors.move_to_end(together)
            while len(self._redactors) > REMEMBERED:
                self._redactors.popitem(last=False)

    def text(self, text: str) -> str:
        for redactor in self._all():
            text = redactor.text(text)
        return text

    def event(self, event: MutableMapping[str, Any]) -> dict[str, Any]:
        """By name only where a program chose the name: the message itself has no name that could say so."""
        own = {name: value for name, value in event.items() if name in _OWN}
        given = self._names.redact({name: value for name, value in event.items() if name not in _OWN})
        whole: dict[str, Any] = own | given
        if isinstance(said := whole.get("event"), str):
            whole["event"] = _LINKS.sub(r"\1***", said)
        for redactor in self._all():
            whole = redactor.values(whole)
        return whole

    def _all(self) -> list[Redactor]:
        with self._lock:
            return list(self._redactors.values())


KNOWN = KnownSecrets()


def know(secrets: Iterable[str]) -> None:
    """From here on, no line has any of these values in it."""
    KNOWN.know(secrets)


def know_named(body: object) -> None:
    """What a body brings in under names of secrets, wherever they stand in it."""
    KNOWN.know(named_secrets(body))


def redact_tracebacks(known: KnownSecrets = KNOWN) -> None:
    """Of errors that nobody caught, in any thread: Python writes them itself, past every handler."""

    def write(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        sys.stderr.write(known.text("".join(traceback.format_exception(kind, error, trace))))

    def write_of_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_type is not SystemExit:
            write(given.exc_type, given.exc_value, given.exc_traceback)

    sys.excepthook = write
    threading.excepthook = write_of_thread


def set_up(
    level: str = "info",
    *,
    json: bool | None = None,
    stream: TextIO | None = None,
    known: KnownSecrets = KNOWN,
) -> None:
    """For whoever starts a process. Lines are JSON, unless a person is watching; calling it again replaces it."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(known, out, as_json=not out.isatty() if json is None else json))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in _TAMED.items():
        tamed = logging.getLogger(name)
        # A handler of its own would pass by ours; with one there already, it doesn't add one.
        tamed.handlers = [logging.NullHandler()]
        tamed.propagate = True
        tamed.setLevel(max(least, logging.getLevelName(level.upper())))
    logging.captureWarnings(True)


# What makes lines is loaded with the first of them: most commands write none, and would take a tenth longer to start.


class Log:
    """Of a module: `debug`, `info`, `warning`, `error` or `exception`, each with an event and what belongs to it by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, level: str) -> Any:
        from ropewalk.engine import lines

        return getattr(lines.logger(self._name), level)


class _Formatter(logging.Formatter):
    def __init__(self, known: KnownSecrets, out: TextIO, *, as_json: bool) -> None:
        super().__init__()
        self._known = known
        self._out = out
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        return self._lines.format(record)

    @cached_property
    def _lines(self) -> logging.Formatter:
        from ropewalk.engine import lines

        return lines.formatter(self._known.event, colors=self._out.isatty(), as_json=self._as_json)
