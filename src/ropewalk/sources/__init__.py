"""Sources: each a declaration, by its slug."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Final

from ropewalk.sources import csv_file, custom_api, hubspot, posthog, stripe
from ropewalk.sources.base import Source

_CONNECTED: Final = {
    source.slug: source for source in (custom_api.SOURCE, hubspot.SOURCE, stripe.SOURCE, posthog.SOURCE)
}
REGISTRY: Final[Mapping[str, Source]] = _CONNECTED
"""What can be connected."""
READABLE: Final[Mapping[str, Source]] = ChainMap(_CONNECTED, {csv_file.SOURCE.slug: csv_file.SOURCE})
"""What runs read: files too, which are handed over and not connected."""
