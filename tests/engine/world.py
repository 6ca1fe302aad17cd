"""An organization with an owner, and a clock that only tests move: what the engine's tests begin with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.engine import operated
from ropewalk.engine.connectors import connection
from ropewalk.engine.runs import sync
from ropewalk.store import keys, people, streams
from ropewalk.store.models import Stream
from tests.calls import Api

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


class Refused(Exception):
    """The API's answer where it doesn't do what was asked."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body['message']}")
        details = body.get("details", {})
        self.status = status
        self.message = body["message"]
        self.reason = details.get("reason")
        self.problems = [(each["path"], each["message"]) for each in details.get("errors", ())]


@dataclass(frozen=True)
class World:
    """What people ask for goes over the JSON API, and so does what they see; what a worker does is done here.
    Connectors, runs and accounts go by the ids and shapes that the API gives them."""

    org: UUID
    owner: Actor
    member_id: str
    api: Api
    kind: str = "accounts"

    @classmethod
    def new(cls, name: str = "Acme", email: str = "olga@acme.example") -> World:
        organization, member, _ = people.init(
            organization=name, owner=email, now=START, password="tall-ship-9"
        )
        owner = Actor("user", str(member.user_id), email, "192.0.2.7")
        _, key = keys.create(
            organization.id,
            name="Tests",
            scopes=keys.SCOPES,
            created_by_type=owner.type,
            created_by_id=owner.id,
            now=START,
        )
        return cls(organization.id, owner, str(member.id), Api(key))

    def close(self) -> None:
        connection.client(self.clock).close()
        connection.client.cache_clear()

    @property
    def clock(self) -> Clock:
        """The one of the installation."""
        return cast(Clock, operated.clock())

    def of(self, kind: str) -> World:
        """The same, where streams are of another kind."""
        return replace(self, kind=kind)

    # Calling

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        answer = self.api(method, f"/v1/{path}{'?' * bool(query)}{urlencode(query)}", body)
        said = json.loads(answer.content or b"null")
        if answer.status_code >= 400:
            raise Refused(answer.status_code, said)
        return answer.status_code, said

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, **query)[1]

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)[1]

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body)[1]

    def delete(self, path: str) -> None:
        self.call("DELETE", path)

    def every(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """A list, from all its pages."""
        found = self.get(path, limit=500, **query)
        items: list[dict[str, Any]] = found["items"]
        while found["next_cursor"]:
            found = self.get(path, limit=500, cursor=found["next_cursor"], **query)
            items += found["items"]
        return items

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
    ) -> str:
        """A connector with an accounts stream; `stream` is what its server says it needs, `settings` go over that."""
        body = {
            "source": "custom_api",
            "name": name,
            "settings": {"auth": auth or {"type": "none"}, "requests_per_minute": requests_per_minute},
            "secrets": secrets or {},
            "streams": {"accounts": stream_body(url, stream, **settings)},
        }
        return str(self.post("connectors", body)["connector_id"])

    def reconfigure(self, connector: str, **changes: Any) -> Any:
        return self.patch(f"connectors/{connector}", changes)

    def save(self, connector: str, body: dict[str, Any], **options: Any) -> Any:
        return self.call("PUT", f"connectors/{connector}/streams/{self.kind}", body, **options)[1]

    def change(self, connector: str, **settings: Any) -> Any:
        """The stream as it is saved, with other `settings`."""
        return self.save(connector, self.stream(connector) | settings)

    def test(self, connector: str) -> Any:
        return self.post(f"connectors/{connector}/streams/{self.kind}/test")

    # Running

    def ask(self, connector: str, **options: Any) -> tuple[dict[str, Any], bool]:
        """The run, and whether it is a new one."""
        path = f"connectors/{connector}/streams/{self.kind}/runs"
        status, run = self.call("POST", path, {"mode": "sync", **options})
        return run, status == 202

    def request(self, connector: str, **options: Any) -> dict[str, Any]:
        run, created = self.ask(connector, **options)
        assert created
        return run

    def carry_out(
        self, run: dict[str, Any], flags: Flags | None = None, worker: str = "w-1"
    ) -> dict[str, Any]:
        sync.carry_out(UUID(run["run_id"]), worker=worker, clock=self.clock, flags=flags or Flags())
        return self.run(run)

    def sync(self, connector: str, *, flags: Flags | None = None, **options: Any) -> dict[str, Any]:
        return self.carry_out(self.request(connector, **options), flags)

    def dry_run(self, connector: str, **options: Any) -> dict[str, Any]:
        return self.sync(connector, mode="dry_run", **options)

    def then(self, verb: str, run: dict[str, Any], body: Any = None) -> Any:
        """What can be asked of a run: retry-rows, apply, undo, accept, cancel."""
        return self.post(f"runs/{run['run_id']}/{verb}", body)

    def retry(self, run: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return self.carry_out(self.then("retry-rows", run, {"reason": reason}))

    def apply(self, dry: dict[str, Any]) -> dict[str, Any]:
        return self.carry_out(self.then("apply", dry))

    def undo(self, run: dict[str, Any], *, flags: Flags | None = None) -> dict[str, Any]:
        return self.carry_out(self.then("undo", run), flags)

    # Looking

    def run(self, run: dict[str, Any]) -> dict[str, Any]:
        """As it is now."""
        found: dict[str, Any] = self.get(f"runs/{run['run_id']}")
        return found

    def rows(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        return self.every(f"runs/{run['run_id']}/rows")

    def audited(self, verb: str) -> list[dict[str, Any]]:
        """What the audit log says of each time that this was done, newest first."""
        return [entry["detail"] for entry in self.every("audit-log") if entry["verb"] == verb]

    def stream(self, connector: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"connectors/{connector}/streams/{self.kind}")
        return found

    def state(self, connector: str) -> dict[str, Any]:
        found: dict[str, Any] = self.stream(connector)["status"]
        return found

    def watermark(self, connector: str) -> datetime | None:
        told = self.state(connector)["watermark"]
        return told and datetime.fromisoformat(told)

    def kept(self, connector: str) -> Stream:
        """The stream's row, for what the API doesn't tell."""
        return streams.get(self.org, UUID(connector), self.kind)

    def listed(self) -> list[dict[str, Any]]:
        """Every account that is not deleted, in the order they were made."""
        return self.every("accounts", sort="created_at")

    def accounts(self) -> list[dict[str, Any]]:
        """Their values alone; fields without one are left out."""
        return [values_of(each) for each in self.listed()]


def stream_body(url: str, stream: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    defaults = {"url": f"{url}/customers", "matching": "external_id", "mapping": MAPPING}
    return defaults | (stream or {"records_path": "data"}) | settings


def values_of(account: dict[str, Any]) -> dict[str, Any]:
    names = ("companyName", "companyDomain", "externalCustomerId", "accountOwnerId")
    return {name: account[name] for name in names if account[name] is not None} | account["fields"]


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
