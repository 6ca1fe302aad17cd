"""Contacts from the command line: synced before their accounts and after, and listed."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell
from tests.fakes import Fake, serve

PEOPLE = [
    {"company": "c-00001", "email": "ada@example.com", "name": "Ada", "job": "CTO"},
    {"company": "c-00002", "email": "ada@example.com", "name": "Ada", "job": None},
    {"company": "c-00099", "email": "eve@example.com", "name": "Eve", "job": None},
]


def test_contacts_wait_for_their_accounts_and_are_listed(crm: Shell) -> None:
    none = crm("contacts")
    with serve(Fake(lambda asked: PEOPLE)) as url:
        mapped = {"company": "externalCustomerId", "email": "email", "name": "name", "job": "role"}
        stream = {
            "url": url,
            "match_by": "external_id",
            "mapping": [{"from": path, "to": target} for path, target in mapped.items()],
        }
        people = [{"source": "custom_api", "name": "People", "streams": {"contacts": stream}}]
        assert crm("apply", crm.write("people.json", json.dumps(people))).returncode == 0
        early = crm("sync", "People")
        synced = crm("sync", "CRM")
        again = crm("sync", "People")
    found, known = crm("contacts", "ADA"), crm.json("contacts", "--limit", "1")

    assert (none.returncode, none.stderr) == (0, "There are no contacts yet.\n")
    assert early.returncode == 3
    assert "no account has" in early.stdout
    assert [line.split(":")[0] for line in synced.stdout.splitlines() if "processed" in line] == [
        "CRM accounts",
        "People contacts, retry",
    ]
    assert "2 processed, 2 created" in synced.stdout
    assert again.returncode == 0
    assert "3 processed, 0 created, 0 updated, 2 unchanged, 1 skipped" in again.stdout
    head, *rows = [line.split() for line in found.stdout.splitlines()]
    assert head == ["email", "name", "role", "phone", "account", "source"]
    assert rows == [
        ["ada@example.com", "Ada", "–", "–", "Company", "2", "sync"],
        ["ada@example.com", "Ada", "CTO", "–", "Company", "1", "sync"],
    ]
    assert found.stderr == (
        "ada@example.com: the same email with different account identifiers makes one contact in each account.\n"
    )
    assert ([one["email"] for one in known["items"]], known["next_cursor"] is None) == (
        ["ada@example.com"],
        False,
    )
