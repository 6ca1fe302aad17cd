"""`dry-run` and `undo`: what they print, what they leave, and how a sync says that it can be taken back."""

from __future__ import annotations

from tests.cli.conftest import Shell, Vendor


def test_a_dry_run_says_what_a_sync_would_do(crm: Shell, vendor: Vendor) -> None:
    dry = crm("dry-run", "CRM", "accounts")
    said = crm.json("dry-run", "CRM", "accounts", "--full")

    assert dry.returncode == 0
    first, *rest = dry.stdout.splitlines()
    assert first.startswith(
        "CRM accounts: 25 processed, 25 created, 0 updated, 0 unchanged, 0 skipped, 0 rejected"
    )
    assert rest[1].split() == ["row", "outcome", "field", "old", "new"]
    assert {tuple(line.split()[:3]) for line in rest if line.split()[:1] == ["1"]} == {
        ("1", "created", name) for name in ("externalCustomerId", "companyName", "companyDomain", "planTier")
    }
    assert rest[-2:] == ["It was a dry run: nothing was written.", "Complete."]
    assert "undo" not in dry.stderr
    assert (said["mode"], said["full"], said["counts"]["created"]) == ("dry_run", True, 25)
    assert crm.json("accounts")["items"] == []


def test_a_run_is_taken_back(crm: Shell, vendor: Vendor) -> None:
    synced = crm("sync", "CRM")
    run = crm.json("runs")["items"][0]["run_id"]
    assert synced.stderr == f"To take it back within 30 days: ropewalk undo {run}\n"

    undone = crm("undo", run)

    assert (undone.returncode, undone.stderr) == (0, "")
    first, *rest = undone.stdout.splitlines()
    assert first.startswith("CRM accounts, undo: 25 processed, 0 created, 25 updated,")
    assert rest == ["Undone. The stream's schedule is paused, and its next run by hand is a full one."]
    assert crm.json("accounts")["items"] == []
    again = crm("undo", run)
    assert (again.returncode, again.stderr) == (1, "Error: This run has been undone already.\n")
    assert crm("undo", "7").returncode == 2


def test_events_have_no_dry_run(crm: Shell) -> None:
    assert crm("dry-run", "CRM", "events").returncode == 2
