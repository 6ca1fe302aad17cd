"""Where a page stands among those of the sidebar."""

from __future__ import annotations

import pytest

from ropewalk.web import navigation

SETTINGS = ("Settings", "")
MEMBERS = ("Members", "/app/settings/members")


@pytest.mark.parametrize(
    ("path", "trail"),
    [
        ("/app/", []),
        ("/app/accounts", []),
        ("/app/accounts/import", [("Accounts", "/app/accounts")]),
        ("/app/profile", []),
        ("/app/settings/members", [SETTINGS]),
        ("/app/settings/members/invite", [SETTINGS, MEMBERS]),
        ("/app/settings/invitations/1/revoke", [SETTINGS, MEMBERS]),
        ("/app/settings/members-of-old", []),
    ],
)
def test_a_page_says_what_it_is_below(path: str, trail: list[tuple[str, str]]) -> None:
    assert navigation.trail(path) == trail
