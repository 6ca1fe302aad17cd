"""Until when a body has to have come. A timer for each body costs more than reading most of them, so one looks after all."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ropewalk.core import errortable
from ropewalk.ingest.refusals import Refusal

_LOOKS: Final = 8
"""How often within the shortest stretch: a body is given up that much too late at most."""


class Deadlines:
    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._over: set[asyncio.Task[Any]] = set()
        self._is_watched = False

    def of(self, seconds: float) -> _Stretch:
        """Around the waiting of one task."""
        return _Stretch(self, seconds)

    def begin(self, task: asyncio.Task[Any], seconds: float) -> None:
        loop = task.get_loop()
        self._ends[task] = loop.time() + seconds
        if not self._is_watched:
            self._is_watched = True
            loop.call_later(seconds / _LOOKS, self._look, loop, seconds / _LOOKS)

    def end(self, task: asyncio.Task[Any]) -> bool:
        """Whether it was over."""
        del self._ends[task]
        is_over = task in self._over
        self._over.discard(task)
        return is_over

    def _look(self, loop: asyncio.AbstractEventLoop, pause: float) -> None:
        now = loop.time()
        for task, end in self._ends.items():
            if end <= now and task not in self._over:
                self._over.add(task)
                task.cancel()
        self._is_watched = bool(self._ends)
        if self._is_watched:
            loop.call_later(pause, self._look, loop, pause)


class _Stretch:
    __slots__ = ("_deadlines", "_seconds", "_task")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self._seconds = seconds

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._deadlines.begin(task, self._seconds)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._deadlines.end(self._task) and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise Refusal(408, errortable.TOO_SLOW) from None
