"""Links that let people in, and sessions that end, as the API makes them."""

from __future__ import annotations

import json
from typing import Any

from tests.doors.conftest import Api, World


def answered(api: Api, path: str, body: Any = None) -> Any:
    answer = api("post", path, body)
    assert answer.status_code == 201
    return json.loads(answer.content)


def test_an_invitation_answers_its_link_once(world: World, api: Api) -> None:
    made = answered(api, "/v1/invitations", {"email": "Mo@acme.example", "role": "admin"})
    listed = api.get("/v1/invitations")["items"]
    api("delete", f"/v1/invitations/{made['invitation_id']}")

    assert made.pop("link").startswith("http://127.0.0.1:8787/app/invitation/")
    assert listed[0] == made
    assert [one["email"] for one in api.get("/v1/invitations")["items"]] == ["guest@acme.example"]


def test_a_key_makes_a_link_to_a_new_password_for_all_but_owners(world: World, api: Api) -> None:
    [owner, member] = api.get("/v1/members")["items"]

    made = answered(api, f"/v1/members/{member['member_id']}/reset-link")
    refused = api("post", f"/v1/members/{owner['member_id']}/reset-link")

    assert made.pop("link").startswith("http://127.0.0.1:8787/app/reset/")
    assert sorted(made) == ["email", "expires_at"]
    assert (made["email"], refused.status_code) == ("member@acme.example", 403)


def test_a_member_is_signed_out_everywhere(world: World, api: Api) -> None:
    from ropewalk.store import people

    before = people.member(world.organization, world.ids["member_id"]).user.get_session_auth_hash()
    answer = api("post", world.path("/v1/members/{member_id}/sign-out"))

    assert answer.status_code == 204
    after = people.member(world.organization, world.ids["member_id"]).user.get_session_auth_hash()
    assert before != after
    assert api.get("/v1/audit-log?limit=1")["items"][0]["verb"] == "user.signed_out_everywhere"


def test_the_audit_log_is_found_by_who_what_and_when(world: World, api: Api) -> None:
    api("post", "/v1/invitations", {"email": "mo@acme.example"})

    def found(query: str) -> list[str]:
        return [one["verb"] for one in api.get(f"/v1/audit-log?{query}")["items"]]

    assert found("action=invitation") == ["invitation.created"] * 2
    assert found("action=member.added&actor=ROOT") == ["member.added"]
    assert found("actor=script") == ["invitation.created"]
    assert found("to=2020-01-01") == found("from=9999-12-31T23:59:59-14:00") == []
