from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from tests.cli.conftest import Shell
from tests.engine.timelines import happened, stream_body
from tests.fakes import Answer, Fake, serve


def test_an_accounts_events(crm: Shell) -> None:
    now = datetime.now(UTC)
    assert crm("sync", "CRM").returncode == 0
    none = crm("events", "c-00002")
    fine = Fake(lambda asked: {"data": happened(now, 3, account="company-2.example")})
    with serve(fine) as url, serve(Fake(lambda asked: Answer("no", 404))) as gone:
        connectors = [
            {
                "source": "custom_api",
                "name": name,
                "settings": {},
                "secrets": {},
                "streams": {"events": stream_body(where, match_by="domain")},
            }
            for name, where in (("App", url), ("Gone", gone))
        ]
        applied = crm("apply", crm.write("app.json", json.dumps(connectors)))
        assert applied.returncode == 0, applied.stderr
        shown = crm("events", "c-00002")
        found = crm.json("events", "company-2.example", "--source", "App", "--limit", "2", "--name", "opened")
    wrong = crm("events", "Company")
    by_uuid = crm("events", str(UUID(int=7)))

    assert (none.returncode, none.stderr) == (
        0,
        "No connector has an event stream yet; describe one in its file, and apply that.\n",
    )
    assert shown.returncode == 3
    assert [line.split()[:2] for line in shown.stdout.splitlines()[1:4]] == [
        ["App", "ok"],
        ["Gone", "failed"],
        ["Field", "changes"],
    ]
    assert "Gone: " in shown.stdout
    assert "answered 404" in shown.stdout
    assert [line.split()[2] for line in shown.stdout.splitlines() if "u-" in line] == [
        "opened",
        "closed",
        "opened",
    ]
    assert [item["properties"]["id"] for item in found["items"]] == ["e-1", "e-3"]
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "Error: Several accounts fit Company: "
        + ", ".join(f"Company {number}" for number in range(25, 15, -1))
        + ". Give the external id or the domain.\n",
    )
    assert (by_uuid.returncode, by_uuid.stderr) == (
        2,
        f"Error: There is no account {UUID(int=7)}; `ropewalk accounts` lists them.\n",
    )
