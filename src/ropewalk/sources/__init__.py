"""Sources: each a declaration, by its slug."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropewalk.sources import bigquery, csv_file, custom_api, hubspot, posthog, snowflake, stripe
from ropewalk.sources.base import Source

REGISTRY: Final[Mapping[str, Source]] = {
    source.slug: source
    for source in (
        custom_api.SOURCE,
        hubspot.SOURCE,
        stripe.SOURCE,
        bigquery.SOURCE,
        snowflake.SOURCE,
        posthog.SOURCE,
    )
}
"""What can be connected."""
FILES: Final = csv_file.SOURCE
"""Read like what is connected, but handed over."""


def readable(slug: str) -> Source | None:
    return FILES if slug == FILES.slug else REGISTRY.get(slug)
