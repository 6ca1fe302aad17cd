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
READABLE: Final[Mapping[str, Source]] = {**REGISTRY, csv_file.SOURCE.slug: csv_file.SOURCE}
"""What runs read: files too, which are handed over and not connected."""
