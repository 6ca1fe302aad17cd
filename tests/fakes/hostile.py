"""Servers that misbehave, each in one way. All answer at /customers and list companies of `tests.fakes.customers`.

`stream` of each says how an admin would have set it up in good faith. `HOSTILE` lists them by name, ready to make.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.shapes import Cursors, NextUrls, Offsets, Pages

PAGE = {"type": "page", "page_param": "page", "size_param": "limit"}
OFFSET = {"type": "offset", "offset_param": "offset", "size_param": "limit"}
CURSOR = {"type": "cursor", "cursor_param": "cursor", "next_cursor_path": "next", "size_param": "limit"}
NEXT_URL = {"type": "next_url", "next_url_path": "next"}
NONE = {"type": "none"}


def _stream(pagination: dict[str, Any], records_path: str = "data") -> dict[str, Any]:
    return {"records_path": records_path, "pagination": pagination}


def _number(asked: Asked, name: str, otherwise: int) -> int:
    return int(asked.params.get(name, otherwise))


# ---- pages that come again ----


class PastEndRepeatsLast(Fake):
    """Asked for a page past the end, it gives the last one again."""

    stream = _stream(PAGE)

    def __init__(self, count: int = 250) -> None:
        super().__init__()
        self.records = customers(count)

    def answer(self, asked: Asked) -> Any:
        size = _number(asked, "limit", 100)
        last = -(-len(self.records) // size)
        page = min(_number(asked, "page", 1), last)
        return {"data": self.records[(page - 1) * size : page * size]}


class OffsetClamped(Fake):
    """An offset beyond the last full window is moved back to it: the end is always a full page, and overlaps."""

    stream = _stream(OFFSET)

    def __init__(self, count: int = 250) -> None:
        super().__init__()
        self.records = customers(count)

    def answer(self, asked: Asked) -> Any:
        size = _number(asked, "limit", 100)
        offset = min(_number(asked, "offset", 0), max(0, len(self.records) - size))
        return {"data": self.records[offset : offset + size]}


class PageIgnored(Fake):
    """The page parameter means nothing to it: page 1, every time."""

    stream = _stream(PAGE)

    def __init__(self, count: int = 250, *, total: bool = False) -> None:
        super().__init__()
        self.records = customers(count)
        self.total = total
        if total:
            self.stream = _stream({**PAGE, "total_path": "total"})

    def answer(self, asked: Asked) -> Any:
        body: dict[str, Any] = {"data": self.records[: _number(asked, "limit", 100)]}
        if self.total:
            body["total"] = len(self.records)
        return body


class SameCursor(Fake):
    """After page 1 every page is page 2, and its next cursor the one that led to it. `fresh`: other records each time."""

    stream = _stream(CURSOR)

    def __init__(self, *, fresh: bool = False) -> None:
        super().__init__()
        self.fresh = fresh

    def answer(self, asked: Asked) -> Any:
        size = _number(asked, "limit", 100)
        step = 0 if "cursor" not in asked.params else len(self.seen) - 1 if self.fresh else 1
        return {"data": customers(size, step * size + 1), "next": "round-and-round"}


class CursorsAlternate(Fake):
    """Page 1 leads to a, a to b, b to a. `fresh`: other records each time, so that only the cursors tell."""

    stream = _stream(CURSOR)

    def __init__(self, *, fresh: bool = False) -> None:
        super().__init__()
        self.fresh = fresh

    def answer(self, asked: Asked) -> Any:
        size = _number(asked, "limit", 100)
        cursor = asked.params.get("cursor")
        step = {None: 0, "a": 1, "b": 2}[cursor]
        if self.fresh:
            step = len(self.seen) - 1
        return {"data": customers(size, step * size + 1), "next": "b" if cursor == "a" else "a"}


class NextIsItself(Fake):
    """The next page's URL is the URL just asked for."""

    stream = _stream(NEXT_URL)

    def answer(self, asked: Asked) -> Any:
        return {"data": customers(100), "next": asked.base + asked.target}


# ---- pages that lead away ----


class NextElsewhere(Fake):
    """The second page is said to be on another origin: `elsewhere`, a URL without a slash at the end."""

    stream = _stream(NEXT_URL)

    def __init__(self, elsewhere: str) -> None:
        super().__init__()
        self.elsewhere = elsewhere

    def answer(self, asked: Asked) -> Any:
        return {"data": customers(100), "next": f"{self.elsewhere}/customers?page=2"}


class RedirectElsewhere(Fake):
    stream = _stream(NONE)

    def __init__(self, elsewhere: str, status: int = 302) -> None:
        super().__init__()
        self.elsewhere = elsewhere
        self.status = status

    def answer(self, asked: Asked) -> Any:
        return Answer("", self.status, {"Location": self.elsewhere + asked.target})


