"""The demo, step by step. It keeps to a data folder of its own, whatever the environment says."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from ropewalk.cli import exits
from ropewalk.cli.data import show_accounts
from ropewalk.cli.opening import Called
from ropewalk.cli.output import short
from ropewalk.cli.processes import Beside, serve_web, worker_beside
from ropewalk.core.errors import Conflict, GiveUp
from ropewalk.installation import PREFIX

FOLDER = "ropewalk-data-demo"
MARK = ".demo"
"""Only a folder with this file in it is ever emptied."""
OWNER = "demo@ropewalk.example"
SHOWN = 12
CHANGES_SHOWN = 30
EVENTS_SHOWN = 12
WORKER_SECONDS = 30.0
VENDOR_ALLOWED = (f"{PREFIX}ALLOW_NETWORKS", "127.0.0.1/32")

CONNECTOR = """\
source: custom_api
name: Vendor
settings: {auth: {type: bearer}}
secrets: {token: "${VENDOR_TOKEN}"}
streams:
  accounts:
    url: URL/v1/customers
    records_path: data.customers
    pagination:
      {type: page, page_param: page, size_param: limit, page_size: 100, total_path: paging.total}
    incremental: {param: updated_since}
    matching: domain_and_external_id
    mapping:
      - {from: id, to: externalCustomerId}
      - {from: name, to: companyName}
      - {from: website, to: companyDomain, transforms: [domain]}
      - {from: contact.email, to: contactEmail}
      - {from: users, to: endUsers}
      - {from: plan.tier, to: planTier}
      - {from: plan.seats, to: seats}
      - {from: mrr, to: monthlyRevenue}
      - {from: employees, to: employees}
      - {from: address.country, to: country}
      - {from: status, to: status}
      - {from: tags, to: tags}
  contacts:
    url: URL/v1/contacts
    records_path: data.contacts
    pagination:
      {type: page, page_param: page, size_param: limit, page_size: 200, total_path: paging.total}
    incremental: {param: updated_since}
    match_by: external_id
    mapping:
      - {from: customer_id, to: externalCustomerId}
      - {from: email, to: email}
      - {from: name, to: name}
      - {from: role, to: role}
  events:
    url: URL/v1/events
    records_path: data.events
    pagination: {type: page, page_param: page, size_param: limit, page_size: 100, has_more_path: paging.has_more}
    match_by: external_id
    start_param: from
    end_param: to
    account_param: customer
    mapping:
      - {from: occurred_at, to: eventTime}
      - {from: type, to: eventName}
      - {from: customer_id, to: accountKey}
      - {from: actor.email, to: userId}
