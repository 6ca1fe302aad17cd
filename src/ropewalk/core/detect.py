"""How an answer seems to page: candidates with their reasons, the likeliest first (product.md §4.5).

Nothing is asked here and nothing is certain: whoever can fetch proves one of them, or calls it a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from msgspec import Struct

from ropewalk.core import links, names, paths
from ropewalk.core.envelope import Answer, around, key_of, squeezed, words
from ropewalk.core.paths import Path
from ropewalk.core.values import JSON


class Paging(Struct, frozen=True):
    """`settings` are those of core.pagination, but for the size. `shown`: the answer itself gives where the next page
    is; otherwise the parameter's name is made up from what is usual. `echo` is where it says which page it is."""

    settings: dict[str, Any]
    why: str
    shown: bool = True
    echo: Path | None = None


class Place(Struct, frozen=True):
    """`sure`: by its name it is nothing else."""

    path: str
    value: JSON
    why: str
    sure: bool = True


# ---- where the answer itself leads on ----


def leads(answer: Answer, records: Path) -> list[Paging]:
    """URLs and cursors of a next page. Where an answer has both side by side, the cursor is what its API means."""
    urls = list(_next_urls(answer, records))
    cursors = list(_cursors(answer, records, urls))
    beside = [each for each in cursors if each.shown]
    return [
        *_next_headers(answer),
        *beside,
        *(paging for paging, _, _ in urls),
        *(c for c in cursors if not c.shown),
    ]


def _next_headers(answer: Answer) -> Iterator[Paging]:
    if links.next_link(answer.headers.get("link", "")) is not None:
        yield Paging({"type": "link_header"}, 'The answer has a header Link with rel="next"')
    for name, value in answer.headers.items():
        if "next" in words(name) and _is_url(value):
            yield Paging(
                {"type": "next_url", "next_url_header": name}, f"The header {name} holds the next page’s URL"
            )


def _next_urls(answer: Answer, records: Path) -> Iterator[tuple[Paging, Path, str]]:
    for path, value in around(answer.value, records):
        said = {word for part in path[-3:] for word in words(part)}
        if isinstance(value, str) and _is_url(value) and "next" in said and not said & names.BACK:
            text = paths.join(path)
            paging = Paging(
                {"type": "next_url", "next_url_path": text}, f"“{text}” holds the next page’s URL"
            )
            yield paging, path, urljoin(answer.url, value)


def _cursors(answer: Answer, records: Path, urls: list[tuple[Paging, Path, str]]) -> Iterator[Paging]:
    for path, value in around(answer.value, records):
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            continue
        if not _names_cursor(path) or (isinstance(value, str) and _is_url(value)):
            continue
        if squeezed(path[-1]) in names.PAGES | names.OFFSETS and _whole(value) is not None:
            continue
        text = paths.join(path)
        why = f"“{text}” holds what seems to be the next page’s cursor"
        sure = [
            name
            for _, place, url in urls
            for name, given in parse_qsl(urlsplit(url).query)
            if given == str(value) and place[:-1] == path[:-1]
        ]
        for name in sure:
            yield Paging(
                {"type": "cursor", "cursor_param": name, "next_cursor_path": text},
                f"{why}, and the next page’s URL carries it as {name}",
            )
        for name in _cursor_params(path, answer) if not sure else ():
            yield Paging(
                {"type": "cursor", "cursor_param": name, "next_cursor_path": text}, why, shown=not urls
            )


def _names_cursor(path: Path) -> bool:
    last = words(path[-1])
    said = {word for part in path[-3:] for word in words(part)}
    if said & names.BACK or not last:
        return False
    if squeezed(path[-1]) in names.NOT_CURSORS:
        return False
    return (bool(said & names.ON) and bool({*last} & (names.ON | names.CURSOR))) or squeezed(
        path[-1]
    ) in names.CURSORS


def _cursor_params(path: Path, answer: Answer) -> list[str]:
    """What the parameter may be called, from how the cursor is."""
    key = path[-1]
    asked = [name for name in parameters(answer) if squeezed(name.rpartition(".")[2]) in names.CURSOR_PARAMS]
    stem = [word for word in words(key) if word not in ("next", "end")]
    derived = [names.spelled(stem, like=key)] if stem else []
    if squeezed(key) == "endcursor":
        derived.append("after")
    style = names.style(answer.value)
    return list(dict.fromkeys([*asked, *derived, key, *names.styled(names.CURSOR_NAMES, style)]))


def last_ids(answer: Answer, records: Path) -> list[Paging]:
    """Where the cursor is the last record's id."""
    found = answer.records(records)
    key = key_of(found)
    if key is None:
        return []
    text = paths.join((*records, paths.LAST, key))
    style = names.style(answer.value)
    return [
        Paging(
            {"type": "cursor", "cursor_param": name, "next_cursor_path": text},
            f"There is no cursor beside the records, so it may be the last one’s {key}",
            shown=False,
        )
        for name in names.styled(names.LAST_ID_NAMES, style)
    ]


# ---- numbers ----


def numbered(answer: Answer, records: Path) -> list[Paging]:
    """Pages by number and by offset, as far as the answer or the request speak of such."""
    found: list[Paging] = []
    for name, value in parameters(answer).items():
        found += _of_name(name.rpartition(".")[2], name, _whole(value), f"The request has {name}")
    for path, value in around(answer.value, records):
        number = _whole(value)
        if number is None or isinstance(value, str):
            continue
        text = paths.join(path)
        echo = None if "next" in words(path[-1]) else path
        found += _of_name(
            path[-1], _as_parameter(path[-1]), number, f"The answer says “{text}”: {number}", echo
        )
    return _distinct(found)


