"""Kinto and Django REST Framework start, hold what they are given, and page the way their docs say."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest

from tests.fakes import customers
from tests.fakes.drf import drf
from tests.fakes.kinto import kinto
from tests.house.test_fakes import ask, ids


def test_kinto() -> None:
    with kinto(customers(60)) as crm:
        key = {"Authorization": "Basic Y3JtOmNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU="}
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(crm.url)
        caught.value.close()
        found: list[Any] = []
        link: str | None = f"{crm.url}?_limit=25"
        while link:
            body, headers = ask(link, headers=key)
            found += body["data"]
            link = headers.get("next-page")
        newest = max(record["last_modified"] for record in found)
        crm.delete("c-00002")
        crm.put({**customers(1)[0], "name": "Another name"})
        changed, _ = ask(f"{crm.url}?_since={newest}&_sort=id", headers=key)

    assert caught.value.code == 401
    assert sorted(ids(found)) == ids(customers(60))
    assert [(record["id"], record.get("name"), record.get("deleted")) for record in changed["data"]] == [
        ("c-00001", "Another name", None),
        ("c-00002", None, True),
    ]


def test_rest_framework() -> None:
    with drf(customers(60), throttle="2/min") as crm:
        key = {"Authorization": f"Token {crm.token}"}
        found: dict[str, list[str]] = {}
        for paging in ("page", "offset", "cursor"):
            link: str | None = crm.url(paging)
            while link:
                body, _ = ask(link, headers=key)
                found.setdefault(paging, []).extend(ids(body["results"]))
                link = body["next"]
        before = body["results"][-1]["updated_at"]
        crm.change("c-00007", name="Another name")
        changed, _ = ask(f"{crm.url('page')}?updated_since={before}&page_size=100", headers=key)
        for _ in range(2):
            ask(crm.url("throttled"), headers=key)
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(crm.url("throttled"), headers=key)
        wait = int(caught.value.headers["Retry-After"])
        caught.value.close()

    assert found == dict.fromkeys(["page", "offset", "cursor"], ids(customers(60)))
    assert "Another name" in [record["name"] for record in changed["results"]]
    assert caught.value.code == 429
    assert 0 < wait <= 60