class RedirectLoop(Fake):
    """Redirects within its own origin, to /1, /2, /3, … for ever, or with `hops` to the records at last."""

    stream = _stream(NONE)

    def __init__(self, hops: int | None = None) -> None:
        super().__init__()
        self.hops = hops

    def answer(self, asked: Asked) -> Any:
        done = len(self.seen) - 1
        if self.hops is not None and done >= self.hops:
            return {"data": customers(3)}
        return Answer("", 302, {"Location": f"/{done + 1}"})


# ---- answers that are none ----


class Same(Fake):
    """One answer to everything."""

    def __init__(
        self, body: Any, status: int = 200, *, stream: dict[str, Any] | None = None, **more: Any
    ) -> None:
        super().__init__()
        self.fixed = Answer(body, status, **more)
        self.stream = stream or _stream(NONE)

    def answer(self, asked: Asked) -> Any:
        return self.fixed


def html_with_200() -> Fake:
    page = "<!doctype html><title>Sign in</title><form><input name=password></form>"
    return Same(page, headers={"Content-Type": "text/html; charset=utf-8"})


def error_with_200() -> Fake:
    return Same({"error": {"code": "invalid_plan", "message": "The API is part of the Business plan"}})


def records_elsewhere() -> Fake:
    """Set up for `data`, but the records are in `result.0.items`."""
    return Same({"status": "ok", "count": 3, "result": [{"items": customers(3)}], "facets": ["a", "b"]})


def not_an_array() -> Fake:
    return Same({"data": {"c-1": {"name": "Company 1"}, "c-2": {"name": "Company 2"}}})


def no_content() -> Fake:
    return Same(b"", 204)


def empty_body() -> Fake:
    return Same(b"")


def not_json() -> Fake:
    return Same(b'{"data": [{"id": 1},]}')


def not_a_number() -> Fake:
    return Same(b'{"data": [{"id": "c-1", "score": 1.5}, {"id": "c-2", "score": NaN}]}')


def infinity() -> Fake:
    return Same(b'{"data": [{"id": "c-1", "score": -Infinity}]}')


# ---- counts that are wrong ----


class SaysMoreThanItGives(Fake):
    """Says `total`, gives `count`, then empty pages."""

    stream = _stream({**PAGE, "total_path": "total"})

    def __init__(self, total: int = 30, count: int = 10) -> None:
        super().__init__()
        self.total = total
        self.records = customers(count)

    def answer(self, asked: Asked) -> Any:
        size = _number(asked, "limit", 100)
        start = (_number(asked, "page", 1) - 1) * size
        return {"data": self.records[start : start + size], "total": self.total}


class EmptyInTheMiddle(Fake):
    """Pages 1 to `pages`, those in `empty` without records; has-more is true on all but the last."""

    stream = _stream({**PAGE, "has_more_path": "more"})

    def __init__(self, pages: int = 5, empty: tuple[int, ...] = (3,)) -> None:
        super().__init__()
        self.pages = pages
        self.empty = empty

    def answer(self, asked: Asked) -> Any:
        size, page = _number(asked, "limit", 100), _number(asked, "page", 1)
        given = page <= self.pages and page not in self.empty
        return {"data": customers(size, (page - 1) * size + 1) if given else [], "more": page < self.pages}


class TotalNull(Pages):
    """Its total is there, and null."""

    def __init__(self, count: int = 250) -> None:
        super().__init__(customers(count), total_key="total")

    def answer(self, asked: Asked) -> Any:
        answer = super().answer(asked)
        answer.body["total"] = None
        return answer


class MovingRows(Fake):
    """Rows move while they are read: before page `at`, one is added at the front, or the first one goes.

    Added: the last row of the page before comes again. Gone: one row is on no page.
    """

    stream = _stream({**PAGE, "total_path": "total"})

    def __init__(self, count: int = 250, *, at: int = 2, gone: bool = False) -> None:
        super().__init__()
        self.records = customers(count)
        self.at = at
        self.gone = gone
        self.moved = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        if _number(asked, "page", 1) > self.at:
            # Pages are asked for together; what comes after the move is read after it. Waited for here, since
            # `answer` runs one at a time, and the move is an answer.
            self.moved.wait(10)
        return super().__call__(asked)

    def answer(self, asked: Asked) -> Any:
        size, page = _number(asked, "limit", 100), _number(asked, "page", 1)
        if page == self.at and not self.moved.is_set():
            if self.gone:
                self.records = self.records[1:]
            else:
                self.records = [*customers(1, 90_001), *self.records]
            self.moved.set()
        return {"data": self.records[(page - 1) * size : page * size], "total": len(self.records)}


# ---- connections and bodies ----


