"""What can be said of a PostHog project and of its events."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from ropewalk.core import hogql, origins
from ropewalk.core.checking import Settings
from ropewalk.core.mapping import MappingEntry
from ropewalk.sources.streams import Events, Live

US: Final = "https://us.posthog.com"
EU: Final = "https://eu.posthog.com"


def _expression(text: str) -> str:
    try:
        hogql.expression(text)
    except ValueError as error:
        raise PydanticCustomError(
            "hogql", "This can’t be sent to PostHog: {why}.", {"why": str(error)}
        ) from None
    return text


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Expression = Annotated[str, Field(min_length=1, max_length=hogql.CHARS), AfterValidator(_expression)]


class Connector(Settings):
    host: Annotated[str, AfterValidator(origins.origin)] = Field(
        US, title="Host", description=f"{US}, {EU}, or where your own PostHog is."
    )
    project_id: Annotated[str, BeforeValidator(_text), Field(pattern=r"^[0-9]{1,12}$")] = Field(
        title="Project ID",
        description="The number that PostHog shows in the project’s settings.",
        examples=["12345"],
    )


_MAPPING: Final = tuple(
    MappingEntry(from_=name, to=target)
    for name, target in (
        ("timestamp", "eventTime"),
        ("event", "eventName"),
        ("account", "accountKey"),
        ("user", "userId"),
        ("properties", "properties"),
    )
)


class EventStream(Live, Events):
    """Our own query names what the answer has, so the mapping is known before anything was asked."""

    mapping: list[MappingEntry] = Field(default=list(_MAPPING), title="Mapping", validate_default=True)
    account: Expression = Field(
        title="Account key",
        description="A person property, an event property or a group key that names the account; or a HogQL "
        "expression, like domain(properties.$current_url).",
        examples=["person.properties.company_domain"],
        json_schema_extra={"choices": "keys", "free": True},
    )
    user: Expression = Field(
        "distinct_id",
        title="User",
        description="Who did it. With an email, like person.properties.email, events show at contacts too.",
        json_schema_extra={"choices": "keys", "free": True},
    )
    events: list[Annotated[str, Field(min_length=1, max_length=400)]] = Field(
        default=[],
        max_length=100,
        title="Events",
        description="Names of those that are shown; none: all.",
        json_schema_extra={"choices": "events"},
    )
    where: Expression | None = Field(
        None, title="Only where", description="A HogQL condition, like properties.$host != 'localhost'."
    )
