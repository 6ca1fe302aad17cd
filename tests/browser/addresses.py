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
    return [*found, *_at_other_times()]


def _at_other_times() -> list[str]:
    """Pages that look another way by what is asked for: each source's set-up, a list that is empty, one that can't be."""
    from ropewalk.sources import REGISTRY

    set_ups = [
        f"/app/settings/connectors/new?source={source.slug}&kind={kind}"
        for place, source in enumerate(REGISTRY.values())
        for kind in [*source.kinds][: 3 if place == 0 else 1]
    ]
    return [
        *set_ups,
        "/app/accounts?q=nobody+at+all",
        "/app/accounts?field.seats.gte=10&field.planTier=team&sort=-seats",
        "/app/accounts?field.seats.gt=many",
    ]


def signed_out(ids: dict[str, str]) -> list[str]:
    links = (f"invitation/{ids['token']}", "invitation/over", f"reset/{ids['reset_token']}", "reset/over")
    return ["/app/sign-in", "/app/nowhere", *(f"/app/{link}" for link in links)]


def name_of(path: str) -> str:
    """For a file: the same whatever the ids."""
    token = r"(?<=invitation/)(?!over).+|(?<=reset/)(?!over).+"
    words = re.sub(rf"[0-9a-f]{{8}}-[0-9a-f-]{{27}}|{token}", "one", path.removeprefix("/app/"))
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "home"
