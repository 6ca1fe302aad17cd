"""What a run's end means to the person who reads it, and what they can do about it (troubleshooting.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ropewalk.core import limits
from ropewalk.core.mapping import MATCH_FIELDS
from ropewalk.core.reasons import shown

UNWRITTEN = "It was a dry run: nothing was written."
AGAIN = "The watermark has not moved: the next run reads the same window again."


class Ended(Struct, frozen=True):
    """A run that has ended. `settings` are those of its stream, as it knew them."""

    status: str
    verdict: str | None = None
    verdict_reasons: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    mode: str = "sync"
    trigger: str = "manual"
    unmatched: Mapping[str, Sequence[str]] | None = None
    """Examples of the match values of rows that waited, and of those that accounts had."""


_ABOUT = {
    "authentication_failed": "credential",
    "secret_missing": "credential",
    "secret_unusable": "credential",
    "secret_not_bound": "credential",
    "token_refused": "credential",
    "wrong_key": "credential",
    "key_missing": "credential",
    "key_unreadable": "credential",
    "records_path": "records_path",
    "not_json": "records_path",
    "invalid_settings": "",
    "unknown_source": "",
}


def about(code: str) -> str:
    """What of a stream's settings an error is about; everything else is about the URL."""
    return _ABOUT.get(code, "url")


def sentences(run: Ended) -> list[str]:
    """The verdict first, then each of its reasons with the way out."""
    if run.status == "failed":
        message = str((run.error or {}).get("message") or "The run failed.")
        return [f"Failed. {message}", _unfinished(run) or f"Rows already applied stay. {AGAIN}"]
    if run.status == "cancelled":
        stays = "Rows already applied stay; the next run reads the same window again."
        return [f"Cancelled. {_unfinished(run) or stays}"]
    if run.status != "succeeded":
        return [f"The run is {run.status}."]
    if run.trigger == "undo":
        return _undone(run)
    return [*([UNWRITTEN] if run.mode == "dry_run" else []), *_verdict(run)]


def _unfinished(run: Ended) -> str:
    if run.mode == "dry_run":
        return UNWRITTEN
    return "What has gone back stays so; undo the run once more to go on." if run.trigger == "undo" else ""


def _undone(run: Ended) -> list[str]:
    told = ["Undone. The stream's schedule is paused, and its next run by hand is a full one."]
    if kept := run.reasons.get("changed_since"):
        told.append(f"Kept, because somebody has changed it since: {kept:,}. The rows of this run list what.")
    return told


def _verdict(run: Ended) -> list[str]:
    if run.verdict == "truncated":
        return ["Truncated: not everything was read.", *(_truncated(one, run) for one in run.verdict_reasons)]
    if run.verdict == "suspicious":
        reasons = ", ".join(run.verdict_reasons)
        accept = (
            f"{AGAIN} If it is meant to be like this, accept the run, or switch the reason off for this stream "
            f"(ignore_reasons: [{reasons}])."
        )
        return [
            "Suspicious: what was read can't be all there is.",
            *(_suspicious(one, run) for one in run.verdict_reasons),
            *([] if run.mode == "dry_run" else [accept]),
        ]
    return ["Complete."]


def issue(run: Ended) -> tuple[str, str] | None:
    """A code and what it means, for a run that somebody should look at; None for any other."""
    code = (
        str((run.error or {}).get("code", ""))
        if run.status == "failed"
        else next(iter(run.verdict_reasons), "")
    )
    return (code, " ".join(sentences(run))) if code else None


def _truncated(reason: str, run: Ended) -> str:
    most, default, noun = {
        "max_records": (limits.MAX_RECORDS, limits.DEFAULT_MAX_RECORDS, "records"),
        "max_pages": (limits.MAX_PAGES, limits.DEFAULT_MAX_PAGES, "pages"),
    }[reason]
    place = run.settings if reason == "max_records" else run.settings.get("pagination") or {}
    limit = place.get(reason) or default
    return (
        f"It stopped at {reason}, {limit:,} {noun}. The next run goes on from there. To read more in one run, raise "
        f"{reason} (Advanced settings), up to {most:,}; ROPEWALK_{reason.upper()} raises that ceiling."
    )


