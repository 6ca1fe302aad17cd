"""What a vendor's SDK says of its API, as a check: paths, query names, and the models of bodies.

Models that the extract doesn't hold are not looked into; keys that a model doesn't know are wrong in a request, and fine in
an answer, which may grow."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

FOLDER = Path(__file__).parent
_LIST = re.compile(r"list\[(.+)\]")
_DICT = re.compile(r"dict\[str, (.+)\]")
_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


class Contract:
    """`also`: what the vendor's pages say beyond its SDK, as (model, field): a predicate."""

    def __init__(self, file: str, also: dict[tuple[str, str], Any] | None = None) -> None:
        areas = json.loads((FOLDER / file).read_text())["areas"]
        self._operations = [(each, area["models"]) for area in areas.values() for each in area["operations"]]
        self._also = also or {}

    def request(self, method: str, path: str, query: tuple[tuple[str, str], ...], body: bytes) -> list[str]:
        """What is wrong with it; nothing where it is as described."""
        wrong = []
        for operation, models in self._matching(method, path):
            unknown = {name for name, _ in query} - {*operation["query"]}
            found = [f"{method} {path} has no parameter {name}" for name in sorted(unknown)]
            if operation["form"]:
                sent = dict(parse_qsl(body.decode()))
                found += [f"no form field {name}" for name in sorted(sent.keys() - {*operation["form"]})]
            elif operation["body"]:
                found += [*self._model(json.loads(body), operation["body"], models, "body", strict=True)]
            elif body:
                found.append(f"{method} {path} takes no body")
            if not found:
                return []
            wrong.append(found)
        return wrong[0] if wrong else [f"there is no {method} {path}"]

    def answer(self, area: str, model: str, value: Any) -> list[str]:
        models = next(models for _, models in self._operations if model in models)
        return [*self._model(value, model, models, f"{area} {model}", strict=False)]

    def _matching(self, method: str, path: str) -> list[Any]:
        found = []
        for operation, models in self._operations:
            pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(operation["path"]))
            if operation["method"] == method and re.fullmatch(pattern, path):
                found.append((operation, models))
        return found

    def _model(self, value: Any, name: str, models: dict[str, Any], at: str, *, strict: bool) -> Any:
        model = models.get(name)
        if model is None:
            return
        if not isinstance(value, dict):
            yield f"{at} is no object"
            return
        for missing in sorted({*model["required"]} - value.keys()):
            yield f"{at}.{missing} is missing"
        for key, one in value.items():
            wanted = model["fields"].get(key)
            if wanted is None:
                if strict:
                    yield f"{at}.{key} is unknown"
            elif (name, key) in self._also:
                if not self._also[name, key](one):
                    yield f"{at}.{key} isn't as described"
            elif one is not None:
                yield from self._typed(one, wanted, models, f"{at}.{key}", strict=strict)
                if isinstance(one, str) and one not in model.get("enum", {}).get(key, [one]):
                    yield f"{at}.{key} is none of {model['enum'][key]}"

    def _typed(self, value: Any, wanted: str, models: dict[str, Any], at: str, *, strict: bool) -> Any:
        if match := _LIST.fullmatch(wanted):
            if not isinstance(value, list):
                yield f"{at} is no list"
                return
            for place, one in enumerate(value):
                yield from self._typed(one, match[1], models, f"{at}.{place}", strict=strict)
        elif match := _DICT.fullmatch(wanted):
            for key, one in value.items() if isinstance(value, dict) else [("", None)]:
                yield from self._typed(one, match[1], models, f"{at}.{key}", strict=strict)
        elif wanted == "datetime":
            try:
                datetime.fromisoformat(value)
            except (TypeError, ValueError):
                yield f"{at} is no time"
        elif wanted in _PLAIN:
            if not isinstance(value, _PLAIN[wanted]) or (wanted == "int" and isinstance(value, bool)):  # type: ignore[arg-type]
                yield f"{at} is no {wanted}"
        else:
            yield from self._model(value, wanted, models, at, strict=strict)
