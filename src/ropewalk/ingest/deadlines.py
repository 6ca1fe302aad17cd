"""Until when a body has to have come. A timer for each body costs more than reading most of them, so one looks after all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Around the waiting of one task."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._ends[task] = loop.time() + seconds
        if not self._is_watched:
            self._is_watched = True
            loop.call_later(seconds / _LOOKS, self._look, loop, seconds / _LOOKS)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._over:
                raise
            task.uncancel()
            raise Refusal(408, errortable.TOO_SLOW) from None
        finally:
            del self._ends[task]
            self._over.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop, pause: float) -> None:
        now = loop.time()
        for task, end in self._ends.items():
            if end <= now and task not in self._over:
                self._over.add(task)
                task.cancel()
        self._is_watched = bool(self._ends)
        if self._is_watched:
            loop.call_later(pause, self._look, loop, pause)
