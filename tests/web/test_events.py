"""An account's events: what stands on the page is what the API tells, and what a source could not tell is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ropewalk.engine.clock import SystemClock
from ropewalk.engine.connectors import connection
from ropewalk.engine.events import activity, timeline
from ropewalk.engine.events.answers import answers
from ropewalk.store.models import Account, PushConnector
from tests.calls import Api
from tests.doors.conftest import World, key_of
from tests.engine.timelines import happened, stream_body
from tests.fakes import Fake, serve
from tests.web.conftest import Browser
from tests.web.test_account import ALIVE, PLANTED, path, text

FRAGMENT = {"HX-Request": "true", "HX-Current-URL": "http://localhost/app/accounts"}


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> Iterator[None]:
    """The client of a process keeps the networks that it may reach."""
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"allow_networks": ("127.0.0.0/8",)})
    connection.client.cache_clear()
    yield
    answers.cache_clear()
    connection.client(SystemClock()).close()
    connection.client.cache_clear()


@pytest.fixture
def api(world: World) -> Api:
    return Api(key_of(world.organization))


@pytest.fixture
def app(world: World, api: Api) -> Iterator[Callable[..., str]]:
    """An API with these records; its connector's id."""
    records: list[dict[str, Any]] = []
    with serve(Fake(lambda asked: {"data": records})) as url:

        def connect(given: list[dict[str, Any]], name: str = "App", **stream: Any) -> str:
            records[:] = given
            body = {"events": stream_body(url, match_by="domain", **stream)}
            made = api("post", "/v1/connectors", {"source": "custom_api", "name": name, "streams": body})
            assert made.status_code == 201, made.content
            return str(made.json()["connector_id"])

        yield connect


def records(count: int, **values: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC).replace(microsecond=0)
    return [each | values for each in happened(now, count, account="acme.com", every=3_600)]


def shown(page: str) -> list[tuple[str, str, str]]:
    """Name, user and source of each event."""
    return re.findall(
        r'"event-name">(.*?)</span><span class="event-user">(.*?)</span><span class="event-source">(.*?)<',
        page,
    )


def test_the_page_asks_nobody_and_the_timeline_comes_after_it(
    world: World, member: Browser, api: Api, app: Callable[..., str]
) -> None:
    app(records(50))
    there = text(member.get(path(world, "events")))
    fragment = text(member.get(path(world, "events/read"), **FRAGMENT))
    alone = text(member.get(path(world, "events/read")))
    [older] = re.findall(r'href="([^"]*)" rel="next"', fragment)
    rest = text(member.get(older.replace("&amp;", "&"), **FRAGMENT))
    told = api.get(world.path("/v1/accounts/{account_id}/events?limit=500"))

    assert shown(there) == []
    assert f'hx-get="{path(world, "events/read?")}" hx-trigger="load"' in there
    assert f'<meta http-equiv="refresh" content="0; url={path(world, "events/read?")}">' in there
    listed = [(each["name"], each["user_id"] or "", each["source"]) for each in told["items"]]
    assert shown(fragment) + shown(rest) == listed
    assert ("<html" in fragment, "<html" in alone, shown(alone)) == (False, True, shown(fragment))
    counts = re.findall(r'<td class="right">(\d+)</td>', fragment)
    assert sum(map(int, counts)) == sum(day["count"] for day in told["days"])


def test_filters(world: World, member: Browser, app: Callable[..., str]) -> None:
    source = app(records(30))
    read = path(world, "events/read")
    today = f"{Account.objects.get(id=world.ids['account_id']).created_at:%Y-%m-%d}"
    tomorrow = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"

    def names(query: str) -> list[str]:
        return [name for name, _, _ in shown(text(member.get(f"{read}?{query}", **FRAGMENT)))]

    assert names("name=CLOSED") == ["closed"] * 15
    assert names(f"source={source}&q=e-3") == ["opened", "closed"]
    assert names("source=Field+changes") == ["Account created"]
    assert names(f"from={today}&to={today}&source=Field+changes") == ["Account created"]
    assert names(f"from={tomorrow}") == []
    filtered = member.get(f"{read}?name=closed", **FRAGMENT)
    assert filtered["HX-Push-Url"] == path(world, "events?name=closed")
    assert "activity" not in text(filtered)


