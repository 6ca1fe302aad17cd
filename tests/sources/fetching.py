"""A `fetch` for readers: a fake server's own function, behind no net."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from ropewalk.core.errors import MustFix, Problem, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.values import canonical
from tests.fakes import Asked, Fake, encoded


class Reached:
    """Answers as `net` would, errors included; `token` is what it sends for the connector."""

    def __init__(self, server: Fake, token: str) -> None:
        self.server = server
        self.token = token
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        url = request.url
        if request.params:
            url += ("&" if "?" in url else "?") + urlencode(request.params)
        parts = urlsplit(url)
        headers = {name.lower(): value for name, value in request.headers}
        if request.credentials:
            headers["authorization"] = f"Bearer {self.token}"
        answer = self.server(
            Asked(
                request.method,
                parts.path,
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
                headers,
                b"" if request.body is None else canonical(request.body),
                f"{parts.scheme}://{parts.netloc}",
                url.removeprefix(f"{parts.scheme}://{parts.netloc}"),
            )
        )
        if answer.status == 429:
            raise RetryLater("rate_limited", "too many requests")
        if answer.status >= 400:
            code = {401: "authentication_failed", 403: "authentication_failed", 404: "not_found_there"}
            found = code.get(answer.status, "unexpected_status")
            raise MustFix(found, f"answered {answer.status}", [Problem("url", f"answered {answer.status}")])
        return Response(answer.status, {"content-type": "application/json"}, encoded(answer), url, 1)

    def ahead(self, requests: Sequence[Request]) -> None:
        """Nothing is asked before its time."""
