"""The settings of each auth type, and a stream's over its connector's (product.md §4.1)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ropewalk.core.auth import (
    ApiKey,
    AuthOverride,
    AuthSettings,
    Basic,
    Bearer,
    ClientCredentials,
    NoAuth,
    merge,
)
from ropewalk.core.errors import MustFix

SETTINGS: TypeAdapter[AuthSettings] = TypeAdapter(AuthSettings, config=ConfigDict(hide_input_in_errors=True))
TOKEN_URL = "https://login.example.com/oauth/token"


def problems(found: ValidationError) -> list[tuple[str, str]]:
    return [(".".join(map(str, each["loc"])), each["msg"]) for each in found.errors()]


@pytest.mark.parametrize(
    ("given", "expected", "secret"),
    [
        ({"type": "none"}, NoAuth(), None),
        ({"type": "bearer"}, Bearer(), "token"),
        ({"type": "api_key"}, ApiKey.model_validate({"in": "header", "name": "X-API-Key"}), "token"),
        (
            {"type": "api_key", "in": "query", "name": "the key"},
            ApiKey.model_validate({"in": "query", "name": "the key"}),
            "token",
        ),
        ({"type": "basic", "username": "zoë"}, Basic(username="zoë"), "password"),
        (
            {"type": "oauth2_client_credentials", "token_url": TOKEN_URL, "client_id": "id"},
            ClientCredentials(token_url=TOKEN_URL, client_id="id", scope=""),
            "client_secret",
        ),
    ],
)
def test_each_type_and_the_secret_it_needs(
    given: dict[str, Any], expected: AuthSettings, secret: str | None
) -> None:
    read = SETTINGS.validate_python(given)

    assert (read, read.secret) == (expected, secret)
    assert SETTINGS.validate_python(read.model_dump(by_alias=True)) == read


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"type": "bearer", "token": "s3cret"}, "bearer.token"),
        ({"type": "api_key", "in": "cookie"}, "api_key.in"),
        ({"type": "api_key", "name": "X Key"}, "api_key.name"),
        ({"type": "api_key", "name": "a\r\nb"}, "api_key.name"),
        ({"type": "api_key", "name": "Host"}, "api_key.name"),
        ({"type": "api_key", "name": "Content-Length"}, "api_key.name"),
        ({"type": "api_key", "in": "query", "name": "a\nb"}, "api_key.name"),
        ({"type": "api_key", "in": "query", "name": ""}, "api_key.name"),
        ({"type": "basic"}, "basic.username"),
        ({"type": "basic", "username": "a:b"}, "basic.username"),
        ({"type": "basic", "username": "a\nb"}, "basic.username"),
        ({"type": "oauth2_client_credentials", "token_url": TOKEN_URL}, "oauth2_client_credentials.client_id"),
        *(
            ({"type": "oauth2_client_credentials", "token_url": url, "client_id": "id"}, "oauth2_client_credentials.token_url")
            for url in ("login.example.com", "ftp://login.example.com", "https://me:s3cret@login.example.com/", "https://", "https://[x/", "https://login.example.com/a b")
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_at_its_place(given: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SETTINGS.validate_python(given)

    assert [where for where, _ in problems(caught.value)] == [place]
    assert "s3cret" not in str(caught.value)


CONNECTOR = ApiKey.model_validate({"in": "query", "name": "key"})


@pytest.mark.parametrize(
    ("connector", "stream", "merged"),
    [
        (CONNECTOR, None, CONNECTOR),
        (CONNECTOR, {}, CONNECTOR),
        (CONNECTOR, {"type": "api_key"}, CONNECTOR),
        (CONNECTOR, {"name": "other"}, ApiKey.model_validate({"in": "query", "name": "other"})),
        (CONNECTOR, {"in": "header"}, ApiKey.model_validate({"in": "header", "name": "key"})),
        (CONNECTOR, {"type": "bearer"}, Bearer()),
        (CONNECTOR, {"type": "none"}, NoAuth()),
        (Bearer(), {"type": "api_key"}, ApiKey()),
        (Basic(username="a"), {"username": "b"}, Basic(username="b")),
        (NoAuth(), {"type": "basic", "username": "b"}, Basic(username="b")),
        (
            ClientCredentials(token_url=TOKEN_URL, client_id="id", scope="a"),
            {"scope": ""},
            ClientCredentials(token_url=TOKEN_URL, client_id="id"),
        ),
    ],
)
def test_a_stream_overrides_key_by_key(
    connector: AuthSettings, stream: dict[str, Any] | None, merged: AuthSettings
) -> None:
    assert merge(connector, None if stream is None else AuthOverride.model_validate(stream)) == merged


def test_an_override_that_does_not_fit_names_every_problem() -> None:
    with pytest.raises(MustFix) as caught:
        merge(ApiKey(), AuthOverride.model_validate({"name": "X Key", "username": "a"}))

    assert [(each.path, each.message) for each in caught.value.problems] == [
        ("auth.name", "a header name is letters, digits and dashes, like X-API-Key"),
        ("auth.username", "This type of auth has no such setting."),
    ]


def test_an_override_of_another_type_needs_its_own_keys() -> None:
    with pytest.raises(MustFix) as caught:
        merge(Bearer(), AuthOverride.model_validate({"type": "basic"}))

    assert [(each.path, each.message) for each in caught.value.problems] == [
        ("auth.username", "Field required")
    ]


def test_an_override_knows_no_other_keys() -> None:
    with pytest.raises(ValidationError) as caught:
        AuthOverride.model_validate({"token": "s3cret"})

    assert [where for where, _ in problems(caught.value)] == ["token"]
    assert "s3cret" not in str(caught.value)
