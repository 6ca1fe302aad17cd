"""How lines of the log are made (engine.logs says what goes into them)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    # The plain one: no values of local variables.
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
]


def logger(name: str) -> Any:
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *_SHARED,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )
    return structlog.get_logger(name)


def formatter(
    redacted: Callable[[EventDict], EventDict], *, colors: bool, as_json: bool
) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _, __, event: redacted(event),
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
            ),
        ],
    )
