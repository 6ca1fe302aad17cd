"""The addresses of all pages that can be looked at, from the URL map."""

from __future__ import annotations

import re

DOWNLOADS = ("accounts-export",)


def shown(ids: dict[str, str]) -> list[str]:
    """A page that leads on (a first start that is over) is shown where it leads."""
    from ropewalk.web.urls import urlpatterns

    found = []
    for page in urlpatterns:
        is_page = "GET" in page.callback.methods and page.name not in DOWNLOADS
        if is_page and page.callback.open_to != "everybody":
            route = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: ids[name[1]], str(page.pattern))
            found.append(f"/app/{route}")
    return found


def signed_out(ids: dict[str, str]) -> list[str]:
    return ["/app/sign-in", "/app/nowhere", f"/app/invitation/{ids['token']}", "/app/reset/over"]


def name_of(path: str) -> str:
    """For a file: the same whatever the ids."""
    words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=invitation/).+", "one", path.removeprefix("/app/"))
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "home"
