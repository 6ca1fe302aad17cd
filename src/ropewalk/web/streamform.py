"""The form of a stream's settings, and with a new connector its settings too: which step of the set-up each stands at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ropewalk.sources.base import Kind, Source
from ropewalk.store.models import Connector
from ropewalk.web.forms import Bound, Choice, Field
from ropewalk.web.settingsform import Group, SettingsForm, drawn

FIRST_AUTH: Final = "bearer"
"""What a new connector's form begins with: most APIs want a token."""
_CONNECT: Final = ("url",)
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
_SECRETS: Final = {"none": "", "basic": "password", "oauth2_client_credentials": "client_secret"}


class StreamForm(SettingsForm):
    """`own_secrets`: names of those that the stream has beside its connector's."""

    def __init__(
        self,
        source: Source,
        kind: Kind,
        connector: Connector | None,
        own_secrets: Collection[str],
        values: Mapping[str, Any],
    ) -> None:
        self._source = source
        self._settings = source.kinds[kind].settings
        fields = (
            _of_both(source, kind) if connector is None else _of_stream(source, kind, connector, own_secrets)
        )
        super().__init__(*fields, values=values)

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
        return [*self.parts(*_CONNECT), *self.parts("settings.auth.type"), *self.parts("name")]

    @property
    def advanced(self) -> list[Bound | Group]:
        """Whatever else there is to set."""
        shown = {*_CONNECT, *_READ, *_MATCH, *_SCHEDULE}
        of_connector = [f"settings.{name}" for name in self._source.settings.model_fields]
        return [
            *self.parts(*(name for name in self._settings.model_fields if name not in shown)),
            *self.parts(*of_connector, folded=True),
            *self.parts("secrets", folded=True),
        ]

    @property
    def reading(self) -> list[Bound | Group]:
        return self.parts(*_READ)

    @property
    def match(self) -> list[Bound | Group]:
        return self.parts(*_MATCH)

    @property
    def schedule(self) -> list[Bound | Group]:
        return self.parts(*_SCHEDULE)


def _of_both(source: Source, kind: Kind) -> list[Field]:
    """A new connector's first stream has no auth of its own."""
    of_stream = drawn(source.kinds[kind].settings, folded=_FOLDED)
    return [
        Field(
            "name",
            "Name of the connector",
            required=True,
            empty="text",
            help="What your team calls this system.",
        ),
        *drawn(source.settings, at="settings.", folded=_FOLDED),
        *(each for each in of_stream if each.place != "auth" and not each.place.startswith("auth.")),
    ]


def _of_stream(source: Source, kind: Kind, connector: Connector, own: Collection[str]) -> Iterator[Field]:
    yield from drawn(source.kinds[kind].settings, folded=_FOLDED)
    auth = str((connector.settings.get("auth") or {}).get("type", "none"))
    used = _SECRETS.get(auth, "token")
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
