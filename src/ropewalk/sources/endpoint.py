"""Settings of an endpoint that answers with lists of records: where it is, how it is asked, how it pages (§4.1-§4.4)."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import parse_qsl

from pydantic import (
    AfterValidator,
    AliasChoices,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ropewalk.core import limits, origins, paths
from ropewalk.core.auth import AuthOverride
from ropewalk.core.checking import Settings, several
from ropewalk.core.errors import Problem
from ropewalk.core.pagination import (
    CursorPages,
    HeaderName,
    NumberedPages,
    OffsetPages,
    PagingSettings,
    ParamName,
    SinglePage,
)
from ropewalk.core.ranges import below_ceiling, bounds, within
from ropewalk.core.values import JSON
from ropewalk.core.window import PLACEHOLDER, SinceFormat, format_since
from ropewalk.sources.base import Window
from ropewalk.sources.streams import Reason, Schedule, Timeout

_CREDENTIAL = re.compile(
    r"(x?api)?(auth|access|session|api|app)?(key|token|secret)|(client|app|api)secret|(private|secret|subscription)key"
    r"|password|passwd|pwd|auth|authorization|credentials?|sig|signature|bearer|jwt"
)
_TRANSPORT_HEADERS = re.compile(
    r"accept-encoding|connection|content-(encoding|length|type)|expect|host|keep-alive|proxy-.*|te|trailer"
    r"|transfer-encoding|upgrade"
)
_NEVER_PLAIN = frozenset({"authorization", "cookie"})
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_credential(name: str) -> bool:
    """Whether a query parameter of this name is there to carry a secret."""
    return _CREDENTIAL.fullmatch(re.sub(r"[-_.\[\]]", "", name.lower())) is not None


def _url(url: str) -> str:
    if len(url) > limits.URL_CHARS:
        raise PydanticCustomError("url", "A URL has at most {most} characters.", {"most": limits.URL_CHARS})
    try:
        origins.origin(url)
        parts = origins.split(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": _sentence(str(error))}) from None
    if "@" in parts.netloc:
        raise PydanticCustomError("url", "User info doesn’t belong into a URL; choose the auth type basic.")
    if parts.fragment:
        raise PydanticCustomError("url", "Leave out what begins with #: it isn’t sent.")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if is_credential(name):
            why = "The parameter {name} looks like a credential; leave it out, and choose the auth type api_key in query."
            raise PydanticCustomError("url", why, {"name": name})
    return url


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _header_value(value: str) -> str:
    if _UNSENDABLE.search(value):
        raise PydanticCustomError("header", "A header value holds no line breaks and no control characters.")
    return value


class Kept(Settings):
    """Stands for a header value that is kept as a secret and never shown."""

    set: Literal[True] = True


Url: TypeAlias = Annotated[
    str, AfterValidator(_url), Field(json_schema_extra={"maxLength": limits.URL_CHARS})
]
HeaderValue: TypeAlias = Annotated[str, AfterValidator(_header_value), Field(max_length=4_096)]


def _header_kind(value: object) -> str:
    return "kept" if isinstance(value, dict | Kept) else "text"


Header: TypeAlias = Annotated[
    Annotated[HeaderValue, Tag("text")] | Annotated[Kept, Tag("kept")], Discriminator(_header_kind)
]


class Incremental(Settings):
    """Asks only for what changed since the last successful run."""

    param: ParamName = Field(title="Parameter", description="Carries the start of the last successful run.")
    format: SinceFormat = Field("iso8601", title="Format", description="ISO 8601 is in UTC, with Z.")
    overlap_seconds: Annotated[
        int,
        Field(strict=True),
        AfterValidator(within(*limits.OVERLAP_SECONDS)),
        bounds(*limits.OVERLAP_SECONDS),
    ] = Field(0, title="Overlap", description="Seconds that are read again, for clocks that differ.")
    template: Annotated[str, Field(max_length=512)] | None = Field(
        None, title="Template", description="Text with one {since} in it; all else is sent as it stands."
    )

    @field_validator("template")
    @classmethod
    def _has_one_place(cls, template: str | None) -> str | None:
        if template is not None and template.count(PLACEHOLDER) != 1:
            raise PydanticCustomError(
                "template", "Write {place} once, where the time goes.", {"place": PLACEHOLDER}
            )
        return template


class Endpoint(Settings):
    """What accounts, contacts and events have in common."""

    method: Literal["GET", "POST"] = Field("GET", title="Method")
    url: Url = Field(
        title="URL",
        description="Query parameters in it are kept.",
        examples=["https://api.example.com/v1/customers"],
    )
    body: Annotated[JsonValue, Field(title="Body", description="JSON that a POST sends.")] = None
    headers: dict[HeaderName, Header] = Field(
        default={},
        title="Headers",
        description="Values are kept as secrets unless the header is listed as plain.",
    )
    plain_headers: list[HeaderName] = Field(
        default=[], title="Plain headers", description="Their values may be shown."
    )
    auth: AuthOverride | None = Field(None, title="Auth", description="What differs from the connector’s.")
    records_path: Annotated[str, Field(max_length=512)] = Field(
        "",
        title="Response data path",
        description="Where the array of records is, like data.accounts; empty: at the top.",
    )
    pagination: Annotated[PagingSettings, Field(title="Pagination")] = SinglePage()
    timeout_ms: Timeout = limits.DEFAULT_TIMEOUT_MS
    enabled: bool = Field(True, title="Enabled")

    @field_validator("body")
    @classmethod
    def _is_for_post(cls, body: JsonValue, info: ValidationInfo) -> JsonValue:
        if body is not None and info.data.get("method") == "GET":
            raise PydanticCustomError("body", "Only a POST sends a body; leave it out, or choose POST.")
        return body

    @field_validator("headers")
    @classmethod
    def _are_ours_to_set(cls, headers: dict[str, str | Kept]) -> dict[str, str | Kept]:
        found: list[Problem] = []
        names: set[str] = set()
        for name in headers:
            if _TRANSPORT_HEADERS.fullmatch(name.lower()):
                found.append(Problem(name, "This header belongs to the connection itself; leave it out."))
            if name.lower() in names:
                found.append(Problem(name, "This header is there twice; case makes no difference."))
            names.add(name.lower())
        if found:
            raise several(found, "")
        return headers

    @field_validator("plain_headers")
    @classmethod
    def _are_given_and_harmless(cls, plain: list[str], info: ValidationInfo) -> list[str]:
        headers = {name.lower() for name in info.data.get("headers", plain)}
        found: list[Problem] = []
        for place, name in enumerate(plain):
            if name.lower() in _NEVER_PLAIN:
                found.append(
                    Problem(str(place), "This header carries a credential; its value stays a secret.")
                )
            elif name.lower() not in headers:
                found.append(Problem(str(place), "There is no such header among headers."))
        if found:
            raise several(found, "")
        return plain

    @field_validator("pagination")
    @classmethod
    def _can_be_asked(cls, pagination: PagingSettings, info: ValidationInfo) -> PagingSettings:
        names = paging_params(pagination)
        found: list[Problem] = []
        if pagination.params_in == "body":
            if info.data.get("method") == "GET":
                found.append(
                    Problem("params_in", "Only a POST has a body for parameters; choose POST, or query.")
                )
            elif "body" in info.data:
                found.extend(_misplaced(names, info.data["body"]))
        if found:
            raise several(found, "")
        return pagination

    @abstractmethod
    def parameters(self, window: Window) -> dict[str, JSON]:
        """What requests carry beside paging's parameters."""

    lane: ClassVar[str] = ""
    """Of its requests' budget (`core.exchange.Request`)."""

    @property
    def most_pages(self) -> int | None:
        return self.pagination.max_pages

    @property
    def plain(self) -> frozenset[str]:
        """Names of the headers whose values may be shown, in lower case."""
        return frozenset(name.lower() for name in self.plain_headers)


