"""An installation in which a run waits: with a first run behind it, and a few accounts deleted by hand since.

python -m tests.e2e.prepared WHAT URL CONNECTOR     WHAT: sync, dry_run or undo; prints the run's id
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

import django


def main(what: str, url: str, connector: str) -> None:
    django.setup()

    from ropewalk.core.actors import SYSTEM
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure
    from ropewalk.engine.runs import requests, sync
    from ropewalk.store import people, schema, secrets
    from ropewalk.store.models import Account, Run
    from tests.engine.world import Flags

    clock = SystemClock()
    schema.migrate()
    secrets.settle_key()
    made, *_ = people.init(organization="Acme", owner="ada@acme.example", now=clock.now(), password=None)
    crm = configure.create_connector(made.id, SYSTEM, json.loads(connector), clock)

    def ask(**options: Any) -> Run:
        run, _ = requests.request_run(made.id, SYSTEM, crm.id, "accounts", clock, **options)
        return run

    def carry_out(run: Run) -> None:
        sync.carry_out(run.id, worker="first", clock=clock, flags=Flags())

    carry_out(ask())
    for account in Account.objects.order_by("id")[:3]:
        accounts.delete_account(made.id, SYSTEM, account.id, clock)
    with urllib.request.urlopen(f"{url}/turn"):
        pass
    if what == "undo":
        second = ask()
        carry_out(second)
        waiting = requests.undo(made.id, SYSTEM, second.id, clock)
    else:
        waiting = ask(mode=what)
    print(waiting.id.hex)


if __name__ == "__main__":
    main(*sys.argv[1:])
