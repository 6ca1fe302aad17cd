"""Sources: each a declaration, by its slug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Final

from ropewalk.sources.base import Source


class _Sources(MutableMapping[str, Source]):
    """Each is loaded when it is asked for: a run needs one, and all of them with their parsers take longer to load than
    100,000 records that haven't changed take to read."""

    def __init__(self, *slugs: str) -> None:
        self._loaded: dict[str, Source | None] = dict.fromkeys(slugs)

    def __getitem__(self, slug: str) -> Source:
        found = self._loaded[slug]
        if found is None:
            found = self._loaded[slug] = import_module(f"{__name__}.{slug}").SOURCE
        return found

    def __setitem__(self, slug: str, source: Source) -> None:
        self._loaded[slug] = source

    def __delitem__(self, slug: str) -> None:
        del self._loaded[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


REGISTRY: Final[Mapping[str, Source]] = _Sources(
    "custom_api", "hubspot", "stripe", "bigquery", "snowflake", "posthog"
)
"""What can be connected."""
FILES: Final[Mapping[str, Source]] = _Sources("csv_file")
"""Read like what is connected, but handed over."""


def readable(slug: str) -> Source | None:
    return FILES.get(slug) or REGISTRY.get(slug)
