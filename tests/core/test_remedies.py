import pytest

from ropewalk.core import remedies
from ropewalk.core.reasons import CHANGED_SINCE, REJECTED, SKIPPED
from ropewalk.core.remedies import AGAIN, UNWRITTEN, Ended, issue, remedy, sentences

ACCEPT = f"{AGAIN} If it is meant to be like this, accept the run, or switch the reason off for this stream "


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (Ended("running"), ["The run is running."]),
        (Ended("succeeded", "complete"), ["Complete."]),
        (Ended("succeeded", "complete", mode="dry_run"), [UNWRITTEN, "Complete."]),
        (Ended("failed"), ["Failed. The run failed.", f"Rows already applied stay. {AGAIN}"]),
        (Ended("failed", error={"message": "No."}, mode="dry_run"), ["Failed. No.", UNWRITTEN]),
        (
            Ended("failed", error={"message": "No."}, trigger="undo"),
            ["Failed. No.", "What has gone back stays so; undo the run once more to go on."],
        ),
        (
            Ended("cancelled"),
            ["Cancelled. Rows already applied stay; the next run reads the same window again."],
        ),
        (Ended("cancelled", mode="dry_run"), [f"Cancelled. {UNWRITTEN}"]),
        (
            Ended("succeeded", "complete", trigger="undo"),
            ["Undone. The stream's schedule is paused, and its next run by hand is a full one."],
        ),
        (
            Ended("succeeded", "complete", trigger="undo", reasons={"changed_since": 1_200}),
            [
                "Undone. The stream's schedule is paused, and its next run by hand is a full one.",
                "Kept, because somebody has changed it since: 1,200. The rows of this run list what.",
            ],
        ),
        (
            Ended("succeeded", "truncated", ["max_records"], settings={"max_records": 500}),
            [
                "Truncated: not everything was read.",
                "It stopped at max_records, 500 records. The next run goes on from there. To read more in one run, raise "
                "max_records (Advanced settings), up to 100,000; ROPEWALK_MAX_RECORDS raises that ceiling.",
            ],
        ),
        (
            Ended("succeeded", "truncated", ["max_pages"], settings={"pagination": None}),
            [
                "Truncated: not everything was read.",
                "It stopped at max_pages, 100 pages. The next run goes on from there. To read more in one run, raise "
                "max_pages (Advanced settings), up to 1,000; ROPEWALK_MAX_PAGES raises that ceiling.",
            ],
        ),
        (
            Ended("succeeded", "suspicious", ["no_rows"], mode="dry_run"),
            [
                UNWRITTEN,
                "Suspicious: what was read can't be all there is.",
                "No rows came, where the last full run had some: check its filters, and what the credential may see.",
            ],
        ),
        (
            Ended("succeeded", "suspicious", ["no_rows"], settings={"url": "https://x"}, mode="dry_run"),
            [
                UNWRITTEN,
                "Suspicious: what was read can't be all there is.",
                "No rows came, where the last full run had some: check the URL, its filters and records_path (the whole "
                "body).",
            ],
        ),
    ],
)
def test_what_an_end_means(run, told):
    assert sentences(run) == told


PAGING = {"type": "page", "page_param": "p", "size_param": "n", "total_path": "total", "has_more_path": None}
SUSPICIONS = {
    "page_repeated": "A page came again that was there before: check page_param (p).",
    "cursor_cycle": "A cursor, or the next page's URL, came again: check the pagination settings.",
    "fewer_than_total": "Fewer rows came than the API's total says: check total_path (total) and size_param (n).",
    "empty_page": "Two pages in a row were empty while more was promised: check total_path (total).",
    "all_skipped": "Not one row could be taken; the reasons are listed by number. Fix the match field (companyDomain).",
    "no_rows": "No rows came, where the last full run had some: check the URL, its filters and records_path (data).",
}


def test_every_suspicion_has_its_way_out():
    settings = {"url": "https://x", "pagination": PAGING, "records_path": "data"}
    for reason, told in SUSPICIONS.items():
        assert sentences(Ended("succeeded", "suspicious", [reason], settings=settings)) == [
            "Suspicious: what was read can't be all there is.",
            told,
            f"{ACCEPT}(ignore_reasons: [{reason}]).",
        ]


@pytest.mark.parametrize(
    ("contacts", "accounts", "told"),
    [
        (["a.de", "b.de"], ["c.de"], 'The contacts have "a.de", "b.de"; accounts have "c.de".'),
        (["a.de"], [], 'The contacts have "a.de"; accounts have none.'),
        ([], ["c.de"], 'Of these values accounts have "c.de".'),
    ],
)
def test_where_no_contact_found_its_account_both_sides_are_shown(contacts, accounts, told):
    run = Ended(
        "succeeded",
        "suspicious",
        ["all_skipped"],
        settings={"match_by": "domain"},
        unmatched={"contacts": contacts, "accounts": accounts},
    )

    assert sentences(run)[1] == (
        "Not one row could be taken; the reasons are listed by number. Contacts attach to existing accounts only: sync "
        f"accounts first, or fix the match field (companyDomain). {told}"
    )


def test_an_error_is_about_the_url_unless_it_says_more():
    assert [remedies.about(code) for code in ("secret_missing", "not_json", "timeout")] == [
        "credential",
        "records_path",
        "url",
    ]


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (Ended("succeeded", "complete"), None),
        (Ended("cancelled"), None),
        (Ended("failed"), None),
        (Ended("failed", error={"code": "timeout", "message": "Too slow."}), "timeout"),
        (Ended("succeeded", "suspicious", ["no_rows", "all_skipped"]), "no_rows"),
    ],
)
def test_what_somebody_should_look_at(run, code):
    assert issue(run) == (None if code is None else (code, " ".join(sentences(run))))


def test_every_reason_of_a_row_has_a_remedy_of_its_own():
    known = [*SKIPPED, *REJECTED, CHANGED_SINCE]
    told = {reason: remedy(reason, {}) for reason in known}

    assert len(set(told.values())) == len(set(known))
    assert told["invalid_value"] == remedy("some_day", {})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Fix the match field (companyDomain)."),
        ({"matching": "external_id", "create_missing": True}, "Fix the match field (externalCustomerId)."),
        (
            {"matching": "external_id", "create_missing": False},
            "Turn on “Create new accounts when no match is found” (create_missing: true), or fix the match field "
            "(externalCustomerId).",
        ),
        (
            {"match_by": "external_id"},
            "Contacts attach to existing accounts only: sync accounts first, or fix the match field "
            "(externalCustomerId).",
        ),
        ({"matching": "some_day"}, "Fix the match field (companyDomain)."),
    ],
)
def test_the_match_field_is_named(settings, said):
    assert remedy("no_match", settings) == said


def test_a_missing_match_value_names_all_that_would_do():
    fields = " or ".join(remedies.MATCH_FIELDS["domain_and_external_id"])

    assert remedy("missing_match_value", {"matching": "domain_and_external_id"}) == (
        f"These records have no {fields}: map it from a path that every record has."
    )
