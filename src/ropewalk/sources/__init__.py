"""Sources: each a declaration, by its slug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Final

from ropewalk.core import csvfiles
from ropewalk.sources.base import Source


class _Sources(MutableMapping[str, Source]):
    """By slug, from the modules that declare them. Each is loaded when it is asked for: a run needs one, and the parsers
    of all of them take a good part of a command's start."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._found: dict[str, Source | str] = dict(modules)

    def __getitem__(self, slug: str) -> Source:
        found = self._found[slug]
        if isinstance(found, str):
            found = import_module(f"{__name__}.{found}").SOURCE
            self._found[slug] = found
        return found

    def __setitem__(self, slug: str, source: Source) -> None:
        self._found[slug] = source

    def __delitem__(self, slug: str) -> None:
        del self._found[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


REGISTRY: Final[Mapping[str, Source]] = _Sources(
    {slug: slug for slug in ("custom_api", "hubspot", "stripe", "bigquery", "snowflake", "posthog")}
)
"""What can be connected."""
FILES: Final[Mapping[str, Source]] = _Sources({csvfiles.SLUG: "csv_file"})
"""Read like what is connected, but handed over."""


def readable(slug: str) -> Source | None:
    return FILES.get(slug) or REGISTRY.get(slug)
