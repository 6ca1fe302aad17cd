"""Sources: each a declaration, by its slug."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropewalk.sources import custom_api, hubspot, posthog, stripe
from ropewalk.sources.base import Source

REGISTRY: Final[Mapping[str, Source]] = {
    source.slug: source for source in (custom_api.SOURCE, hubspot.SOURCE, stripe.SOURCE, posthog.SOURCE)
}
