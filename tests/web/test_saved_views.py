"""Saved views of the list of accounts, and the list as a file."""

from __future__ import annotations

from typing import Any

from tests.doors.conftest import World
from tests.web.conftest import Browser

VIEWS = "/app/accounts/views"


def parts(world: World, name: str) -> Any:
    from ropewalk.store.models import SavedView

    return SavedView.objects.get(organization=world.organization, name=name).parts


def test_what_the_list_shows_is_kept_and_found_again(world: World, member: Browser) -> None:
    query = "?q=a&view=gone&field.planTier=gold&sort=companyName&columns=planTier"

    saved = member.post(f"{VIEWS}/new{query}&cursor=x", {"name": "<b>Mine</b>"})
    page = member.get(f"/app/accounts{query}").content.decode()
    again = member.post(f"{VIEWS}/new{query}", {"name": "<B>mine</B>"})

    assert parts(world, "<b>Mine</b>") == {
        "q": "a",
        "gone_at_source": "true",
        "field.planTier": "gold",
        "sort": "companyName",
        "columns": "planTier",
    }
    assert (
        saved["Location"]
        == "/app/accounts?q=a&view=gone&field.planTier=gold&sort=companyName&columns=planTier"
    )
    assert 'aria-current="true">&lt;b&gt;Mine&lt;/b&gt;</a>' in page
    assert (again.status_code, "already" in again.content.decode()) == (422, True)


def test_a_list_that_can_t_be_is_not_kept(world: World, member: Browser) -> None:
    answer = member.post(f"{VIEWS}/new?sort=nothing", {"name": "Mine"})

    assert answer.status_code == 422
    assert "nothing" in answer.content.decode()


def test_a_view_is_renamed_shared_and_deleted(world: World, owner: Browser, member: Browser) -> None:
    view = f"{VIEWS}/{world.ids['view_id']}"

    renamed = owner.post(view, {"name": "Golden", "shared": "on"})
    seen = member.get(VIEWS).content.decode()
    own = owner.post(view, {"name": "Golden"})
    unseen = member.get(view).status_code
    deleted = owner.post(f"{view}/delete")

    assert [each["Location"] for each in (renamed, own, deleted)] == [VIEWS] * 3
    assert "Golden" in seen
    assert "Only admins and owners change views that are shared." in seen
    assert unseen == 404
    assert owner.get(view).status_code == 404


def test_the_export_is_the_list_with_its_filters(world: World, owner: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    actor, clock = Actor("cli", "", "root"), SystemClock()
    for name, tier in (("=HYPERLINK(1)", "gold"), ("Birch", "team")):
        values = {"companyName": name, "fields": {"planTier": tier}}
        accounts.create_account(world.organization, actor, values, clock)

    answer: Any = owner.get(
        "/app/accounts/export?field.planTier=gold&sort=companyName&columns=planTier&cursor=x"
    )
    text = b"".join(answer.streaming_content).decode()

    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/csv; charset=utf-8", "no-store")
    assert answer["Content-Disposition"].startswith('attachment; filename="accounts-')
    assert text == "\ufeffcompanyName,planTier\r\n'=HYPERLINK(1),gold\r\nAcme,gold\r\n"


def test_without_chosen_columns_the_export_has_all(world: World, owner: Browser) -> None:
    answer: Any = owner.get("/app/accounts/export?view=deleted")
    head = b"".join(answer.streaming_content).decode()

    assert head == (
        "\ufeffaccount_id,companyName,companyDomain,externalCustomerId,accountOwnerId,accountOwnerEmail,"
        "created_at,updated_at,planTier\r\n"
    )


def test_a_member_sees_that_there_is_an_export_and_why_not_for_them(world: World, member: Browser) -> None:
    page = member.get("/app/accounts").content.decode()

    assert "only admins and owners export accounts" in page
    assert "/app/accounts/export" not in page
    assert 'class="menu-off"' in page
