"""Settings → Organization."""

from __future__ import annotations

from tests.doors.conftest import World
from tests.web.conftest import Browser
from tests.web.test_by_hand import inputs

PAGE = "/app/settings/organization"


def test_it_is_saved_as_the_api_would(world: World, owner: Browser) -> None:
    from ropewalk.store import people

    saved = owner.post(
        PAGE,
        {
            "name": "<i>Acme</i>",
            "own_domains": "Acme.com\r\n\r\nhttps://acme.dev/x",
            "time_zone": "Asia/Tokyo",
        },
    )
    found = people.organization(world.organization)

    assert saved["Location"] == PAGE
    assert (found.name, found.own_domains, found.time_zone) == (
        "<i>Acme</i>",
        ["acme.com", "acme.dev"],
        "Asia/Tokyo",
    )
    assert "&lt;i&gt;Acme&lt;/i&gt;" in owner.get(PAGE).content.decode()


def test_all_that_is_wrong_is_said_at_once_and_kept(world: World, owner: Browser) -> None:
    wrong = owner.post(PAGE, {"name": " ", "own_domains": "acme.com\nno domain", "time_zone": "Mars/Olympus"})
    page = wrong.content.decode()

    assert wrong.status_code == 422
    assert "An organization needs a name." in page
    assert "no domain is not a domain such as example.com." in page
    assert "Mars/Olympus is no time zone" in page
    assert "acme.com\nno domain</textarea>" in page


def test_what_was_saved_meanwhile_is_not_taken_back_unasked(world: World, owner: Browser) -> None:
    from ropewalk.store import people

    opened = inputs(owner.get(PAGE))

    owner.post(PAGE, {**opened, "keep_events_days": "30"})
    asked = owner.post(PAGE, {**opened, "name": "Acme again"})
    kept = people.organization(world.organization)
    owner.post(PAGE, {**inputs(asked), "keep_events_days": "30"})

    assert "This has been saved since you opened it." in asked.content.decode()
    assert (kept.name, kept.keep_events_days) == ("Acme", 30)
    assert people.organization(world.organization).name == "Acme again"
