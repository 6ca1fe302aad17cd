"""The form of a stream's settings, and with a new connector its settings too: which step of the set-up each stands at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from ropewalk.sources.base import Kind, Option, Source
from ropewalk.store.models import Connector
from ropewalk.web.forms import Bound, Choice, Field
from ropewalk.web.settingfields import drawn
from ropewalk.web.settingsform import Group, SettingsForm, wrong_in

_READ: Final = (
    "records_path",
    "pagination",
    "incremental",
    "start_param",
    "end_param",
    "lookback_days",
    "account_param",
)
_MATCH: Final = ("matching", "match_by", "create_missing")
_SCHEDULE: Final = ("schedule",)
_FOLDED: Final = frozenset(
    ("total_path", "has_more_path", "params_in", "allowed_origins", "max_pages", "first_page", "first_offset",
     "next_url_header", "overlap_seconds", "template", "scope", "requests_per_minute")
)  # fmt: skip
_SHARED: Final = frozenset(
    ("enabled", "max_records", "ignore_reasons", "timeout_ms", "mapping", *_READ, *_MATCH, *_SCHEDULE)
)
"""What a stream has whatever its source: no test waits for it."""


class StreamForm(SettingsForm):
    """`own_secrets`: names of those that the stream has beside its connector's."""

    def __init__(
        self,
        source: Source,
        kind: Kind,
        connector: Connector | None,
        own_secrets: Collection[str],
        values: Mapping[str, Any],
        offered: Mapping[str, Sequence[Option]] | None = None,
    ) -> None:
        self._source = source
        self._kind = source.kinds[kind]
        self._offered = offered or {}
        self._settings = self._kind.settings
        if connector is None:
            fields = _of_both(source, kind, offered or {})
        else:
            fields = [*_of_stream(source, kind, connector, own_secrets, offered or {})]
        super().__init__(*fields, values=values)

    @property
    def _first(self) -> tuple[str, ...]:
        own = tuple(name for name in self._settings.model_fields if name not in _SHARED)
        return own if self._kind.connect is None else self._kind.connect

    def offer_to_find(self) -> None:
        """For a stream that is new: how it pages may be left to the test."""
        bound = self["pagination.type"]
        choices = [Choice("", "Find it by itself"), *bound.field.choices]
        bound.field = replace(bound.field, choices=choices)

    @property
    def matching(self) -> str:
        bound = self.bound.get("matching") or self.bound.get("match_by")
        return str(bound.value or "domain") if bound else ""

    def match_by(self, matching: str) -> None:
        for name in ("matching", "match_by"):
            if name in self.bound:
                self[name].value = matching

    # ---- by step ----

    @property
    def connect(self) -> list[Bound | Group]:
        of_connector = (*(f"settings.{name}" for name in self._source.settings.model_fields), "secrets")
        # A source is let in first; an endpoint is what it is all about.
        first = (
            (of_connector, self._first) if self._kind.first_request is None else (self._first, of_connector)
        )
        return self.parts(*first[0], *first[1], "name")

    @property
    def advanced(self) -> list[Bound | Group]:
        """Whatever else there is to set."""
        shown = {*self._first, *_READ, *_MATCH, *_SCHEDULE}
        of_connector = [f"settings.{name}" for name in self._source.settings.model_fields]
        return [
            *self.parts(*(name for name in self._settings.model_fields if name not in shown)),
            *self.parts(*of_connector, folded=True),
            *self.parts("secrets", folded=True),
        ]

    @property
    def opens_advanced(self) -> bool:
        """Where something is wrong in it, or somebody has just fetched what there is to choose from in it."""
        rows = any(isinstance(each, Bound) and each.field.kind == "rows" for each in self.advanced)
        return wrong_in(self.advanced) or (rows and bool(self._offered))

    @property
    def reading(self) -> list[Bound | Group]:
        return self.parts(*_READ)

    @property
    def match(self) -> list[Bound | Group]:
        return self.parts(*_MATCH)

    @property
    def schedule(self) -> list[Bound | Group]:
        return self.parts(*_SCHEDULE)


def _of_both(source: Source, kind: Kind, offered: Mapping[str, Sequence[Option]]) -> list[Field]:
    """A new connector's first stream has no auth of its own."""
    of_stream = drawn(source.kinds[kind].settings, folded=_FOLDED, offered=offered)
    return [
        Field(
            "name",
            "Name of the connector",
            required=True,
            empty="text",
            help="What your team calls this system.",
        ),
        *drawn(source.settings, at="settings.", folded=_FOLDED, secrets=source.secrets, offered=offered),
        *(each for each in of_stream if each.place != "auth" and not each.place.startswith("auth.")),
    ]


def _of_stream(
    source: Source,
    kind: Kind,
    connector: Connector,
    own: Collection[str],
    offered: Mapping[str, Sequence[Option]],
) -> Iterator[Field]:
    settings = source.kinds[kind].settings
    yield from drawn(settings, folded=_FOLDED, offered=offered)
    if "auth" not in settings.model_fields:
        return
    used = source.needs(source.settings.model_validate(connector.settings), None).auth.secret
    kept = [name for name in source.secrets if name in own]
    for name in dict.fromkeys([*([used] if used else []), *kept]):
        yield Field(
            f"secrets.{name}",
            f"{name.replace('_', ' ').capitalize()} for this endpoint",
            "secret",
            is_set=name in kept,
            help="Only where it differs from the connector’s.",
            folded=True,
        )
