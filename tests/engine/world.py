"""An organization with an owner, and a clock that only tests move: what the engine's tests begin with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ropewalk.api import schemas
from ropewalk.core.actors import Actor
from ropewalk.engine import configure, connection, requests, sync
from ropewalk.engine.saving import Saved
from ropewalk.store import people, runs, status, streams
from ropewalk.store.models import Account, Connector, LedgerRow, Run, Stream

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)

MAPPING: list[dict[str, Any]] = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "name", "to": "companyName"},
    {"from": "website", "to": "companyDomain", "transforms": ["domain"]},
    {"from": "plan.tier", "to": "planTier"},
    {"from": "plan.seats", "to": "seats"},
]
INCREMENTAL = {"param": "updated_since"}


class Clock:
    """Time passes when somebody sleeps, and when a test says so. The jitter is one half."""

    def __init__(self, at: datetime = START) -> None:
        self._lock = threading.Lock()
        self._start = at
        self._passed = 0.0
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def jitter(self) -> float:
        return 0.5

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds
            self.waits.append(seconds)

    @property
    def waited(self) -> float:
        return round(sum(self.waits), 3)

    def advance(self, **lapse: float) -> datetime:
        with self._lock:
            self._passed += timedelta(**lapse).total_seconds()
        return self.now()


@dataclass
class Flags:
    """What others ask of a run: nothing, or what the functions say when they are looked at."""

    cancel: Callable[[], bool] = lambda: False
    stop: Callable[[], bool] = lambda: False

    def cancel_asked(self) -> bool:
        return self.cancel()

    def stop_asked(self) -> bool:
        return self.stop()


@dataclass
class World:
    org: UUID
    owner: Actor
    member_id: UUID
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def new(cls, name: str = "Acme", email: str = "olga@acme.example") -> World:
        organization, member, _ = people.init(
            organization=name, owner=email, now=START, password="tall-ship-9"
        )
        return cls(organization.id, Actor("user", str(member.user_id), email, "192.0.2.7"), member.id)

    def close(self) -> None:
        connection.client(self.clock).close()
        connection.client.cache_clear()

    # Configuring

    def connect(
        self,
        url: str,
        stream: dict[str, Any] | None = None,
        *,
        name: str = "CRM",
        auth: dict[str, Any] | None = None,
        secrets: dict[str, Any] | None = None,
        requests_per_minute: int | None = None,
        **settings: Any,
    ) -> Connector:
        """A connector with an accounts stream; `stream` is what its server says it needs, `settings` go over that."""
        body = {
            "source": "custom_api",
            "name": name,
            "settings": {"auth": auth or {"type": "none"}, "requests_per_minute": requests_per_minute},
            "secrets": secrets or {},
            "streams": {"accounts": stream_body(url, stream, **settings)},
        }
        return configure.create_connector(self.org, self.owner, body, self.clock)

    def save(
        self, connector: Connector, body: dict[str, Any], *, send_secret_to: str = "", **options: Any
    ) -> Saved:
        confirmed = [send_secret_to] if send_secret_to else []
        return configure.save_stream(
            self.org,
            self.owner,
            connector.id,
            "accounts",
            body,
            self.clock,
            send_secret_to=confirmed,
            **options,
        )

    def change(self, connector: Connector, **settings: Any) -> Saved:
        """The stream as it is saved, with other `settings`."""
        return self.save(connector, dict(self.stream(connector).settings) | settings)

    # Running

    def request(self, connector: Connector, **options: Any) -> Run:
        run, created = requests.request_run(
            self.org, self.owner, connector.id, "accounts", self.clock, **options
        )
        assert created
        return run

    def carry_out(self, run: Run, flags: Flags | None = None, worker: str = "w-1") -> dict[str, Any]:
        sync.carry_out(run.id, worker=worker, clock=self.clock, flags=flags or Flags())
        return self.run(run.id)

    def sync(self, connector: Connector, *, flags: Flags | None = None, **options: Any) -> dict[str, Any]:
        return self.carry_out(self.request(connector, **options), flags)

    def retry(self, run: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return self.carry_out(requests.retry_rows(self.org, self.owner, run["run_id"], reason, self.clock))

    def dry_run(self, connector: Connector, **options: Any) -> dict[str, Any]:
        return self.sync(connector, mode="dry_run", **options)

    def apply(self, dry: dict[str, Any]) -> dict[str, Any]:
        run, created = requests.apply_dry_run(self.org, self.owner, dry["run_id"], self.clock)
        assert created
        return self.carry_out(run)

    def undo(self, run: dict[str, Any], *, flags: Flags | None = None) -> dict[str, Any]:
        return self.carry_out(requests.undo(self.org, self.owner, run["run_id"], self.clock), flags)

    def accept(self, run: dict[str, Any]) -> dict[str, Any]:
        return shown(requests.accept(self.org, self.owner, run["run_id"], self.clock))

    # Looking

    def run(self, run_id: UUID) -> dict[str, Any]:
        return shown(runs.get(self.org, run_id))

    def stream(self, connector: Connector) -> Stream:
        return streams.get(self.org, connector.id, "accounts")

    def state(self, connector: Connector) -> schemas.StreamState:
        """Its status as the API shows it."""
        found = status.of_connector(self.org, connector, now=self.clock.now())
        return schemas.connector(found.connector, found.secrets, found.streams).streams["accounts"].status

    def watermark(self, connector: Connector) -> datetime | None:
        return self.stream(connector).watermark

    def accounts(self) -> list[dict[str, Any]]:
        """Every account that is not deleted, in the order they were made; fields without a value are left out."""
        return [values_of(each) for each in self.account_rows()]

    def account_rows(self) -> list[Account]:
        return list(Account.objects.filter(organization_id=self.org, deleted_at=None).order_by("id"))

    def account(self, **having: Any) -> Account:
        return Account.objects.get(organization_id=self.org, deleted_at=None, **having)

    def rows(self, run: dict[str, Any]) -> list[LedgerRow]:
        return list(LedgerRow.objects.filter(run_id=run["run_id"]).order_by("position"))


def stream_body(url: str, stream: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    defaults = {"url": f"{url}/customers", "matching": "external_id", "mapping": MAPPING}
    return defaults | (stream or {"records_path": "data"}) | settings


def values_of(account: Account) -> dict[str, Any]:
    built_in = {
        "companyName": account.company_name,
        "companyDomain": account.company_domain,
        "externalCustomerId": account.external_customer_id,
        "accountOwnerId": account.owner_id,
    }
    return {name: value for name, value in built_in.items() if value is not None} | account.fields


def shown(run: Run) -> dict[str, Any]:
    """As the API shows it (api.md §1)."""
    return schemas.run(run).model_dump()


def iso(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def brief(run: dict[str, Any]) -> dict[str, Any]:
    """What is counted, without what is nought: `{"status": "succeeded", "verdict": "complete", "created": 3}`."""
    counted = {name: count for name, count in run["counts"].items() if count and name != "processed"}
    told: dict[str, Any] = {"status": run["status"], "verdict": run["verdict"]}
    if run["verdict_reasons"]:
        told["because"] = run["verdict_reasons"]
    if run["error"]:
        told["error"] = run["error"]["code"]
    for name in ("reasons", "notices", "contacts"):
        if some := {code: count for code, count in run[name].items() if count}:
            told[name] = some
    return told | counted


def complete(**counted: Any) -> dict[str, Any]:
    return {"status": "succeeded", "verdict": "complete", **counted}


def truncated(*because: str, **counted: Any) -> dict[str, Any]:
    return {"status": "succeeded", "verdict": "truncated", "because": list(because), **counted}


def suspicious(*because: str, **counted: Any) -> dict[str, Any]:
    return {"status": "succeeded", "verdict": "suspicious", "because": list(because), **counted}


def failed(code: str, **counted: Any) -> dict[str, Any]:
    return {"status": "failed", "verdict": None, "error": code, **counted}
