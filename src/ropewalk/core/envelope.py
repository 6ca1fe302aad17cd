"""What stands around the records of an answer, and where the records may be (product.md §4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct, field

from ropewalk.core import discover, suggest
from ropewalk.core.paths import Path, get
from ropewalk.core.suggest import Kind
from ropewalk.core.values import JSON, canonical

DEPTH: Final = 5
LOOKED_AT: Final = 50
"""Records of an array that are looked at: enough to tell what they are."""

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PLAIN_NAMES = frozenset(
    """data items item results result records record value values entries rows list objects content contents hits elements
    nodes edges docs documents resources members collection response payload entities""".split()  # noqa: SIM905
)
_KIND_NAMES: Final[Mapping[Kind, frozenset[str]]] = {
    "accounts": frozenset(
        """accounts account companies company customers customer organizations organisations organization orgs clients
        tenants workspaces businesses merchants partners""".split()  # noqa: SIM905
    ),
    "contacts": frozenset("contacts contact people persons users members leads".split()),  # noqa: SIM905
    "events": frozenset("events event activities activity logs actions".split()),  # noqa: SIM905
}
_BESIDE = frozenset(
    """included errors error warnings warning links link facets aggregations buckets columns fields schema meta metadata
    filters filter sorts sort sorting messages notices tags roles permissions breadcrumbs deleted options headers
    suggestions related references refs lookups enums currencies legend""".split()  # noqa: SIM905
)


class Answer(Struct, frozen=True):
    """`url` is the one asked, with its parameters; `posted` the body that went there; header names are lower case."""

    value: JSON
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    posted: JSON = None

    def records(self, path: Path) -> list[JSON]:
        found = get(self.value, path)
        return found if isinstance(found, list) else []

    def asked(self) -> dict[str, JSON]:
        """The parameters of the request: of its query, and dotted paths of its body."""
        query: dict[str, JSON] = dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))
        return query


class Array(Struct, frozen=True):
    """A place where the records may be."""

    path: Path
    score: float
    why: str


def words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def squeezed(name: str) -> str:
    """Without what differs between ways of writing: `next_cursor`, `nextCursor` and `next-cursor` are one."""
    return "".join(words(name))


def around(value: JSON, records: Path) -> Iterator[tuple[Path, JSON]]:
    """The single values of an answer that are in none of its arrays, unless the records are further in there."""
    yield from _around(value, (), records)


def _around(value: JSON, here: Path, records: Path) -> Iterator[tuple[Path, JSON]]:
    if isinstance(value, dict):
        if len(here) < DEPTH:
            for key, inner in value.items():
                yield from _around(inner, (*here, key), records)
    elif isinstance(value, list):
        if len(records) > len(here) and records[: len(here)] == here and value:
            yield from _around(value[0], (*here, "0"), records)
    else:
        yield here, value


def arrays(answer: Answer, kind: Kind = "accounts") -> list[Array]:
    """Where the records may be, the likeliest first."""
    segments = [squeezed(part) for part in urlsplit(answer.url).path.split("/") if part]
    found = [
        array
        for path, elements in _lists(answer.value, ())
        if (array := _ranked(path, elements, answer, kind, segments)) is not None
    ]
    return sorted(found, key=lambda array: -array.score)


def _lists(value: JSON, here: Path) -> Iterator[tuple[Path, list[JSON]]]:
    if isinstance(value, list):
        yield here, value
        # An array of one is often an envelope.
        if len(value) == 1 and len(here) < DEPTH:
            yield from _lists(value[0], (*here, "0"))
    elif isinstance(value, dict) and len(here) < DEPTH:
        for key, inner in value.items():
            yield from _lists(inner, (*here, key))


def _ranked(
    path: Path, elements: list[JSON], answer: Answer, kind: Kind, segments: Sequence[str]
) -> Array | None:
    sample = [each for each in elements[:LOOKED_AT] if isinstance(each, dict)]
    if len(sample) * 2 < len(elements[:LOOKED_AT]):
        return None
    score, reasons = _by_name(path, kind, segments)
    score -= 0.4 * len(path)
    if not elements:
        return Array(path, score - 4, "; ".join([*reasons, "it is empty"]))
    targets = {one.to for one in suggest.suggest(discover.fields(sample), kind)}
    if targets:
        score += min(len(targets), 4)
        reasons.append("its records have what looks like " + ", ".join(sorted(targets)))
    score += min(len(elements), 10) / 10 + min(sum(map(len, sample)) / len(sample), 10) / 5
    counts = {value for _, value in around(answer.value, path) if isinstance(value, int)}
    if len(elements) in counts:
        score += 0.5
    if _keyed(answer.value, path):
        score -= 3
    if len(elements) == 1 and any(isinstance(inner, list) for inner in sample[0].values()) and not targets:
        score -= 2
    return Array(path, score, "; ".join(reasons))


def _by_name(path: Path, kind: Kind, segments: Sequence[str]) -> tuple[float, list[str]]:
    if not path:
        return 2.0, ["the answer itself is an array of objects"]
    named = [part for part in path if not part.isdigit()]
    last = squeezed(named[-1]) if named else ""
    if last in _BESIDE or any(squeezed(part) in _BESIDE for part in named[:-1]):
        return -4.0, [f"“{path[-1]}” is mostly something beside the records"]
    if last and last in segments:
        return 4.0, [f"“{named[-1]}” is also in the URL"]
    if last in _KIND_NAMES[kind] or squeezed(named[-1] if named else "") in _KIND_NAMES[kind]:
        return 3.0, [f"“{named[-1]}” is a name for {kind}"]
    if last in _PLAIN_NAMES:
        return 2.5, [f"“{named[-1]}” is a usual name for records"]
    return 0.0, ["it is an array of objects"]


def _keyed(value: JSON, path: Path) -> bool:
    """Whether the way there goes through one of many objects that are all alike: rather a part of a record."""
    for depth in range(len(path)):
        above = get(value, path[:depth])
        if isinstance(above, dict) and len(above) > 1:
            shapes = [frozenset(each) if isinstance(each, dict) else None for each in above.values()]
            if None not in shapes and len(set(shapes)) == 1 and shapes[0]:
                return True
    return False


# ---- telling records apart ----


def identities(records: Sequence[JSON], key: str | None) -> list[bytes]:
    """What tells a record from others: its key, or all of it."""
    return [
        canonical(record[key])
        if key is not None and isinstance(record, dict) and key in record
        else canonical(record)
        for record in records
    ]


def key_of(records: Sequence[Any]) -> str | None:
    """A property that tells these records apart by itself, so that others may differ from one moment to the next."""
    objects = [record for record in records if isinstance(record, dict)]
    if not objects or len(objects) < len(records):
        return None
    names: list[str] = sorted(
        objects[0], key=lambda name: _KEYS.index(squeezed(name)) if squeezed(name) in _KEYS else 99
    )
    for name in names:
        if squeezed(name) not in _KEYS and not squeezed(name).endswith(("id", "key", "uuid")):
            continue
        values = [record.get(name) for record in objects]
        if all(isinstance(value, str | int) and not isinstance(value, bool) for value in values) and len(
            set(values)
        ) == len(values):
            return name
    return None


_KEYS = ("id", "uuid", "guid", "gid", "key", "sid", "externalid", "code", "number", "slug")
