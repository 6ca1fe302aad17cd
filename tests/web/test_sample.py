"""A test's answer as a page carries it: the request to be repeated elsewhere, and what was found in words."""

from __future__ import annotations

import json
import shlex
from typing import Any
from uuid import uuid4

import pytest

from ropewalk.web import sample

URL = "https://crm.example/v1"


def request(**more: Any) -> dict[str, Any]:
    return {"method": "GET", "url": URL, "params": {}, "headers": {}, "body": None, **more}


@pytest.mark.parametrize(
    ("asked", "auth", "words"),
    [
        (request(), {"type": "none"}, ["curl", URL]),
        (request(params={"limit": "2", "q": "a b"}), {}, ["curl", f"{URL}?limit=2&q=a+b"]),
        (
            request(headers={"Authorization": "***"}, url=f"{URL}?x=1", params={"page": "1"}),
            {"type": "bearer"},
            ["curl", "-H", "Authorization: Bearer $TOKEN", f"{URL}?x=1&page=1"],
        ),
        (
            request(headers={"Authorization": "***"}),
            {"type": "basic", "username": "it's"},
            ["curl", "-u", "it's:$TOKEN", URL],
        ),
        (request(params={"key": "•••"}), {"type": "api_key"}, ["curl", f"{URL}?key=$TOKEN"]),
        (
            request(headers={"X-API-Key": "***", "Accept": "a; b"}),
            {"type": "api_key"},
            ["curl", "-H", "X-API-Key: $TOKEN", "-H", "Accept: a; b", URL],
        ),
        (
            request(method="POST", body={"q": "$(rm)'"}),
            {},
            ["curl", "-X", "POST", "--data", '{"q": "$(rm)\'"}', URL],
        ),
    ],
)
def test_a_request_as_curl(asked: dict[str, Any], auth: dict[str, Any], words: list[str]) -> None:
    assert shlex.split(sample.curl({"request": asked, "auth": auth})) == words


def test_only_a_secret_s_place_is_filled_in_by_a_shell() -> None:
    text = sample.curl({"request": request(headers={"X-Team": "$(id)", "Authorization": "***"}), "auth": {"type": "bearer"}})  # fmt: skip

    assert text == f"curl -H 'X-Team: $(id)' -H 'Authorization: Bearer '\"$TOKEN\" {URL}"


def test_it_is_carried_for_one_organization_and_kind() -> None:
    mine, other = uuid4(), uuid4()
    packed = sample.packed(mine, "accounts", {"ok": True})

    assert sample.unpacked(mine, "accounts", packed) == {"ok": True}
    assert (
        sample.unpacked(other, "accounts", packed),
        sample.unpacked(mine, "events", packed),
        sample.unpacked(mine, "accounts", f"{packed}x"),
        sample.unpacked(mine, "accounts", ""),
        sample.packed(mine, "accounts", {}),
    ) == ({}, {}, {}, {}, "")


def test_what_is_carried_is_bounded() -> None:
    record, path = {"text": "x" * 100_000}, "k" * 100_000
    event = {
        "time": "",
        "name": path,
        "account_key": "a",
        "account": None,
        "user_id": None,
        "properties": record,
    }
    answer = {
        "records": [record] * 10,
        "fields": [
            {"path": path, "examples": []},
            *({"path": f"f{n}", "examples": ["y" * 200, {"z": "z" * 200}]} for n in range(400)),
        ],
        "suggestions": [{"from": one, "to": "companyName", "reason": ""} for one in (path, "f1", "f399")],
        "preview": {"events": [event] * 10, "notes": []},
    }
    kept = sample.kept(answer)

    assert [len(each) for each in kept["records"]] == [4_000] * 3
    assert (len(kept["fields"]), max(len(each) for each in kept["fields"][0]["examples"])) == (300, 80)
    assert [each["from"] for each in kept["suggestions"]] == ["f1"]
    assert len(json.dumps(kept)) < 100_000


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("records_path", "", "at the top of the answer"),
        ("records_path", "data.items", "at data.items"),
        ("pagination", {"type": "none"}, "One page holds everything"),
        (
            "pagination",
            {"type": "cursor", "cursor_param": "after", "next_cursor_path": "next", "total_path": "n"},
            "Cursor (after, next), total at n",
        ),
        ("incremental", {"param": "since", "format": "epoch_s"}, "since, as Seconds since 1970"),
        ("incremental", None, "Nothing found"),
    ],
)
def test_what_was_found_in_words(name: str, value: Any, words: str) -> None:
    part = {"value": value, "proved": False, "why": "", "others": []}
    found = sample.proposed({"proposal": {name: part}}, {"incremental": None, name: value})

    assert [(each.name, each.text, each.is_used) for each in found] == [(name, words, value is not None)]
