"""Settings of any source, made from the examples that its declaration gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ropewalk.core.mapping import required
from ropewalk.sources.base import Kind, Source


def settings_of(model: type[BaseModel]) -> dict[str, Any]:
    """What can't be left out."""
    found = {}
    for name, info in model.model_fields.items():
        if info.is_required():
            assert info.examples, f"{model.__name__}.{name} is required: it needs examples"
            found[info.alias or name] = info.examples[0]
    return found


def stream_of(source: Source, kind: Kind) -> dict[str, Any]:
    reading = source.kinds[kind]
    matching = {"matching": "domain"} if kind == "accounts" else {"match_by": "domain"}
    targets = [names[0] for names in required(kind, "domain", reading.required)]
    return settings_of(reading.settings) | matching | {"mapping": mapping(targets)}


def mapping(targets: list[str]) -> list[dict[str, str]]:
    return [{"from": f"of.{target}", "to": target} for target in targets]


def connector_of(source: Source) -> dict[str, Any]:
    """As a file describes it, with every stream and every secret."""
    return {
        "source": source.slug,
        "name": source.name,
        "settings": settings_of(source.settings),
        "secrets": {name: f"the-{name}-of-{source.slug}" for name in source.secrets},
        "streams": {kind: stream_of(source, kind) for kind in source.kinds},
    }
