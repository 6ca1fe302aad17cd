"""What is wrong with a run, said to the person who can mend it (troubleshooting.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

_REASONS: Final[Mapping[str, str]] = {
    "max_records": "The run stopped at the stream's limit max_records; the next run goes on from there. Raise "
    "max_records (Advanced settings) to read more at once.",
    "max_pages": "The run stopped at the stream's limit max_pages; the next run goes on from there. Raise max_pages "
    "or the page size (Advanced settings) to read more at once.",
    "page_repeated": "The API sent a page again that it had sent before, so the reading stopped. Check the names of "
    "the pagination's parameters; accept the run if all rows are there.",
    "cursor_cycle": "The API sent a cursor again that it had sent before, so the reading stopped. Check the path to "
    "the next cursor; accept the run if all rows are there.",
    "fewer_than_total": "The API said that there are more rows than it sent. Check the pagination and the path to the "
    "total; accept the run if all rows are there.",
    "empty_page": "The API sent empty pages while it promised more. Check the pagination; accept the run if all rows "
    "are there.",
    "all_skipped": "Every row was skipped. Turn on “Create new accounts when no match is found”, or mend the match "
    "field; the run's rows say why, one by one.",
    "no_rows": "There were no rows, where the last full run had some. Check the records path and the URL; accept the "
    "run if the source is empty.",
}


class Issue(NamedTuple):
    code: str
    message: str


def of_run(error: Mapping[str, str] | None, verdict: str | None, reasons: Collection[str]) -> Issue | None:
    """None for a run that needs nobody."""
    if error:
        return Issue(error.get("code", ""), error.get("message", ""))
    if verdict in ("truncated", "suspicious"):
        known = [reason for reason in reasons if reason in _REASONS]
        return Issue(next(iter(reasons), verdict), " ".join(_REASONS[reason] for reason in known) or verdict)
    return None
