"""How runs, and what they say, are written for people."""

from __future__ import annotations

from typing import Final

from ropewalk.core import csvfiles
from ropewalk.store.models import Run

_VERDICTS: Final = {
    "complete": ("good", "Complete"),
    "truncated": ("warn", "Truncated"),
    "suspicious": ("warn", "Suspicious"),
}
_STATUSES: Final = {
    "queued": ("quiet", "Queued"),
    "running": ("busy", "Running"),
    "failed": ("bad", "Failed"),
    "cancelled": ("quiet", "Cancelled"),
}
STATUSES: Final = (
    ("", "Any status"),
    ("queued", "Queued"),
    ("running", "Running"),
    ("succeeded", "Succeeded"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
)
OUTCOMES: Final = {
    "created": ("good", "Created"),
    "updated": ("info", "Updated"),
    "unchanged": ("quiet", "Unchanged"),
    "skipped": ("warn", "Skipped"),
    "rejected": ("bad", "Rejected"),
}
REASONS: Final = {
    "no_match": "No account matches",
    "ambiguous_match": "Several accounts match",
    "free_mail_domain": "Only a free-mail domain",
    "external_id_conflict": "External ID belongs to another account",
    "deleted_here": "Account was deleted by hand",
    "missing_match_value": "Nothing to match by",
    "invalid_domain": "Not a domain",
    "invalid_email": "Not an email address",
    "missing_email": "No email address",
    "not_an_object": "Not an object",
    "invalid_value": "A value can’t be taken",
    "changed_since": "Changed since, so kept",
}
NOTICES: Final = {
    "owner_not_found": "No member has the owner’s email or ID. Those rows were applied without an owner: invite the person, or map another field.",
    "external_id_differs": "Found by its domain, an account has another external ID, and keeps it. Check whether they are two customers.",
    "duplicate_in_run": "Two records were for the same account, and the later one won. Look for duplicates at the source.",
    "type_widened": "A value didn’t fit its field’s type, which is text from now on. Add a transform if it shouldn’t be.",
    "invalid_contact_email": "A contact’s email is no address. The row was applied without it: correct it at the source.",
    "last_page_repeated": "Asked for a page past the end, the API gave its last one again. Nothing to do.",
    "path_vanished": "No record had a path that is mapped. Has the API renamed it? Test again.",
}  # fmt: skip


def title(run: Run) -> str:
    kind = run.kind.capitalize()
    if run.mode == "dry_run":
        return f"{kind} dry run"
    if run.trigger == "undo":
        return f"{kind} undo"
    if run.trigger == "retry":
        return f"{kind} retry" if run.of_run else f"{kind} that waited"
    return f"{kind} {'import' if is_import(run) else 'sync'}"


def is_import(run: Run) -> bool:
    return bool(run.settings.get("source") == csvfiles.SLUG)


def badge(run: Run) -> tuple[str, str]:
    if run.status == "running" and run.cancel_requested:
        return "busy", "Cancelling"
    if run.status != "succeeded":
        return _STATUSES[run.status]
    if run.mode == "dry_run" and run.verdict == "complete":
        return "good", "Previewed"
    if run.trigger == "undo":
        if not run.reasons:
            return "good", "Undone"
        return "warn", "Undone in part" if run.counts.get("updated") else "Nothing undone"
    if run.accepted_at is not None:
        return "good", "Accepted"
    return _VERDICTS[run.verdict or "complete"]


def asked_by(run: Run) -> str:
    if run.trigger == "periodic":
        return "Its schedule"
    return str(run.actor.get("label") or "Ropewalk")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """Of what can't be known to the second."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"{5 * round(seconds / 5)} s"
    minutes = round(seconds / 60) or 1
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h"
