"""At the start of every process that is measured (bench.native): HubSpot is where the environment says, and lets as many
requests through as are made. They are counted all the same."""

import os

from msgspec.structs import replace

if at := os.environ.get("HUBSPOT_AT"):
    from ropewalk.sources import REGISTRY, hubspot

    REGISTRY["hubspot"] = replace(hubspot.declared(at, at), budgets=lambda _: {"": 6e6, "search": 6e6})  # type: ignore[index]
