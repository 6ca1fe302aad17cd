"""`dry-run` and `undo`: what they print, what they leave, and how a sync says that it can be taken back."""

from __future__ import annotations

from tests.cli.conftest import TOKEN, Shell, Vendor


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


def test_a_test_shows_what_it_proposes_and_can_be_replayed(crm: Shell, vendor: Vendor) -> None:
    file = crm.folder / "crm.json"
    made = crm("test", "CRM", "accounts", "--record", "crm.json")
    asked = len(vendor.fake.seen)
    again = crm("test", "CRM", "accounts", "--replay", "crm.json")
    said = crm.json("test", "CRM", "accounts", "--replay", "crm.json")

    assert (made.returncode, again.returncode) == (0, 0)
    assert again.stdout == made.stdout
    assert made.stderr.endswith(" exchanges are kept in crm.json. Customers’ data is in it as it came.\n")
    rows = {line.split()[0]: line.split("  ") for line in made.stdout.splitlines() if line}
    assert [[cell.strip() for cell in rows[name] if cell][1:3] for name in ("pagination", "matching")] == [
        [
            "{type: page, page_param: page, first_page: 1, size_param: limit, page_size: 100, total_path: total}",
            "yes",
        ],
        ["domain_and_external_id", "a guess"],
    ]
    assert said["proposal"]["records_path"]["proved"]
    assert len(vendor.fake.seen) == asked
    assert TOKEN not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cant_be_recorded_or_replayed_is_refused(crm: Shell, vendor: Vendor) -> None:
    unwritable = crm("test", "CRM", "accounts", "--record", "nowhere/crm.json")
    unreadable = crm("test", "CRM", "accounts", "--replay", "crm.yaml")
    both = crm("test", "CRM", "accounts", "--record", "a.json", "--replay", "a.json")

    assert [one.returncode for one in (unwritable, unreadable, both)] == [1, 1, 2]
    assert [one.stderr.splitlines()[0] for one in (unwritable, unreadable, both)] == [
        "Error: The recording can’t be written to nowhere/crm.json: No such file or directory.",
        "Error: This is no recording that can be replayed.",
        "Error: Give --record or --replay, not both.",
    ]
    assert vendor.fake.seen == []
