"""Accounts as CSV: what is listed, in columns that were chosen, harmless in a spreadsheet (product.md §10)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix, Refused
from ropewalk.engine import account_csv, accounts
from ropewalk.engine.members import people
from ropewalk.store import audit, search
from tests.engine.world import World

pytestmark = pytest.mark.django_db
SHELL = Actor("cli", "1000", "ada")


def make(world: World, name: str, **fields: Any) -> str:
    body = {"companyName": name, "fields": fields}
    return str(accounts.create_account(world.org, world.owner, body, world.clock).id)


def export(world: World, **parts: str) -> Iterator[str]:
    asked = {name.replace("__", "."): text for name, text in parts.items()}
    return account_csv.export(world.org, world.owner, asked, world.clock)


def rows(pieces: Iterator[str]) -> list[list[str]]:
    text = "".join(pieces)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), strict=True))


def test_the_filters_the_order_and_the_columns_are_the_lists(world: World) -> None:
    make(world, "Alpha", tier="gold", seats=-5, active=True, tags=["a", "b"])
    make(world, 'Beta "B", Ltd', tier="gold", seats=2.5)
    make(world, "Gamma", tier="free")

    assert rows(
        export(world, field__tier="gold", sort="-companyName", columns="companyName,seats,active,tags")
    ) == [
        ["companyName", "seats", "active", "tags"],
        ['Beta "B", Ltd', "2.5", "", ""],
        ["Alpha", "-5", "true", '["a","b"]'],
    ]
    assert rows(export(world, q="alp", columns="companyName")) == [["companyName"], ["Alpha"]]
    entries = [one for one in audit.listing(world.org).items if one.verb == "account.exported"]
    assert [one.detail for one in entries] == [
        {"list": {"q": "alp", "columns": "companyName"}},
        {
            "list": {
                "field.tier": "gold",
                "sort": "-companyName",
                "columns": "companyName,seats,active,tags",
            }
        },
    ]


def test_without_columns_there_are_all(world: World) -> None:
    account_id = make(world, "Alpha", tier="gold")
    accounts.edit_account(
        world.org, world.owner, account_id, {"accountOwnerId": world.member_id}, world.clock
    )  # type: ignore[arg-type]

    assert rows(export(world)) == [
        [
            "account_id",
            "companyName",
            "companyDomain",
            "externalCustomerId",
            "accountOwnerId",
            "accountOwnerEmail",
            "created_at",
            "updated_at",
            "tier",
        ],
        [
            account_id,
            "Alpha",
            "",
            "",
            world.member_id,
            "olga@acme.example",
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00Z",
            "gold",
        ],
    ]


def test_no_cell_is_a_formula(world: World) -> None:
    texts = ["=1+1", "+49 30", "-2", "@x", "\t=1", "\r=1", "a=1", "'=1"]
    for place, text in enumerate(texts):
        make(world, f"A{place}", note=text)

    found = [note for _, note in rows(export(world, sort="companyName", columns="companyName,note"))[1:]]
    assert found == ["'=1+1", "'+49 30", "'-2", "'@x", "'\t=1", "'\r=1", "a=1", "'=1"]


def test_a_long_list_comes_in_pieces_of_a_few_queries_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BATCH", 2)
    made = [make(world, "A0", seats=9)]
    with CaptureQueriesContext(connection) as of_one:
        list(export(world, sort="seats", columns="account_id"))
    made += [make(world, f"A{place}", seats=9 - place % 3) for place in range(1, 5)]

    with CaptureQueriesContext(connection) as asked:
        pieces = list(export(world, sort="seats", columns="account_id"))

    assert len(pieces) == 4
    order = [made[place] for place in (2, 1, 4, 0, 3)]
    assert [row for [row] in rows(iter(pieces))[1:]] == order
    assert len(asked) - len(of_one) == 2


def test_who_may_not_and_what_can_not_be(world: World) -> None:
    mia = people.add_user(world.org, SHELL, "mia@acme.example", "member", world.clock).member
    with pytest.raises(Refused) as refused:
        account_csv.export(world.org, Actor("user", str(mia.user_id), "mia"), {}, world.clock)
    assert refused.value.code == "admin_required"

    with pytest.raises(MustFix) as wrong:
        export(world, srot="x", sort="nope", deleted="maybe", columns="companyNam,companyName", field__x="1")
    assert sorted(one.path for one in wrong.value.problems) == [
        "columns",
        "deleted",
        "field.x",
        "sort",
        "srot",
    ]
    assert not [one for one in audit.listing(world.org).items if one.verb == "account.exported"]


def test_what_is_another_organizations_stays_there(world: World) -> None:
    make(world, "Ours", secretTier="gold")
    beta = people.create_organization("Beta", "bo@beta.example", None, SHELL, world.clock).organization

    text = "".join(account_csv.export(beta.id, SHELL, {}, world.clock))
    assert "Ours" not in text
    assert "secretTier" not in text
