"""The twenty vendors do what is expected of them, as seen by a plain client that only knows their `expected`."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import serve
from tests.fakes.vendors import VENDORS, Vendor
from tests.fakes.vendors.companies import Company, zulu

every = pytest.mark.parametrize("vendor", [each() for each in VENDORS], ids=lambda each: type(each).__name__)


def dig(value: Any, path: str) -> Any:
    for part in path.replace("\\.", "\0").split(".") if path else ():
        key = part.replace("\0", ".")
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def ask(vendor: Vendor, url: str, more: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """`more` goes where this vendor takes its parameters from."""
    header, value = vendor.credential
    data = None
    if vendor.method == "POST":
        data = json.dumps(more or {}).encode()
    elif more:
        url += ("&" if "?" in url else "?") + urllib.parse.urlencode(more)
    request = urllib.request.Request(url, data, {header: value}, method=vendor.method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read()), answer.headers


def chosen(variant: dict[str, Any]) -> dict[str, Any]:
    return {name: one[0] if isinstance(one, tuple) else one for name, one in variant.items()}


def pages(vendor: Vendor, base: str, paging: dict[str, Any], size: int) -> Iterator[tuple[Any, Any]]:
    path, start = vendor.expected.records_path, base + vendor.path + vendor.query.replace(" ", "+")
    sized = {paging["size_param"]: size} if paging.get("size_param") else {}
    match paging["type"]:
        case "none":
            yield ask(vendor, start)
        case "page" | "offset" as way:
            first = paging.get("first_page", paging.get("first_offset", 0))
            read = 0
            while True:
                place = {paging[f"{way}_param"]: first + (read if way == "offset" else read // size)}
                body, headers = ask(vendor, start, sized | place)
                yield body, headers
                read += len(dig(body, path))
                if len(dig(body, path)) < size:
                    return
        case "cursor":
            cursor = None
            while True:
                body, headers = ask(
                    vendor, start, sized | ({paging["cursor_param"]: cursor} if cursor else {})
                )
                yield body, headers
                at = paging["next_cursor_path"]
                rows = dig(body, path)
                cursor = rows[-1]["id"] if ".-1." in at else dig(body, at)
                if not cursor or not rows or (more_of(vendor, body) is False):
                    return
        case _:
            url: str | None = start
            while url:
                body, headers = ask(vendor, urllib.parse.urljoin(base, url))
                yield body, headers
                if paging["type"] == "link_header":
                    links = [link for link in (headers["Link"] or "").split(", ") if 'rel="next"' in link]
                    url = links[0].partition(">")[0][1:] if links else None
                else:
                    url = dig(body, paging["next_url_path"]) if more_of(vendor, body) is not False else None


def more_of(vendor: Vendor, body: Any) -> Any:
    (path,) = vendor.expected.has_more_paths or ("",)
    return dig(body, path) if path else None


VARIANTS = [
    pytest.param(vendor, chosen(variant), id=f"{vendor.__name__}-{variant['type']}")
    for vendor in VENDORS
    for variant in vendor.expected.pagination
]


@pytest.mark.parametrize(("of", "paging"), VARIANTS)
def test_what_is_expected_leads_to_every_record_once(of: type[Vendor], paging: dict[str, Any]) -> None:
    vendor = of()
    size = paging.get("page_size", 60 if paging.get("offset_param") == "$skip" else 40)
    with serve(vendor) as base:
        answers = [body for body, _ in pages(vendor, base, paging, size)]
    rows = [row for body in answers for row in dig(body, vendor.expected.records_path)]

    assert rows == vendor.records
    assert len(answers) > 1 or paging["type"] == "none"
    for path in filter(None, vendor.expected.total_paths):
        assert {dig(body, path) for body in answers} == {len(rows) if vendor.expected.pages_provable else 400}
    if vendor.expected.has_more_paths:
        assert more_of(vendor, answers[0]) is True


@every
def test_match_fields_are_filled_and_ids_differ(vendor: Vendor) -> None:
    records = vendor.records

    assert 120 <= len(records) <= 420 or not vendor.expected.pages_provable
    for path in vendor.expected.ids:
        assert len({str(dig(record, path)) for record in records}) == len(records)
    for path in vendor.expected.domains:
        assert sum(bool(dig(record, path)) for record in records) > 0.8 * len(records)
    for path in vendor.expected.mapping:
        assert all(dig(record, path) for record in records)


def _said(company: Company, way: dict[str, Any]) -> Any:
    moment = {
        "iso8601": zulu(company.updated),
        "date": company.updated.date().isoformat(),
        "epoch_ms": int(company.updated.timestamp() * 1000),
    }[way["format"][0]]
    return way["template"][0].replace("{since}", moment) if "template" in way else moment


@pytest.mark.parametrize("of", [vendor for vendor in VENDORS if vendor.expected.incremental])
def test_since_gives_what_changed_since(of: type[Vendor]) -> None:
    vendor = of()
    way = vendor.expected.incremental
    assert way is not None
    newest = sorted(vendor.companies, key=lambda each: each.updated)[-6:]
    with serve(vendor) as base:
        body, _ = ask(vendor, base + vendor.path + vendor.query, {way["param"]: _said(newest[0], way)})
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(vendor, base + vendor.path + vendor.query, {way["param"]: "yesterday"})
        caught.value.close()
    ids = vendor.expected.ids[0]
    found = {dig(row, ids) for row in dig(body, vendor.expected.records_path)}
    wanted = {dig(vendor.record(each), ids) for each in newest}

    assert wanted <= found
    assert found == wanted or way["format"][0] == "date"
    assert len(found) < 20
    assert caught.value.code == 400


@every
def test_a_wrong_credential_is_refused(vendor: Vendor) -> None:
    with serve(vendor) as base, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(base + vendor.path, timeout=10)
    caught.value.close()

    assert caught.value.code == 401
