"""HubSpot's pages, read from servers that say what HubSpot doesn't, or seldom."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix
from ropewalk.core.paging import Ending
from ropewalk.sources.base import Page, Window
from ropewalk.sources.hubspot import SOURCE
from tests.fakes import Asked, Fake
from tests.sources.fetching import Reached

SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(
    kind: Any, answer: Callable[[Asked], Any], window: Window, *mapped: tuple[str, str]
) -> tuple[list[Page], Fake]:
    server = Fake(answer)
    mapping = [{"from": path, "to": target} for path, target in mapped]
    matching = {"matching": "external_id"} if kind == "accounts" else {"match_by": "external_id"}
    stream = check(SOURCE.kinds[kind].settings, {**matching, "mapping": mapping})
    connector = check(SOURCE.settings, {})
    return list(SOURCE.kinds[kind].read(connector, stream, window, Reached(server, "pat"), None)), server


def derived(pages: list[Page]) -> list[Any]:
    return [json.loads(bytes(each)).get("__derived") for page in pages for each in page.records]


COMPANY = ("id", "externalCustomerId"), ("properties.name", "companyName")
EMAIL, ACCOUNT = ("properties.email", "email"), ("properties.account", "externalCustomerId")


def test_owners_who_have_left_are_told_and_those_who_are_there_go_before_them() -> None:
    def answer(asked: Asked) -> Any:
        if asked.path == "/crm/v3/owners/":
            left = [{"id": "71", "email": "old@acme.example"}, {"id": "72", "email": "left@acme.example"}]
            return {
                "results": left
                if asked.params["archived"] == "true"
                else [{"id": "71", "email": "new@acme.example"}]
            }
        return {"results": [{"id": each, "properties": {"hubspot_owner_id": each}} for each in ("71", "72")]}

    pages, _ = read("accounts", answer, Window(), *COMPANY, ("__derived.owner_email", "accountOwnerEmail"))

    assert [each["owner_email"] for each in derived(pages)] == ["new@acme.example", "left@acme.example"]


def test_a_label_of_the_portals_own_makes_no_company_the_primary_one() -> None:
    def answer(asked: Asked) -> Any:
        if "associations" not in asked.path:
            return {"results": [{"id": "1", "properties": {}}]}
        kinds = {"7": ("USER_DEFINED", 1), "8": ("HUBSPOT_DEFINED", 279), "9": ("HUBSPOT_DEFINED", 1)}
        to = [
            {"toObjectId": each, "associationTypes": [{"category": category, "typeId": kind}]}
            for each, (category, kind) in kinds.items()
        ]
        return {"results": [{"from": {"id": "1"}, "to": to}]}

    pages, _ = read("contacts", answer, Window(), EMAIL, ("__derived.company_id", "externalCustomerId"))

    assert derived(pages) == [{"company_id": "9"}]


def test_an_owner_without_an_email_is_nobody() -> None:
    def answer(asked: Asked) -> Any:
        if asked.path == "/crm/v3/owners/":
            archived = asked.params["archived"] == "true"
            return {"results": [] if archived else [{"id": "71"}, {"id": "72", "email": "olga@acme.example"}]}
        return {"results": [{"id": each, "properties": {"hubspot_owner_id": each}} for each in ("71", "72")]}

    pages, _ = read("accounts", answer, Window(), *COMPANY, ("__derived.owner_email", "accountOwnerEmail"))

    assert derived(pages) == [{"owner_email": None}, {"owner_email": "olga@acme.example"}]


def test_of_a_contact_no_more_is_looked_up_than_is_mapped() -> None:
    def answer(asked: Asked) -> Any:
        return {"results": [{"id": "1", "properties": {"firstname": " Ada ", "lastname": None}}]}

    pages, server = read(
        "contacts", answer, Window(max_records=5), EMAIL, ACCOUNT, ("__derived.name", "name")
    )

    assert derived(pages) == [{"name": "Ada"}]
    assert {each.path for each in server.seen} == {"/crm/v3/objects/contacts"}
    assert pages[-1].ending == Ending("complete")


def test_companies_of_contacts_that_never_end_are_told_and_not_left_out() -> None:
    def answer(asked: Asked) -> Any:
        if asked.method == "GET":
            return {"results": [{"id": "1", "properties": {}}]}
        batches.append(asked)
        more = {"next": {"after": str(len(batches))}}
        return {"results": [{"from": {"id": "1"}, "to": [{"toObjectId": 7}], "paging": more}]}

    batches: list[Asked] = []
    with pytest.raises(MustFix) as caught:
        read("contacts", answer, Window(), EMAIL, ("__derived.company_id", "externalCustomerId"))

    assert caught.value.code == "not_as_described"
    assert len(batches) == 50


def test_owners_that_are_no_owners_end_the_run() -> None:
    def answer(asked: Asked) -> Any:
        return {"results": [{"id": 71} if asked.path == "/crm/v3/owners/" else {"id": "1", "properties": {}}]}

    with pytest.raises(MustFix) as caught:
        read("accounts", answer, Window(), *COMPANY, ("__derived.owner_email", "accountOwnerEmail"))

    assert caught.value.code == "not_as_described"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ([None], "with a record that doesn't say when it changed last: "),
        (["2026-03-01T12:00:00"], "with a record that doesn't say when it changed last: "),
        (["noon"], "with a record that doesn't say when it changed last: "),
        (["2026-03-01T12:00:01Z", "2026-03-01T12:00:00Z"], "in another order than it was asked for"),
    ],
)
def test_a_search_that_nobody_could_read_on_from_is_refused(changed: list[str | None], why: str) -> None:
    def answer(asked: Asked) -> Any:
        rows = [{"id": "1", "properties": {"hs_lastmodifieddate": each}} for each in changed]
        return {"total": len(rows), "results": rows}

    with pytest.raises(MustFix) as caught:
        read("accounts", answer, Window(since=SINCE), *COMPANY)

    assert caught.value.code == "no_order"
    assert why in caught.value.message