class SyncedEndpoint(Endpoint):
    """One that runs read, by hand and by schedule."""

    incremental: Incremental | None = Field(None, title="Incremental")
    max_records: Annotated[
        int,
        Field(
            strict=True,
            validation_alias=AliasChoices("max_records", "maxRecords"),
            title="Most records",
            description="A run that reaches it ends as truncated; the next goes on.",
        ),
        AfterValidator(below_ceiling("max_records", 1, limits.MAX_RECORDS)),
        bounds(1, limits.MAX_RECORDS),
    ] = limits.DEFAULT_MAX_RECORDS
    schedule: Schedule = Field(Schedule(), title="Schedule")
    ignore_reasons: list[Reason] = Field(
        default=[], title="Reasons switched off", description="They no longer make a run suspicious."
    )

    @field_validator("incremental")
    @classmethod
    def _has_a_name_of_its_own(
        cls, incremental: Incremental | None, info: ValidationInfo
    ) -> Incremental | None:
        if incremental is not None and (wrong := misnamed(incremental.param, info.data)):
            raise several([Problem("param", wrong)], "")
        return incremental

    @property
    def overlap_seconds(self) -> int | None:
        return None if self.incremental is None else self.incremental.overlap_seconds

    @property
    def place_expires(self) -> bool:
        """Cursors and next URLs are good for a while, numbers of pages for ever."""
        return self.pagination.NEXT in ("cursor", "url")

    def parameters(self, window: Window) -> dict[str, JSON]:
        if self.incremental is None or window.since is None:
            return {}
        text = format_since(window.since, self.incremental.format, self.incremental.template)
        return {self.incremental.param: text}


