"""`sync`, from the request to the verdict: what is printed, what the exit status says, and how Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from typing import Any

from tests.cli.conftest import TOKEN, Shell, Vendor
from tests.fakes import customers


def test_from_nothing_to_accounts(acme: Shell, vendor: Vendor) -> None:
    applied = acme("apply", acme.write("crm.yaml", vendor.file()))
    tested = acme("test", "CRM", "accounts")
    synced = acme("sync", "crm")
    listed = acme("accounts", "Company 7", "--sort", "companyName")
    written = acme("accounts", "Company 7", "--csv")

    assert (applied.returncode, applied.stdout) == (0, "CRM: created\n  streams.accounts: created\n")
    assert tested.returncode == 0
    assert tested.stdout.startswith(f"GET {vendor.url}/customers")
    assert tested.stdout.endswith("The test passed.\n")
    assert "plan.tier" in tested.stdout
    first, *rest = synced.stdout.splitlines()
    assert first.startswith(
        "CRM accounts: 25 processed, 25 created, 0 updated, 0 unchanged, 0 skipped, 0 rejected (1 page, "
    )
    assert (rest, synced.returncode) == (["Complete."], 0)
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["name", "domain", "external", "id", "planTier"],
        ["Company", "7", "company-7.example", "c-00007", "enterprise"],
    ]
    heads, values = (line.split(",") for line in written.stdout.removeprefix("\ufeff").splitlines())
    assert dict(zip(heads, values, strict=True))["companyDomain"] == "company-7.example"
    # Nobody else was there to carry it out, and for that no queue is needed.
    assert not (acme.data / "jobs.sqlite").exists()
    for said in (applied, tested, synced, listed):
        assert TOKEN not in said.stdout + said.stderr
        assert "\x1b" not in said.stdout + said.stderr
        assert "Traceback" not in said.stderr


def test_for_scripts_everything_is_json(crm: Shell) -> None:
    run = crm.json("sync", "CRM", "accounts", "--full")
    every = crm.json("sync", "CRM")
    runs = crm.json("runs")
    accounts = crm.json("accounts", "c-00003")

    assert (run["status"], run["verdict"], run["full"], run["counts"]["created"]) == (
        "succeeded",
        "complete",
        True,
        25,
    )
    assert [one["counts"]["unchanged"] for one in every["items"]] == [25]
    assert [one["run_id"] for one in runs["items"]] == [every["items"][0]["run_id"], run["run_id"]]
    assert [(one["companyDomain"], one["fields"]) for one in accounts["items"]] == [
        ("company-3.example", {"planTier": "enterprise"})
    ]


def test_a_failed_sync_says_why(crm: Shell, vendor: Vendor) -> None:
    vendor.fake.token = "another"

    failed = crm("sync", "CRM")
    tested = crm("test", "CRM", "accounts")

    assert (failed.returncode, tested.returncode) == (1, 1)
    assert "Failed. " in failed.stdout
    assert "401" in failed.stdout
    assert "The test failed (credential): " in tested.stdout


def test_a_truncated_sync_names_its_limit(crm: Shell, vendor: Vendor) -> None:
    crm("apply", crm.write("crm.yaml", vendor.file(max_records=10)))

    truncated = crm("sync", "CRM")

    assert truncated.returncode == 3
    assert truncated.stdout.splitlines()[1:] == [
        "Truncated: not everything was read.",
        (
            "It stopped at max_records, 10 records. The next run goes on from there. To read more in one run, raise "
            "max_records (Advanced settings), up to 100,000; ROPEWALK_MAX_RECORDS raises that ceiling."
        ),
    ]


def test_rows_left_out_are_counted_by_reason_with_a_remedy(crm: Shell, vendor: Vendor) -> None:
    crm("sync", "CRM")
    vendor.fake.records[:] = [*customers(2), *customers(2, start=100), {"name": "no id"}]
    crm("apply", crm.write("crm.yaml", vendor.file(create_missing=False)))

    left_out = crm("sync", "CRM")

    lines = left_out.stdout.splitlines()
    assert left_out.returncode == 0
    assert "Turn on “Create new accounts when no match is found” (create_missing: true)" in left_out.stdout
    assert [line.split()[:5] for line in lines if line.strip()[:1].isdigit()] == [
        ["2", "no_match", "2", "of", "2"],
        ["1", "missing_match_value", "1", "of", "1"],
    ]
    assert lines[-1] == "Complete."


def test_a_suspicious_sync_says_what_to_look_at(crm: Shell, vendor: Vendor) -> None:
    crm("sync", "CRM")
    vendor.fake.records.clear()

    suspicious = crm("sync", "CRM")

    assert suspicious.returncode == 3
    assert suspicious.stdout.splitlines()[1:] == [
        "Suspicious: what was read can't be all there is.",
        "No rows came, where the last full run had some: check the URL, its filters and records_path (data).",
        (
            "The watermark has not moved: the next run reads the same window again. If it is meant to be like this, "
            "accept the run, or switch the reason off for this stream (ignore_reasons: [no_rows])."
        ),
    ]


class _Held:
    """The vendor, taking its time until it is let go."""

    def __init__(self, vendor: Vendor) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        answer = vendor.fake.answer

        def waiting(asked: Any) -> Any:
            self.asked.set()
            self.go_on.wait(60)
            return answer(asked)

        vendor.fake.answer = waiting  # type: ignore[method-assign]


def test_ctrl_c_cancels_the_run(crm: Shell, vendor: Vendor) -> None:
    held = _Held(vendor)
    with crm.start("sync", "CRM") as process:
        try:
            assert held.asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=60)
        finally:
            held.go_on.set()

    assert (process.returncode, error) == (5, "Cancelling … (Ctrl-C again leaves at once)\n")
    assert out.splitlines()[-1] == (
        "Cancelled. Rows already applied stay; the next run reads the same window again."
    )
    assert [one["status"] for one in crm.json("runs")["items"]] == ["cancelled"]


def test_a_second_ctrl_c_leaves_at_once(crm: Shell, vendor: Vendor) -> None:
    held = _Held(vendor)
    with crm.start("sync", "CRM") as process:
        try:
            assert held.asked.wait(60)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.readline().startswith("Cancelling")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)
        finally:
            held.go_on.set()

    # It may have been cancelled in that very moment.
    assert process.returncode in (130, 5)


def test_a_disabled_stream_is_not_synced(crm: Shell, vendor: Vendor) -> None:
    crm("apply", crm.write("crm.yaml", vendor.file(enabled=False)))

    for arguments in (("sync", "CRM"), ("sync", "CRM", "accounts")):
        refused = crm(*arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("Error: ")
    assert crm.json("sync", "CRM", "accounts")["details"] == {"reason": "disabled"}
