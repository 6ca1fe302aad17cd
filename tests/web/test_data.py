"""Tracked fields: what stands there is the API's, and what a switch does is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.calls import Api
from tests.doors.conftest import World, key_of
from tests.web.conftest import Browser

PATH = "/app/settings/data-sync"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def switches(page: str) -> dict[str, bool]:
    found = re.findall(r'aria-checked="(\w+)" aria-label="([^"]+)"', page)
    return {label: checked == "true" for checked, label in found}


def test_fields_and_their_switches(world: World, owner: Browser) -> None:
    page = owner.get(PATH).content.decode()
    api = Api(key_of(world.organization)).get("/v1/fields")["items"]

    assert switches(page) == {
        "History: Domain": True, "Periodic: Company": True, "History: Company": True,
        "Periodic: Plan tier": True, "History: Plan tier": True, "Indexed: Plan tier": False,
    }  # fmt: skip
    assert re.findall(r"data-fill>([^<]+)<", page) == [f"{each['fill_rate'] * 100:.0f} %" for each in api]
    assert len(api) == 3


def test_switching_says_what_it_does(world: World, owner: Browser) -> None:
    from ropewalk.store.models import TrackedField

    plain = owner.post(f"{PATH}/switch", {"field": "planTier", "periodic": "off"})
    told = owner.get(PATH).content.decode()
    swapped = owner.post(
        f"{PATH}/switch", {"field": "planTier", "history": "off"}, **{"HX-Request": "true"}
    ).content.decode()
    nowhere = owner.post(f"{PATH}/switch", {"field": "rope", "history": "off"})

    assert (plain.status_code, plain["Location"], nowhere.status_code) == (302, PATH, 404)
    assert "Scheduled runs leave Plan tier alone from now on" in told
    assert "Only the latest value of Plan tier is kept from now on" in swapped
    assert switches(swapped)["Periodic: Plan tier"] is False
    [field] = TrackedField.objects.filter(name="planTier")
    assert (field.periodic, field.history) == (False, False)


def test_an_index_is_asked_for_and_built(world: World, owner: Browser) -> None:
    from ropewalk.core import limits
    from ropewalk.store import fields

    def switched(is_on: str) -> str:
        sent = {"field": "planTier", "indexed": is_on}
        return owner.post(f"{PATH}/switch", sent, **{"HX-Request": "true"}).content.decode()

    page = switched("on")
    api = Api(key_of(world.organization))
    [said] = [each for each in api.get("/v1/fields")["items"] if each["name"] == "planTier"]
    names = [f"f{number}" for number in range(limits.INDEXED_FIELDS - 1)]
    fields.learn(world.organization, dict.fromkeys((*names, "last"), ("created", "text")), now=NOW)
    for name in names:
        fields.switch(world.organization, name, indexed=True)
    one_too_many = owner.post(f"{PATH}/switch", {"field": "last", "indexed": "on"})

    assert switches(page)["Indexed: Plan tier"] is True
    assert ("An index of Plan tier is being built." in page, page.count("Being built")) == (True, 1)
    assert (said["indexed"], said["index_is_built"]) == (True, False)
    assert one_too_many.status_code == 302
    assert "At most 10 fields are indexed; switch another off first." in owner.get(PATH).content.decode()
    assert "Plan tier has no index any more." in switched("off")


def test_members_see_why_they_may_not(world: World, member: Browser) -> None:
    page = member.get(PATH).content.decode()

    toggles = re.findall(r'<button class="toggle"[^>]*>', page)
    assert all("disabled" in each for each in toggles)
    assert len(toggles) == 6
    assert "Only admins and owners of Acme can do this." in page


def test_as_many_queries_for_three_connectors_as_for_one(
    world: World, owner: Browser, django_assert_num_queries: Any
) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure
    from tests.doors.conftest import STREAM

    with django_assert_num_queries(QUERIES):
        owner.get(PATH)
    for name in ("Second", "Third"):
        body = {"source": "custom_api", "name": name, "settings": {"auth": {"type": "none"}}, "streams": {"accounts": STREAM | {"headers": {}, "plain_headers": []}}}  # fmt: skip
        configure.create_connector(world.organization, Actor("cli", "", "root"), body, SystemClock())
    with django_assert_num_queries(QUERIES):
        page = owner.get(PATH).content.decode()

    assert page.count(">Second</a>") == 2


QUERIES = 10