def _of_name(
    key: str, parameter: str, number: int | None, why: str, echo: Path | None = None
) -> Iterator[Paging]:
    squeezed_key = squeezed(key)
    if squeezed_key in names.PAGES:
        first = [number] if number in (0, 1) else [1]
        for each in dict.fromkeys([*first, 1, 0]):
            yield Paging({"type": "page", "page_param": parameter, "first_page": each}, why, echo=echo)
    elif squeezed_key in names.OFFSETS:
        for each in dict.fromkeys([number if number in (0, 1) else 0, 0, 1]):
            yield Paging({"type": "offset", "offset_param": parameter, "first_offset": each}, why, echo=echo)


def _as_parameter(key: str) -> str:
    """`number`, `current_page` and `next_page` are said of the parameter `page`."""
    if squeezed(key) == "number":
        return "page"
    said = words(key)
    stem = [word for word in said if word not in ("current", "next", "this")]
    return names.spelled(stem, like=key) if 0 < len(stem) < len(said) else key


def _distinct(found: Iterable[Paging]) -> list[Paging]:
    return list({str(sorted(each.settings.items())): each for each in reversed([*found])}.values())[::-1]


def usual_numbers(answer: Answer) -> list[str]:
    """Names of page numbers and offsets to try where nothing speaks of any."""
    return names.styled(names.NUMBER_NAMES, names.style(answer.value), answer)


def is_offset(name: str) -> bool:
    return squeezed(name.rpartition(".")[2]) in names.OFFSETS


# ---- sizes, totals, more ----


def sizes(answer: Answer, records: Path) -> tuple[list[str], list[str]]:
    """Names that a page's size may be asked by: those that something speaks of, and the usual others."""
    count = len(answer.records(records))
    spoken = [name for name in parameters(answer) if squeezed(name.rpartition(".")[2]) in names.SIZES]
    following = [url for _, _, url in _next_urls(answer, records)]
    if (link := links.next_link(answer.headers.get("link", ""))) is not None:
        following.append(link)
    for url in following:
        spoken += [name for name, _ in parse_qsl(urlsplit(url).query) if squeezed(name) in names.SIZES]
    for path, value in around(answer.value, records):
        if _whole(value) is not None and squeezed(path[-1]) in names.SIZES and squeezed(path[-1]) != "count":
            spoken.append(path[-1])
            if _whole(value) == count:
                spoken.insert(0, path[-1])
    first = list(dict.fromkeys(spoken))
    usual = names.styled(names.SIZE_NAMES, names.style(answer.value), answer)
    return first, [name for name in usual if name not in first]


def totals(answer: Answer, records: Path) -> list[Place]:
    count = len(answer.records(records))
    found: list[tuple[int, Place]] = []
    for path, value in around(answer.value, records):
        number = _whole(value)
        if number is None or number < count:
            continue
        name = squeezed(path[-1])
        above = squeezed(path[-2]) if len(path) > 1 else ""
        if name in names.TOTALS or (
            name in ("value", "count", "records", "items", "results") and above in names.TOTALS
        ):
            rank = 0
        elif name in names.PERHAPS_TOTALS:
            rank = 1
        else:
            continue
        text = paths.join(path)
        found.append((rank, Place(text, number, f"“{text}” says {number}", sure=not rank)))
    return [place for _, place in sorted(found, key=lambda each: each[0])]


def told_in_headers(answer: Answer) -> dict[str, int]:
    """Totals that stand in a header, where no path leads."""
    return {
        name: number
        for name, value in answer.headers.items()
        if {*words(name)} & {"total", "count"}
        and "pages" not in squeezed(name)
        and (number := _whole(value)) is not None
    }


def has_mores(answer: Answer, records: Path) -> list[Place]:
    found = []
    for path, value in around(answer.value, records):
        said = {*words(path[-1])}
        name = squeezed(path[-1])
        is_text = isinstance(value, str) and value.lower() in ("true", "false")
        if (isinstance(value, bool) or is_text) and (
            "more" in said or {"next", "has"} <= said or name in ("next", "truncated", "istruncated")
        ):
            text = paths.join(path)
            found.append(Place(text, str(value).lower() == "true", f"“{text}” says {str(value).lower()}"))
    return found


# ---- requests ----


def parameters(answer: Answer) -> Mapping[str, JSON]:
    """What the request gave: the parameters of its URL, or the values of its body by dotted path."""
    found = answer.asked()
    if isinstance(answer.posted, dict):
        found |= {paths.join(path): value for path, value in paths.leaves(answer.posted, 3)}
    return found


def _whole(value: JSON) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and value >= 0 else None


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://", "/", "?")) and not any(c.isspace() for c in text)


def ended_leads(answer: Answer, records: Path) -> list[Paging]:
    """Where the next page's URL or cursor would stand, in an answer that has no next page."""
    found = []
    for path, value in around(answer.value, records):
        if value not in (None, "") or not path:
            continue
        said = {word for part in path[-3:] for word in words(part)}
        text = paths.join(path)
        why = f"“{text}” is empty on the only page there is"
        if "next" in said and said & {"url", "link", "links", "href", "uri"} and not said & names.BACK:
            found.append(Paging({"type": "next_url", "next_url_path": text}, why, shown=False))
        elif _names_cursor(path):
            name = _cursor_params(path, answer)[0]
            found.append(
                Paging({"type": "cursor", "cursor_param": name, "next_cursor_path": text}, why, shown=False)
            )
    return found
