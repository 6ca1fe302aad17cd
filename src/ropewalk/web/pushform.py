"""The form of a push connector, and the body that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import QueryDict

from ropewalk.core.errors import Problem
from ropewalk.store.models import PushConnector
from ropewalk.web.forms import Bound, Choice, Field, Form

_KINDS: Final = (
    Choice("custom", "Custom", "Any JSON, or text: what your own product tells."),
    Choice("email", "Email"),
    Choice("message", "Message", "From a chat."),
    Choice("page", "Page", "A document, or a file."),
    Choice("calendar", "Calendar", "A meeting."),
    Choice("issue", "Issue", "A ticket, or a task."),
)
_SCHEMA: Final = (
    Field("event_schema.name", "Event name at", placeholder="type", autocomplete="off"),
    Field("event_schema.time", "Time at", placeholder="created_at", autocomplete="off"),
    Field(
        "event_schema.account",
        "Account at",
        placeholder="customer.id",
        autocomplete="off",
        help="A dotted path into the item’s data. What is there is compared with accounts as chosen below.",
    ),
    Field(
        "event_schema.match_by",
        "Compared with",
        "select",
        choices=[Choice("external_id", "External customer id"), Choice("domain", "Company domain")],
    ),
    Field("event_schema.user", "User at", placeholder="actor.email", autocomplete="off"),
    Field(
        "event_schema.properties",
        "Properties at",
        placeholder="details",
        autocomplete="off",
        help="Left empty: all that no other path has taken.",
    ),
)


def told(schema: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """An event schema in the words of its form."""
    words = {each.name.removeprefix("event_schema."): each for each in _SCHEMA}
    chosen = {choice.value: choice.label for choice in words["match_by"].choices}
    return [
        (words[part].label, chosen[path] if part == "match_by" else path)
        for part, path in (schema or {}).items()
    ]


class PushForm(Form):
    """`schema`: the fields of the event schema, which stand apart. `unread`: what could not be read into the body."""

    def __init__(self, connector: PushConnector | None = None) -> None:
        source = Field(
            "source_name",
            "Source name",
            required=True,
            autocomplete="off",
            placeholder="billing-events",
            empty="text",
            help=""
            if connector
            else "Lower-case letters, digits and hyphens. It never changes: events go under it.",
            disabled="It never changes: events go under it." if connector else "",
        )
        values: dict[str, Any] = {"accepted_kinds": [], "event_schema.match_by": "external_id"}
        if connector is not None:
            values |= {
                "name": connector.name,
                "source_name": connector.source_name,
                "accepted_kinds": connector.accepted_kinds,
                "metadata": [f"{key}={value}" for key, value in connector.metadata.items()],
                **{f"event_schema.{name}": path for name, path in (connector.event_schema or {}).items()},
            }
        self.unread: list[Problem] = []
        super().__init__(
            Field("name", "Name", required=True, empty="text", help="What sends, such as “Billing”."),
            source,
            Field(
                "accepted_kinds",
                "Accepted kinds",
                "checks",
                choices=_KINDS,
                help="What else is sent is refused. None chosen: all of them.",
            ),
            Field(
                "metadata",
                "Metadata",
                "lines",
                help="One per line, such as region=eu. Every event from now on gets it, unless it brings its own.",
            ),
            *_SCHEMA,
            values=values,
        )

    @property
    def plain(self) -> list[Bound]:
        return [each for each in self if not each.field.name.startswith("event_schema.")]

    @property
    def schema(self) -> list[Bound]:
        return [self[each.name] for each in _SCHEMA]

    @property
    def has_schema(self) -> bool:
        """Or something in it to mend."""
        return any(
            each.errors or (each.value and each.field.name != "event_schema.match_by") for each in self.schema
        )

    def read(self, sent: QueryDict) -> dict[str, Any]:
        body = super().read(sent)
        body["metadata"] = self._metadata()
        schema = {name: path for name, path in body["event_schema"].items() if path is not None}
        body["event_schema"] = schema if schema.keys() - {"match_by"} else None
        return body

    def _metadata(self) -> dict[str, str]:
        found = {}
        for line in self["metadata"].value:
            key, equals, value = line.partition("=")
            if equals and key.strip():
                found[key.strip()] = value.strip()
            else:
                message = f"“{line}” has no key and value. Write one per line, such as region=eu."
                self.unread.append(Problem("metadata", message))
        return found
