"""What stands in the sidebar. A page that people should find adds one line."""

from __future__ import annotations

from typing import Final

from django.urls import reverse
from msgspec import Struct


class Entry(Struct, frozen=True):
    """`name` is its URL's; `icon` one of `web.icons`; `for_admins` as its view is open; `also`: where pages of it are besides
    those below its own."""

    name: str
    label: str
    icon: str
    for_admins: bool = False
    also: str = ""

    @property
    def href(self) -> str:
        return reverse(self.name)


class Group(Struct, frozen=True):
    label: str
    entries: tuple[Entry, ...]


GROUPS: Final = (
    Group(
        "",
        (
            Entry("home", "Home", "home"),
            Entry("accounts", "Accounts", "accounts"),
        ),
    ),
    Group(
        "Settings",
        (
            Entry("connectors", "Connectors", "connector"),
            Entry("data", "Data Management", "columns"),
            Entry("members", "Members", "members", for_admins=True, also="/app/settings/invitations/"),
            Entry("api-keys", "API keys", "key", for_admins=True),
            Entry("audit-log", "Audit log", "log", for_admins=True),
            Entry("organization", "Organization", "settings", for_admins=True),
        ),
    ),
)


class Shown(Struct, frozen=True):
    """`href` is empty where it isn't open to who looks."""

    label: str
    href: str
    icon: str
    current: bool


def shown(path: str, *, is_admin: bool) -> list[tuple[str, list[Shown]]]:
    """The entry whose page, or a page below it, is at `path` is the current one."""
    return [
        (
            group.label,
            [
                Shown(
                    each.label,
                    each.href if is_admin or not each.for_admins else "",
                    each.icon,
                    _is_current(each, path),
                )
                for each in group.entries
            ],
        )
        for group in GROUPS
    ]


def trail(path: str) -> list[tuple[str, str]]:
    """What the page at `path` is below: the group, and the entry unless the page is its own; with their addresses."""
    for group in GROUPS:
        for each in group.entries:
            if _is_current(each, path):
                own = [] if path == each.href else [(each.label, each.href)]
                return [(group.label, ""), *own] if group.label else own
    return []


def _is_current(entry: Entry, path: str) -> bool:
    below = [each for each in (f"{entry.href}/" if entry.name != "home" else "", entry.also) if each]
    return path == entry.href or path.startswith(tuple(below))