def _suspicious(reason: str, run: Ended) -> str:
    paging = run.settings.get("pagination") or {}
    asked = {
        name: str(paging[name]) for name in paging if name.endswith(("_param", "_path")) and paging[name]
    }

    def named(*names: str) -> str:
        """The settings to look at, as they are."""
        found = [f"{name} ({asked[name]})" for name in names if name in asked]
        return " and ".join(found) or "the pagination settings"

    match reason:
        case "page_repeated":
            return f"A page came again that was there before: check {named('page_param', 'offset_param')}."
        case "cursor_cycle":
            return (
                "A cursor, or the next page's URL, came again: check "
                f"{named('cursor_param', 'next_cursor_path', 'next_url_path')}."
            )
        case "fewer_than_total":
            return f"Fewer rows came than the API's total says: check {named('total_path', 'size_param')}."
        case "empty_page":
            return f"Two pages in a row were empty while more was promised: check {named('has_more_path', 'total_path')}."
        case "all_skipped":
            told = f"Not one row could be taken; the reasons are listed by number. {_no_match(run.settings)}"
            return f"{told} {_both_sides(run.unmatched)}" if run.unmatched else told
        case _ if "url" not in run.settings:
            return "No rows came, where the last full run had some: check its filters, and what the credential may see."
        case _:
            return (
                "No rows came, where the last full run had some: check the URL, its filters and records_path "
                f"({run.settings.get('records_path') or 'the whole body'})."
            )


def remedy(reason: str, settings: Mapping[str, Any]) -> str:
    """What to do about rows that were skipped or rejected for this reason."""
    fields = _match_fields(settings)
    match reason:
        case "no_match":
            return _no_match(settings)
        case "missing_match_value":
            return f"These records have no {fields}: map it from a path that every record has."
        case "ambiguous_match":
            return "Several accounts fit: say which one it is (“use this account”), or match by external id."
        case "free_mail_domain":
            return "An address at a free-mail provider names no company: match these by external id."
        case "external_id_conflict":
            return "Another account has this external id: correct one of the two, then retry these rows."
        case "deleted_here":
            return "The account was deleted by hand: restore it to have it synced again."
        case "changed_since":
            return "Something newer has changed it since: it was kept. Change it by hand if it should not stay so."
        case "invalid_domain":
            return (
                "The value is no domain: map another path, or add the transform “domain” for URLs and emails."
            )
        case "invalid_email":
            return "The value is no email address: map another path."
        case "missing_email":
            return "These records have no email: map it from a path that every record has."
        case "not_an_object":
            return "These entries are no objects: check records_path."
        case _:
            return "A value can't be taken as it is: see the row's message, then change the mapping or its transforms."


def _no_match(settings: Mapping[str, Any]) -> str:
    fields = _match_fields(settings)
    if "match_by" in settings:
        return (
            "Contacts attach to existing accounts only: sync accounts first, or fix the match field "
            f"({fields})."
        )
    if settings.get("create_missing") is False:
        return (
            "Turn on “Create new accounts when no match is found” (create_missing: true), or fix the match field "
            f"({fields})."
        )
    return f"Fix the match field ({fields})."


def _both_sides(unmatched: Mapping[str, Sequence[str]]) -> str:
    contacts, accounts = (", ".join(map(shown, unmatched[side])) for side in ("contacts", "accounts"))
    told = f"The contacts have {contacts}; " if contacts else "Of these values "
    return f"{told}accounts have {accounts or 'none'}."


def _match_fields(settings: Mapping[str, Any]) -> str:
    mode = str(settings.get("matching") or settings.get("match_by") or "domain")
    return " or ".join(MATCH_FIELDS.get(mode, MATCH_FIELDS["domain"]))
