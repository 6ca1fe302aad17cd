"""PostHog's events on an account's timeline: through the API, the engine and the net, over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.timeline import Filter
from ropewalk.engine.events import timeline
from ropewalk.engine.events.answers import answers
from ropewalk.engine.events.eventsource import Answered
from tests.engine.conftest import Serving
from tests.engine.world import START, World
from tests.fakes.posthog import KEY, PROJECT, PostHog, event
from tests.web.conftest import Browser
from tests.web.sent import Sent

pytestmark = pytest.mark.django_db


def connect(world: World, url: str, **stream: Any) -> str:
    body = {
        "source": "posthog",
        "name": "Product",
        "settings": {"host": url, "project_id": PROJECT},
        "secrets": {"token": KEY},
        "streams": {"events": {"account": "person.properties.domain", **stream}},
    }
    return str(world.post("connectors", body)["connector_id"])


def account(world: World, **values: Any) -> UUID:
    return UUID(world.post("accounts", {"companyName": "Acme", **values})["account_id"])


def told(world: World, account_id: UUID) -> Answered:
    found = timeline.read(world.org, account_id, world.clock, wanted=Filter())
    answers(world.clock).close()
    answers.cache_clear()
    return next(each.answer for each in found.sources if each.source.name == "Product")


def of(domain: str, number: int, name: str = "$pageview") -> dict[str, Any]:
    """As long before the world's clock as its number says."""
    found = event(number, name, person={"domain": domain, "email": f"olga@{domain}"})
    return found | {"timestamp": START - timedelta(minutes=number)}


def test_an_account_s_events_and_nobody_else_s(world: World, serving: Serving) -> None:
    project = PostHog([of("acme.example", 1), of("other.example", 2), of("WWW.Acme.example", 3, "signed up")])
    connect(world, serving(project), user="person.properties.email")

    answer = told(world, account(world, companyDomain="acme.example"))

    assert (answer.status, answer.truncated, answer.filtered_at_source) == ("ok", False, True)
    assert [(each.name, each.user) for each in answer.events] == [
        ("$pageview", "olga@acme.example"),
        ("signed up", "olga@WWW.Acme.example"),
    ]
    assert answer.notes == []


def test_an_answer_that_comes_later_is_waited_for(world: World, serving: Serving) -> None:
    project = PostHog([of("acme.example", 1)], later=3)
    connect(world, serving(project))

    answer = told(world, account(world, companyDomain="acme.example"))

    assert (answer.status, answer.count) == ("ok", 1)
    assert world.clock.waited == 1.0


def test_one_that_comes_too_late_has_timed_out(world: World, serving: Serving) -> None:
    project = PostHog([of("acme.example", 1)], later=100)
    connect(world, serving(project))

    answer = told(world, account(world, companyDomain="acme.example"))

    assert answer.status == "timed_out"
    assert answer.error is not None
    assert world.clock.waited < 8


def test_a_project_s_refusal_is_said_without_the_key(world: World, serving: Serving) -> None:
    project = PostHog([])
    connector = connect(world, serving(project))
    world.reconfigure(connector, secrets={"token": "phx_of_nobody"})

    answer = told(world, account(world, companyDomain="acme.example"))

    assert answer.status == "failed"
    assert answer.error is not None
    assert (answer.error.code, answer.error.about) == ("authentication_failed", "credential")
    assert "phx_of_nobody" not in answer.error.message


def test_a_test_shows_events_and_whose_they_are(world: World, serving: Serving) -> None:
    connector = connect(world, serving(PostHog([of("acme.example", 1), of("other.example", 2)])))
    account(world, companyDomain="acme.example")

    tested = world.of("events").test(connector)

    assert tested["ok"]
    assert tested["preview"]["matched"] == 1
    assert [each["to"] for each in tested["suggestions"][:5]] == [
        "eventTime",
        "eventName",
        "accountKey",
        "userId",
        "properties",
    ]


def test_the_guided_set_up_draws_it_and_offers_what_there_is(world: World, serving: Serving) -> None:
    project = PostHog([of("acme.example", 1)])
    project.canned = {
        "FROM groups": [[0, "like acme"]],
        "FROM persons": [["domain", 10]],
        "JSONExtractKeys": [["$browser", 4]],
        "count() AS times FROM events": [["$pageview", 12]],
    }
    url = serving(project)
    page = Sent(Browser("olga@acme.example"), "/app/settings/connectors/new?source=posthog&kind=events")
    said = {"settings__host": url, "settings__project_id": PROJECT, "secrets__token": KEY}
    page.do("choose:keys", **said)
    assert '<option value="person.properties.domain">Person properties: domain</option>' in page.html
    page.do("choose:events", **said, account="person.properties.domain")
    assert page.fields["account"] == ["person.properties.domain"]
    page.do("test", **said, account="person.properties.domain")
    assert "The test passed" in page.html
    page.do("save", **said)
    [connector] = world.every("connectors")

    assert page.status == 302
    assert connector["streams"]["events"]["account"] == "person.properties.domain"
    assert [each["to"] for each in connector["streams"]["events"]["mapping"]] == [
        "eventTime",
        "eventName",
        "accountKey",
        "userId",
        "properties",
    ]


def test_a_hostile_expression_is_refused_at_its_field(world: World, serving: Serving) -> None:
    project = PostHog([])
    page = Sent(Browser("olga@acme.example"), "/app/settings/connectors/new?source=posthog&kind=events")
    page.do(
        "test",
        settings__host=serving(project),
        settings__project_id=PROJECT,
        secrets__token=KEY,
        account="person.properties.domain",
        where="1 = 1 //",
    )

    assert page.status == 422
    assert "Only where" in page.wrong
    assert project.seen == []
