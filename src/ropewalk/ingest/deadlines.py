"""Until when a body has to have come. A timer for each body costs more than reading most of them, so one looks after all."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

from ropewalk.core import errortable
from ropewalk.ingest.refusals import Refusal

_LOOKS: Final = 8
"""How often within a stretch: a body is given up that much too late at most."""


class Deadlines:
    """Around the waiting of any number of tasks, of each for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._over: set[asyncio.Task[Any]] = set()
        self._is_watched = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._ends[_task(loop)] = monotonic() + self._seconds
        if not self._is_watched:
            self._is_watched = True
            loop.call_later(self._seconds / _LOOKS, self._look, loop)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = _task(asyncio.get_running_loop())
        del self._ends[task]
        if task in self._over:
            self._over.discard(task)
            if kind is asyncio.CancelledError:
                task.uncancel()
                raise Refusal(408, errortable.TOO_SLOW) from None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = monotonic()
        for task, end in self._ends.items():
            if end <= now and task not in self._over:
                self._over.add(task)
                task.cancel()
        self._is_watched = bool(self._ends)
        if self._is_watched:
            loop.call_later(self._seconds / _LOOKS, self._look, loop)


def _task(loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any]:
    task = asyncio.current_task(loop)
    assert task is not None
    return task
