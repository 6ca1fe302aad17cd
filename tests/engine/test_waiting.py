"""Contacts that wait, where something else happens meanwhile (product.md §2.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from ropewalk.engine.runs import batches, requests
from ropewalk.store.models import RunState, WaitingContact
from tests.engine.conftest import Serving
from tests.engine.test_contacts import People, account, contacts, person
from tests.engine.world import Clock, Flags, World, complete


@pytest.fixture
def people(world: World, serving: Serving) -> People:
    return People(world, serving)


# ---- deleted meanwhile ----


def at(number: int, act: Callable[[], object]) -> Callable[[], bool]:
    """Done by somebody else before the batch of this number; nobody stops the run."""
    asked = iter(range(1, 100))

    def stop() -> bool:
        if next(asked) == number:
            act()
        return False

    return stop


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("what", ["", "/streams/contacts"])
@pytest.mark.parametrize("taking", [False, True])
def test_nobody_waits_for_what_was_deleted_under_its_run(
    taking: bool, what: str, batch: int, world: World, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 2)
    rows = [person("7", f"p{number}@b.example") for number in range(5)]
    if taking:
        people.sync(*rows, person("8", "other@b.example"))
        account(world, "7")
        run = {"run_id": str(requests.take_waiting(world.clock)[0].id)}
    else:
        people.records = rows
        run = people.world.request(people.connector)
    before = len(contacts(world))

    ended = people.world.carry_out(
        run, Flags(stop=at(batch, lambda: world.delete(f"connectors/{people.connector}{what}")))
    )

    assert (ended["status"], ended["verdict"], ended["error"]) == ("cancelled", None, None)
    assert ended["finished_at"] is not None
    assert not WaitingContact.objects.exists()
    assert not RunState.objects.filter(run_id=run["run_id"]).exists()
    assert len(contacts(world)) - before == (2 * (batch - 1) if taking else 0)
    assert people.take_waiting() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["", "/streams/contacts"])
def test_where_a_stream_is_deleted_meanwhile_those_of_the_next_are_taken(
    what: str, world: World, people: People, serving: Serving
) -> None:
    other = People(world, serving, "Shop")
    for each in (people, other):
        each.sync(person("7", "bob@b.example"))
    account(world, "7")

    class Meanwhile(Clock):
        """Looked at once for what there is, then for each run that is made."""

        looks = iter(range(100))

        def now(self) -> datetime:
            if next(self.looks) == 1:
                world.delete(f"connectors/{other.connector}{what}")
            return world.clock.now()

    made = requests.take_waiting(Meanwhile())

    assert [str(run.connector_id) for run in made] == [people.connector]


# ---- moved to another account at the source ----


def moving(world: World, serving: Serving) -> People:
    return People(world, serving, incremental={"param": "since"})


def of(number: int, account: str, email: str = "bob@b.example") -> dict[str, object]:
    """A record with an id of its own."""
    return {"id": number, **person(account, email)}


@pytest.mark.django_db(transaction=True)
def test_who_moves_to_another_account_waits_for_that_one_alone(world: World, serving: Serving) -> None:
    people = moving(world, serving)
    people.sync(of(1, "7"), of(2, "7", "eve@b.example"))
    world.clock.advance(minutes=5)

    people.sync(of(1, "8"))

    assert people.waiting == 2
    account(world, "8")
    assert people.take_waiting() == [complete(created=1)]
    account(world, "7")
    assert people.take_waiting() == [complete(created=1)]
    assert [one[:2] for one in contacts(world)] == [("8", "bob@b.example"), ("7", "eve@b.example")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("taken", ["created", "ambiguous_match"])
def test_who_moves_to_an_account_that_is_there_waits_no_more(
    taken: str, world: World, serving: Serving
) -> None:
    mapping = [{"from": "account", "to": "companyDomain"}, {"from": "email", "to": "email"}]
    people = People(world, serving, incremental={"param": "since"}, match_by="domain", mapping=mapping)
    for _ in range(1 if taken == "created" else 2):
        account(world, domain="here.example")
    people.sync(of(1, "missing.example"))
    world.clock.advance(minutes=5)

    people.sync(of(1, "here.example"))

    assert people.waiting == 0
    account(world, domain="missing.example")
    assert people.take_waiting() == []
    assert len(contacts(world)) == (1 if taken == "created" else 0)


@pytest.mark.django_db(transaction=True)
def test_the_same_email_under_two_accounts_waits_twice(world: World, serving: Serving) -> None:
    """With ids of their own, with one for both, or with none."""
    people = moving(world, serving)
    records = [of(1, "1"), of(2, "2"), of(3, "3"), of(3, "4"), person("5", "bob@b.example"), person("6", "bob@b.example")]  # fmt: skip

    for _ in range(2):
        people.sync(*records)
        world.clock.advance(minutes=5)

    assert people.waiting == 6
    for number in range(1, 7):
        account(world, str(number))
    assert people.take_waiting() == [complete(created=6)]


@pytest.mark.django_db(transaction=True)
def test_taking_one_accounts_contact_leaves_the_other_waiting(world: World, serving: Serving) -> None:
    people = moving(world, serving)
    people.sync(of(3, "3"), of(3, "4"))
    world.clock.advance(minutes=5)

    account(world, "3")
    assert people.take_waiting() == [complete(created=1)]
    assert people.waiting == 1
