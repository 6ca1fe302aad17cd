"""What a test was of, so that a stream saved just as it was tested doesn't stand there as untested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ropewalk.core.checking import check
from ropewalk.core.values import JSON, canonical, digest
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind, Source, StreamKind


def mark(source: Source, kind: StreamKind, connector_settings: Any, stream_settings: Any) -> str:
    """Of where records are asked for, as whom, and where they are in the answer; not of what becomes of them."""
    stream = stream_settings.model_dump(mode="json", by_alias=True)
    needed = source.needs(connector_settings, stream_settings)
    auth = needed.auth.model_dump(mode="json", by_alias=True)
    told = [_told(stream[name]) if name == "headers" else stream[name] for name in kind.tested]
    return digest(canonical([*told, auth, *sorted(needed.origins)])).hex()


def _told(headers: Mapping[str, JSON]) -> JSON:
    """Their names: values are secrets."""
    return [*sorted(name.lower() for name in headers)]


def mark_of_draft(source: str, kind: str, settings: Mapping[str, Any], stream: Mapping[str, Any]) -> str:
    """Of settings as they were sent in to be tested, which were found to be good."""
    of = REGISTRY[source]
    reading = of.kinds[cast(Kind, kind)]
    without_mapping = {name: value for name, value in stream.items() if name not in ("mapping", "secrets")}
    return mark(
        of,
        reading,
        check(of.settings, settings),
        check(reading.settings, without_mapping, {"draft": True}),
    )