def test_a_filter_that_can_t_be(world: World, member: Browser) -> None:
    read = path(world, "events/read")
    backwards = member.get(f"{read}?from=2026-03-02&to=2026-03-01", **FRAGMENT)
    alone = member.get(f"{read}?from=someday&q=kept")
    cursor = member.get(f"{read}?cursor=nonsense", **FRAGMENT)

    page = backwards.content.decode()
    assert (backwards.status_code, alone.status_code, cursor.status_code) == (422, 422, 422)
    assert 'id="f-to-error">The time range ends before it begins.<' in page
    assert 'hx-swap-oob="true"' in page
    assert 'id="f-from-error">Give a day, such as 2026-03-01.<' in alone.content.decode()
    assert 'value="kept"' in alone.content.decode()
    assert "This cursor is not one that this list gave" in cursor.content.decode()


def test_a_source_that_fails_stands_above_the_others_events(
    world: World, member: Browser, api: Api, app: Callable[..., str]
) -> None:
    app(records(3))
    body = stream_body("http://127.0.0.1:9", match_by="domain")
    api("post", "/v1/connectors", {"source": "custom_api", "name": "Down", "streams": {"events": body}})
    by_id = stream_body("http://127.0.0.1:9")
    api("post", "/v1/connectors", {"source": "custom_api", "name": "By id", "streams": {"events": by_id}})

    page = text(member.get(path(world, "events/read"), **FRAGMENT))
    told = api.get(world.path("/v1/accounts/{account_id}/events"))["sources"]

    lines = re.findall(r"<li class=\"notice.*?</li>", page, re.DOTALL)
    said = {name: line for line in lines for name in re.findall("<strong>(.*?)</strong>", line)}
    assert {*said} == {"Down", "By id"}
    [down] = [each for each in told if each["name"] == "Down"]
    [not_asked] = [each for each in told if each["name"] == "By id"]
    assert down["error"]["message"].split(":")[0] in said["Down"]
    assert not_asked["notes"][0] in said["By id"]
    assert (">Retry<" in said["Down"], ">Retry<" in said["By id"]) == (True, False)
    assert len(shown(page)) == 4
    assert page.count(">Partial<") == 2


def test_how_it_is_used(world: World, member: Browser, app: Callable[..., str]) -> None:
    """Two a day for two weeks, by three users; and long before, by a fourth."""
    now = datetime.now(UTC).replace(microsecond=0)
    app(
        [
            *happened(now, 28, account="acme.com", every=43_200),
            *happened(now, 1, account="acme.com", first=60, every=86_400),
        ]
    )

    page = text(member.get(path(world, "events/read"), **FRAGMENT))
    found = timeline.read(world.organization, world.ids["account_id"], SystemClock())
    told = activity.of(found, datetime.now(UTC))

    assert told is not None
    assert told.last_seen == now - timedelta(hours=12)
    assert (told.active_users, told.events_a_week, told.is_partial) == (3, 7.0, False)
    assert re.findall(r"<dd>(?:<time[^>]*>)?([^<]+)", page)[:3] == ["12 hours ago", "3", "7"]


def test_without_a_source_of_events_there_are_the_changes(world: World, member: Browser) -> None:
    PushConnector.objects.filter(organization=world.organization).delete()

    page = text(member.get(path(world, "events/read"), **FRAGMENT))

    assert [name for name, _, _ in shown(page)] == ["Account created"]
    assert "Last seen" not in page


def test_what_an_event_says_stays_text(world: World, member: Browser, app: Callable[..., str]) -> None:
    planted = {"event": PLANTED, "user": PLANTED, PLANTED: PLANTED, "link": "javascript:alert(1)"}
    changes = {"changes": {PLANTED: {"old": PLANTED, "new": "https://x.example/"}}}
    app(records(2, **planted, **changes), name="<b>App</b>")

    page = text(member.get(path(world, "events/read")))

    assert (ALIVE.findall(page), "<b>App" in page, 'href="javascript' in page) == ([], False, False)
    assert page.count('href="https://x.example/" target="_blank" rel="noopener noreferrer"') == 2


def test_the_last_event_of_each_contact(world: World, member: Browser, app: Callable[..., str]) -> None:
    app([each | {"user": "Ada@acme.com"} for each in records(2)])

    before = text(member.get(path(world, "contacts")))
    after = text(member.get(path(world, "contacts?seen=1")))

    assert 'hx-get="?seen=1" hx-trigger="load"' in before
    assert ("Loading" in before, "opened" in before) == (True, False)
    assert ("Loading" in after, "<span>opened</span>" in after, "1 hour ago" in after) == (False, True, True)
