from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk import settings as shipped
from ropewalk.core.actors import SYSTEM, Actor
from ropewalk.core.drafts import Owners
from ropewalk.core.errors import Conflict, MustFix, NotFound
from ropewalk.store import audit, byhand, keys, people
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, ApiKey, AuditEntry, Member, Organization, User


def add(org: UUID, now: datetime, email: str, role: str = "member") -> Member:
    return people.add_member(org, email=email, role=role, now=now, password="correct horse battery")[0]


@pytest.mark.django_db
def test_the_first_start_makes_an_organization_and_its_owner(now: datetime, settings: Any) -> None:
    settings.PASSWORD_HASHERS = shipped.PASSWORD_HASHERS
    organization, owner, password = people.init(organization=" Acme ", owner=" Ada@Acme.example ", now=now)

    assert (organization.name, owner.role, owner.user.email) == ("Acme", "owner", "ada@acme.example")
    assert password is not None
    assert owner.user.check_password(password)
    assert owner.user.password.startswith("argon2$argon2id$")
    assert people.organizations() == [organization]
    with pytest.raises(Conflict):
        people.init(organization="acme", owner="x@acme.example", now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.create(name="ACME", created_at=now)


@pytest.mark.django_db
def test_a_user_may_belong_to_several_and_keeps_the_password(now: datetime) -> None:
    first, _, password = people.init(organization="Acme", owner="ada@acme.example", now=now)
    second, _, none = people.init(
        organization="Other", owner="ada@acme.example", now=now, password="ignored!"
    )

    user = User.objects.get()
    assert none is None
    assert user.check_password(str(password))
    assert [one.organization for one in people.memberships(user.id)] == [first, second]
    assert User.objects.get_by_natural_key("ADA@acme.example ") == user


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "owner"), [(" ", "ada@acme.example"), ("Acme", "nobody")])
def test_what_is_missing_is_named(now: datetime, name: str, owner: str) -> None:
    with pytest.raises(MustFix):
        people.init(organization=name, owner=owner, now=now)
    assert people.organizations() == []


def test_the_last_owner_stays(org: UUID, now: datetime) -> None:
    owner = add(org, now, "owner@acme.example", "owner")
    for change in (
        lambda: people.set_role(org, owner.id, "admin"),
        lambda: people.remove_member(org, owner.id),
    ):
        with pytest.raises(Conflict) as caught:
            change()
        assert caught.value.code == "last_owner"
    other = add(org, now, "other@acme.example", "admin")
    people.set_role(org, other.id, "owner")

    assert people.set_role(org, owner.id, "member").role == "member"


def test_accounts_of_a_removed_member_have_no_owner(org: UUID, now: datetime) -> None:
    member = add(org, now, "m@acme.example")
    Account.objects.create(organization_id=org, owner=member, created_at=now, updated_at=now)
    assert people.owners(org) == Owners(frozenset([str(member.id)]), {"m@acme.example": str(member.id)})

    byhand.give_up_owner(org, member.id, actor=None, now=now)
    people.remove_member(org, member.id)

    assert Account.objects.get().owner_id is None
    assert people.owners(org) == Owners()


