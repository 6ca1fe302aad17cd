"""Names looked up beside the request, so that a slow name server can't outlast a deadline."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from ropewalk.core.errors import Cancelled, RetryLater
from ropewalk.net.guard import Address, Guard

KEPT_SECONDS = 10.0
_GLANCE_SECONDS = 0.2


class Lookup:
    """Keeps the guard's answers for a moment: a kept answer is one that was checked, and pins the connection."""

    def __init__(self, guard: Guard, clock: Callable[[], float]) -> None:
        self._guard = guard
        self._clock = clock
        self._kept: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}

    def addresses(
        self, host: str, port: int, seconds: float, cancelled: Callable[[], bool]
    ) -> tuple[Address, ...]:
        until, found = self._kept.get((host, port), (0.0, ()))
        if found and self._clock() < until:
            return found
        found = self._look_up(host, port, seconds, cancelled)
        if len(self._kept) > 1_000:
            self._kept.clear()
        self._kept[host, port] = (self._clock() + KEPT_SECONDS, found)
        return found

    def _look_up(
        self, host: str, port: int, seconds: float, cancelled: Callable[[], bool]
    ) -> tuple[Address, ...]:
        answers: queue.SimpleQueue[tuple[Address, ...] | Exception] = queue.SimpleQueue()

        def look() -> None:
            try:
                answers.put(self._guard.check(host, port))
            except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
                answers.put(error)

        threading.Thread(target=look, name="ropewalk-lookup", daemon=True).start()
        waited = 0.0
        while waited < seconds:
            glance = min(_GLANCE_SECONDS, seconds - waited)
            try:
                answer = answers.get(timeout=glance)
            except queue.Empty:
                waited += glance
                if cancelled():
                    raise Cancelled from None
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise RetryLater(
            "lookup_failed", f"The address of {host} could not be looked up within {seconds:.3g} s."
        )
