"""An installation at work: a web process, a worker that tests may kill, and a vendor whose answer to a page can be held
back for as long as a test looks at what is on the screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.browser.visit import Visit
from tests.e2e.installation import Api, Installation, Started, until
from tests.fakes import Answer, Asked, serve
from tests.fakes.shapes import Pages
from tests.fakes.warehouses.listening import free_port
from tests.migrated import migrated

PAGE = 5_000
"""As many rows as one transaction takes: what came before the page that is held is committed."""
PASSWORD = "three strands, one rope"
OWNER = "ada@acme.example"


class Vendor(Pages):
    """`hold` keeps the answer to a page back, until `let_go`."""

    def __init__(self) -> None:
        super().__init__([], total_key="total")
        self._held = ""
        self._open = threading.Event()
        self.waiting = threading.Event()

    def hold(self, page: int) -> None:
        self._held = str(page)
        self._open.clear()
        self.waiting.clear()

    def let_go(self) -> None:
        self._held = ""
        self._open.set()

    def __call__(self, asked: Asked) -> Answer:
        answer = super().__call__(asked)
        if self._held and asked.params.get("page") == self._held:
            self.waiting.set()
            self._open.wait(60)
        return answer


class Working:
    def __init__(self, installation: Installation, vendor: Vendor, url: str, stack: ExitStack) -> None:
        self.installation = installation
        self.vendor = vendor
        made = installation.json(
            "init", "--organization", "Acme", "--owner", OWNER, "--api-key", ROPEWALK_PASSWORD=PASSWORD
        )
        self.key = str(made["api_key"]["key"])
        self._url = url
        self._stack = stack
        self._port = free_port()
        self.web = self.start_web()
        self.worker = self.start_worker()
        self.api = Api(self._port, self.key)
        until(self.api.is_up, "it serves")
        self.site = self.api.url

    def start_web(self) -> Started:
        return self._stack.enter_context(
            self.installation.started("serve", "--no-worker", "--port", str(self._port))
        )

    def start_worker(self) -> Started:
        return self._stack.enter_context(self.installation.started("worker"))

    def connect(self, name: str, records: list[Any], **settings: Any) -> str:
        """A connector's id."""
        self.vendor.records[:] = records
        stream = {
            "url": f"{self._url}/customers",
            "records_path": self.vendor.stream["records_path"],
            "pagination": {**self.vendor.stream["pagination"], "page_size": PAGE, "total_path": "total"},
            "max_records": 100_000,
            "matching": "external_id",
            "mapping": [
                {"from": "id", "to": "externalCustomerId"},
                {"from": "name", "to": "companyName"},
                {"from": "site", "to": "companyDomain"},
                {"from": "seats", "to": "seats"},
            ],
            **settings,
        }
        status, made = self.api.call(
            "POST",
            "/v1/connectors",
            {
                "source": "custom_api",
                "name": name,
                "settings": {"auth": {"type": "none"}},
                "streams": {"accounts": stream},
            },
        )
        assert status == 201, made
        return str(made["connector_id"])

    def cookies(self, chromium: Any) -> list[Any]:
        with Visit(chromium, self.site) as visit:
            visit.sign_in(OWNER, PASSWORD)
            found: list[Any] = visit.context.cookies()
        return found


def companies(count: int, prefix: str, **more: Any) -> list[Any]:
    return [
        {"id": f"{prefix}-{number:05}", "name": f"{prefix.title()} {number}", "site": f"{prefix}-{number}.example", "seats": number % 50, **more}
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def working(folder: Path) -> Iterator[Working]:
    vendor = Vendor()
    installation = Installation(folder, like=migrated())
    try:
        with ExitStack() as stack:
            url = stack.enter_context(serve(vendor))
            stack.callback(vendor.let_go)
            yield Working(installation, vendor, url, stack)
    finally:
        installation.drop()
