"""First start, signing in and out, and how often somebody may try (product.md §10, §12.3)."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import hashers
from django.db import connection

from ropewalk.core.errors import Conflict, MustFix, Refused, RetryLater, RopewalkError
from ropewalk.engine.members import passwords, people, signin
from ropewalk.store import audit, people as store_people, retention
from ropewalk.store.models import Attempts, AuditEntry, User
from tests.engine.world import START, Clock, World

pytestmark = pytest.mark.django_db
HERE = "192.0.2.7"


def sign_in(
    world: World, password: str = "tall-ship-9", email: str = "olga@acme.example", at: str = HERE
) -> User:
    return signin.sign_in(email, password, address=at, clock=world.clock)


def refusals(world: World, times: int, **how: str) -> list[str]:
    codes = []
    for _ in range(times):
        with pytest.raises(RopewalkError) as error:
            sign_in(world, **({"password": "wrong"} | how))
        codes.append(error.value.code)
    return codes


def audited() -> list[tuple[str, Any, str | None]]:
    found = AuditEntry.objects.filter(verb__startswith="user.").order_by("id")
    return [(one.verb, one.detail, one.ip) for one in found]


def test_who_signs_in_is_known_and_noted(world: World) -> None:
    user = sign_in(world, email=" Olga@ACME.example ")

    assert str(user.id) == world.owner.id
    assert store_people.user(user.id).last_login == world.clock.now()  # type: ignore[union-attr]
    entry = audit.listing(world.org).items[0]
    assert (entry.verb, entry.ip, entry.actor["label"], entry.object_id) == (
        "user.signed_in",
        HERE,
        "olga@acme.example",
        world.owner.id,
    )


def test_a_wrong_password_an_unknown_email_and_one_who_left_are_answered_alike(world: World) -> None:
    gone = people.add_user(
        world.org, world.owner, "ben@acme.example", "member", world.clock, password="tall-ship-9"
    )
    User.objects.filter(id=gone.member.user_id).update(is_active=False)

    said = set()
    for email in ("olga@acme.example", "nobody@acme.example", "ben@acme.example", "tall-ship-9"):
        with pytest.raises(Refused) as error:
            sign_in(world, "wrong" if email.startswith("olga") else "tall-ship-9", email)
        said.add((error.value.code, error.value.message))

    assert len(said) == 1
    labels = [
        one.actor["label"] for one in AuditEntry.objects.filter(verb="user.sign_in_refused").order_by("id")
    ]
    assert labels == ["olga@acme.example", "nobody@acme.example", "ben@acme.example", "somebody"]
    # The organization sees who tried to be one of its own.
    assert [
        one.actor["label"] for one in audit.listing(world.org).items if one.verb == "user.sign_in_refused"
    ] == ["olga@acme.example"]


def test_an_unknown_email_costs_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda *given: worked.append(1) or encode(*given))

    for email in ("olga@acme.example", "nobody@acme.example"):
        worked.clear()
        refusals(world, 1, email=email)
        assert worked == [1]


def test_ten_wrong_passwords_close_an_account_for_a_while_from_anywhere(world: World) -> None:
    codes = [refusals(world, 1, at=f"198.51.100.{place}")[0] for place in range(12)]

    assert codes == ["sign_in_refused"] * 10 + ["too_many_attempts"] * 2
    with pytest.raises(RetryLater) as error:
        sign_in(world)
    assert (error.value.message, error.value.after) == (
        "Those were too many attempts. Try again in 15 minutes.",
        900,
    )
    # Noted once, whoever keeps trying.
    assert [detail for _, detail, _ in audited()].count({"reason": "too_many_attempts"}) == 1
    world.clock.advance(minutes=15)
    assert sign_in(world).email == "olga@acme.example"


def test_a_password_that_is_right_forgives_what_went_before(world: World) -> None:
    refusals(world, 9)
    sign_in(world)

    assert refusals(world, 11) == ["sign_in_refused"] * 10 + ["too_many_attempts"]


def test_fifty_attempts_close_an_address_whomever_they_name(world: World) -> None:
    codes = [refusals(world, 1, email=f"u{place}@acme.example", at="2001:db8::1")[0] for place in range(51)]

    assert codes == ["sign_in_refused"] * 50 + ["too_many_attempts"]
    # The same network of somebody's own; and one who is elsewhere.
    assert refusals(world, 1, email="x@acme.example", at="2001:db8::2") == ["too_many_attempts"]
    assert sign_in(world, at="2001:db8:0:1::1").email == "olga@acme.example"


def test_one_password_of_ones_own_buys_no_tries_for_others(world: World) -> None:
    refusals(world, 49, email="u@acme.example")[0]
    for _ in range(3):
        sign_in(world, at=HERE)
        passwords.change(world.owner, present="tall-ship-9", password="tall-ship-9", clock=world.clock)

    assert refusals(world, 2, email="v@acme.example") == ["sign_in_refused", "too_many_attempts"]


def test_attempts_go_when_they_count_no_more(world: World) -> None:
    refusals(world, 1)
    retention.sweep(world.clock.advance(minutes=14))
    assert Attempts.objects.count() == 2
    retention.sweep(world.clock.advance(minutes=2))
    assert Attempts.objects.count() == 0


def test_signing_out_everywhere_ends_every_session(world: World) -> None:
    user = sign_in(world)
    held = user.get_session_auth_hash()
    assert sign_in(world).get_session_auth_hash() == held

    signin.sign_out(user, address=HERE, clock=world.clock)
    signin.sign_out_everywhere(world.org, world.owner, UUID(world.member_id), world.clock)

    assert sign_in(world).get_session_auth_hash() != held
    assert [verb for verb, _, _ in audited()] == [
        "user.signed_in",
        "user.signed_in",
        "user.signed_out",
        "user.signed_out_everywhere",
        "user.signed_in",
    ]


# ---- the first start ----


def first_start(**given: str) -> Any:
    asked = {"organization": "Acme", "email": "Ada@acme.example", "name": "Ada", "password": "tall-ship-9"}
    return people.first_start(**(asked | given), address=HERE, clock=Clock(START))


def test_the_first_start_makes_an_organization_and_its_owner(loopback: Any) -> None:
    with pytest.raises(MustFix) as wrong:
        first_start(organization=" ", email="ada", password="short")
    assert [one.path for one in wrong.value.problems] == ["organization", "email", "password"]

    owner = first_start()

    assert (owner.organization.name, owner.role, owner.user.email, owner.user.name) == (
        "Acme",
        "owner",
        "ada@acme.example",
        "Ada",
    )
    assert owner.user.check_password("tall-ship-9")
    entry = audit.listing(owner.organization_id).items[0]
    assert (entry.verb, entry.actor["label"], entry.ip) == ("organization.created", "ada@acme.example", HERE)
    with pytest.raises(Conflict) as late:
        first_start(organization="Beta", email="bo@beta.example")
    assert late.value.code == "founded"


@pytest.mark.django_db(transaction=True)
def test_of_two_first_starts_at_once_one_counts(loopback: Any) -> None:
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def start(name: str) -> None:
        both.wait()
        try:
            outcomes.append(first_start(organization=name, email=f"{name}@acme.example").organization.name)
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=(name,)) for name in ("first", "second")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    [made] = store_people.organizations()
    assert sorted(outcomes) == sorted(["founded", made.name])
