"""Honest servers, one for each way of paging. Their arithmetic is their own: nothing here looks at Ropewalk's paginator.

All take `records` (the live list: change it between runs and the next reading sees it) and these knobs:

    path="/customers"        where they answer; anywhere else is 404
    records_key="data"       dotted; "" answers the bare array
    total_key, more_key      dotted; None leaves them out
    default_size, clamp      page size when none is asked for; the largest one given (None: whatever is asked)
    since_param, since_field a filter: records whose field is at or after the parameter, compared as text
    in_body                  parameters are read from the JSON body of a POST, names may be dotted
    token                    a bearer token without which the answer is 401
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import Any, Literal

from tests.fakes import Answer, Asked, Fake


def _dig(value: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _bury(into: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for part in parents:
        into = into.setdefault(part, {})
    into[last] = value


class Shape(Fake):
    def __init__(
        self,
        records: list[Any],
        *,
        path: str = "/customers",
        records_key: str = "data",
        total_key: str | None = None,
        more_key: str | None = None,
        size_param: str = "limit",
        default_size: int = 20,
        clamp: int | None = None,
        since_param: str = "updated_since",
        since_field: str = "updated_at",
        in_body: bool = False,
        token: str | None = None,
        encoding: str | None = None,
    ) -> None:
        super().__init__()
        self.records = records
        self.path = path
        self.records_key = records_key
        self.total_key = total_key
        self.more_key = more_key
        self.size_param = size_param
        self.default_size = default_size
        self.clamp = clamp
        self.since_param = since_param
        self.since_field = since_field
        self.in_body = in_body
        self.token = token
        self.encoding = encoding

    def pagination(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def stream(self) -> dict[str, Any]:  # type: ignore[override]
        paging = self.pagination()
        if self.total_key:
            paging["total_path"] = self.total_key
        if self.more_key:
            paging["has_more_path"] = self.more_key
        settings: dict[str, Any] = {"records_path": self.records_key, "pagination": paging}
        if self.in_body:
            paging["params_in"] = "body"
            settings |= {"method": "POST", "body": {}}
        return settings

    def answer(self, asked: Asked) -> Answer | Any:
        if asked.path != self.path:
            return Answer({"error": "no such resource"}, 404)
        if self.token is not None and asked.headers.get("authorization") != f"Bearer {self.token}":
            return Answer({"error": "who are you?"}, 401)
        chosen = self.records
        since = self.param(asked, self.since_param)
        if since is not None:
            chosen = [record for record in chosen if record.get(self.since_field, "") >= str(since)]
        start, stop = self.span(asked, len(chosen))
        rows = chosen[start:stop]
        headers: dict[str, str] = {}
        body: Any = rows
        if self.records_key:
            body = {}
            _bury(body, self.records_key, rows)
            if self.total_key:
                _bury(body, self.total_key, len(chosen))
            if self.more_key:
                _bury(body, self.more_key, stop < len(chosen))
        self.point_onwards(asked, body, headers, stop if stop < len(chosen) else None)
        return Answer(body, headers=headers, encoding=self.encoding)

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        """Which of the `count` records this request is for."""
        raise NotImplementedError

    def point_onwards(self, asked: Asked, body: Any, headers: dict[str, str], position: int | None) -> None:
        """Says where to go on, for the ways of paging that do; `position` None: this was the last page."""

    def param(self, asked: Asked, name: str) -> Any:
        return _dig(asked.json, name) if self.in_body else asked.params.get(name)

    def size(self, asked: Asked) -> int:
        wanted = self.param(asked, self.size_param)
        size = int(wanted) if wanted is not None else self.default_size
        return min(size, self.clamp) if self.clamp else size


class Whole(Shape):
    """No paging at all: everything in one answer."""

    def pagination(self) -> dict[str, Any]:
        return {"type": "none"}

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        return 0, count


class Pages(Shape):
    """Numbered pages, the first of them `first` (0 or 1). Beyond the last there is an empty page."""

    def __init__(self, records: list[Any], *, page_param: str = "page", first: int = 1, **knobs: Any) -> None:
        super().__init__(records, **knobs)
        self.page_param = page_param
        self.first = first

    def pagination(self) -> dict[str, Any]:
        return {
            "type": "page",
            "page_param": self.page_param,
            "size_param": self.size_param,
            "first_page": self.first,
        }

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        said = self.param(asked, self.page_param)
        before = (int(said) if said is not None else self.first) - self.first
        size = self.size(asked)
        return before * size, (before + 1) * size


class Offsets(Shape):
    def __init__(self, records: list[Any], *, offset_param: str = "offset", **knobs: Any) -> None:
        super().__init__(records, **knobs)
        self.offset_param = offset_param

    def pagination(self) -> dict[str, Any]:
        return {"type": "offset", "offset_param": self.offset_param, "size_param": self.size_param}

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        offset = int(self.param(asked, self.offset_param) or 0)
        return offset, offset + self.size(asked)


def _seal(position: int, size: int) -> str:
    """A cursor that says nothing to who holds it, with characters that have to be encoded in a URL."""
    return base64.b64encode(json.dumps({"at": position, "n": size}).encode()).decode() + "=+/"


def _unseal(cursor: str) -> tuple[int, int]:
    kept = json.loads(base64.b64decode(cursor.removesuffix("=+/")))
    return kept["at"], kept["n"]


class _Sealed(Shape):
    """What cursors and next links share: the place, and the size asked for first, are in the cursor."""

    cursor_param = "cursor"

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        cursor = self.param(asked, self.cursor_param)
        start, size = _unseal(cursor) if cursor else (0, self.size(asked))
        return start, start + size


class Cursors(_Sealed):
    """`last` says what stands in place of a cursor on the last page: null, an empty text, or nothing at all."""

    def __init__(
        self,
        records: list[Any],
        *,
        cursor_param: str = "cursor",
        next_key: str = "paging.next",
        last: Literal["null", "empty", "absent"] = "null",
        **knobs: Any,
    ) -> None:
        super().__init__(records, **knobs)
        self.cursor_param = cursor_param
        self.next_key = next_key
        self.last = last

    def pagination(self) -> dict[str, Any]:
        return {
            "type": "cursor",
            "cursor_param": self.cursor_param,
            "next_cursor_path": self.next_key,
            "size_param": self.size_param,
        }

    def point_onwards(self, asked: Asked, body: Any, headers: dict[str, str], position: int | None) -> None:
        if position is not None:
            _bury(body, self.next_key, _seal(position, self.size(asked)))
        elif self.last != "absent":
            _bury(body, self.next_key, None if self.last == "null" else "")

    def span(self, asked: Asked, count: int) -> tuple[int, int]:
        cursor = self.param(asked, self.cursor_param)
        start = _unseal(cursor)[0] if cursor else 0
        return start, start + self.size(asked)


class NextUrls(_Sealed):
    """The next page's URL, in the body at `next_key` or in the response header `next_header`."""

    def __init__(
        self,
        records: list[Any],
        *,
        next_key: str | None = "links.next",
        next_header: str | None = None,
        relative: bool = False,
        **knobs: Any,
    ) -> None:
        super().__init__(records, **knobs)
        self.next_key = None if next_header else next_key
        self.next_header = next_header
        self.relative = relative

    def pagination(self) -> dict[str, Any]:
        if self.next_header:
            return {"type": "next_url", "next_url_header": self.next_header}
        return {"type": "next_url", "next_url_path": self.next_key}

    def link(self, asked: Asked, position: int) -> str:
        cursor = _seal(position, _unseal(c)[1] if (c := asked.params.get("cursor")) else self.size(asked))
        kept = [(name, value) for name, value in asked.query if name not in ("cursor", self.size_param)]
        query = urllib.parse.urlencode([*kept, ("cursor", cursor)])
        return f"{'' if self.relative else asked.base}{self.path}?{query}"

    def point_onwards(self, asked: Asked, body: Any, headers: dict[str, str], position: int | None) -> None:
        if self.next_header:
            if position is not None:
                headers[self.next_header] = self.link(asked, position)
        else:
            assert self.next_key is not None
            _bury(body, self.next_key, None if position is None else self.link(asked, position))


class LinkHeader(NextUrls):
    """RFC 8288: several links in one header, `next` not always the first of them."""

    def pagination(self) -> dict[str, Any]:
        return {"type": "link_header"}

    def point_onwards(self, asked: Asked, body: Any, headers: dict[str, str], position: int | None) -> None:
        links = [f'<{asked.base}{self.path}?p=1,2>; title="first, or so"; rel="first"']
        if position is not None:
            links.append(f'<{self.link(asked, position)}>; rel="next"')
        headers["Link"] = ", ".join(links)
