"""How a stream proves to an API who it is (product.md §4.1). Secrets are named here and kept elsewhere."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ropewalk.core import limits
from ropewalk.core.errors import MustFix, Problem

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRANSPORT_HEADERS = re.compile(
    r"connection|content-(encoding|length|type)|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)


def _username(value: str) -> str:
    if ":" in value or _CONTROL.search(value):
        raise ValueError("a user name holds no colon and no control characters")
    return value


def _token_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("this is not a URL; give one like https://login.example.com/oauth/token") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give an http:// or https:// URL, like https://login.example.com/oauth/token")
    if "@" in parts.netloc:
        raise ValueError(
            "user info doesn't belong into a URL; give the id as client_id, the secret as client_secret"
        )
    if _CONTROL.search(value) or " " in value:
        raise ValueError("a URL holds no spaces and no control characters")
    return value


Username: TypeAlias = Annotated[str, Field(max_length=255), AfterValidator(_username)]
TokenUrl: TypeAlias = Annotated[str, Field(max_length=limits.URL_CHARS), AfterValidator(_token_url)]
ClientId: TypeAlias = Annotated[str, Field(min_length=1, max_length=1_024)]
Scope: TypeAlias = Annotated[str, Field(max_length=2_048)]
ParameterName: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
Place: TypeAlias = Literal["header", "query"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NoAuth(_Settings):
    secret: ClassVar[str | None] = None
    type: Literal["none"] = "none"


class Bearer(_Settings):
    secret: ClassVar[str | None] = "token"
    type: Literal["bearer"] = "bearer"


class ApiKey(_Settings):
    secret: ClassVar[str | None] = "token"
    type: Literal["api_key"] = "api_key"
    place: Place = Field("header", alias="in", title="Goes in")
    name: ParameterName = Field(
        "X-API-Key", title="Name", description="Of the header, or of the query parameter."
    )

    @field_validator("name")
    @classmethod
    def _fits_its_place(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("place") == "query":
            if _CONTROL.search(name):
                raise ValueError("a parameter name holds no control characters")
        elif not _HEADER_NAME.match(name):
            raise ValueError("a header name is letters, digits and dashes, like X-API-Key")
        elif _TRANSPORT_HEADERS.fullmatch(name):
            raise ValueError(
                "this header belongs to the connection itself; name the one that carries the key"
            )
        return name


class Basic(_Settings):
    secret: ClassVar[str | None] = "password"
    type: Literal["basic"] = "basic"
    username: Username = Field(title="User name")


class ClientCredentials(_Settings):
    secret: ClassVar[str | None] = "client_secret"
    type: Literal["oauth2_client_credentials"] = "oauth2_client_credentials"
    token_url: TokenUrl = Field(title="Token URL", description="Where access tokens are fetched.")
    client_id: ClientId = Field(title="Client ID")
    scope: Scope = Field("", title="Scope")


class AuthorizationCode(_Settings):
    """Access tokens that somebody has let us have at the vendor: kept, and renewed, by whoever opens the connection."""

    secret: ClassVar[str | None] = None
    type: Literal["oauth2_authorization_code"] = "oauth2_authorization_code"


AuthSettings: TypeAlias = Annotated[
    NoAuth | Bearer | ApiKey | Basic | ClientCredentials, Field(discriminator="type")
]


Proof: TypeAlias = AuthSettings | AuthorizationCode
"""What settings of the Custom API may say, and what only a source of its own does."""


class AuthOverride(_Settings):
    """What a stream says of its own: any of the keys; what it leaves out is the connector's."""

    type: Literal["none", "bearer", "api_key", "basic", "oauth2_client_credentials"] | None = Field(
        None, title="Type"
    )
    place: Place | None = Field(None, alias="in", title="Goes in")
    name: ParameterName | None = Field(None, title="Name")
    username: Username | None = Field(None, title="User name")
    token_url: TokenUrl | None = Field(None, title="Token URL")
    client_id: ClientId | None = Field(None, title="Client ID")
    scope: Scope | None = Field(None, title="Scope")


# Whether errors hold the input is decided by whoever validates from outside, so here as in every settings class.
_adapter: TypeAdapter[AuthSettings] = TypeAdapter(AuthSettings, config=ConfigDict(hide_input_in_errors=True))


def merge(connector: AuthSettings, stream: AuthOverride | None) -> AuthSettings:
    """The stream's keys over the connector's; another `type` starts afresh. Raises `MustFix` with every problem."""
    if stream is None:
        return connector
    own: dict[str, Any] = stream.model_dump(by_alias=True, exclude_none=True)
    base: dict[str, Any] = connector.model_dump(by_alias=True)
    if own.get("type", connector.type) != connector.type:
        base = {}
    try:
        return _adapter.validate_python(base | own)
    except ValidationError as error:
        raise MustFix("invalid_settings", "The stream's auth doesn't fit.", _problems(error)) from None


def _problems(error: ValidationError) -> list[Problem]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # The first part of the place is the union's tag, the type of auth.
    return [
        Problem(".".join(["auth", *map(str, each["loc"][1:])]), _sentence(each["type"], each["msg"]))
        for each in found
    ]


def _sentence(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "This type of auth has no such setting."
    return message.removeprefix("Value error, ")
