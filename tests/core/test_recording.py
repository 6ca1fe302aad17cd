"""The format of a recording: what it keeps, what it leaves out, and that it answers as the server did."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import recording
from ropewalk.core.errors import MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.recording import Exchanged, NotRecorded, Replay

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
REQUEST = Request("POST", "https://api.example/a", (("page", "2"),), (("X-Key", "hidden"),), {"q": 1})


def written(outcome: Any, secrets: tuple[str, ...] = (), request: Request = REQUEST) -> str:
    made = recording.record(
        [Exchanged(request, outcome)], secrets, at=START, source="custom_api", kind="accounts"
    )
    return made.dump()


def response(body: bytes, **headers: str) -> Response:
    return Response(200, headers, body, "https://api.example/a", 5)


def test_the_format() -> None:
    assert json.loads(written(response(b'{"data": []}', server="x"))) == {
        "ropewalk_recording": 1,
        "recorded_at": "2026-03-01T12:00:00.250000Z",
        "source": "custom_api",
        "kind": "accounts",
        "exchanges": [
            {
                "request": {
                    "method": "POST",
                    "url": "https://api.example/a",
                    "params": [["page", "2"]],
                    "body": {"q": 1},
                },
                "response": {
                    "status": 200,
                    "url": "https://api.example/a",
                    "headers": {"server": "x"},
                    "milliseconds": 5,
                    "json": {"data": []},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    "body",
    [b'{"a":1.5,"b":[null,true]}', b'{"id":1}\n{"id":2}\n', b"<html>", b'{"n":123456789012345678901234567890}', b"null"],
)  # fmt: skip
def test_a_body_comes_back(body: bytes) -> None:
    assert Replay(recording.load(written(response(body))))(REQUEST).body == body


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("rate_limited", "429", after=7.0),
        RetryLater("unavailable", "503"),
        MustFix("not_found_there", "404"),
    ],
)
def test_an_error_comes_back(error: Any) -> None:
    with pytest.raises(type(error)) as caught:
        Replay(recording.load(written(error)))(REQUEST)

    assert (caught.value.code, caught.value.message) == (error.code, error.message)
    assert getattr(caught.value, "after", None) == getattr(error, "after", None)


def test_an_answer_that_went_to_a_file_is_too_large(tmp_path: Any) -> None:
    with (
        (tmp_path / "body").open("w+b") as body,
        pytest.raises(MustFix, match="too large for a recording"),
    ):
        written(Response(200, {}, body, "https://api.example/a", 5))


def test_a_cookie_and_a_token_in_a_link_are_left_out() -> None:
    link = '<https://api.example/a?access_token=tokentoken&page=3>; rel="next"'

    text = written(response(b"[]", **{"set-cookie": "sid=abcdefgh", "link": link}))

    assert [word for word in ("abcdefgh", "tokentoken", "hidden") if word in text] == []
    assert "page=3" in text


@given(
    st.text(min_size=8, max_size=30, alphabet=st.characters(codec="utf-8", exclude_characters="\x00")),
    st.sampled_from(["token", "password", "api_key", "clientSecret"]),
)
def test_a_value_called_a_secret_is_nowhere_else_either(secret: str, name: str) -> None:
    body = json.dumps({"data": [{name: secret, "note": f"<<{secret}>>"}], "again": secret}).encode()

    made = json.loads(written(response(body)))["exchanges"][0]["response"]["json"]

    assert made["data"][0][name] == made["again"] != secret
    assert f"<<{secret}>>" != made["data"][0]["note"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("no json", []),
        ("[]", [""]),
        ('{"ropewalk_recording": 2}', ["ropewalk_recording"]),
        ('{"ropewalk_recording": 1, "recorded_at": "2026-01-01T00:00:00Z", "source": "s", "kind": "k"}', ["exchanges"]),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_refused(text: str, paths: list[str]) -> None:
    with pytest.raises(MustFix) as caught:
        recording.load(text)

    assert [problem.path for problem in caught.value.problems] == paths
    assert caught.value.code == "no_recording"


def test_a_value_beside_its_name_is_a_secret_and_what_is_short_is_none() -> None:
    request = Request("GET", "https://api.example/a", (("api_key", "query-secret"), ("token", "abc")))

    text = written(response(b'{"is": "query-secret", "token": "abc"}'), request=request)

    exchange = json.loads(text)["exchanges"][0]
    assert exchange["request"]["params"] == [["api_key", "redacted-1"], ["token", "abc"]]
    assert exchange["response"]["json"] == {"is": "redacted-1", "token": "abc"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("GET", "https://api.example/b"), "GET https://api.example/b"),
        (
            Request("POST", "https://api.example/a", (("page", "3"), ("n", "1")), body={"q": 1}),
            'POST https://api.example/a with page=3&n=1 and the body {"q":1}',
        ),
    ],
)
def test_what_was_not_recorded_is_no_answer(request_: Request, said: str) -> None:
    with pytest.raises(NotRecorded) as caught:
        Replay(recording.load(written(response(b"[]"))))(request_)

    assert caught.value.asked == said
