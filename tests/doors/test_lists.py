"""Lists cost the same number of queries whatever their length, and lead on by their cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.doors.conftest import NOW, STREAM, Api, World, key_of


def more_accounts(world: World, number: int) -> None:
    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    body = {"companyName": f"Name {number}", "fields": {"planTier": "gold"}}
    made = accounts.create_account(world.organization, SYSTEM, body, SystemClock())
    mail = {"email": f"n{number}@x.example"}
    accounts.create_contact(world.organization, SYSTEM, made.id, mail, SystemClock())
    accounts.create_contact(world.organization, SYSTEM, world.ids["account_id"], mail, SystemClock())
    accounts.edit_account(world.organization, SYSTEM, world.ids["account_id"], body, SystemClock())


def more_connectors(world: World, number: int) -> None:
    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure
    from ropewalk.store import ledger, runs, streams
    from ropewalk.store.ledger import Entry

    body = {"source": "custom_api", "name": f"No {number}", "settings": {}, "streams": {"accounts": STREAM}}
    made = configure.create_connector(world.organization, SYSTEM, body, SystemClock())
    stream = streams.get(world.organization, made.id, "accounts")
    run, _ = runs.create(
        world.organization,
        connector_id=made.id,
        stream_id=stream.id,
        kind="accounts",
        actor={},
        settings={},
        now=NOW,
    )
    runs.cancel(world.organization, run.id, now=NOW)
    ledger.write(world.organization, world.ids["run_id"], [Entry(number, "skipped", "no_match", "", {})])


def more_people(world: World, number: int) -> None:
    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine import views
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import invitations, people

    people.add_user(world.organization, SYSTEM, f"m{number}@acme.example", "member", SystemClock())
    invitations.invite(world.organization, SYSTEM, f"i{number}@acme.example", "member", SystemClock())
    view = {"name": f"No {number}", "list": {}, "shared": True}
    views.create(world.organization, SYSTEM, view, SystemClock())
    key_of(world.organization, "read", name=f"No {number}")


# One query finds the key; the rest is the list's own.
LISTS: list[tuple[str, int, Callable[[World, int], None]]] = [
    ("/v1/sources", 1, more_people),
    ("/v1/connectors", 7, more_connectors),
    ("/v1/runs", 2, more_connectors),
    ("/v1/runs/{run_id}/rows", 3, more_connectors),
    ("/v1/accounts", 4, more_accounts),
    ("/v1/accounts?q=m&sort=planTier&field.planTier=gold", 8, more_accounts),
    ("/v1/account-views", 2, more_people),
    ("/v1/accounts/{account_id}/contacts", 3, more_accounts),
    ("/v1/accounts/{account_id}/history", 4, more_accounts),
    ("/v1/contacts", 2, more_accounts),
    ("/v1/fields", 7, more_accounts),
    ("/v1/members", 2, more_people),
    ("/v1/invitations", 2, more_people),
    ("/v1/api-keys", 2, more_people),
    ("/v1/audit-log", 2, more_people),
]


def queries(api: Api, path: str) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as captured:
        answer = api.get(path)
    return len(captured), answer


@pytest.mark.parametrize(("path", "count", "more"), LISTS, ids=[path for path, _, _ in LISTS])
def test_the_number_of_queries(
    path: str, count: int, more: Callable[[World, int], None], world: World, api: Api
) -> None:
    api.get("/v1/organization")  # the key's use is noted once a minute
    first, few = queries(api, world.path(path))
    more(world, 1)
    more(world, 2)

    then, many = queries(api, world.path(path))

    assert (first, then) == (count, count)
    if path not in ("/v1/sources", "/v1/fields"):
        assert len(many["items"]) == len(few["items"]) + (
            {"/v1/contacts": 4, "/v1/audit-log": 6}.get(path, 2)
        )


@pytest.mark.parametrize(
    "path", [path for path, _, more in LISTS if more is more_accounts and path not in ("/v1/fields",)]
)
def test_pages_lead_on_to_each_item_once(path: str, world: World, api: Api) -> None:
    for number in range(3):
        more_accounts(world, number)
    path = world.path(path)
    whole = api.get(path)["items"]

    found: list[Any] = []
    cursor = ""
    while True:
        page = api.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == whole
    assert len(whole) > 2
