"""Push connectors in Settings → Connectors: made, looked at, changed, switched off and on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from ropewalk.store import pushing
from ropewalk.store.models import PushConnector
from tests.doors.conftest import NOW, World, make_world, push_event
from tests.web.conftest import Browser
from tests.web.test_by_hand import inputs

PUSH = "/app/settings/connectors/push"


@pytest.fixture
def world(db: None) -> World:
    return make_world("Acme")


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


@pytest.fixture
def page(world: World) -> str:
    return f"{PUSH}/{world.ids['push_connector_id']}/"


@pytest.fixture
def kept(world: World) -> Callable[[], PushConnector]:
    return lambda: pushing.connector(world.organization, world.ids["push_connector_id"])


def test_from_the_gallery_to_a_connector(world: World, owner: Browser) -> None:
    assert f'href="{PUSH}/new"' in text(owner.get("/app/settings/connectors/gallery"))
    sent = {
        "name": " Billing ",
        "source_name": "billing",
        "accepted_kinds": ["custom", "email"],
        "metadata": "region=eu\n\n plan = a=b ",
        "event_schema.name": "type",
        "event_schema.account": "customer.id",
        "event_schema.match_by": "domain",
    }

    answer = owner.post(f"{PUSH}/new", sent)

    made = pushing.sourced(world.organization, "billing")
    assert made is not None
    assert answer["Location"] == f"{PUSH}/{made.id}/"
    assert (made.name, made.accepted_kinds, made.metadata, made.event_schema) == (
        "Billing",
        ["custom", "email"],
        {"region": "eu", "plan": "a=b"},
        {"name": "type", "account": "customer.id", "match_by": "domain"},
    )
    assert made.created_by["label"] == "owner@acme.example"
    assert "Billing takes what is pushed to it." in text(owner.get(answer["Location"]))
    assert "Billing" in text(owner.get("/app/settings/connectors"))


def test_everything_that_is_wrong_stands_at_its_field(world: World, owner: Browser) -> None:
    sent = {
        "source_name": "Product!",
        "metadata": "region",
        "event_schema.match_by": "luck",
        "event_schema.name": "x",
    }

    answer = owner.post(f"{PUSH}/new", sent)

    shown = text(answer)
    assert answer.status_code == 422
    for field, message in {
        "name": "This can’t be empty.",
        "source_name": "Give 1 to 63 lower-case letters, digits and hyphens",
        "metadata": "“region” has no key and value.",
        "event_schema-match_by": "Give one of domain, external_id.",
    }.items():
        assert message in shown.partition(f'id="f-{field}-error"')[2].partition("</p>")[0], field
    assert 'value="Product!"' in shown
    assert len(pushing.listing(world.organization)) == 1


def test_a_source_name_that_is_taken(world: World, owner: Browser) -> None:
    answer = owner.post(f"{PUSH}/new", {"name": "Again", "source_name": "product"})

    assert "There is a push connector with the source name product already." in text(answer)
    assert answer.status_code == 422


def test_its_page(world: World, owner: Browser, page: str) -> None:
    push_event(
        world.organization,
        world.ids["push_connector_id"],
        "o-2",
        NOW + timedelta(hours=1),
        name="<b>Paid</b>",
    )

    shown = text(owner.get(page))

    assert "<code>custom:product</code>" in shown
    assert "&lt;b&gt;Paid&lt;/b&gt;" in owner.get(page).content.decode()
    assert f"http://localhost/v1/custom-connectors/{world.ids['push_connector_id']}/ingest" in shown
    assert '"company_domain": "acme.com"' in shown
    assert "from ropewalk.client import Client" in shown
    assert 'hx-trigger="every 2s"' in shown


def test_what_comes_and_what_is_refused(world: World, member: Browser, page: str) -> None:
    from ropewalk.store.events.base import Refusal, micros
    from ropewalk.store.events.installed import events

    whose = (world.organization, world.ids["push_connector_id"])
    events().append(
        [], [Refusal(*whose, micros(NOW + timedelta(hours=2)), "o-3", ["data: This is required."])]
    )
    push_event(*whose, "o-4", item={"data": 1})
    push_event(*whose, "o-4", item={"data": 2})

    assert member.get(f"{page}tail").headers["location"] == page
    shown = text(member.get(f"{page}tail", **{"HX-Request": "true"}))

    assert "<html" not in shown
    rows = [row.partition("</li>")[0] for row in shown.split("<li>")[1:]]
    assert ["Refused" in rows[0], "o-3" in rows[0], "data: This is required." in rows[0]] == [True] * 3
    assert ["Updated" in rows[1], "o-4" in rows[1], "Kept" in rows[2]] == [True] * 3
    assert len(rows) == 3


def test_samples_follow_what_it_takes(world: World, owner: Browser, page: str) -> None:
    owner.post(f"{page}edit", {"name": "Product", "accepted_kinds": ["message"]})
    typed = text(owner.get(page))
    owner.post(
        f"{page}edit",
        {
            "name": "Product",
            "event_schema.account": "who.site",
            "event_schema.match_by": "domain",
            "event_schema.time": "at",
        },
    )
    with_schema = text(owner.get(page))

    assert "/ingest/typed " in typed
    assert 'call="ingest/typed"' in typed
    sample = with_schema.partition("--data '")[2].partition("'</code>")[0]
    assert json.loads(sample) == {
        "items": [
            {
                "external_id": "order-1001",
                "data": {"at": "2026-03-01T12:00:00Z", "who": {"site": "acme.com"}},
            }
        ]
    }


def test_editing(world: World, owner: Browser, page: str, kept: Callable[[], PushConnector]) -> None:
    shown = text(owner.get(f"{page}edit"))
    assert 'value="product"' in shown
    assert "It never changes: events go under it." in shown

    answer = owner.post(f"{page}edit", {"name": "Web", "source_name": "other", "metadata": "a=1"})

    assert answer["Location"] == page
    assert (kept().name, kept().source_name, kept().metadata) == ("Web", "product", {"a": "1"})


def test_what_was_saved_meanwhile_is_not_taken_back_unasked(
    owner: Browser, page: str, kept: Callable[[], PushConnector]
) -> None:
    opened = inputs(owner.get(f"{page}edit"))

    owner.post(f"{page}edit", {**opened, "metadata": "a=1"})
    asked = owner.post(f"{page}edit", {**opened, "name": "Web"})
    before = kept()
    owner.post(f"{page}edit", inputs(asked))

    assert "This has been saved since you opened it." in text(asked)
    assert (before.name, before.metadata, kept().name) == (opened["name"], {"a": "1"}, "Web")


def test_off_and_on_again(owner: Browser, page: str, kept: Callable[[], PushConnector]) -> None:
    assert "Deactivate Product?" in text(owner.get(f"{page}deactivate"))
    owner.post(f"{page}deactivate")
    assert not kept().is_active
    off = text(owner.get(page))
    assert "It takes nothing now." in off
    assert "Push API · inactive" in text(owner.get("/app/settings/connectors"))

    owner.post(f"{page}activate")

    assert kept().is_active
    assert "It takes nothing now." not in text(owner.get(page))


def test_members_see_it_and_why_they_change_nothing(world: World, member: Browser, page: str) -> None:
    shown = text(member.get(page))

    assert "Only admins and owners of Acme can do this." in shown
    for label in ("Edit", "Deactivate"):
        assert (
            f'<button class="button" type="button" disabled aria-describedby="may-not">{label}</button>'
            in shown
        )
    assert f"{page}edit" not in shown
    assert "API keys</a>" not in shown.partition('id="send"')[2].partition("</div>")[0]


def test_its_events_stand_on_the_account_made_later(world: World, member: Browser) -> None:
    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    push_event(
        world.organization,
        world.ids["push_connector_id"],
        "o-9",
        keys=("domain:late.example",),
        name="Ordered",
        user="Zoe@late.example",
        item={"data": {"amount": 12}},
    )
    late = accounts.create_account(
        world.organization, SYSTEM, {"companyName": "Late", "companyDomain": "late.example"}, SystemClock()
    )
    accounts.create_contact(world.organization, SYSTEM, late.id, {"email": "zoe@late.example"}, SystemClock())

    shown = text(member.get(f"/app/accounts/{late.id}/events/read"))
    people = text(member.get(f"/app/accounts/{late.id}/contacts?seen=1"))

    assert ['<span class="event-name">Ordered</span>' in shown, "<dt>amount</dt>" in shown] == [True, True]
    assert '<span class="event-source">Product</span>' in shown
    assert "Ordered" in people