"""


class Demo:
    def __init__(self, called: Called, port: int) -> None:
        self._called = called
        self._port = port
        self._say = called.output.say
        self._token = secrets.token_urlsafe(16)
        self._password = secrets.token_urlsafe(12)
        # Absolute, also for the processes that are started from here.
        self._folder = (called.data or Path(FOLDER)).expanduser().absolute()

    def run(self, *, stay: bool) -> int:
        with ExitStack() as ending:
            ending.enter_context(self._alone())
            vendor, url = self._vendor()
            ending.callback(vendor.stop)
            self._begin_afresh()
            # It takes a moment to start; we use it.
            worker = worker_beside()
            ending.callback(worker.stop)
            self._called.open(logging_as="warning")
            self._say(f"A sample vendor is up at {url}; it has 2,000 customers.")
            organization_id = self._organization()
            self._wait_for(worker)
            status = self._syncs(organization_id, url)
            if stay and status == exits.DONE:
                self._say()
                self._say(f"Data folder: {self._folder}. Another demo begins afresh in it.")
                self._say(f"Sign in at http://127.0.0.1:{self._port} as {OWNER}, password {self._password}")
                self._say(f"The vendor stays up too: {url}. Ctrl-C ends everything.")
                return serve_web(self._called, "127.0.0.1", self._port, with_worker=False)
            return status

    # ---- its own place ----

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        beside = self._folder.with_name(self._folder.name + ".lock")
        with beside.open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(
                    f"A demo is running in {self._folder} already. End it, or choose another --data."
                ) from None
            yield

    def _begin_afresh(self) -> None:
        if self._folder.exists() and any(self._folder.iterdir()) and not (self._folder / MARK).exists():
            raise Conflict(
                f"{self._folder} holds something that is no demo. Choose another folder with --data."
            )
        shutil.rmtree(self._folder, ignore_errors=True)
        key_file = self._folder.with_name(self._folder.name + ".key")
        key_file.unlink(missing_ok=True)
        self._folder.mkdir(mode=0o700)
        (self._folder / MARK).touch()
        # Another installation's database must not see any of this.
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            if name != f"{PREFIX}LOG_LEVEL":
                del os.environ[name]
        os.environ[f"{PREFIX}DATA_DIR"] = str(self._folder)
        os.environ[VENDOR_ALLOWED[0]] = VENDOR_ALLOWED[1]
        self._called.data = self._folder
        self._called.organization = None

    def _vendor(self) -> tuple[Beside, str]:
        vendor = Beside(
            ["ropewalk.demo.vendor", "--with-parent"],
            stdout=subprocess.PIPE,
            env={**os.environ, "VENDOR_TOKEN": self._token},
        )
        assert vendor.process.stdout is not None
        url = vendor.process.stdout.readline().strip()
        if not url:
            vendor.stop()
            raise GiveUp("vendor_failed", "The sample vendor did not start.")
        return vendor, url

    def _wait_for(self, worker: Beside) -> None:
        from ropewalk.store import workers

        until = time.monotonic() + WORKER_SECONDS
        while not workers.alive(self._called.clock.now()):
            if worker.process.poll() is not None or time.monotonic() > until:
                raise GiveUp("worker_failed", "The worker did not start; its log lines above say why.")
            time.sleep(0.05)

    # ---- what it shows ----

    def _organization(self) -> UUID:
        from ropewalk.engine.members import people

        made = people.create_organization(
            "Demo", OWNER, self._password, self._called.actor, self._called.clock
        )
        scopes = ("read", "write", "ingest", "admin")
        _, key = people.create_key(
            made.organization.id, self._called.actor, "demo", scopes, None, self._called.clock
        )
        self._say(f"Organization Demo, owner {OWNER}, password {self._password}")
        self._say(f"API key {key}")
        return made.organization.id

    def _syncs(self, organization_id: UUID, url: str) -> int:
        self._connect(organization_id, url)
        self._say()
        self._say("First sync:")
        status, _ = self._sync(organization_id)
        if status != exits.DONE:
            return status
        self._show_accounts(organization_id)
        self._say("A month passes at the vendor …")
        self._month_passes(url)
        self._say("Second sync, of what has changed since the first:")
        status, run_id = self._sync(organization_id)
        if status == exits.DONE:
            self._show_changes(organization_id, run_id)
            self._say("The people at these customers, a stream of their own:")
            status, _ = self._sync(organization_id, "contacts")
            self._show_events(organization_id, run_id)
        return status

    def _connect(self, organization_id: UUID, url: str) -> None:
        from ropewalk.engine.connectors import files
        from ropewalk.engine.connectors.documents import Document

        document = Document("vendor.yaml", CONNECTOR.replace("URL", url))
        files.apply(
            organization_id, self._called.actor, [document], {"VENDOR_TOKEN": self._token}, self._called.clock
        )

    def _sync(self, organization_id: UUID, kind: str = "accounts") -> tuple[int, UUID]:
        from ropewalk.cli import following

        connector = self._called.connector(organization_id, "Vendor")
        with following.WorkerAtHand(self._called) as at_hand:
            asking = partial(following.ask, self._called, connector, kind)
            run = following.follow(self._called, f"{connector.name} {kind}", at_hand, asking)
        return following.status_of(run), run.id

    def _show_accounts(self, organization_id: UUID) -> None:
        from ropewalk.store import search

        page = search.accounts(organization_id, sort="externalCustomerId", limit=SHOWN)
        self._say()
        show_accounts(self._called.output, page.items)
        self._say(f"… the first {len(page.items)}. All of them: ropewalk --data '{self._folder}' accounts")
        self._say()

    def _month_passes(self, url: str) -> None:
        from ropewalk.core.auth import Bearer
        from ropewalk.core.exchange import Request
        from ropewalk.core.origins import origin
        from ropewalk.engine.connectors import connection
        from ropewalk.net.credentials import Credentials

        credentials = Credentials(Bearer(), {"token": self._token}, frozenset({origin(url)}))
        with connection.client(self._called.clock).bind(credentials) as fetch:
            fetch(Request("POST", f"{url}/admin/month", body={}))

    def _show_changes(self, organization_id: UUID, run_id: UUID) -> None:
        from ropewalk.store import byhand, changes

        rows = []
        found = changes.of_run(organization_id, run_id)
        # New accounts first: there are few of them.
        for change in sorted(found, key=lambda one: not one.created):
            name = str(byhand.get(organization_id, change.account_id))
            if change.created:
                rows.append((short(name, 32), "new account", "", ""))
                continue
            for field, values in change.fields.items():
                rows.append((short(name, 32), field, short(values["old"], 32), short(values["new"], 32)))
        self._say()
        self._called.output.table(("account", "field", "old", "new"), rows[:CHANGES_SHOWN])
        if len(rows) > CHANGES_SHOWN:
            self._say(f"… and {len(rows) - CHANGES_SHOWN:,} more changes.")

    def _show_events(self, organization_id: UUID, run_id: UUID) -> None:
        """Of an account that the month has changed."""
        from ropewalk.cli.events import show_timeline
        from ropewalk.engine.events import timeline
        from ropewalk.engine.probing import probe
        from ropewalk.store import byhand, changes

        found = changes.of_run(organization_id, run_id)
        changed = min(found, key=lambda one: one.created)
        account = byhand.get(organization_id, changed.account_id)
        connector = self._called.connector(organization_id, "Vendor")
        probe.test_stream(organization_id, self._called.actor, connector.id, "events", self._called.clock)
        self._say()
        self._say(f"What happened at {account}, its vendor asked at this moment:")
        self._say()
        read = timeline.read(organization_id, account.id, self._called.clock, limit=EVENTS_SHOWN)
        show_timeline(self._called.output, replace(read, next_cursor=None))
        command = f"ropewalk --data '{self._folder}' events {account.external_customer_id}"
        self._say(f"More: {'='.join(VENDOR_ALLOWED)} {command}")
