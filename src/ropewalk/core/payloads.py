"""The payloads of typed items: what each kind looks like, and whose domains are in it (push-api.md §3, §4).

Whatever else a payload holds is kept. Of what is named here a null counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from ropewalk.core import normalise, times
from ropewalk.core.errors import Problem
from ropewalk.core.eventschema import EventKind
from ropewalk.core.values import JSON

Part = Literal["text", "time", "person", "people"]
Payload = Mapping[str, JSON]


class Shape(Struct, frozen=True):
    """`one_of`: at least one of these is there."""

    parts: Mapping[str, Part]
    one_of: tuple[str, ...] = ()


SHAPES: Final[Mapping[EventKind, Shape]] = {
    "email": Shape(
        {
            "from": "person",
            "to": "people",
            "cc": "people",
            "subject": "text",
            "body": "text",
            "thread_id": "text",
        },
        ("from", "to"),
    ),
    "page": Shape({"title": "text", "url": "text", "content": "text", "author": "person"}, ("title", "url")),
    "message": Shape({"text": "text", "author": "person", "channel": "text"}, ("text",)),
    "calendar": Shape(
        {"title": "text", "start": "time", "end": "time", "attendees": "people", "location": "text"},
        ("title", "start"),
    ),
    "issue": Shape(
        {"title": "text", "status": "text", "assignee": "person", "description": "text", "url": "text"},
        ("title", "url"),
    ),
    "custom": Shape({}),
}


def problems(kind: EventKind, payload: Payload, path: str = "payload") -> Iterator[Problem]:
    shape = SHAPES[kind]
    for name, part in shape.parts.items():
        value = payload.get(name)
        if value is not None:
            yield from _CHECKS[part](value, f"{path}.{name}")
    if shape.one_of and all(payload.get(name) is None for name in shape.one_of):
        wanted = " or ".join(shape.one_of)
        yield Problem(f"{path}.{shape.one_of[0]}", f"An item of the kind {kind} needs {wanted}.")


def domains(kind: EventKind, payload: Payload) -> list[str]:
    """Of the people in it, each once; in normal form, free-mail domains left out."""
    found: dict[str, None] = {}
    for name, part in SHAPES[kind].parts.items():
        if part in ("person", "people"):
            for address in _addresses(payload.get(name)):
                domain = normalise.domain(address)
                if domain is not None and not normalise.is_free_mail(domain):
                    found[domain] = None
    return [*found]


def _addresses(value: JSON) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        address = each.get("email") if isinstance(each, dict) else each
        if isinstance(address, str) and normalise.email(address) is not None:
            yield address


def _text(value: JSON, path: str) -> Iterable[Problem]:
    return () if isinstance(value, str) else [Problem(path, "Give a text.")]


def _time(value: JSON, path: str) -> Iterable[Problem]:
    found = times.moment(value)
    return () if found is not None else [Problem(path, "Give an ISO 8601 time, or an epoch in s or ms.")]


def _person(value: JSON, path: str) -> Iterable[Problem]:
    """`a@b.c`, or `{"email", "name"}` of which one is there."""
    if isinstance(value, str):
        return () if normalise.email(value) is not None else [Problem(path, _NO_EMAIL)]
    if not isinstance(value, dict):
        return [Problem(path, _NO_PERSON)]
    address, name = value.get("email"), value.get("name")
    if address is None and name is None:
        return [Problem(path, _NO_PERSON)]
    found = []
    if address is not None and (not isinstance(address, str) or normalise.email(address) is None):
        found.append(Problem(f"{path}.email", _NO_EMAIL))
    if name is not None and not isinstance(name, str):
        found.append(Problem(f"{path}.name", "Give a text."))
    return found


def _people(value: JSON, path: str) -> Iterable[Problem]:
    if not isinstance(value, list):
        return _person(value, path)
    return [found for place, each in enumerate(value) for found in _person(each, f"{path}.{place}")]


_NO_EMAIL: Final = "This isn't an email address."
_NO_PERSON: Final = 'Give a person: "a@b.c" or {"email", "name"}.'
_CHECKS: Final[Mapping[Part, Callable[[JSON, str], Iterable[Problem]]]] = {
    "text": _text,
    "time": _time,
    "person": _person,
    "people": _people,
}
