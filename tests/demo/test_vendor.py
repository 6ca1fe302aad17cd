from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ropewalk.demo.companies import TIERS, Book
from ropewalk.demo.vendor import TOKEN, Vendor
from tests.fakes.process import ROOT
from tests.fakes.sample import sample_vendor

LATER = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def url() -> Iterator[str]:
    with sample_vendor(230, TOKEN) as vendor:
        yield vendor.url


def ask(url: str, *, token: str = TOKEN, method: str = "GET") -> tuple[int, Any]:
    request = urllib.request.Request(
        url, method=method, headers={"Authorization": f"Bearer {token}", "Connection": "close"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_the_same_seed_gives_the_same_companies() -> None:
    assert Book(50).companies == Book(50).companies
    assert Book(50).companies != Book(50, seed=8).companies


def test_the_companies_are_as_untidy_as_the_demo_needs() -> None:
    companies = Book().companies
    websites = [company["website"] for company in companies]
    spelt = [website for website in websites if website]

    assert len(companies) == len({company["id"] for company in companies}) == 2_000
    assert 80 < websites.count(None) < 220
    assert len(spelt) - len(set(spelt)) == 8
    assert any("gmail.com" in company["contact"]["email"] for company in companies if not company["website"])
    assert {company["plan"]["tier"] for company in companies} == set(TIERS)
    assert any(not website.isascii() for website in spelt)
    assert all(isinstance(company["address"]["geo"]["lat"], float) for company in companies)


def test_a_month_passes() -> None:
    book = Book(2_000)
    before = {company["id"]: json.dumps(company) for company in book.companies}
    happened = book.month_passes(LATER)
    changed = [company for company in book.companies if json.dumps(company) != before.get(company["id"])]

    assert happened == {"renamed": 10, "upgraded": 30, "grown": 30, "churned": 10, "new": 10}
    assert len(changed) == sum(happened.values())
    assert {company["updated_at"] for company in changed} == {"2026-11-01T00:00:00Z"}
    assert book.page(1, 200, "2026-11-01T00:00:00Z") == (changed, 90)


def test_pages(url: str) -> None:
    pages = [ask(f"{url}/v1/customers?page={page}&limit=100") for page in (1, 2, 3, 4)]

    assert [(status, len(body["data"]["customers"]), body["paging"]) for status, body in pages] == [
        (200, 100, {"page": 1, "limit": 100, "total": 230, "has_more": True}),
        (200, 100, {"page": 2, "limit": 100, "total": 230, "has_more": True}),
        (200, 30, {"page": 3, "limit": 100, "total": 230, "has_more": False}),
        (200, 0, {"page": 4, "limit": 100, "total": 230, "has_more": False}),
    ]
    assert len({company["id"] for _, body in pages for company in body["data"]["customers"]}) == 230


def test_only_what_changed(url: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = ask(f"{url}/v1/customers?updated_since={now}")
    status, happened = ask(f"{url}/admin/month", method="POST")
    after = ask(f"{url}/v1/customers?updated_since={now}")

    assert before[1]["paging"]["total"] == 0
    assert status == 200
    assert after[1]["paging"]["total"] == sum(happened.values()) == 9


def test_contacts_of_the_customers(url: str) -> None:
    customers = ask(f"{url}/v1/customers?limit=200")[1]["data"]["customers"]
    people = [
        {"customer_id": customer["id"], **contact, "updated_at": customer["updated_at"]}
        for customer in customers
        for contact in customer["contacts"]
    ]
    found = [ask(f"{url}/v1/contacts?limit=200&page={page}")[1]["data"]["contacts"] for page in (1, 2, 3)]
    shown = [one for page in found for one in page]

    assert len({one["id"] for one in shown}) == len(shown) > len(people) > 400
    assert [{name: one[name] for name in one if name != "id"} for one in shown[: len(people)]] == people


def test_events_of_a_customer_newest_first_within_a_time(url: str) -> None:
    def asked(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(f"{url}/v1/events?limit=200&{query}")[1]["data"]["events"]
        return found

    mine = asked("customer=cus_00007")
    middle = mine[len(mine) // 2]["occurred_at"]

    assert {event["customer_id"] for event in mine} == {"cus_00007"}
    assert 5 <= len(mine) <= 25
    assert mine == sorted(mine, key=lambda event: event["occurred_at"], reverse=True)
    assert asked(f"customer=cus_00007&from={middle}") + asked(f"customer=cus_00007&to={middle}") == mine
    assert asked("customer=nobody") == []
    assert ask(f"{url}/v1/events?limit=200")[1]["paging"] == {"page": 1, "has_more": True}


@pytest.mark.parametrize(
    ("path", "token", "answer"),
    [
        ("/v1/customers", "wrong", (401, "Send the token as `Authorization: Bearer TOKEN`.")),
        ("/v1/customers?limit=201", TOKEN, (422, "limit must be a whole number from 1 to 200.")),
        ("/v1/customers?page=0", TOKEN, (422, "page must be a whole number from 1 to 1000000.")),
        (
            "/v2/customers",
            TOKEN,
            (404, "There is nothing at /v2/customers. Try /v1/customers, /v1/contacts or /v1/events."),
        ),
    ],
)
def test_refusals(url: str, path: str, token: str, answer: tuple[int, str]) -> None:
    status, body = ask(url + path, token=token)

    assert (status, body["error"]["message"]) == answer


def test_it_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ropewalk.demo.vendor", "--companies", "3", "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "VENDOR_TOKEN": "another", "PYTHONPATH": str(ROOT / "src")},
    ) as vendor:
        assert vendor.stdout is not None
        assert vendor.stdin is not None
        url = vendor.stdout.readline().strip()
        total = ask(f"{url}/v1/customers", token="another")[1]["paging"]["total"]
        vendor.stdin.close()
        status = vendor.wait(5)

    assert total == 3
    assert status == 0


def test_a_client_that_hangs_up_is_no_fault_of_the_vendor_s(capsys: pytest.CaptureFixture[str]) -> None:
    with Vendor(0, Book(1), TOKEN) as vendor:
        vendor.daemon_threads = False  # so that closing it waits for the one that reads
        thread = threading.Thread(target=vendor.handle_request)
        thread.start()
        client = socket.create_connection(vendor.server_address[:2])
        client.sendall(b"GET / HTT")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        thread.join()
        vendor.server_close()

    assert capsys.readouterr() == ("", "")
