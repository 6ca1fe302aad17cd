"""Pages fetched before they are asked for: a few at a time, given up when nobody comes for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ropewalk.core import limits
from ropewalk.core.exchange import Request, Response


class Ahead:
    """Used by one thread, that of the run; `fetch` runs in others. At most `CONCURRENT_PAGES` are out at a time."""

    def __init__(self, fetch: Callable[[Request], Response]) -> None:
        self._fetch = fetch
        self._out: list[tuple[Request, Future[Response]]] = []
        self._threads: ThreadPoolExecutor | None = None

    def hint(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if len(self._out) >= limits.CONCURRENT_PAGES:
                return
            if any(request == known for known, _ in self._out):
                continue
            if self._threads is None:
                self._threads = ThreadPoolExecutor(
                    limits.CONCURRENT_PAGES, thread_name_prefix="ropewalk-ahead"
                )
            self._out.append((request, self._threads.submit(self._fetch, request)))

    def take(self, request: Request) -> Future[Response] | None:
        for place, (known, future) in enumerate(self._out):
            if known == request:
                del self._out[place]
                return future
        return None

    def close(self) -> None:
        """The caller sees to it that fetches under way end soon, and closes what they brought."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