def test_nobody_is_a_member_twice(org: UUID, now: datetime) -> None:
    member = add(org, now, "m@acme.example")
    with pytest.raises(Conflict):
        add(org, now, "M@acme.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        Member.objects.create(organization_id=org, user=member.user, role="member", created_at=now)
    with pytest.raises(MustFix) as caught:
        people.set_role(org, member.id, "boss")
    assert caught.value.message == "boss is no role; there are owner, admin, member."
    assert people.member_by_email(org, "M@acme.example") == member


def test_a_password_is_replaced(org: UUID, now: datetime) -> None:
    member = add(org, now, "m@acme.example")
    people.set_password(member.user_id, "another long one")
    assert people.member(org, member.id).user.check_password("another long one")
    assert not people.member(org, member.id).user.check_password("correct horse battery")


def test_a_stranger_finds_no_member_and_no_key(org: UUID, stranger: UUID, now: datetime) -> None:
    member = add(org, now, "m@acme.example")
    key, _ = make_key(org, now)
    for ask in (
        lambda: people.member(stranger, member.id),
        lambda: people.set_role(stranger, member.id, "owner"),
        lambda: people.remove_member(stranger, member.id),
        lambda: keys.get(stranger, key.id),
        lambda: keys.revoke(stranger, key.id, now=now),
        lambda: people.organization(new_id()),
    ):
        with pytest.raises(NotFound):
            ask()
    assert people.member_by_email(stranger, "m@acme.example") is None
    assert people.members(stranger).items == []
    assert keys.listing(stranger).items == []


@pytest.mark.parametrize("count", [1, 3])
def test_listing_members_is_one_query(org: UUID, now: datetime, count: int) -> None:
    made = [add(org, now, f"m{number}@acme.example") for number in range(count)]
    with CaptureQueriesContext(connection) as queries:
        emails = [member.user.email for member in people.members(org).items]

    assert len(queries) == 1
    assert emails == [member.user.email for member in made]


def test_an_organization_is_changed_with_all_problems_at_once(org: UUID, stranger: UUID) -> None:
    changed = people.update_organization(
        org,
        name="Acme Ltd",
        own_domains=["https://www.Acme.example/", "acme.example"],
        time_zone="Europe/Berlin",
    )
    assert (changed.name, changed.own_domains, changed.time_zone) == (
        "Acme Ltd",
        ["acme.example"],
        "Europe/Berlin",
    )

    with pytest.raises(MustFix) as caught:
        people.update_organization(org, name="elsewhere", own_domains=["not a domain"], time_zone="Mars/Base")
    assert [problem.path for problem in caught.value.problems] == ["name", "own_domains.0", "time_zone"]


# ---- keys ----


def make_key(org: UUID, now: datetime, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    return keys.create(
        org,
        name="script",
        scopes=["write", "read"],
        created_by_type="user",
        created_by_id="1",
        now=now,
        expires_at=expires_at,
    )


def test_a_key_is_shown_once(org: UUID, now: datetime) -> None:
    key, text = make_key(org, now)

    assert re.fullmatch(r"pk_live_[A-Za-z0-9_-]{43}", text)
    assert keys.authenticate(text, now=now) == key
    assert key.scopes == ["read", "write"]
    stored = ApiKey.objects.filter(id=key.id).values().get()
    assert [name for name, value in stored.items() if text[12:] in str(value)] == []
    assert keys.authenticate(text + "x", now=now) is None
    assert keys.authenticate("Bearer", now=now) is None


def test_revoking_works_at_once(org: UUID, now: datetime) -> None:
    key, text = make_key(org, now)
    keys.revoke(org, key.id, now=now)

    assert keys.authenticate(text, now=now) is None
    assert keys.revoke(org, key.id, now=now + timedelta(days=1)).revoked_at == now


def test_an_expired_key_is_none(org: UUID, now: datetime) -> None:
    _, text = make_key(org, now, now + timedelta(hours=1))

    assert keys.authenticate(text, now=now + timedelta(minutes=59)) is not None
    assert keys.authenticate(text, now=now + timedelta(hours=1)) is None


def test_last_use_is_kept_to_the_minute(org: UUID, now: datetime) -> None:
    key, _ = make_key(org, now)
    times = []
    for seconds in (0, 30, 60):
        keys.used(keys.get(org, key.id), now=now + timedelta(seconds=seconds))
        times.append(keys.get(org, key.id).last_used_at)

    assert times == [now, now, now + timedelta(seconds=60)]


def test_a_bad_key_is_refused_with_all_problems(org: UUID, now: datetime) -> None:
    with pytest.raises(MustFix) as caught:
        keys.create(
            org, name=" ", scopes=["all"], created_by_type="user", created_by_id="1", now=now, expires_at=now
        )
    assert [problem.path for problem in caught.value.problems] == ["name", "scopes", "expires_at"]
    with pytest.raises(MustFix):
        keys.create(org, name="x", scopes=[], created_by_type="user", created_by_id="1", now=now)


# ---- audit ----


@pytest.mark.parametrize("count", [1, 3])
def test_the_audit_log_is_read_newest_first_in_one_query(
    org: UUID, stranger: UUID, now: datetime, count: int
) -> None:
    actor = Actor("user", "1", "ada@acme.example", ip="203.0.113.9")
    for number in range(count):
        audit.record(org, actor, f"connector.create.{number}", new_id(), now=now, detail={"name": "CRM"})
    audit.record(None, actor, "sign_in.failed", now=now)

    with CaptureQueriesContext(connection) as queries:
        found = audit.listing(org).items

    assert len(queries) == 1
    assert [entry.verb for entry in found] == [f"connector.create.{number}" for number in range(count)][::-1]
    assert audit.listing(stranger).items == []


def test_an_audit_row_goes_with_its_transaction(org: UUID, now: datetime) -> None:
    def act() -> None:
        with transaction.atomic():
            audit.record(org, SYSTEM, "run.undo", now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()

    assert not AuditEntry.objects.exists()
