"""Reads a page or two ahead of the rows being applied, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.2


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ReadAhead(Generic[T]):
    """Iterates `items` in a thread that stays at most `depth` ahead; errors come out where the item would have.

    `at_end` runs in that thread once it is done, whatever happened: connections that it opened are closed there.
    """

    def __init__(
        self, items: Iterator[T], *, depth: int = 2, at_end: Callable[[], None] = lambda: None
    ) -> None:
        self._items = items
        self._at_end = at_end
        self._queue: Queue[T | _End] = Queue(maxsize=depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def close(self) -> None:
        """Stops the thread; what it read ahead is dropped."""
        self._closed.set()
        while self._thread.is_alive():
            with suppress(Empty):
                self._queue.get(timeout=_POLL_SECONDS)
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                self._put(item)
                if self._closed.is_set():
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again where the item was wanted
            error = caught
        finally:
            self._at_end()
            self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=_POLL_SECONDS)
                return
