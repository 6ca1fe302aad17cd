"""HubSpot's search: rules that filter, and going on beyond its window of 10,000 results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core.anchors import Anchor, Place
from ropewalk.core.checking import Settings, several
from ropewalk.core.errors import Problem
from ropewalk.core.ranges import bounds
from ropewalk.core.values import JSON
from ropewalk.sources.anchored import Search
from ropewalk.sources.base import Window

SEARCH_LANE: Final = "search"
PAGE: Final = 200
OVERLAP_SECONDS: Final = 300
"""Search answers from an index that is behind by moments."""
MOST_GROUPS: Final = 5
_OURS: Final = 2
"""Rules of our own in each group: by them a search goes on from where the page before ended."""
MOST_IN_A_GROUP: Final = 6 - _OURS
MOST_RULES: Final = 18

_WITHOUT_VALUE: Final = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_WITH_SEVERAL: Final = ("IN", "NOT_IN")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Rule(Settings):
    """Of one group all have to hold; of the groups, one."""

    group: Annotated[int, Field(strict=True, ge=1, le=MOST_GROUPS), bounds(1, MOST_GROUPS)] = Field(
        1, title="Group"
    )
    property: Annotated[str, Field(min_length=1, max_length=255)] = Field(title="Property")
    operator: Literal[
        "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
    ] = Field("EQ", title="Operator")  # fmt: skip
    value: Annotated[str, Field(max_length=3_000)] = Field(
        "", title="Value", validate_default=True, description="With IN several, with commas between them."
    )
    high_value: Annotated[str, Field(max_length=3_000)] = Field(
        "", title="Up to", validate_default=True, description="With BETWEEN."
    )

    @field_validator("value")
    @classmethod
    def _is_there(cls, value: str, info: ValidationInfo) -> str:
        operator = info.data.get("operator", "EQ")
        if (operator in _WITHOUT_VALUE) == bool(value):
            wanted = "takes no value; leave it out" if value else "needs a value"
            raise PydanticCustomError(
                "value", "{operator} {wanted}.", {"operator": operator, "wanted": wanted}
            )
        return value

    @field_validator("high_value")
    @classmethod
    def _is_for_between(cls, value: str, info: ValidationInfo) -> str:
        if (info.data.get("operator") == "BETWEEN") != bool(value):
            raise PydanticCustomError("value", "BETWEEN, and only that, needs a value up to which.")
        return value

    def sent(self) -> dict[str, JSON]:
        told: dict[str, JSON] = {"propertyName": self.property, "operator": self.operator}
        if self.operator in _WITH_SEVERAL:
            told["values"] = [each.strip() for each in self.value.split(",") if each.strip()]
        elif self.value:
            told["value"] = self.value
        return told | ({"highValue": self.high_value} if self.high_value else {})


R = TypeVar("R", bound=Rule)


def fit(rules: list[R]) -> list[R]:
    """As many as a search takes, ours included."""
    counted = Counter(rule.group for rule in rules)
    found = [
        Problem(str(place), f"A group has at most {MOST_IN_A_GROUP} rules.")
        for place, rule in enumerate(rules)
        if sum(each.group == rule.group for each in rules[: place + 1]) == MOST_IN_A_GROUP + 1
    ]
    if len(rules) + _OURS * len(counted) > MOST_RULES:
        most = MOST_RULES - _OURS * len(counted)
        found.append(Problem("", f"With {len(counted)} groups there can be {most} rules in all."))
    if found:
        raise several(found, "")
    return rules


def search(api: str, objects: str, changed: str, asked: Sequence[str], stream: Any, window: Window) -> Search:
    groups: dict[int, list[dict[str, JSON]]] = {}
    for rule in stream.filters:
        groups.setdefault(rule.group, []).append(rule.sent())
    properties: list[JSON] = [*dict.fromkeys([*asked, changed])]

    def body(anchor: Anchor | None) -> JSON:
        ours = _from(changed, anchor, window.since)
        filters = [[*rules, *ours] for rules in groups.values()] or ([ours] if ours else [])
        by = "hs_object_id" if anchor is not None and anchor.mode == "ties" else changed
        return {
            "filterGroups": [{"filters": list[JSON](each)} for each in filters],
            "sorts": [{"propertyName": by, "direction": "ASCENDING"}],
            "properties": properties,
            "limit": PAGE,
        }

    moments = msgspec.defstruct(
        "Moments", [("changed", datetime | None, None)], rename={"changed": changed}.get
    )
    row = msgspec.defstruct("Row", [("id", str), ("properties", moments)])
    decoder = msgspec.json.Decoder(row)

    def place(raw: bytes) -> Place | None:
        try:
            found: Any = decoder.decode(raw)
        except msgspec.DecodeError:
            return None
        moment = found.properties.changed
        if moment is None or moment.tzinfo is None:
            return None
        return Place(_milliseconds(moment), found.id)

    return Search(
        url=f"{api}/crm/v3/objects/{objects}/search",
        body=body,
        place=place,
        page_size=PAGE,
        records_path="results",
        total_path="total",
        more_path="paging.next.after",
        lane=SEARCH_LANE,
    )


def _from(changed: str, anchor: Anchor | None, since: datetime | None) -> list[dict[str, JSON]]:
    """The rules by which a search goes on from an anchor, or begins."""
    if anchor is None:
        return [] if since is None else [_rule(changed, "GTE", _milliseconds(since))]
    operator = {"from": "GTE", "ties": "EQ", "past": "GT"}[anchor.mode]
    rules = [_rule(changed, operator, anchor.at)]
    if anchor.mode == "ties" and anchor.id:
        rules.append(_rule("hs_object_id", "GT", anchor.id))
    return rules


def _rule(name: str, operator: str, value: int | str) -> dict[str, JSON]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _milliseconds(moment: datetime) -> int:
    """Whole ones, towards the past: what was cut off is read once more."""
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000 + elapsed.microseconds // 1_000
