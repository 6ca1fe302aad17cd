"""The event store: identity, versions, lists, what goes again. On whichever database the tests run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

if TYPE_CHECKING:
    from ropewalk.store.events.base import EventStore

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(db: None) -> Iterator[EventStore]:
    from ropewalk.store.events.installed import events

    yield events()
    events().close()


@pytest.fixture
def whose() -> tuple[UUID, UUID]:
    return uuid4(), uuid4()


def draft(external_id: str, at: datetime = NOW, content: bytes = b'{"data":1}', **more: Any) -> Any:
    from ropewalk.core.pushed import Draft
    from ropewalk.core.times import micros

    arrived = micros(more.pop("arrived", NOW))
    given = {"kind": "custom", "name": "custom", **more}
    return Draft(external_id=external_id, at=micros(at), arrived=arrived, content=content, **given)


def push(store: EventStore, whose: tuple[UUID, UUID], *drafts: Any) -> list[str]:
    from ropewalk.store.events.base import Batch

    (outcomes,) = store.append([Batch(*whose, drafts)])
    return [*outcomes]


def ids(found: Any) -> list[str]:
    return [event.external_id for event in (found.events if hasattr(found, "events") else found)]


class TestIdentity:
    def test_created_duplicate_updated(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        assert push(store, whose, draft("a", content=b'{"data":{"x":1,"y":2}}')) == ["created"]
        assert push(store, whose, draft("a", content=b'{"data": {"y":2.0,"x":1}}')) == ["duplicate"]
        assert push(store, whose, draft("a", NOW + HOUR, b'{"data":{"x":true,"y":2}}')) == ["updated"]

        assert [(each.version, each.at, each.content) for each in store.versions(*whose, "a")] == [
            (2, NOW + HOUR, b'{"data":{"x":true,"y":2}}'),
            (1, NOW, b'{"data":{"x":1,"y":2}}'),
        ]

    def test_a_version_by_its_number(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        for number in range(3):
            push(store, whose, draft("a", content=b"%d" % number))

        found = [store.get(*whose, "a", version) for version in (None, 1, 2, 3, 4)]

        assert [each and (each.version, each.content) for each in found] == [
            (3, b"2"), (1, b"0"), (2, b"1"), (3, b"2"), None,
        ]  # fmt: skip

    def test_of_twice_in_a_batch_the_later_counts(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        drafts = [draft("a", content=b"1"), draft("b"), draft("a", content=b"2")]

        assert push(store, whose, *drafts) == ["created", "created", "created"]
        assert [each.content for each in store.versions(*whose, "a")] == [b"2"]

    def test_callers_of_one_transaction_follow_each_other(
        self, store: EventStore, whose: tuple[UUID, UUID]
    ) -> None:
        from ropewalk.store.events.base import Batch

        contents = [b"1", b"1", b"2", b"1"]
        outcomes = store.append([Batch(*whose, [draft("a", content=each)]) for each in contents])

        assert outcomes == [["created"], ["duplicate"], ["updated"], ["updated"]]
        assert [each.content for each in store.versions(*whose, "a")] == [b"1", b"2", b"1"]

    def test_a_hundred_and_more_at_once(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        names = [f"{number:04}" for number in range(1_234)]
        assert push(store, whose, *(draft(each, keys=("id:7",)) for each in names)) == ["created"] * 1_234

        again = [
            draft(each, content=b"2" if int(each) % 2 else b'{"data": 1}', keys=("id:8",)) for each in names
        ]
        assert push(store, whose, *again, draft("new")) == ["duplicate", "updated"] * 617 + ["created"]

        assert len(ids(store.newest(whose[0], keys=["id:7"], limit=2_000))) == 617
        assert len(ids(store.newest(whose[0], keys=["id:8"], limit=2_000))) == 617
        assert store.statistics(*whose, NOW).total == 1_235

    def test_one_id_of_two_connectors_and_of_two_organizations(
        self, store: EventStore, whose: tuple[UUID, UUID]
    ) -> None:
        organization, connector = whose
        for pair in (whose, (organization, uuid4()), (uuid4(), connector)):
            assert push(store, pair, draft("a")) == ["created"]

        assert len(store.newest(organization).events) == 2
        assert store.get(uuid4(), connector, "a") is None

    def test_ids_are_compared_exactly(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        names = ["a", "A", "a ", "ä", "1", "01", "'", '"', "%", "\\", "🎉" * 256]

        assert push(store, whose, *map(draft, names)) == ["created"] * len(names)
        assert push(store, whose, *map(draft, names)) == ["duplicate"] * len(names)
        assert [store.get(*whose, each).external_id for each in names] == names  # type: ignore[union-attr]

    def test_threads_that_bring_the_same(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        told: list[list[str]] = []

        def bring() -> None:
            told.append(push(store, whose, *(draft(str(number)) for number in range(50))))
            store.close()

        threads = [threading.Thread(target=bring) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert sorted(told) == [["created"] * 50] + [["duplicate"] * 50] * 3


class TestLists:
    def test_newest_first_in_pages(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        times = [NOW - number % 7 * HOUR for number in range(25)]
        push(store, whose, *(draft(str(number), at) for number, at in enumerate(times)))
        whole = store.newest(whose[0], limit=100)

        seen, place = [], None
        while True:
            page = store.newest(whose[0], before=place, limit=4)
            seen += page.events
            if (place := page.next) is None:
                break

        assert seen == whole.events
        assert whole.next is None
        assert [(each.at, each.number) for each in seen] == sorted(
            ((each.at, each.number) for each in seen), reverse=True
        )

    def test_of_an_account_by_any_of_its_keys(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        push(
            store, whose,
            draft("domain", NOW, keys=("domain:acme.com",)),
            draft("both", NOW - HOUR, keys=("domain:acme.com", "id:Acme-1")),
            draft("id", NOW - 2 * HOUR, keys=("id:acme-1", "id:other")),
            draft("none", NOW - 3 * HOUR),
        )  # fmt: skip
        organization = whose[0]

        assert ids(store.newest(organization, keys=["domain:acme.com", "id:Acme-1"])) == [
            "domain",
            "both",
            "id",
        ]
        assert ids(store.newest(organization, keys=["id:Acme-1"], exact_id=True)) == ["both"]
        assert ids(store.newest(organization, keys=["domain:acme.com"], before=store.get(*whose, "domain").place)) == ["both"]  # type: ignore[union-attr]  # fmt: skip
        assert ids(store.newest(organization, keys=[])) == []
        assert ids(store.newest(uuid4(), keys=["domain:acme.com"])) == []

    def test_filters(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        from ropewalk.store.events.base import Filters

        organization, other = whose[0], (whose[0], uuid4())
        push(store, whose, draft("a", NOW, kind="email", metadata='{"team":"blue","n":"1"}'))
        push(store, other, draft("b", NOW - HOUR, name="Order paid", user="ada"))
        push(store, whose, draft("c", NOW - 2 * HOUR, metadata='{"team":"red"}'))

        def found(connectors: Any = None, **given: Any) -> list[str]:
            return ids(store.newest(organization, connectors=connectors, filters=Filters(**given)))

        assert found(kind="email") == ["a"]
        assert found(name="Order paid") == ["b"]
        assert found(metadata={"team": "blue", "n": "1"}) == ["a"]
        assert found(metadata={"team": "blue", "n": "2"}) == []
        assert found(start=NOW - HOUR) == ["a", "b"]
        assert found(end=NOW - HOUR) == ["c"]
        assert found(keeps=lambda event: event.user == "ada") == ["b"]
        assert found(connectors=[other[1]]) == ["b"]
        assert found(connectors=[uuid4()]) == []

    def test_a_page_is_looked_for_in_so_many(
        self, store: EventStore, whose: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ropewalk.store.events import reading
        from ropewalk.store.events.base import Filters

        monkeypatch.setattr(reading, "LOOKED_THROUGH", 20)
        monkeypatch.setattr(reading, "_CHUNK", 10)
        push(
            store,
            whose,
            *(draft(str(n), NOW - n * HOUR, kind="email" if n == 35 else "page") for n in range(50)),
        )

        first = store.newest(whose[0], filters=Filters(kind="email"), limit=5)
        second = store.newest(whose[0], filters=Filters(kind="email"), limit=5, before=first.next)

        assert (ids(first), first.next is None) == ([], False)
        assert ids(second) == ["35"]

    def test_more_connectors_than_one_statement_merges(self, store: EventStore) -> None:
        from ropewalk.store.events.base import Batch

        organization = uuid4()
        batches = [Batch(organization, uuid4(), [draft(str(n), NOW - n * HOUR)]) for n in range(450)]
        store.append(batches)

        assert ids(store.newest(organization, limit=5)) == ["0", "1", "2", "3", "4"]

    def test_arrivals_in_their_order(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        begin = store.last_number()
        push(store, whose, draft("a", NOW), draft("b", NOW - HOUR))
        push(store, (whose[0], uuid4()), draft("other"))
        first = store.arrivals(*whose, begin)
        push(store, whose, draft("a", content=b"2"))

        assert ids(first) == ["a", "b"]
        assert [(each.external_id, each.version) for each in store.arrivals(*whose, first.after).events] == [
            ("a", 2)
        ]
        assert ids(store.arrivals(*whose, begin, limit=1)) == ["b"]

    def test_statistics(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        from ropewalk.store.events.base import Statistics

        assert store.statistics(*whose, NOW) == Statistics(0, 0, 0, None)
        push(store, whose, draft("old", NOW - 90 * HOUR, arrived=NOW - 30 * HOUR))
        push(store, whose, draft("day", NOW - 5 * HOUR, arrived=NOW - 2 * HOUR), draft("now", NOW - 2 * HOUR))

        assert store.statistics(*whose, NOW) == Statistics(1, 2, 3, NOW - 2 * HOUR)
        push(store, whose, draft("day", NOW - 5 * HOUR, arrived=NOW, content=b"2"))
        assert store.statistics(*whose, NOW) == Statistics(1, 2, 3, NOW - 2 * HOUR)

        for external_id, left in (("day", (1, 1, 2)), ("now", (0, 0, 1)), ("old", (0, 0, 0))):
            store.erase_event(*whose, external_id)
            told = store.statistics(*whose, NOW)
            assert (told.last_hour, told.last_day, told.total) == left

    def test_the_last_rejections_are_kept(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        from ropewalk.core.times import micros
        from ropewalk.store.events.base import Refusal

        refusals = [Refusal(*whose, micros(NOW), f"r{n}", ["Give a text.", "Not “so”."]) for n in range(120)]
        assert store.append([], refusals) == []

        found = store.rejections(*whose, limit=200)
        assert [each.external_id for each in found] == [f"r{n}" for n in reversed(range(20, 120))]
        assert (found[0].at, found[0].errors) == (NOW, ("Give a text.", "Not “so”."))
        assert store.rejections(*whose, after=found[2].number) == found[:2]
        assert store.rejections(uuid4(), whose[1]) == []


class TestWhatGoes:
    def test_an_erased_event_starts_anew(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        from ropewalk.store.events.base import Removed

        push(store, whose, draft("a", keys=("id:1",)), draft("b", keys=("id:1",)))
        push(store, whose, draft("a", content=b"2", keys=("id:1",)))

        assert store.erase_event(uuid4(), whose[1], "a") == Removed(0)
        assert store.erase_event(*whose, "a") == Removed(1)
        assert store.erase_event(*whose, "a") == Removed(0)
        assert store.versions(*whose, "a") == []
        assert ids(store.newest(whose[0], keys=["id:1"])) == ["b"]
        assert store.statistics(*whose, NOW).total == 1
        assert push(store, whose, draft("a", content=b"2")) == ["created"]

    def test_an_account_is_erased_in_portions(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        keys = ("domain:acme.com", "id:A")
        push(store, whose, *(draft(str(n), NOW - n * HOUR, keys=keys) for n in range(5)))
        push(store, whose, draft("case", keys=("id:a",)), draft("other", keys=("domain:other.com",)))
        push(store, (uuid4(), uuid4()), draft("elsewhere", keys=keys))

        told = []
        while (removed := store.erase_account(whose[0], keys, exact_id=True, limit=2)).events:
            told.append(removed.events)

        assert sum(told) == 5
        assert ids(store.newest(whose[0])) == ["other", "case"]

    def test_what_expires_keeps_its_identity(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        push(store, whose, *(draft(str(n), NOW - n * HOUR, b'{"data":%d}' % n) for n in range(5)))
        push(store, whose, draft("3", NOW - 3 * HOUR, b'{"data":33}'))
        before = NOW - 2 * HOUR

        assert [store.expire(whose[0], before, limit=1).events for _ in range(3)] == [1, 1, 0]
        assert store.expire(uuid4(), NOW).events == 0
        assert ids(store.newest(whose[0])) == ["0", "1", "2"]
        assert push(store, whose, draft("3", content=b'{"data": 33.0}'), draft("4", content=b"44")) == [
            "duplicate", "updated",
        ]  # fmt: skip
        assert [each.version for each in store.versions(*whose, "4")] == [2]
        assert store.get(*whose, "3") is None
        assert push(store, whose, draft("4", content=b"44")) == ["duplicate"]

        store.erase_event(*whose, "3")
        assert push(store, whose, draft("3", content=b'{"data":33}')) == ["created"]

    def test_callers_of_one_transaction_with_what_has_expired(
        self, store: EventStore, whose: tuple[UUID, UUID]
    ) -> None:
        from ropewalk.store.events.base import Batch

        push(store, whose, draft("a", content=b"1"))
        store.expire(whose[0], NOW + HOUR)

        outcomes = store.append(
            [Batch(*whose, [draft("a", content=each)]) for each in (b"1", b"2", b"2", b"3")]
        )

        assert outcomes == [["duplicate"], ["updated"], ["duplicate"], ["updated"]]
        assert [(each.version, each.content) for each in store.versions(*whose, "a")] == [
            (3, b"3"),
            (2, b"2"),
        ]

    def test_files_that_nobody_has_any_more(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        push(
            store,
            whose,
            draft("a", upload="one"),
            draft("b", upload="one"),
            draft("c", keys=("id:1",), upload="two"),
        )
        push(store, whose, draft("c", content=b"2", keys=("id:1",), upload="three"))
        push(store, (uuid4(), uuid4()), draft("a", upload="three"))

        assert store.kept_uploads(whose[0], ["two"]) == {"two"}
        assert store.erase_event(*whose, "a").uploads == ()
        assert store.erase_event(*whose, "b").uploads == ("one",)
        assert store.erase_account(whose[0], ["id:1"]).uploads == ("three", "two")
        assert store.kept_uploads(whose[0], ["two"]) == set()

        gone: list[str] = []
        push(store, whose, draft("d", upload="two"))
        store.discard(whose[0], ["three", "two"], lambda organization, digests: gone.extend(digests))
        assert gone == ["three"]

    def test_reading_anew_in_portions(self, store: EventStore, whose: tuple[UUID, UUID]) -> None:
        from ropewalk.core.itemreading import Reading
        from ropewalk.core.times import micros
        from ropewalk.store.events.base import StoredEvent

        push(store, whose, *(draft(str(n), NOW - n * HOUR, keys=("id:old",)) for n in range(5)))
        push(store, (whose[0], uuid4()), draft("other", keys=("id:old",)))

        def read(event: StoredEvent) -> Reading:
            number = int(event.external_id)
            return Reading(micros(NOW + number * HOUR), f"n{number}", "ada", ("id:new", "domain:a.com"))

        after, portions = 0, 0
        while (goes_on := store.rekey(*whose, read, after, limit=2)) is not None:
            after, portions = goes_on, portions + 1

        found = store.newest(whose[0], keys=["id:new"]).events
        assert portions == 2
        assert [(each.external_id, each.at, each.name, each.user) for each in found] == [
            (str(n), NOW + n * HOUR, f"n{n}", "ada") for n in reversed(range(5))
        ]
        assert ids(store.newest(whose[0], keys=["id:old"])) == ["other"]
        assert push(store, whose, draft("1")) == ["duplicate"]
