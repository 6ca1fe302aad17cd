"""What all vendors share: a credential, refusals, and what a set-up from one sample has to find out about them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.fakes import Answer, Asked, Fake
from tests.fakes.vendors.companies import Company, companies


@dataclass(frozen=True)
class Expected:
    """`pagination`: what will do, each in the shape of a stream's settings. A tuple stands for a choice of values; keys
    that are not named (page_size, max_pages) are free, except `params_in`, `total_path` and `has_more_path`.

    Where `total_paths` or `has_more_paths` are empty the body says no such thing. `pages_provable` is False where no page 2
    can be had, although there ought to be one: nothing that is said about its paging is proved.

    `domains` and `ids` are the fields that may be the match field; without any, nothing may be suggested for it.
    `mapping` are the other fields that leave no doubt. `incremental` is None where no parameter asks for what has
    *changed* since; a template may be one of several.
    """

    records_path: str
    pagination: tuple[dict[str, Any], ...]
    ids: tuple[str, ...]
    domains: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    total_paths: tuple[str | None, ...] = ()
    has_more_paths: tuple[str, ...] = ()
    incremental: dict[str, Any] | None = None
    pages_provable: bool = True


class Wrong(Exception):
    """A parameter with a value that the vendor refuses."""

    def __init__(self, name: str, value: object) -> None:
        super().__init__(name)
        self.name = name
        self.value = value


class Vendor(Fake):
    name: ClassVar[str]
    path: ClassVar[str]
    query: ClassVar[str] = ""
    """What stands in the URL that the admin copies from the vendor's docs, with its question mark."""
    method: ClassVar[str] = "GET"
    auth: ClassVar[dict[str, Any]] = {"type": "bearer"}
    secrets: ClassVar[dict[str, str]] = {"token": "tok-4be1c0ffee"}
    credential: ClassVar[tuple[str, str]] = ("authorization", "Bearer tok-4be1c0ffee")
    count: ClassVar[int]
    seed: ClassVar[int]
    expected: ClassVar[Expected]

    def __init__(self) -> None:
        super().__init__()
        self.companies = companies(self.count, self.seed)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every record that can be had, as it is answered."""
        return [self.record(company) for company in self.companies]

    def record(self, company: Company) -> dict[str, Any]:
        raise NotImplementedError

    def page(self, asked: Asked) -> Answer | Any:
        raise NotImplementedError

    def answer(self, asked: Asked) -> Answer | Any:
        header, value = self.credential
        if asked.headers.get(header) != value:
            return self.refusal(401, "", "Authentication credentials are missing or invalid.")
        if not self.serves(asked.path):
            return self.refusal(404, "", "The requested resource was not found.")
        if asked.method != self.method:
            return self.refusal(405, "", f"{asked.method} is not allowed here.")
        try:
            return self.page(asked)
        except Wrong as wrong:
            return self.refusal(400, wrong.name, f"{wrong.value!r} is not a valid value for {wrong.name}.")

    def serves(self, path: str) -> bool:
        return path == self.path

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"error": {"code": status, "field": name or None, "message": message}}, status)


def number(given: Mapping[str, Any], name: str, default: int, least: int, most: int | None = None) -> int:
    """A whole number; above `most` it is cut down to it, below `least` refused."""
    value = given.get(name)
    if value is None:
        return default
    try:
        said = int(value)
    except (TypeError, ValueError):
        raise Wrong(name, value) from None
    if said < least:
        raise Wrong(name, value)
    return said if most is None else min(said, most)


def strict(given: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """The same for vendors that refuse what is too large."""
    said = number(given, name, default, least)
    if said > most:
        raise Wrong(name, said)
    return said


def instant(given: Mapping[str, str], name: str) -> datetime | None:
    """A time in ISO 8601, or a date."""
    value = given.get(name)
    if value is None:
        return None
    try:
        said = datetime.fromisoformat(value)
    except ValueError:
        raise Wrong(name, value) from None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def changed(rows: list[Company], since: datetime | None, comparison: str = "ge") -> list[Company]:
    if since is None:
        return rows
    return [each for each in rows if each.updated > since or (comparison == "ge" and each.updated == since)]


def address(path: str, query: dict[str, Any]) -> str:
    return f"{path}?{urllib.parse.urlencode(query)}"