def misnamed(name: str, endpoint: Mapping[str, Any]) -> str:
    """What keeps a parameter of this name from going where this endpoint's parameters go; empty where nothing does."""
    pagination: PagingSettings | None = endpoint.get("pagination")
    if pagination is None:
        return ""
    for field, taken in paging_params(pagination).items():
        if name == taken:
            return f"This is the {field} of pagination; give another name."
    if pagination.params_in == "body" and endpoint.get("method") == "POST" and "body" in endpoint:
        return next((problem.message for problem in _misplaced({"": name}, endpoint["body"])), "")
    return ""


def _misplaced(names: dict[str, str], body: Any) -> list[Problem]:
    found = []
    for field, name in names.items():
        try:
            body = paths.put(body, paths.parse(name), "")
        except ValueError as error:
            found.append(Problem(field, f"{name} can’t be put into the body: {error}."))
    return found


def paging_params(pagination: PagingSettings) -> dict[str, str]:
    """Setting -> the parameter that it names."""
    named: dict[str, str] = {}
    if isinstance(pagination, NumberedPages):
        named["page_param"] = pagination.page_param
    elif isinstance(pagination, OffsetPages):
        named["offset_param"] = pagination.offset_param
    elif isinstance(pagination, CursorPages):
        named["cursor_param"] = pagination.cursor_param
    if (
        isinstance(pagination, NumberedPages | OffsetPages | CursorPages)
        and pagination.size_param is not None
    ):
        named["size_param"] = pagination.size_param
    return named


def take_secret_headers(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings as they are saved, with a mark for each header value that is a secret, and those values by name."""
    if "headers" not in settings:
        return settings, {}
    plain = {name.lower() for name in settings.get("plain_headers", [])}
    headers: dict[str, Any] = settings.get("headers", {})
    secret = {
        name: value for name, value in headers.items() if isinstance(value, str) and name.lower() not in plain
    }
    marked = {name: {"set": True} if name in secret else value for name, value in headers.items()}
    return {**settings, "headers": marked}, secret
