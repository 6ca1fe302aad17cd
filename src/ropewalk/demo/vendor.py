"""A vendor's REST API for the demo and the tutorial, as a process of its own.

    VENDOR_TOKEN=… python -m ropewalk.demo.vendor --port 8600

It shares nothing with Ropewalk but this package: standard library only, its own paging. The first line that it
prints is its URL. The token comes by the environment, so that no process list shows it.
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import json
import os
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ropewalk.demo.activity import events
from ropewalk.demo.companies import Book

TOKEN = "demo-token"
LIMITS = (1, 200)


class Problem(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Vendor(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, book: Book, token: str) -> None:
        super().__init__(("127.0.0.1", port), Door)
        self.book = book
        self.token = token
        self.started = datetime.now(UTC)
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is nothing to look into.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vendor"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Vendor

    def do_GET(self) -> None:
        self.reply(
            {
                "/": self.about,
                "/v1/customers": self.customers,
                "/v1/contacts": self.contacts,
                "/v1/events": self.events,
            }
        )

    def do_POST(self) -> None:
        self.reply({"/admin/month": self.month})

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, routes: dict[str, Any]) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
        try:
            if target.path not in routes:
                raise Problem(
                    404, f"There is nothing at {target.path}. Try /v1/customers, /v1/contacts or /v1/events."
                )
            with self.server.lock:
                status, answer = 200, json.dumps(routes[target.path](query), ensure_ascii=False)
        except Problem as problem:
            status, answer = problem.status, json.dumps({"error": {"message": str(problem)}})
        body = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def about(self, _: dict[str, str]) -> dict[str, Any]:
        return {
            "what": "The API of a vendor that doesn't exist, for trying Ropewalk out",
            "customers": f"{self.server.url}/v1/customers?page=1&limit=100&updated_since=2026-01-01T00:00:00Z",
            "contacts": f"{self.server.url}/v1/contacts?page=1&limit=100&updated_since=2026-01-01T00:00:00Z",
            "events": f"{self.server.url}/v1/events?customer=cus_00001&from=2026-01-01T00:00:00Z&page=1&limit=100",
            "authentication": "Authorization: Bearer TOKEN",
            "make a month pass": f"POST {self.server.url}/admin/month",
        }

    def customers(self, query: dict[str, str]) -> dict[str, Any]:
        return self.listed(query, "customers", self.server.book.page)

    def contacts(self, query: dict[str, str]) -> dict[str, Any]:
        return self.listed(query, "contacts", self.server.book.people)

    def listed(self, query: dict[str, str], name: str, of_book: Any) -> dict[str, Any]:
        self.let_in()
        page, limit = whole(query, "page", 1, (1, 1_000_000)), whole(query, "limit", 50, LIMITS)
        found, total = of_book(page, limit, query.get("updated_since") or None)
        return {
            "data": {name: found},
            "paging": {"page": page, "limit": limit, "total": total, "has_more": page * limit < total},
        }

    def events(self, query: dict[str, str]) -> dict[str, Any]:
        self.let_in()
        page, limit = whole(query, "page", 1, (1, 1_000_000)), whole(query, "limit", 50, LIMITS)
        wanted = query.get("customer")
        companies = [each for each in self.server.book.companies if wanted in (None, each["id"])]
        found = events(companies, self.server.started, query.get("from", ""), query.get("to", ""))
        shown = found[(page - 1) * limit : page * limit]
        return {"data": {"events": shown}, "paging": {"page": page, "has_more": page * limit < len(found)}}

    def month(self, _: dict[str, str]) -> dict[str, int]:
        self.let_in()
        return self.server.book.month_passes(datetime.now(UTC))

    def let_in(self) -> None:
        said = self.headers.get("Authorization", "")
        if not hmac.compare_digest(said.encode(), f"Bearer {self.server.token}".encode()):
            raise Problem(401, "Send the token as `Authorization: Bearer TOKEN`.")


def whole(query: dict[str, str], name: str, default: int, allowed: tuple[int, int]) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and allowed[0] <= int(text) <= allowed[1]):
        raise Problem(422, f"{name} must be a whole number from {allowed[0]} to {allowed[1]}.")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ropewalk.demo.vendor", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--companies", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    chosen = parser.parse_args()
    token = os.environ.get("VENDOR_TOKEN", TOKEN)
    with Vendor(chosen.port, Book(chosen.companies, chosen.seed), token) as vendor:
        print(vendor.url, flush=True)
        if chosen.with_parent:
            threading.Thread(target=end_with_parent, args=(vendor,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            vendor.serve_forever(poll_interval=0.1)


def end_with_parent(vendor: Vendor) -> None:
    sys.stdin.read()
    vendor.shutdown()


if __name__ == "__main__":
    main()
