"""The list of connectors, a connector's connection, its end, and connectors as files."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from ropewalk.sources import REGISTRY
from tests.doors.conftest import STREAM, World
from tests.web.conftest import Browser
from tests.web.sent import Sent

LIST = "/app/settings/connectors"
PASTE = f"{LIST}/file"


@pytest.fixture
def at(world: World) -> str:
    return f"{LIST}/{world.ids['connector_id']}"


def connector() -> Any:
    from ropewalk.store.models import Connector

    return Connector.objects.get(name="CRM", organization__name="Acme")


def test_everybody_sees_how_connectors_stand_and_admins_what_to_do(
    world: World, owner: Browser, member: Browser
) -> None:
    mine, theirs = owner.get(LIST).content.decode(), member.get(LIST).content.decode()

    assert all("CRM" in page and "badge-" in page for page in (mine, theirs))
    assert (mine.count(">Set up<"), theirs.count(">Set up<")) == (2, 0)
    assert "Only admins and owners connect sources" in theirs
    assert re.search(r"<button[^>]* disabled[^>]*>.*Add a connector", theirs)
    assert owner.get(f"{LIST}/gallery").content.decode().count("gallery-card") == len(REGISTRY) + 2


def test_as_many_queries_for_three_connectors_as_for_one(
    world: World, owner: Browser, django_assert_num_queries: Any
) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure

    with django_assert_num_queries(QUERIES):
        owner.get(LIST)
    for name in ("Second", "Third"):
        body = {"source": "custom_api", "name": name, "settings": {"auth": {"type": "none"}}, "streams": {"accounts": STREAM | {"headers": {}, "plain_headers": []}}}  # fmt: skip
        configure.create_connector(world.organization, Actor("cli", "", "root"), body, SystemClock())
    with django_assert_num_queries(QUERIES):
        owner.get(LIST)


QUERIES = 9


def test_a_connection_is_written_and_never_read(world: World, owner: Browser, at: str) -> None:
    page = Sent(owner, f"{at}/connection")
    taken = Sent(owner, f"{at}/connection").do("save", name=" ", settings__requests_per_minute="0")
    kept = page.do("save", name="Sales", settings__requests_per_minute="60")
    left = Sent(owner, f"{at}/connection")

    assert "Saved. Leave empty to keep it" in left.html
    assert "planted-token" not in page.html + left.html
    assert (taken.status, taken.wrong) == (
        422,
        {"Name": "This can’t be empty.", "Requests per minute": "Give a whole number from 1 to 100000."},
    )
    assert kept.status == 302
    assert (left.fields["name"], left.fields["settings.requests_per_minute"]) == (["Sales"], ["60"])


def test_another_secret_and_a_test_of_it(world: World, owner: Browser, at: str) -> None:
    from ropewalk.store import secrets

    token = {"secrets__token_v_settings__auth_v_bearer": "another-token"}
    tested = Sent(owner, f"{at}/connection").do("test", **token)
    before = secrets.read(world.organization, connector_id=connector().id)["token"].value
    Sent(owner, f"{at}/connection").do("save", **token)
    after = secrets.read(world.organization, connector_id=connector().id)["token"]

    assert "It didn’t answer as it should." in tested.said
    assert "another-token" not in tested.html
    assert (before, after.value, after.origins) == (
        "planted-token-of-Acme",
        "another-token",
        ("http://127.0.0.1:9",),
    )


def test_deleting_asks_first(world: World, owner: Browser, at: str) -> None:
    asked = [owner.get(f"{at}/delete"), owner.post(f"{at}/delete"), owner.get(f"{at}/accounts/delete")]
    there = connector().deleted_at
    leads = f'{at}/accounts/delete"' in owner.get(f"{at}/accounts/").content.decode()
    stream = owner.post(f"{at}/accounts/delete", {"sure": "1"})
    whole = owner.post(f"{at}/delete", {"sure": "1"})

    assert [each.status_code for each in asked] == [200, 200, 200]
    assert "Delete CRM?" in asked[1].content.decode()
    assert "Stop reading accounts from CRM?" in asked[2].content.decode()
    assert (there, leads) == (None, True)
    assert (stream["Location"], whole["Location"]) == (LIST, LIST)
    assert owner.get(f"{at}/connection").status_code == 404


def test_a_connector_as_a_file_and_back_again(world: World, owner: Browser, at: str) -> None:
    shown = unescape(owner.get(f"{at}/file").content.decode())
    page = Sent(owner, f"{PASTE}?of={connector().id}", "file").do("plan")
    same = page.html
    page.do("plan", text=page.fields["text"][0].replace("website", "site"))
    planned, before = page.html, connector_mapping()
    page.do("apply")

    assert "${CRM_TOKEN}" in shown
    assert "planted-token" not in shown + same + planned
    assert "Nothing to do: everything is as the file says" in same
    words = ("What it would do", "streams.accounts.mapping", "Value of CRM_TOKEN", "run is a full one")
    assert [word for word in words if word not in planned] == []
    assert (before, page.status, connector_mapping()) == ("website", 302, "site")
    assert secret_of(world) == "planted-token-of-Acme"


def test_a_kept_secret_goes_nowhere_else_by_a_file(world: World, owner: Browser) -> None:
    page = Sent(owner, f"{PASTE}?of={connector().id}", "file")
    page.do("apply", text=page.fields["text"][0].replace("http://127.0.0.1:9", "https://evil.example"))

    assert page.status == 422
    assert "was entered for http://127.0.0.1:9" in unescape(page.html)


def connector_mapping() -> str:
    from ropewalk.store.models import Stream

    return str(Stream.objects.get(connector=connector()).settings["mapping"][1]["from"])


def secret_of(world: World) -> str:
    from ropewalk.store import secrets

    return secrets.read(world.organization, connector_id=connector().id)["token"].value


def test_a_value_for_a_variable_is_typed(world: World, owner: Browser) -> None:
    text = (
        "source: custom_api\nname: CRM\nsettings: {auth: {type: bearer}}\nsecrets: {token: '${CRM_TOKEN}'}\n"
    )
    page = Sent(owner, PASTE, "file").do("plan", text=text)
    page.do("apply", secret__CRM_TOKEN="a-new-token")

    assert (page.status, secret_of(world)) == (302, "a-new-token")


WRONG_FILES = [
    ("", "There is no connector in this file; give one, or a list of them."),
    ("a: [", "line 1"),
    ("- 7", "Give an object: a connector."),
    ("source: salesforce\nname: X", f"source: Give one of {', '.join(sorted(REGISTRY))}."),
    ("source: custom_api\nname: X\nsettings: {auth: {type: baerer}}", "Give one of none, bearer, api_key, basic, oauth2_client_credentials."),
    ("source: custom_api\nname: X\nnmae: Y", "There is no such setting; did you mean name?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), WRONG_FILES)
def test_files_that_can_t_be_taken(text: str, sentence: str, world: World, owner: Browser) -> None:
    page = Sent(owner, PASTE, "file").do("plan", text=text)

    assert page.status == 422
    assert sentence in unescape(page.html)
    assert page.fields["text"][0].strip() == text


def test_the_installation_s_environment_is_not_for_files_of_its_organizations(
    world: World, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pastes a file could send what they read from it to a server of their own."""
    monkeypatch.setenv("OPERATORS_OWN", "planted-in-the-environment")
    text = "source: custom_api\nname: CRM\nsettings: {auth: {type: bearer}}\nsecrets: {token: '${OPERATORS_OWN}', password: 'a${OPERATORS_OWN}'}\n"
    whole = Sent(owner, PASTE, "file").do("apply", text=text)

    assert whole.status == 422
    assert "planted-in-the-environment" not in whole.html
    assert secret_of(world) == "planted-token-of-Acme"


def test_a_connection_that_somebody_has_saved_meanwhile_is_not_taken_back_unasked(
    world: World, owner: Browser, at: str
) -> None:
    first, second = Sent(owner, f"{at}/connection"), Sent(owner, f"{at}/connection")

    first.do("save", settings__requests_per_minute="60")
    second.do("save", name="Sales")
    asked = (second.status, "This has been saved since you opened it." in second.html, connector().name)
    second.do("save")

    assert asked == (200, True, "CRM")
    assert second.status == 302
    assert Sent(owner, f"{at}/connection").fields["settings.requests_per_minute"] == [""]
