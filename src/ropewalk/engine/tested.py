"""What a test was of, so that a stream saved just as it was tested doesn't stand there as untested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ropewalk.core.auth import merge
from ropewalk.core.checking import check
from ropewalk.core.values import canonical, digest
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind

_ASKED = ("url", "method", "body", "records_path")


def mark(connector_settings: Any, stream_settings: Any) -> str:
    """Of where records are asked for, as whom, and where they are in the answer; not of what becomes of them."""
    stream = stream_settings.model_dump(mode="json", by_alias=True)
    auth = merge(connector_settings.auth, stream_settings.auth).model_dump(mode="json", by_alias=True)
    headers = sorted(name.lower() for name in stream["headers"])
    return digest(canonical([*(stream[name] for name in _ASKED), auth, headers])).hex()


def mark_of_draft(source: str, kind: str, settings: Mapping[str, Any], stream: Mapping[str, Any]) -> str:
    """Of settings as they were sent in to be tested, which were found to be good."""
    of = REGISTRY[source]
    without_mapping = {name: value for name, value in stream.items() if name not in ("mapping", "secrets")}
    return mark(
        check(of.settings, settings),
        check(of.kinds[cast(Kind, kind)].settings, without_mapping, {"draft": True}),
    )
