"""The guided set-up, step by step: what is wrong is said at its field in the engine's words, and input is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doors.conftest import World
from tests.fakes.sample import sample_vendor
from tests.web.conftest import Browser
from tests.web.sent import Sent

pytestmark = pytest.mark.usefixtures("loopback")

TOKEN = "rope-and-tar-12345"
NEW = "/app/settings/connectors/new?source=custom_api"
BEARER = "secrets.token:settings.auth:bearer"


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    with sample_vendor(120, TOKEN) as serving:
        yield serving.url


def token(value: str = TOKEN) -> dict[str, str]:
    return {"secrets__token_v_settings__auth_v_bearer": value}


@pytest.fixture
def tested(world: World, owner: Browser, vendor: str) -> Sent:
    return Sent(owner, NEW).do("test", url=f"{vendor}/v1/customers", **token())


def saved(kind: str = "accounts") -> Any:
    from ropewalk.store.models import Stream

    return Stream.objects.select_related("connector").filter(kind=kind).latest("created_at")


def test_from_nothing_to_an_endpoint(tested: Sent, vendor: str) -> None:
    assert "Found, proved by page 2" in tested.html
    assert tested.fields["records_path"] == ["data.customers"]
    assert tested.fields["pagination.type"] == ["page"]
    assert "companyDomain or externalCustomerId" in tested.html

    tested.do("use:all")
    after = tested.do("save", **token())

    stream = saved()
    assert (after.status, after.answer["Location"]) == (
        302,
        f"/app/settings/connectors/{stream.connector_id}/accounts/",
    )
    assert stream.tested_at is not None
    assert (stream.connector.name, stream.connector.settings["auth"]) == ("Custom API", {"type": "bearer"})
    assert stream.settings["pagination"]["total_path"] == "paging.total"
    assert stream.settings["incremental"]["param"] == "updated_since"
    assert (stream.settings["matching"], stream.settings["create_missing"]) == (
        "domain_and_external_id",
        True,
    )
    assert [(each["from"], each["to"]) for each in stream.settings["mapping"]] == [
        ("name", "companyName"),
        ("website", "companyDomain"),
        ("id", "externalCustomerId"),
        ("owner.email", "accountOwnerEmail"),
        ("contact.email", "contactEmail"),
        ("users", "endUsers"),
    ]
    shown = Sent(tested.browser, after.answer["Location"])
    assert all(word in shown.html for word in ("Dry run", "Sync Now", "Nothing has been written"))
    assert TOKEN not in shown.html + tested.html


def test_contacts_and_events_with_what_the_connector_has(tested: Sent, vendor: str) -> None:
    path = tested.do("use:all").do("save", **token()).answer["Location"].removesuffix("accounts/")

    for kind, needed in (("contacts", "externalCustomerId and email"), ("events", "Map eventTime")):
        page = Sent(tested.browser, f"{path}{kind}/")
        untested = page.do("save", url=f"{vendor}/v1/{kind}").said
        page.do("test")
        unmapped = page.do("save").wrong
        done = page.do("use:all").do("save")

        assert "Test it first: Test & Discover Fields" in untested, kind
        assert needed in unmapped["Mapping"], kind
        assert done.status == 302, done.wrong
    contacts, events = saved("contacts"), saved("events")
    assert (contacts.settings["match_by"], events.settings["match_by"]) == ("external_id", "external_id")
    assert events.settings["records_path"] == "data.events"
    assert "Read live" in Sent(tested.browser, "/app/settings/connectors").html


WRONG_CONNECTIONS: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"url": ""}, {"URL": "This is required."}),
    ({"url": "ftp://crm.example"}, {"URL": "Give an http:// or https:// URL, like https://api.example.com/v1/accounts."}),
    ({"url": "https://ada:pw@crm.example/"}, {"URL": "User info doesn’t belong into a URL; choose the auth type basic."}),
    ({"url": "https://crm.example/?api_key=1"}, {"URL": "The parameter api_key looks like a credential; leave it out, and choose the auth type api_key in query."}),
    ({"timeout_ms": "5"}, {"Timeout": "Give a whole number from 1000 to 300000."}),
    ({"body": "{}"}, {"Body": "Only a POST sends a body; leave it out, or choose POST."}),
    ({"body": "{a: 1}"}, {"Body": "This is not JSON at line 1. Texts and names stand in double quotes."}),
    ({"headers__0__name": "Host", "headers__0__value": "x"}, {"Headers": "This header belongs to the connection itself; leave it out."}),
    ({"settings__auth__type": "api_key", "settings__auth__name_v_api_key": "a b"}, {"Name": "a header name is letters, digits and dashes, like X-API-Key"}),
    ({"settings__requests_per_minute": "many", "url": "crm"}, {"Requests per minute": "Give a whole number.", "URL": "Give an http:// or https:// URL, like https://api.example.com/v1/accounts."}),
]  # fmt: skip


def test_what_can_t_be_asked_like_that(world: World, owner: Browser) -> None:
    for changes, wrong in WRONG_CONNECTIONS:
        page = Sent(owner, NEW).do("test", **{"url": "https://crm.example/v1", **token(), **changes})

        assert (page.status, page.wrong) == (422, wrong), changes
        assert TOKEN not in page.html
        if changes.get("url"):
            assert page.fields["url"] == [changes["url"]]


def test_what_an_endpoint_answers_wrong(world: World, owner: Browser, vendor: str) -> None:
    def asked(**changes: str) -> str:
        page = Sent(owner, NEW).do("test", **{"url": f"{vendor}/v1/customers", **token(), **changes})
        assert page.status == 200
        assert "save" not in page.buttons
        return page.said

    assert "It didn’t let us in." in (refused := asked(**token("another-token")))
    assert "answered 401: the API did not accept the credential. Check the auth type" in refused
    assert "answered 404" in asked(url=f"{vendor}/v1/nothing")
    assert "“data.customers” (100)" in asked(records_path="data.accounts", pagination__type="page")
    assert "the connection failed" in asked(url="http://127.0.0.1:9/v1")
    assert "The token is missing; enter it for this connector." in asked(**token(""))
    assert "ROPEWALK_ALLOW_NETWORKS" in asked(url="http://10.0.0.1/v1")


WRONG_MAPPINGS: list[tuple[dict[str, str], str]] = [
    ({}, "Matching by domain_and_external_id needs a mapping to companyDomain or externalCustomerId; add it, or choose another way of matching."),
    ({"map__0__from": "id", "map__0__to": "plan tier"}, "A target is camelCase: letters and digits, a letter first, at most 64 characters, as planTier."),
    ({"map__0__from": "id", "map__0__to": "fields"}, "fields is the name of a built-in property of accounts; choose another."),
    ({"map__0__from": "id", "map__0__to": "CompanyName"}, "This is the name of the built-in field companyName; spell it like that."),
    ({"map__0__from": "id", "map__0__to": "city", "map__1__from": "name", "map__1__to": "city"}, "city is already mapped in entry 1; a target takes one value."),
    ({"map__0__from": "", "map__0__to": "companyName"}, "Name the path that this value comes from, or give it a constant transform."),
    ({"map__0__from": "id", "map__0__to": "city", "map__0__changes": "shout"}, "there is no such transform; there are trim, lower, upper,"),
]  # fmt: skip


def test_mappings_that_can_t_be(tested: Sent) -> None:
    first = {name: values for name, values in tested.fields.items() if not name.startswith("map.")}
    for changes, sentence in WRONG_MAPPINGS:
        tested.fields = dict(first)
        page = tested.do("save", **token(), **changes)

        assert page.status == 422, changes
        assert any(error.startswith(sentence) for error in page.wrong.values()), (changes, page.wrong)


WRONG_READINGS: list[tuple[dict[str, str | None], dict[str, str]]] = [
    ({"schedule__every_minutes": "1"}, {"Every … minutes": "Give a whole number from 5 to 10080."}),
    ({"schedule__every_minutes": "hourly"}, {"Every … minutes": "Give a whole number."}),
    ({"max_records": "0"}, {"Most records": "Give a whole number from 1 to 100000."}),
    ({"pagination__page_size_v_page": "0"}, {"Page size": "Give a whole number from 1 to 10000."}),
    ({"incremental__param_v_on": ""}, {"Parameter": "This is required."}),
    ({"incremental__param_v_on": "page"}, {"Parameter": "This is the page_param of pagination; give another name."}),
    ({"incremental__template_v_on": "gt"}, {"Template": "Write {since} once, where the time goes."}),
    ({"pagination__type": "cursor"}, {"Path to the next cursor": "This is required."}),
]  # fmt: skip


def test_readings_and_schedules_that_can_t_be(tested: Sent) -> None:
    tested.do("use:all")
    first = dict(tested.fields)
    for changes, wrong in WRONG_READINGS:
        tested.fields = dict(first)
        page = tested.do("save", **token(), **changes)

        assert (page.status, page.wrong) == (422, wrong), changes


def test_rows_of_the_mapping_come_and_go(tested: Sent) -> None:
    tested.do("use:companyDomain").do("add")
    tested.do("others", map__1__from="~typed", map__1__typed="address.geo.zip", map__1__to="~new")
    targets = [
        values[0]
        for name, values in tested.fields.items()
        if name.startswith("map.") and name.endswith(".to")
    ]
    tested.do("drop:0")

    assert targets[:2] == ["companyDomain", "addressGeoZip"]
    assert "planTier" in targets
    assert "Missing" in tested.html


def test_a_test_that_fails_takes_no_mapping_away(tested: Sent, vendor: str) -> None:
    tested.do("use:all")
    mapped = {name: values for name, values in tested.fields.items() if name.startswith("map.")}
    for wrong in ("crm", f"{vendor}/v1/nothing"):
        tested.do("test", url=wrong, **token())
    again = tested.do("test", url=f"{vendor}/v1/customers", **token())

    assert mapped
    assert {name: values for name, values in again.fields.items() if name.startswith("map.")} == mapped
    assert "save" in again.buttons


def test_a_change_of_what_is_read_is_said_before_it_is_saved(tested: Sent) -> None:
    from ropewalk.store.models import Stream

    path = tested.do("use:all").do("save", **token()).answer["Location"]
    Stream.objects.filter(id=saved().id).update(
        watermark=saved().created_at, last_completed_at=saved().created_at
    )

    page = Sent(tested.browser, path).do("save", records_path="data.accounts")
    asked = (
        page.status,
        "With these changes the next run is a full one" in page.html,
        saved().settings["records_path"],
    )
    page.do("save")

    assert asked == (200, True, "data.customers")
    assert (page.status, saved().settings["records_path"], saved().tested_at) == (302, "data.accounts", None)


def test_saved_secrets_stay_where_they_were_entered_for(tested: Sent, vendor: str) -> None:
    path = tested.do("use:all").do("save", **token()).answer["Location"]
    other = vendor.replace("127.0.0.1", "localhost")

    page = Sent(tested.browser, path).do("save", url=f"{other}/v1/customers")
    refused = (page.status, f"Also send what is saved to {other}" in page.html)
    page.do("save", send_secret_to=other)

    assert refused == (422, True)
    assert (page.status, saved().settings["url"]) == (302, f"{other}/v1/customers")


def test_secret_headers_are_written_and_never_read(tested: Sent) -> None:
    headers = {"headers__0__name": "X-Team", "headers__0__value": "planted-header", "headers__1__name": "X-Kind", "headers__1__value": "b2b", "headers__1__plain": "on"}  # fmt: skip
    path = tested.do("use:all").do("save", **token(), **headers).answer["Location"]

    page = Sent(tested.browser, path)
    kept = page.do("save")

    none = Sent(tested.browser, path).do("save", headers__2__name="X-New").wrong

    assert "planted-header" not in page.html + tested.html
    assert none == {"Headers": "No value is kept for this header; enter it, or leave the header out."}
    assert (kept.status, saved().settings["headers"], saved().settings["plain_headers"]) == (
        302,
        {"X-Team": {"set": True}, "X-Kind": "b2b"},
        ["X-Kind"],
    )


def test_what_a_page_carries_along_is_its_organization_s_own(tested: Sent, elsewhere: World) -> None:
    """And a page that somebody has changed says nothing that was tested."""
    theirs = Sent(Browser("owner@elsewhere.example"), NEW)
    theirs.fields["found"] = tested.fields["found"]

    assert "Test it first" in theirs.do("save", url="https://crm.example/").said
    assert "Test it first" in tested.do("save", found=tested.fields["found"][0][:-2]).said


def test_what_a_vendor_s_records_say_is_text(world: World, owner: Browser) -> None:
    from tests.fakes import Fake, serve

    planted = "<script>planted()</script>"
    with serve(Fake(lambda _: {"data": [{"id": 1, "website": "acme.com", planted: planted}]})) as served:
        page = Sent(owner, NEW).do(
            "test", url=f"{getattr(served, 'url', served)}/v1", settings__auth__type="none"
        )

    assert "&lt;script&gt;planted()" in page.html
    assert planted not in page.html


def test_what_somebody_has_saved_meanwhile_is_not_taken_back_unasked(tested: Sent) -> None:
    path = tested.do("use:all").do("save", **token()).answer["Location"]
    first, second = Sent(tested.browser, path), Sent(tested.browser, path)
    new = Sent(tested.browser, path.replace("/accounts/", "/contacts/"))

    first.do("save", timeout_ms="7000")
    second.do("test", **token()).do("save", timeout_ms="8000")
    asked = (
        second.status,
        "This has been saved since you opened it." in second.html,
        saved().settings["timeout_ms"],
    )
    second.do("save")

    assert (first.status, asked) == (302, (200, True, 7000))
    assert (second.status, saved().settings["timeout_ms"]) == (302, 8000)
    assert "This has been saved" not in new.do("save").html
