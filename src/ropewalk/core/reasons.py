"""The codes that rows and runs are counted by (product.md §5.2, api.md §1), and how a message quotes a value."""

from __future__ import annotations

from typing import Final, Literal

from ropewalk.core.values import JSON, canonical

SKIPPED = ("no_match", "ambiguous_match", "free_mail_domain", "external_id_conflict", "deleted_here")
REJECTED = (
    "missing_match_value",
    "invalid_domain",
    "invalid_email",
    "missing_email",
    "not_an_object",
    "invalid_value",
)
CHANGED_SINCE: Final = "changed_since"
"""Of an undo and of a retry: what is newer stays."""
NOTICES = (
    "owner_not_found",
    "external_id_differs",
    "duplicate_in_run",
    "type_widened",
    "invalid_contact_email",
    "last_page_repeated",
    "path_vanished",
)

SHOWN_CHARS = 200


def outcome(reason: str) -> Literal["skipped", "rejected"]:
    """What a row counts as that was refused for this reason."""
    return "skipped" if reason in SKIPPED else "rejected"


def shown(value: JSON) -> str:
    """A value as a message quotes it: as JSON, bounded."""
    text = canonical(value).decode()
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