class CutOff(Fake):
    """Page `at` announces its length and closes in the middle; `times` (None: always) before it is whole."""

    stream = _stream(PAGE)

    def __init__(self, count: int = 250, *, at: int = 2, times: int | None = None) -> None:
        super().__init__()
        self.shop = Pages(customers(count))
        self.at = at
        self.times = times

    def answer(self, asked: Asked) -> Any:
        answer = self.shop.answer(asked)
        if _number(asked, "page", 1) == self.at and self.times != 0:
            if self.times is not None:
                self.times -= 1
            whole = json.dumps(answer.body).encode()
            return Answer(whole[: len(whole) // 2], announced=len(whole))
        return answer


class GzipBomb(Fake):
    """A small body that unpacks to `size` bytes of one JSON text. It is compressed block by block, as it is sent."""

    stream = _stream(NONE)

    def __init__(self, size: int = 2 * 1024**3) -> None:
        super().__init__()
        self.size = size

    def answer(self, asked: Asked) -> Any:
        return Answer(self.blocks(), headers={"Content-Encoding": "gzip"})

    def blocks(self) -> Iterator[bytes]:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        yield squeeze.compress(b'{"data": [{"id": "') + squeeze.flush(zlib.Z_FULL_FLUSH)
        block = b"a" * 2**20
        yield squeeze.compress(block) + squeeze.flush(zlib.Z_FULL_FLUSH)
        same = squeeze.compress(block) + squeeze.flush(zlib.Z_FULL_FLUSH)
        for _ in range(self.size // 2**20):
            yield same


class SlowDrip(Fake):
    """A byte every `pace` seconds, of a body of `length` bytes: never silent, never done."""

    stream = _stream(NONE)

    def __init__(self, pace: float = 0.05, length: int = 100_000) -> None:
        super().__init__()
        self.pace = pace
        self.length = length

    def answer(self, asked: Asked) -> Any:
        return Answer((b" " for _ in range(self.length)), pace=self.pace)


class Silent(Fake):
    """Takes the request and says nothing."""

    stream = _stream(NONE)

    def answer(self, asked: Asked) -> Any:
        return Answer(iter([b"{}"]), pace=3_600)


class BigPage(Fake):
    """One page of about `megabytes`, made while it is sent: companies with a note that makes them `record_bytes` long."""

    stream = _stream(NONE)

    def __init__(self, megabytes: int = 200, record_bytes: int = 4_000) -> None:
        super().__init__()
        self.count = megabytes * 1_000_000 // record_bytes
        self.record_bytes = record_bytes

    def answer(self, asked: Asked) -> Any:
        return Answer(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        yield b'{"data": ['
        for start in range(1, self.count + 1, 100):
            rows = []
            for record in customers(min(100, self.count - start + 1), start):
                bare = len(json.dumps(record)) + len(', "note": ""')
                rows.append(json.dumps({**record, "note": "n" * (self.record_bytes - bare)}))
            yield (b", " if start > 1 else b"") + ", ".join(rows).encode()
        yield b"]}"


class Ndjson(Fake):
    """One record a line, and no array anywhere."""

    stream = _stream(NONE, records_path="")

    def __init__(self, count: int = 25, content_type: str = "application/x-ndjson") -> None:
        super().__init__()
        self.lines_of_json = "".join(json.dumps(record) + "\n" for record in customers(count))
        self.content_type = content_type

    def answer(self, asked: Asked) -> Any:
        return Answer(self.lines_of_json.encode(), headers={"Content-Type": self.content_type})


# ---- records ----


class Duplicates(Fake):
    """Within page 1 the second record comes twice, and page 2 begins with page 1's last, renamed."""

    stream = _stream(PAGE)

    def answer(self, asked: Asked) -> Any:
        one, two, three, four = customers(4)
        pages = {1: [one, two, two, three], 2: [{**three, "name": "Company 3, renamed"}, four]}
        return {"data": pages.get(_number(asked, "page", 1), [])}


def not_objects() -> Fake:
    one, two = customers(2)
    return Same({"data": [one, "c-2", 3, None, True, ["c-4"], two]})


def deep(levels: int = 40) -> Fake:
    nested: dict[str, Any] = {"bottom": "reached"}
    for level in range(levels - 1, 0, -1):
        nested = {f"level{level}": nested}
    return Same({"data": [{**customers(1)[0], "deep": nested}]})


def odd_keys() -> Fake:
    odd = {
        "plan.tier": "dotted",
        "Company Name": "spaced",
        "🏢 hq": "emoji",
        "": "empty",
        "ключ": "Cyrillic",
        "a\\b": "backslash",
        "__proto__": "underscored",
        "0": "digit",
        'quo"te': "quoted",
    }
    return Same({"data": [{**customers(1)[0], **odd}]})


BIG_INTEGERS = (
    9_223_372_036_854_775_807,
    9_223_372_036_854_775_808,
    18_446_744_073_709_551_615,
    18_446_744_073_709_551_616,
    -9_223_372_036_854_775_809,
    10**40 + 7,
)


def big_integers() -> Fake:
    return Same(
        {"data": [{**record, "big": big} for record, big in zip(customers(6), BIG_INTEGERS, strict=True)]}
    )


# ---- refusals that pass ----


class Busy(Fake):
    """The first `times` requests for page `at` are answered with `status`, then it is an honest server of pages.

    `wait`: None, a number of seconds, or a timedelta, which becomes an HTTP date that far from now.
    """

    def __init__(
        self,
        status: int = 429,
        *,
        times: int | None = 1,
        wait: float | timedelta | None = None,
        at: int = 1,
        count: int = 150,
    ) -> None:
        super().__init__()
        self.shop = Pages(customers(count))
        self.stream = self.shop.stream
        self.status = status
        self.times = times
        self.wait = wait
        self.at = at

    def answer(self, asked: Asked) -> Any:
        if _number(asked, "page", 1) != self.at or self.times == 0:
            return self.shop.answer(asked)
        if self.times is not None:
            self.times -= 1
        headers = {}
        if isinstance(self.wait, timedelta):
            headers["Retry-After"] = format_datetime(datetime.now(UTC) + self.wait, usegmt=True)
        elif self.wait is not None:
            headers["Retry-After"] = f"{self.wait:g}"
        return Answer({"error": "not now"}, self.status, headers)


ELSEWHERE = "http://127.0.0.2:9"
"""Another origin that nobody listens at: whoever follows a link to it fails. Give a served URL to see what arrives."""

HOSTILE: dict[str, Callable[[], Fake]] = {
    "page past the end repeats the last": PastEndRepeatsLast,
    "page past the end repeats the last, which is full": lambda: PastEndRepeatsLast(300),
    "offset clamped": OffsetClamped,
    "page size clamped, by page": lambda: Pages(customers(230), clamp=50),
    "page size clamped, by page, with a total": lambda: Pages(customers(230), clamp=50, total_key="total"),
    "page size clamped, by offset": lambda: Offsets(customers(230), clamp=50),
    "page size clamped, by cursor": lambda: Cursors(customers(230), clamp=50),
    "page parameter ignored": PageIgnored,
    "page parameter ignored, with a total": lambda: PageIgnored(total=True),
    "page parameter ignored, all records on one short page": lambda: PageIgnored(30),
    "same cursor for ever": SameCursor,
    "same cursor for ever, fresh records": lambda: SameCursor(fresh=True),
    "cursors alternate": CursorsAlternate,
    "cursors alternate, fresh records": lambda: CursorsAlternate(fresh=True),
    "next points to itself": NextIsItself,
    "next on another host": lambda: NextElsewhere(ELSEWHERE),
    "redirect to another origin": lambda: RedirectElsewhere(ELSEWHERE),
    "redirects for ever": RedirectLoop,
    "HTML with status 200": html_with_200,
    "error object with status 200": error_with_200,
    "records elsewhere": records_elsewhere,
    "no array at the path": not_an_array,
    "says 30, gives 10": SaysMoreThanItGives,
    "an empty page in the middle": EmptyInTheMiddle,
    "two empty pages in the middle": lambda: EmptyInTheMiddle(6, (3, 4)),
    "total is null": TotalNull,
    "body cut off, once": lambda: CutOff(times=1),
    "body cut off, always": CutOff,
    "gzip bomb": GzipBomb,
    "429 with seconds": lambda: Busy(wait=1),
    "429 with a date": lambda: Busy(wait=timedelta(seconds=2)),
    "429 without a wait": Busy,
    "429 for 301 seconds": lambda: Busy(wait=301),
    "503 five times": lambda: Busy(503, times=5),
    "503 six times": lambda: Busy(503, times=6),
    "slow drip": SlowDrip,
    "silent": Silent,
    "a page of 200 MB": BigPage,
    "NDJSON": Ndjson,
    "NDJSON that says JSON": lambda: Ndjson(content_type="application/json"),
    "duplicates within and across pages": Duplicates,
    "records that are not objects": not_objects,
    "40 levels deep": deep,
    "5,000 levels deep": lambda: Same(
        b'{"data": [{"id": "c-1", "deep": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]}"
    ),
    "odd keys": odd_keys,
    "integers beyond 64 bits": big_integers,
    "not JSON": not_json,
    "NaN": not_a_number,
    "Infinity": infinity,
    "204": no_content,
    "an empty body": empty_body,
    "a row comes in while we read": MovingRows,
    "a row goes while we read": lambda: MovingRows(gone=True),
    "next URL is relative": lambda: NextUrls(customers(250), relative=True),
}
