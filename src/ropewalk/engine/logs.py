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
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from ropewalk.core.redact import Redactor, named_secrets

REMEMBERED = 256
"""Sets of credentials, the ones opened last. Each costs time at every line."""

# Of structlog itself; none of it comes from outside.
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

    def event(self, event: EventDict) -> EventDict:
        """By name only where a program chose the name: the message itself has no name that could say so."""
        own = {name: value for name, value in event.items() if name in _OWN}
        given = self._names.redact({name: value for name, value in event.items() if name not in _OWN})
        whole: EventDict = own | given
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
    as_json = not out.isatty() if json is None else json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # The plain one: no values of local variables.
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]

    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(shared, known, _json() if as_json else _console(out)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in _TAMED.items():
        tamed = logging.getLogger(name)
        # A handler of its own would pass by ours; with one there already, it doesn't add one.
        tamed.handlers = [logging.NullHandler()]
        tamed.propagate = True
        tamed.setLevel(max(least, logging.getLevelName(level.upper())))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _formatter(shared: Sequence[Processor], known: KnownSecrets, rendered: Processor) -> logging.Formatter:
    def redacted(_: Any, __: str, event: EventDict) -> EventDict:
        return known.event(event)

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redacted, rendered],
    )


def _json() -> structlog.processors.JSONRenderer:
    return structlog.processors.JSONRenderer(default=str, ensure_ascii=False)


def _console(out: TextIO) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
