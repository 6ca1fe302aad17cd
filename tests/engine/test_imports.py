"""Accounts and contacts from CSV files: what is handed over, how it is read, and that its runs are runs like any other."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Refused as NotAllowed
from ropewalk.engine import accounts, imports
from ropewalk.engine.members import people
from ropewalk.engine.operated import installation
from ropewalk.engine.runs import batches, requests
from ropewalk.sources import REGISTRY
from ropewalk.store import imported, retention
from ropewalk.store.models import Connector
from tests.engine.world import Flags, Refused, World, brief, complete, failed

CUSTOMERS = """\
Company;Website;Customer no.;Seats;Partner;Note
Ada Ropes;https://www.ada.example/about;17;12;true;=HYPERLINK("http://evil.example")
Bo Sails;bo.example;18;3.5;false;

Cem Knots;;19;;true;"two
lines"
"""
MAPPING = [
    {"from": "Company", "to": "companyName"},
    {"from": "Website", "to": "companyDomain", "transforms": ["domain"]},
    {"from": "Customer no\\.", "to": "externalCustomerId"},
    {"from": "Seats", "to": "seats"},
    {"from": "Partner", "to": "isPartner"},
    {"from": "Note", "to": "note"},
]
SETTINGS: dict[str, Any] = {"matching": "domain_and_external_id", "mapping": MAPPING}
ADA = {
    "companyName": "Ada Ropes",
    "companyDomain": "ada.example",
    "externalCustomerId": "17",
    "seats": 12,
    "isPartner": True,
    "note": '=HYPERLINK("http://evil.example")',
}
BO = {
    "companyName": "Bo Sails",
    "companyDomain": "bo.example",
    "externalCustomerId": "18",
    "seats": 3.5,
    "isPartner": False,
}
CEM = {"companyName": "Cem Knots", "externalCustomerId": "19", "isPartner": True, "note": "two\nlines"}


@pytest.fixture
def desk(world: World, settings: Any, tmp_path: Path) -> Desk:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"data_dir": tmp_path})
    return Desk(world)


class Desk:
    """Where files are handed over."""

    def __init__(self, world: World) -> None:
        self.world = world

    def hand(self, text: str | bytes, name: str = "customers.csv", **headers: str) -> Any:
        data = text if isinstance(text, bytes) else text.encode()
        path = f"/v1/imports?{urlencode({'name': name})}"
        answer = self.world.api.client.generic("POST", path, data, "text/csv", headers=headers)
        said = json.loads(answer.content)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, said)
        assert answer.status_code == 201
        return said

    def start(self, one: Any, mode: str = "sync", kind: str = "accounts", **settings: Any) -> Any:
        body = {
            "kind": kind,
            "mode": mode,
            "settings": {**(SETTINGS if kind == "accounts" else {}), **settings},
        }
        return self.world.post(f"imports/{one['import_id']}/runs", body)

    def run(self, one: Any, mode: str = "sync", kind: str = "accounts", **settings: Any) -> Any:
        return self.world.carry_out(self.start(one, mode, kind, **settings))


def test_a_file_is_looked_at_before_anything_is_imported(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS, "C:\\Users\\ada\\customers.csv")

    sample = desk.world.get(f"imports/{one['import_id']}/sample")

    assert {name: one[name] for name in ("name", "rows", "encoding", "delimiter", "header", "typed", "is_kept")} == {
        "name": "customers.csv", "rows": 3, "encoding": "utf-8", "delimiter": ";", "header": True, "typed": True, "is_kept": True,
    }  # fmt: skip
    assert [(each["name"], each["type"], each["filled"]) for each in one["columns"]] == [
        ("Company", "text", 3), ("Website", "text", 2), ("Customer no.", "number", 3), ("Seats", "number", 2),
        ("Partner", "boolean", 3), ("Note", "text", 2),
    ]  # fmt: skip
    assert sample["fields"][3] == {
        "path": "Seats",
        "label": "",
        "transform": "",
        "type": "number",
        "fill_rate": 0.6667,
        "examples": [12, 3.5],
    }
    assert {each["from"]: each["to"] for each in sample["suggestions"]} == {
        "Company": "companyName", "Website": "companyDomain", "Customer no\\.": "externalCustomerId",
    }  # fmt: skip
    assert sample["records"][0]["#line"] == 2
    assert desk.world.accounts() == []
    assert desk.world.audited("import.uploaded") == [{"name": "customers.csv", "rows": 3}]


def test_an_import_is_a_run_with_counts_and_can_be_undone(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)

    dry = desk.run(one, "dry_run")

    assert brief(dry) == complete(created=3)
    assert desk.world.accounts() == []

    run = desk.world.apply(dry)

    assert brief(run) == complete(created=3)
    assert desk.world.accounts() == [ADA, BO, CEM]
    assert brief(desk.run(one)) == complete(unchanged=3)
    assert brief(desk.world.undo(run)) == complete(updated=3)
    assert desk.world.accounts() == []


def test_rows_that_are_left_out_say_where_they_stand(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)

    run = desk.run(one, matching="domain", create_missing=True)

    assert brief(run) == complete(reasons={"missing_match_value": 1}, created=2, rejected=1)
    [row] = desk.world.rows(run)
    assert (row["position"], row["record"]["#line"]) == (3, 5)
    desk.world.post("accounts", {"companyName": "Cem", "externalCustomerId": "19"})
    desk.start(one)
    run = desk.world.carry_out(desk.start(one))
    assert brief(run) == complete(unchanged=2, updated=1)


def test_an_empty_cell_leaves_a_field_as_it_is(desk: Desk) -> None:
    desk.run(desk.hand(CUSTOMERS))

    again = desk.run(desk.hand("Company,Website,Customer no.,Seats,Partner,Note\n,,17,13,,\n"))

    assert brief(again) == complete(updated=1, notices={"path_vanished": 4})
    assert desk.world.accounts()[0] == ADA | {"seats": 13}


def test_nothing_is_gone_because_a_file_does_not_hold_it(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)
    desk.run(one)

    desk.run(one, matching="external_id", mapping=[MAPPING[0], {"from": "Seats", "to": "externalCustomerId"}])
    desk.run(
        desk.hand("Customer no.,Company\n17,Ada\n"), mapping=[MAPPING[0], MAPPING[2]], matching="external_id"
    )

    assert [each["gone_at_source"] for each in desk.world.listed()] == [[]] * 5


# The records that wait are read by a thread of their own.
@pytest.mark.django_db(transaction=True)
def test_contacts_come_from_files_too_and_wait_for_their_account(desk: Desk) -> None:
    one = desk.hand(
        "Domain,Mail,Phone,Name\nada.example,al@ada.example,0049,Al\nnew.example,ned@new.example,,Ned\n"
    )
    mapping = [{"from": "Domain", "to": "companyDomain"}, {"from": "Mail", "to": "email"}, {"from": "Phone", "to": "phone"}, {"from": "Name", "to": "name"}]  # fmt: skip
    desk.world.post("accounts", {"companyDomain": "ada.example"})

    run = desk.run(one, kind="contacts", match_by="domain", mapping=mapping)

    assert brief(run) == complete(reasons={"no_match": 1}, created=1, skipped=1)
    assert [(each["email"], each["phone"]) for each in desk.world.every("contacts")] == [
        ("al@ada.example", "0049")
    ]
    desk.world.post("accounts", {"companyDomain": "new.example"})
    [taking] = requests.take_waiting(desk.world.clock)
    assert brief(desk.world.carry_out({"run_id": str(taking.id)})) == complete(created=1)


def test_it_goes_on_where_a_killed_worker_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 1_000)
    text = "id,name\n" + "".join(f"{number},Name {number}\n" for number in range(3_500))
    mapping = [{"from": "id", "to": "externalCustomerId"}, {"from": "name", "to": "companyName"}]
    one = desk.hand(text)
    run = desk.start(one, matching="external_id", mapping=mapping)
    looks = iter(range(100))

    left = desk.world.carry_out(run, Flags(stop=lambda: next(looks) == 2))

    assert (left["status"], left["counts"]["processed"]) == ("running", 2_000)
    desk.world.clock.advance(seconds=60)
    ended = desk.world.carry_out(run, worker="w-2")
    assert (brief(ended), ended["pages"], ended["expected_total"]) == (complete(created=3_500), 4, 3_500)


def test_it_is_read_otherwise_where_it_was_told_wrongly(desk: Desk) -> None:
    one = desk.hand("Zo\xeb,zoe.example\nBo,bo.example\n".encode("cp1252"))
    path = f"imports/{one['import_id']}"

    as_names = desk.world.get(path)
    other = desk.world.patch(path, {"header": not as_names["header"], "typed": False})

    assert (as_names["encoding"], as_names["header"], as_names["rows"]) == ("windows-1252", True, 1)
    assert (other["header"], other["typed"], other["rows"]) == (False, False, 2)
    assert [each["name"] for each in other["columns"]] == ["Column 1", "Column 2"]
    with pytest.raises(Refused) as refused:
        desk.world.patch(path, {"encoding": "utf-8"})
    assert refused.value.problems == [
        (
            "file",
            "Line 1, column 3: The byte 0xEB is no UTF-8. Choose another encoding, or save the file as UTF-8.",
        )
    ]
    with pytest.raises(Refused) as refused:
        desk.world.patch(path, {"encodings": "utf-8"})
    assert refused.value.problems == [("encodings", "There is no such setting; did you mean encoding?")]


def test_values_are_texts_where_somebody_wants_that(desk: Desk) -> None:
    one = desk.hand("id,zip\n007,80331\n8,80333\n")
    desk.world.patch(f"imports/{one['import_id']}", {"typed": False})

    desk.run(
        one,
        matching="external_id",
        mapping=[{"from": "id", "to": "externalCustomerId"}, {"from": "zip", "to": "zip"}],
    )

    assert desk.world.accounts() == [
        {"externalCustomerId": "007", "zip": "80331"},
        {"externalCustomerId": "8", "zip": "80333"},
    ]


def test_what_is_wrong_with_a_file_is_said_and_nothing_is_kept(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        desk.hand("a,b\n1,2,3\n1,2\n4,5,6\n")

    said = "Line {} has 3 values, and there are 2 columns. Put a value that holds the delimiter in double quotes."
    assert refused.value.status == 422
    assert refused.value.problems == [
        ("file", said.format(2)),
        ("file", said.format(4)),
    ]
    assert list(imported.folder(installation().data_dir).iterdir()) == []
    assert desk.world.every("imports") == []


def test_a_file_that_is_too_large_is_refused_as_it_comes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ropewalk.core.limits.CSV_BYTES", 1_000)

    with pytest.raises(Refused) as refused:
        desk.hand("a,b\n" + "1,2\n" * 250)

    assert refused.value.problems[0][0] == "file"
    assert list(imported.folder(installation().data_dir).iterdir()) == []


def test_only_a_file_is_taken(desk: Desk) -> None:
    answer = desk.world.api("POST", "/v1/imports?name=a.csv", {"a": 1})

    assert (answer.status_code, json.loads(answer.content)["message"]) == (
        415,
        "Send the file itself, with `Content-Type: text/csv`.",
    )


def test_all_that_is_wrong_with_an_import_is_said_at_once(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)

    with pytest.raises(Refused) as refused:
        desk.start(one, matching="domain", mapping=[{"from": "Company", "to": "company name"}])
    assert [path for path, _ in refused.value.problems] == ["settings.mapping.0.to", "settings.mapping"]
    with pytest.raises(Refused) as refused:
        desk.start(
            one,
            matching="domain",
            mapping=[{"from": "Web", "to": "companyDomain"}, {"from": "Seats.x", "to": "seats"}],
        )
    assert [path for path, _ in refused.value.problems] == [
        "settings.mapping.0.from",
        "settings.mapping.1.from",
    ]
    assert refused.value.problems[0][1] == (
        "The file has no column Web; it has Company, Website, Customer no., Seats, Partner, Note."
    )


def test_settings_do_not_change_under_a_run(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)
    run = desk.start(one)

    assert desk.start(one) == desk.world.run(run)
    for change in (
        lambda: desk.start(one, mapping=MAPPING[:3]),
        lambda: desk.world.patch(f"imports/{one['import_id']}", {"typed": False}),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.status == 409


def test_an_import_is_no_connector(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)
    desk.run(one)
    of, world = f"connectors/{one['import_id']}", desk.world

    assert world.every("connectors") == []
    assert [each["slug"] for each in world.get("sources")["items"]] == list(REGISTRY)
    for method, path, body in (
        ("GET", of, None), ("PATCH", of, {"name": "x"}), ("DELETE", of, None), ("GET", f"{of}/streams/accounts", None),
        ("PUT", f"{of}/streams/accounts", {"mapping": MAPPING}), ("DELETE", f"{of}/streams/accounts", None),
        ("POST", f"{of}/streams/accounts/test", None), ("POST", f"{of}/streams/accounts/runs", {"mode": "sync"}),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            world.call(method, path, body)
        assert refused.value.status == 404, (method, path)
    connector = world.connect("http://127.0.0.1:9")
    with pytest.raises(Refused) as refused:
        world.get(f"imports/{connector}")
    assert refused.value.status == 404
    [change] = world.get(f"accounts/{world.listed()[0]['account_id']}/history")["items"]
    assert change["connector_id"] == one["import_id"]


def test_names_are_told_apart(desk: Desk) -> None:
    names = [desk.hand(CUSTOMERS, name)["name"] for name in ("a.csv", "A.csv", "a.csv", "", "x\n/..")]

    assert names == ["a.csv", "A.csv (2)", "a.csv (3)", "upload.csv", ".."]
    assert [each["name"] for each in desk.world.every("imports")] == names[::-1]


def test_a_file_is_kept_for_a_week(desk: Desk) -> None:
    one, other = desk.hand(CUSTOMERS), desk.hand(CUSTOMERS)
    run = desk.run(one)
    desk.world.clock.advance(days=7, seconds=-1)
    now = desk.world.clock.now()
    assert (imported.clear(installation().data_dir, now), retention.sweep(now)) == (0, 0)

    now += timedelta(seconds=2)

    assert (imported.clear(installation().data_dir, now), retention.sweep(now)) == (2, 1)
    assert [(each["import_id"], each["is_kept"]) for each in desk.world.every("imports")] == [
        (one["import_id"], False)
    ]
    with pytest.raises(Refused) as refused:
        desk.start(one)
    assert (refused.value.status, refused.value.reason) == (409, "file_gone")
    assert brief(desk.world.undo(run)) == complete(updated=3)
    assert not Connector.objects.filter(id=other["import_id"]).exists()


def test_a_run_whose_file_is_gone_fails_and_says_so(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)
    run = desk.start(one)
    imported.erase(installation().data_dir, UUID(one["import_id"]))

    assert brief(desk.world.carry_out(run)) == failed("file_gone")


def test_deleting_an_import_leaves_what_it_brought(desk: Desk) -> None:
    one = desk.hand(CUSTOMERS)
    run = desk.run(one)

    desk.world.delete(f"imports/{one['import_id']}")

    assert desk.world.accounts() == [ADA, BO, CEM]
    assert desk.world.every("imports") == []
    assert list(imported.folder(installation().data_dir).iterdir()) == []
    assert brief(desk.world.undo(run)) == complete(updated=3)


def test_the_verbs_ask_for_a_rank_themselves(desk: Desk) -> None:
    world = desk.world
    made = people.add_user(world.org, world.owner, "mo@acme.example", "member", world.clock)
    member = Actor("user", str(made.member.user_id), "mo@acme.example")
    one = UUID(desk.hand(CUSTOMERS)["import_id"])
    account = UUID(world.post("accounts", {"companyName": "Acme"})["account_id"])
    contact = UUID(
        world.post("contacts", {"account_id": str(account), "email": "a@acme.example"})["contact_id"]
    )
    for verb in (
        lambda: accounts.create_account(world.org, member, {"companyName": "B"}, world.clock),
        lambda: accounts.edit_account(world.org, member, account, {"companyName": "B"}, world.clock),
        lambda: accounts.delete_account(world.org, member, account, world.clock),
        lambda: accounts.restore_account(world.org, member, account, world.clock),
        lambda: accounts.create_contact(world.org, member, account, {"email": "b@acme.example"}, world.clock),
        lambda: accounts.edit_contact(world.org, member, contact, {"name": "B"}, world.clock),
        lambda: accounts.delete_contact(world.org, member, contact, world.clock),
        lambda: imports.upload(world.org, member, "a.csv", [b"a"], world.clock),
        lambda: imports.read_again(world.org, member, one, {}, world.clock),
        lambda: imports.start(world.org, member, one, {}, world.clock),
        lambda: imports.delete(world.org, member, one, world.clock),
    ):
        with pytest.raises(NotAllowed) as refused:
            verb()
        assert refused.value.code == "admin_required"
    with pytest.raises(NotAllowed) as refused:
        imports.get(world.new("Elsewhere", "ed@elsewhere.example").org, one)
    assert refused.value.code == "not_found"
