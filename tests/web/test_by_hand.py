"""Accounts and contacts by hand: the API's verbs, with what is wrong at its field and the input kept."""

from __future__ import annotations

import re
from typing import Any

from tests.calls import Api
from tests.doors.conftest import World, key_of
from tests.web.conftest import Browser
from tests.web.test_account import path, text


def errors(page: Any) -> dict[str, str]:
    assert page.status_code == 422
    found = re.findall(r'<p class="field-error" id="f-([\w-]+)-error">(.*?)</p>', page.content.decode())
    return dict(found)


def inputs(page: Any) -> dict[str, str]:
    """What a browser would send back: the fields, and what they were."""
    html = page.content.decode()
    found = dict(re.findall(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"', html))
    found |= dict(re.findall(r'<textarea[^>]*? name="([^"]+)"[^>]*>([^<]*)</textarea>', html))
    for name, options in re.findall(r'<select[^>]*? name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        found[name] = chosen[0] if chosen else re.findall(r'value="([^"]*)"', options)[0]
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def account(world: World) -> Any:
    return Api(key_of(world.organization)).get(world.path("/v1/accounts/{account_id}"))


def test_a_new_account_without_any_connector(world: World, owner: Browser) -> None:
    from ropewalk.store.models import Account, TrackedField

    Account.objects.all().delete()
    TrackedField.objects.all().delete()
    empty = owner.post("/app/accounts/new")
    sent = {
        "companyName": "Birch & Sons",
        "companyDomain": "no domain",
        "new.name": "plan tier",
        "new.value": "5",
    }
    wrong = owner.post("/app/accounts/new", sent)
    made = owner.post(
        "/app/accounts/new", {**sent, "companyDomain": "https://www.birch.example/x", "new.name": "seats"}
    )

    assert (empty.status_code, "Give at least one value" in empty.content.decode()) == (422, True)
    assert errors(wrong) == {
        "companyDomain": "This has to be a domain such as example.com.",
        "new-name": "plan tier can&#x27;t be the name of a custom field, as planTier can.",
    }
    assert (inputs(wrong)["companyName"], inputs(wrong)["new.name"]) == ("Birch &amp; Sons", "plan tier")
    [one] = Account.objects.all()
    assert (made.status_code, made["Location"]) == (302, f"/app/accounts/{one.id}/")
    assert (one.company_name, one.company_domain, one.fields) == (
        "Birch & Sons",
        "birch.example",
        {"seats": 5},
    )


def test_an_edit_sends_what_was_changed_and_nothing_else(world: World, owner: Browser) -> None:
    opened = inputs(owner.get(path(world, "edit")))
    Api(key_of(world.organization))(
        "patch", world.path("/v1/accounts/{account_id}"), {"companyName": "Acme Inc", "fields": {"seats": 3}}
    )
    saved = owner.post(path(world, "edit"), {**opened, "fields.planTier": "silver"})
    untouched = owner.post(path(world, "edit"), opened)

    found = account(world)
    assert (saved.status_code, untouched.status_code) == (302, 302)
    assert (found["companyName"], found["fields"]) == ("Acme Inc", {"planTier": "silver", "seats": 3})
    [last, *_] = Api(key_of(world.organization)).get(world.path("/v1/accounts/{account_id}/history"))["items"]
    assert last["changes"] == {"planTier": {"old": "gold", "new": "silver"}}
    assert last["actor"]["label"] == "owner@acme.example"


def test_each_type_of_field_keeps_its_type(world: World, owner: Browser) -> None:
    values = {
        "seats": 3,
        "ratio": 0.30000000000000004,
        "isPartner": True,
        "renewsAt": "2026-03-01",
        "tags": ["a", "b"],
        "address": {"city": "Kiel"},
        "notes": "one\r\ntwo",
    }
    api = Api(key_of(world.organization))
    api("patch", world.path("/v1/accounts/{account_id}"), {"fields": values})
    opened = inputs(owner.get(path(world, "edit")))
    opened = {name: value.replace("&quot;", '"') for name, value in opened.items()}
    owner.post(path(world, "edit"), opened)
    same = account(world)["fields"]
    wrong = owner.post(
        path(world, "edit"),
        opened
        | {
            "companyDomain": "none at all",
            "fields.seats": "many",
            "fields.ratio": "NaN",
            "fields.renewsAt": "soon",
            "fields.tags": "a, b",
            "fields.address": "[]",
        },
    )
    kept = account(world)["fields"]
    changed = {
        "fields.seats": "12",
        "fields.isPartner": "false",
        "fields.renewsAt": "",
        "fields.tags": '["c"]',
        "fields.address": "",
    }
    owner.post(path(world, "edit"), opened | changed)

    assert same == kept == {"planTier": "gold", **values}
    assert errors(wrong) == {
        "companyDomain": "This has to be a domain such as example.com.",
        "fields-seats": "Give a number, such as 12 or 4.5.",
        "fields-ratio": "Give a number, such as 12 or 4.5.",
        "fields-renewsAt": "Give a date or a time, such as 2026-03-01 or 2026-03-01T12:00:00Z.",
        "fields-tags": "Give a list. In JSON, such as [&quot;one&quot;, &quot;two&quot;].",
        "fields-address": "Give an object. In JSON, such as {&quot;city&quot;: &quot;Kiel&quot;}.",
    }
    assert inputs(wrong)["fields.seats"] == "many"
    expected = {"planTier": "gold", **values, "seats": 12, "isPartner": False, "tags": ["c"]}
    assert account(world)["fields"] == {k: v for k, v in expected.items() if k not in ("renewsAt", "address")}


def test_an_id_that_another_account_has(world: World, owner: Browser) -> None:
    Api(key_of(world.organization))("post", "/v1/accounts", {"externalCustomerId": "7"})

    taken = owner.post(
        path(world, "edit"), inputs(owner.get(path(world, "edit"))) | {"externalCustomerId": "7"}
    )

    assert errors(taken) == {"externalCustomerId": "The external id 7 already belongs to another account."}


def test_delete_and_restore(world: World, owner: Browser, member: Browser) -> None:
    asked = text(owner.get(path(world, "delete")))
    owner.post(path(world, "delete"))
    gone = text(member.get(path(world)))
    below = [
        member.get(path(world, each)).status_code for each in ("history", "contacts", "events", "events/read")
    ]
    twice = owner.post(path(world, "delete")).status_code
    listed = path(world) in text(member.get("/app/accounts?view=deleted"))
    back = owner.post(path(world, "restore"))
    again = owner.post(path(world, "restore")).status_code

    assert "Delete Acme?" in asked
    assert ("This account is deleted" in gone, below, twice, listed) == (True, [302] * 4, 404, True)
    assert (back.status_code, again, account(world)["companyName"]) == (302, 302, "Acme")


def test_contacts(world: World, owner: Browser) -> None:
    api = Api(key_of(world.organization))
    wrong = owner.post(path(world, "contacts/new"), {"email": "no email", "name": "Bo"})
    twice = owner.post(path(world, "contacts/new"), {"email": "ADA@acme.com"})
    made = owner.post(path(world, "contacts/new"), {"email": "bo@acme.com", "name": "Bo", "isPrimary": "on"})
    ada = f"/app/accounts/contacts/{world.ids['contact_id']}/"
    owner.post(ada + "primary")
    edited = owner.post(ada + "edit", {**inputs(owner.get(ada + "edit")), "role": "CTO", "isPrimary": "on"})
    listed = api.get(world.path("/v1/accounts/{account_id}/contacts"))["items"]
    page = text(owner.get(path(world, "contacts")))
    asked = text(owner.get(ada + "delete"))
    owner.post(ada + "delete")
    left = api.get(world.path("/v1/accounts/{account_id}/contacts"))["items"]

    assert errors(wrong) == {"email": "A contact needs an email address such as ada@example.com."}
    assert inputs(wrong)["name"] == "Bo"
    assert errors(twice) == {"email": "This account has a contact ada@acme.com already."}
    assert (made.status_code, edited.status_code) == (302, 302)
    assert [(each["email"], each["role"], each["isPrimary"]) for each in listed] == [
        ("bo@acme.com", None, False),
        ("ada@acme.com", "CTO", True),
    ]
    assert (page.count(">Primary<"), page.count(">Make primary<")) == (1, 1)
    assert "Delete ada@acme.com?" in asked
    assert [each["email"] for each in left] == ["bo@acme.com"]


def test_what_a_member_may_not_do_is_there_with_its_reason(world: World, member: Browser) -> None:
    reason = "Members read. Admins and owners can change accounts and contacts."
    for place, labels in (
        ("/app/accounts", ["Import CSV", "New account"]),
        (path(world), ["Edit", "Delete"]),
        (path(world, "contacts"), ["Edit", "Delete", "New contact"]),
    ):
        page = re.sub(r"<svg.*?</svg>|</?span>", "", text(member.get(place)))

        assert re.findall(r'<button[^>]* disabled aria-describedby="why-not">(.*?)</button>', page) == labels
        assert f'id="why-not">{reason}<' in page
        assert not re.findall(r'href="[^"]*/(?:edit|delete|new)"', page)


def test_a_contact_that_was_changed_meanwhile_is_not_put_back_unasked(world: World, owner: Browser) -> None:
    from ropewalk.store.models import Contact

    edit = f"/app/accounts/contacts/{world.ids['contact_id']}/edit"
    first, second = inputs(owner.get(edit)), inputs(owner.get(edit))

    owner.post(edit, {**first, "phone": "+49 30 1"})
    asked = owner.post(edit, {**second, "role": "CTO"})
    kept = Contact.objects.values_list("phone", "role").get(id=world.ids["contact_id"])
    owner.post(edit, inputs(asked))

    assert "This has been saved since you opened it." in text(asked)
    assert kept == ("+49 30 1", None)
    assert Contact.objects.values_list("phone", "role").get(id=world.ids["contact_id"]) == (None, "CTO")
