"""Pushed events on timelines, kept for as long as an organization says, and keyed anew when terms change."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core import limits
from ropewalk.core.timeline import Filter
from ropewalk.core.times import micros
from ropewalk.engine import accounts, upkeep
from ropewalk.engine.events import pushedevents, pushing, timeline
from ropewalk.engine.members import people
from ropewalk.ingest import batch
from ropewalk.ingest.callers import terms
from ropewalk.store import admission, pushing as kept
from ropewalk.store.events.base import Batch
from ropewalk.store.events.installed import events
from ropewalk.store.models import Account, PushConnector
from ropewalk.store.uploads import uploads
from tests.engine.world import World

DAY = timedelta(days=1)


class Pushing:
    """A connector, and what the ingest door would make of items that are sent to it."""

    def __init__(self, world: World, source_name: str = "shop", **body: Any) -> None:
        self.world = world
        body = {"name": source_name.title(), "source_name": source_name, **body}
        self.id = pushing.create(world.org, world.owner, body, world.clock).id

    @property
    def connector(self) -> PushConnector:
        return kept.connector(self.world.org, self.id)

    def push(self, *items: dict[str, Any], upload: str | None = None, at: datetime | None = None) -> None:
        found = admission.connector(self.world.org, self.id)
        assert found is not None
        raws = [json.dumps(each).encode() for each in items]
        form = "upload" if upload else "typed" if "kind" in items[0] else "data"
        arrived = micros(at or self.world.clock.now())
        prepared = batch.checked(raws, form, terms(found), arrived, upload)  # type: ignore[arg-type]
        assert not prepared.wrong, prepared.wrong
        events().append([Batch(self.world.org, self.id, prepared.drafts)])

    def change(self, **body: Any) -> None:
        pushing.change(self.world.org, self.world.owner, self.id, body, self.world.clock)


@pytest.fixture
def shop(world: World) -> Pushing:
    return Pushing(world)


def account(world: World, **values: Any) -> Account:
    return accounts.create_account(world.org, world.owner, {"companyName": "Acme"} | values, world.clock)


def seen(world: World, of: Account, **options: Any) -> list[str]:
    """What the push connectors tell: the ids of their events."""
    wanted = Filter(**{name: options.pop(name) for name in Filter.__slots__ if name in options})
    found = timeline.read(
        world.org,
        of.id,
        world.clock,
        wanted=wanted,
        providers=[pushedevents.of_organization],
        **options,
    )
    return [each.properties["id"] for each in found.items]


def item(identity: str, **more: Any) -> dict[str, Any]:
    metadata = more.pop("metadata", {"company_domain": "acme.com"})
    return {"external_id": identity, "data": {"id": identity, **more}, "metadata": metadata}


def settle(world: World) -> None:
    """Until nothing is left to do in the background."""
    world.clock.advance(seconds=upkeep.SETTLED_AFTER.total_seconds())
    while upkeep.sweep(world.clock):
        pass


class TestTimeline:
    def test_an_account_made_later_has_them(self, world: World, shop: Pushing) -> None:
        shop.push(item("a"), item("b"), item("c", metadata={"external_customer_id": "42"}))
        shop.push(
            item("d", metadata={"company_domain": "https://www.ACME.com/x", "external_customer_id": "7"})
        )

        made = account(world, companyDomain="acme.com", externalCustomerId="42")

        assert sorted(seen(world, made)) == ["a", "b", "c", "d"]
        assert seen(world, account(world, companyDomain="other.com")) == []

    def test_newest_first_whatever_came_first(self, world: World, shop: Pushing) -> None:
        now = world.clock.now()
        for identity, days in (("b", 2), ("c", 3), ("a", 1)):
            shop.push({**item(identity), "timestamp": (now - days * DAY).isoformat()})

        assert seen(world, account(world, companyDomain="acme.com")) == ["a", "b", "c"]

    def test_pages_lead_on_through_all_of_them(
        self, world: World, shop: Pushing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also past what one look reads."""
        shop.push(*[item(f"{number:02}") for number in range(30)])
        Pushing(world, "web").push(*[item(f"w{number:02}") for number in range(5)])
        of = account(world, companyDomain="acme.com")
        monkeypatch.setattr(limits, "EVENTS_READ", 8)
        monkeypatch.setattr(pushedevents, "_PAGE", 4)

        found: list[str] = []
        cursor = None
        for _ in range(40):
            page = timeline.read(
                world.org,
                of.id,
                world.clock,
                providers=[pushedevents.of_organization],
                limit=3,
                cursor=cursor,
            )
            found += [each.properties["id"] for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break

        assert len(found) == len(set(found))

    def test_filters(self, world: World) -> None:
        shop = Pushing(world, event_schema={"name": "type", "user": "who"})
        shop.push(item("a", type="Paid", who="Ada"), item("b", type="Sent", who="Bo", note="Überweisung"))
        Pushing(world, "web").push(item("c"))
        of = account(world, companyDomain="acme.com")

        assert seen(world, of, name="paid") == ["a"]
        assert seen(world, of, user="bo") == ["b"]
        assert seen(world, of, text="überweisung") == ["b"]
        assert seen(world, of, source="Web") == ["c"]
        assert seen(world, of, start=world.clock.now() + DAY) == []

    def test_each_connector_says_how_it_did(self, world: World, shop: Pushing) -> None:
        shop.push(item("a"))
        Pushing(world, "web").push(item("b"), item("c"))
        off = Pushing(world, "off")
        off.push(item("d"))
        off.change(is_active=False)
        of = account(world, companyDomain="acme.com")

        found = timeline.read(world.org, of.id, world.clock, providers=[pushedevents.of_organization])
        nothing = timeline.read(
            world.org, account(world).id, world.clock, providers=[pushedevents.of_organization]
        )

        assert sorted(
            (each.source.name, each.answer.status, each.answer.count) for each in found.sources
        ) == [
            ("Off", "ok", 1),
            ("Shop", "ok", 1),
            ("Web", "ok", 2),
        ]
        assert found.days is not None
        assert found.days.total() == 4
        assert {each.answer.status for each in nothing.sources} == {"not_asked"}

    def test_what_is_shown_of_an_item(self, world: World) -> None:
        shop = Pushing(world, event_schema={"name": "type", "account": "customer.site", "match_by": "domain"})
        whole = Pushing(world, "whole", event_schema={"properties": "details"})
        shop.push(
            {"data": {"type": "Paid", "customer": {"site": "acme.com", "tier": "gold"}, "amount": 12}},
        )
        whole.push({"data": {"details": {"x": 1}, "y": 2}, "metadata": {"company_domain": "acme.com"}})
        whole.push({"data": [1, 2], "metadata": {"company_domain": "acme.com"}})
        Pushing(world, "plain").push({"data": [1, 2], "metadata": {"company_domain": "acme.com"}})
        mail = {"from": "ada@acme.com", "subject": "Hi"}
        Pushing(world, "mail").push({"kind": "email", "payload": mail})
        of = account(world, companyDomain="acme.com")

        found = timeline.read(world.org, of.id, world.clock, providers=[pushedevents.of_organization])

        assert sorted(
            (each.source, each.name, each.properties) for each in found.items if each.source != "Whole"
        ) == [
            ("Mail", "email", mail),
            ("Plain", "custom", {"value": [1, 2]}),
            ("Shop", "Paid", {"customer": {"tier": "gold"}, "amount": 12}),
        ]
        assert [each.properties for each in found.items if each.source == "Whole"] in (
            [{"x": 1}, {}],
            [{}, {"x": 1}],
        )


class TestKeyedAnew:
    def test_when_the_event_schema_changes(self, world: World, shop: Pushing) -> None:
        shop.push(*[item(str(number), site="acme.com", type="Paid", metadata={}) for number in range(7)])
        of = account(world, companyDomain="acme.com")
        assert seen(world, of) == []

        shop.change(event_schema={"account": "site", "match_by": "domain", "name": "type"})
        shop.push(item("after", site="acme.com", type="Sent", metadata={}))
        settle(world)

        assert len(seen(world, of)) == 8
        assert len(seen(world, of, name="Paid")) == 7
        assert shop.connector.rekeying is None
        shop.change(event_schema=None)
        settle(world)
        assert seen(world, of) == []

    def test_when_the_organizations_own_domains_change(self, world: World, shop: Pushing) -> None:
        mail = {
            "kind": "email",
            "external_id": "m",
            "payload": {"id": "m", "from": "ada@acme.com", "to": ["bo@us.example"]},
        }
        shop.push(mail)
        ours = account(world, companyDomain="us.example")
        assert seen(world, ours) == ["m"]

        people.update_organization(world.org, world.owner, {"own_domains": ["us.example"]}, world.clock)
        settle(world)

        assert seen(world, ours) == []
        assert seen(world, account(world, companyDomain="acme.com")) == ["m"]

    def test_in_small_batches_and_from_where_it_was(self, world: World, shop: Pushing) -> None:
        shop.push(*[item(str(number), site="acme.com", metadata={}) for number in range(1_200)])
        shop.change(event_schema={"account": "site", "match_by": "domain"})
        marks = []
        while shop.connector.rekeying is not None and len(marks) < 9:
            upkeep._key_anew(world.clock)
            marks.append((shop.connector.rekeying or {}).get("after"))
            world.clock.advance(seconds=upkeep.SETTLED_AFTER.total_seconds())

        assert marks[-1] is None
        assert marks[:-1] == sorted(marks[:-1])
        assert len(marks) == 3

    def test_a_change_in_the_middle_begins_anew(self, world: World, shop: Pushing) -> None:
        shop.push(*[item(str(number), site="acme.com", metadata={}) for number in range(600)])
        shop.change(event_schema={"account": "nowhere"})
        before = shop.connector
        upkeep._key_anew(world.clock)
        shop.change(event_schema={"account": "site", "match_by": "domain"})

        kept.keyed_until(before, None)

        assert shop.connector.rekeying == {}
        settle(world)
        of = account(world, companyDomain="acme.com")
        found = timeline.read(world.org, of.id, world.clock, providers=[pushedevents.of_organization])
        assert found.days is not None
        assert found.days.total() == 600


class TestRetention:
    def keep(self, world: World, days: int | None) -> None:
        people.update_organization(world.org, world.owner, {"keep_events_days": days}, world.clock)

    def test_what_is_older_goes(self, world: World, shop: Pushing) -> None:
        now = world.clock.now()
        for identity, days in (("new", 1), ("old", 31), ("older", 400)):
            shop.push({**item(identity), "timestamp": (now - days * DAY).isoformat()})
        of = account(world, companyDomain="acme.com")
        settle(world)
        assert seen(world, of) == ["new", "old", "older"]

        self.keep(world, 30)
        settle(world)

        assert seen(world, of) == ["new"]

    def test_its_files_go_too(self, world: World, shop: Pushing, tmp_path: Path) -> None:
        file = tmp_path / "page.pdf"
        file.write_bytes(b"PDF")
        digest = sha256(b"PDF").hexdigest()
        uploads().put(world.org, digest, file)
        page = {"kind": "page", "external_id": "p", "payload": {"title": "Plan"}}
        shop.push(page, upload=digest, at=world.clock.now() - 31 * DAY)
        shop.push({**page, "external_id": "q"}, upload=digest)
        self.keep(world, 30)
        settle(world)
        assert uploads().has(world.org, digest)

        world.clock.advance(days=31)
        settle(world)

        assert not uploads().has(world.org, digest)

    @pytest.mark.parametrize("days", [0, -1, 36_501, 1.5, "30", True])
    def test_what_is_no_number_of_days(self, world: World, days: Any) -> None:
        from ropewalk.core.errors import MustFix

        with pytest.raises(MustFix) as refused:
            self.keep(world, days)
        assert [each.path for each in refused.value.problems] == ["keep_events_days"]

    def test_another_organizations_stay(self, world: World, shop: Pushing) -> None:
        shop.push({**item("old"), "timestamp": (world.clock.now() - 31 * DAY).isoformat()})
        other: UUID = people.create_organization(
            "Other", "o@other.example", "correct horse battery", world.owner, world.clock
        ).organization.id
        people.update_organization(other, world.owner, {"keep_events_days": 1}, world.clock)

        settle(world)

        assert seen(world, account(world, companyDomain="acme.com")) == ["old"]
