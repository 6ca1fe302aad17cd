"""Recording what a test exchanges with an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from ropewalk.core.errors import RopewalkError
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.recording import Exchanged


class Recorder:
    """A `Fetch` that keeps every exchange."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.exchanged: list[Exchanged] = []

    def __call__(self, request: Request) -> Response:
        try:
            response = self._fetch(request)
        except RopewalkError as error:
            self.exchanged.append(Exchanged(request, error))
            raise
        self.exchanged.append(Exchanged(request, response))
        return response

    def ahead(self, requests: Sequence[Request]) -> None:
        """Every request has to be wanted."""
