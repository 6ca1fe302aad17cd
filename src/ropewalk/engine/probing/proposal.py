"""Auto-setup: what an endpoint's stream has to say, proposed from one answer and proved by asking for more (§4.5).

What is proved has been seen (engine.probing.search); everything else is a guess, and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ropewalk.core import detect, paths
from ropewalk.core.detect import Paging
from ropewalk.core.envelope import Answer, Array, arrays
from ropewalk.core.paths import Path
from ropewalk.engine.probing import mapped, since
from ropewalk.engine.probing.findings import Finding
from ropewalk.engine.probing.search import Outcome, Search, by_url
from ropewalk.engine.probing.trying import Enough, Once, Trying, paging_settings
from ropewalk.sources.base import Kind, StreamKind
from ropewalk.sources.endpoint import Endpoint

SETTINGS = ("records_path", "pagination", "total_path", "has_more_path", "incremental", "matching", "mapping")
_CLOSE = 1.5
"""Arrays whose scores are as near as that may both be the records."""
_SAYS: Mapping[Outcome, str] = {
    "refused": "asking for page 2 so was refused",
    "ignored": "page 2 holds the same records again: the parameter is ignored",
    "elsewhere": "page 1 then begins with other records",
    "overlaps": "page 2 holds some records of page 1 again",
    "left_out": "page 2 leaves out records that come before",
    "ended": "it says that there is no page 2",
    "empty": "page 2 is empty",
    "failed": "asking for it failed",
    "same_number": "page 2 says that it is page 1",
    "fewer": "fewer records came than the answers say there are",
    "loops": "a later page holds the records of an earlier one again",
}
_MAY_BE = ("ended", "empty", "fewer", "same_number")


def propose(
    kind: StreamKind, name: Kind, settings: Any, stream: Endpoint, fetch: Once, now: datetime
) -> dict[str, Any] | None:
    """None where there is no answer to make one from."""
    trying = Trying(kind, settings, stream, fetch)
    try:
        bare = trying.ask({})
    except Enough:
        return None
    if bare is None:
        return None
    found = arrays(bare, name)
    if not found:
        nothing = Finding(None, False, "There is no array of objects in the answer.").shown()
        return dict.fromkeys(SETTINGS, nothing)
    setup = _search(trying, bare, found)
    findings = _Report(setup).findings(found)
    findings["incremental"] = _LIVE if kind.live else _incremental(trying, bare, setup.path, now)
    if trying.in_body and findings["incremental"].value is not None:
        findings["pagination"].value["params_in"] = "body"
    findings |= mapped.propose(bare.records(setup.path), name)
    return {what: finding.shown() for what, finding in findings.items()}


_LIVE = Finding(
    None, False, "Events are read when somebody looks: there are no runs that could be incremental."
)


def _incremental(trying: Trying, bare: Answer, path: Path, now: datetime) -> Finding:
    try:
        found = since.find(trying, bare, path)
    except Enough:
        found = since.guess(bare, path)
    return since.with_overlap(found, getattr(trying.said, "incremental", None), since.skew(bare.headers, now))


def settings(proposed: Mapping[str, Any], unsaid: Collection[str]) -> dict[str, Any]:
    """Those of the unsaid settings of a stream that a sample can be read with: the path anyway, paging where proved."""
    found: dict[str, Any] = {}
    if "records_path" in unsaid and proposed["records_path"]["value"] is not None:
        found["records_path"] = proposed["records_path"]["value"]
    if "pagination" in unsaid and proposed["pagination"]["proved"]:
        found["pagination"] = paging_settings(proposed["pagination"]["value"])
    return found


def _search(trying: Trying, bare: Answer, found: Sequence[Array]) -> Search:
    first: Search | None = None
    for array in found[:2]:
        if first is not None and found[0].score - array.score > _CLOSE:
            break
        setup = Search(trying, bare, array)
        with contextlib.suppress(Enough):
            setup.search()
        if setup.proof is not None:
            return setup
        first = first or setup
    assert first is not None
    return first


class _Report:
    """What a search came to, in words."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def findings(self, found: Sequence[Array]) -> dict[str, Finding]:
        others = [paths.join(each.path) for each in found if each.path != self._search.path]
        total, more = self._total(), self._has_more()
        value, why = self._value()
        if self._search.trying.in_body and value["type"] in ("page", "offset", "cursor"):
            value["params_in"] = "body"
        if total.value:
            value.setdefault("total_path", total.value)
        if more.value and value["type"] != "none":
            value.setdefault("has_more_path", more.value)
        proved = self._search.proof is not None
        at = self._search.text or "the top"
        seen = f"page 2 holds other records at {at}" if proved else "no page 2 has shown it"
        return {
            "records_path": Finding(self._search.text, proved, f"{self._search.array.why}; {seen}.", others),
            "pagination": Finding(value, proved, why, self._others()),
            "total_path": total,
            "has_more_path": more,
        }

    def _value(self) -> tuple[dict[str, Any], str]:
        if self._search.proof is not None:
            value = dict(self._search.proof.paging.settings)
            if not by_url(self._search.proof.paging) and "size_param" not in value:
                value["size_param"] = self._search.proof.size.param if self._search.proof.size else None
                if self._search.proof.size and self._search.page_size is not None:
                    value["page_size"] = self._search.page_size
            if not value.get("first_offset", 1):
                del value["first_offset"]
            return (
                value,
                f"{self._search.proof.paging.why}. Page 2 holds the records that follow those of page 1.",
            )
        for paging, outcome in self._search.outcomes:
            if paging.shown and (
                outcome in _MAY_BE
                or (outcome == "failed" and paging.settings["type"] not in ("page", "offset"))
            ):
                return self._guessed(paging, _SAYS[outcome])
        for paging in detect.ended_leads(self._search.small, self._search.path):
            return self._guessed(paging, "so it can't be followed")
        return {"type": "none"}, self._why_none()

    def _guessed(self, paging: Paging, because: str) -> tuple[dict[str, Any], str]:
        value = dict(paging.settings)
        if not by_url(paging) and "size_param" not in value:
            value["size_param"] = self._search.size.param if self._search.size else None
        if not value.get("first_offset", 1):
            del value["first_offset"]
        return value, f"A guess. {paging.why}, but {because}."

    def _why_none(self) -> str:
        count = len(self._search.all)
        told = [each.value for each in detect.totals(self._search.bare, self._search.path)] + [
            *detect.told_in_headers(self._search.bare).values()
        ]
        tried = "; ".join(
            dict.fromkeys(
                f"{paging.why}, but {_SAYS[outcome]}"
                for paging, outcome in self._search.outcomes
                if paging.shown
            )
        )
        said = f" {tried}." if tried else ""
        if not count:
            return "A guess: there are no records yet to tell by."
        if self._search.ignores and not said:
            said = " The usual parameters of paging are ignored."
        if told and max(told) > count:  # type: ignore[type-var, operator]
            return f"A guess: nothing leads on, though there should be {max(told)} records and these are {count}.{said}"  # type: ignore[type-var]
        return f"A guess: nothing leads on from these {count} records.{said}"

    def _others(self) -> list[dict[str, Any]]:
        taken = self._search.proof.paging if self._search.proof else None
        return [
            dict(paging.settings)
            for paging, outcome in self._search.outcomes
            if paging is not taken and outcome in ("ended", "empty", "proved")
        ]

    def _total(self) -> Finding:
        places = detect.totals(self._search.bare, self._search.path)
        rows = (
            sum(len(page.records(self._search.path)) for page in self._search.whole.pages)
            if self._search.whole
            else 0
        )
        for place in places:
            said = {
                str(paths.get(each.value, paths.parse(place.path)))
                for each in self._search.answers
                if self._search.ids(each)
            }
            if len(said) != 1:
                continue
            if (
                self._search.whole is not None
                and self._search.whole.complete
                and len(self._search.answers) > 2
            ):
                if place.value != rows:
                    continue
                return Finding(place.path, True, f"{place.why}, on every page, and that many records came.")
            if self._search.proof is not None and place.value == len(self._search.all):
                continue
            return Finding(place.path, False, f"A guess: {place.why}.")
        headers = detect.told_in_headers(self._search.bare)
        if headers:
            named = ", ".join(f"{name}: {number}" for name, number in headers.items())
            return Finding(None, False, f"It stands in a header, where no path leads ({named}).")
        return Finding(None, False, "Nothing in the answer says how many records there are in all.")

    def _has_more(self) -> Finding:
        for place in detect.has_mores(self._search.bare, self._search.path):
            path = paths.parse(place.path)
            if self._search.proof is not None and self._search.whole is not None:
                told = [
                    str(paths.get(each.value, path)).lower() for each in self._search.proof.tried.pages[:1]
                ]
                last = str(paths.get(self._search.whole.pages[-1].value, path)).lower()
                if told != ["true"]:
                    continue
                if self._search.whole.complete and last != "false":
                    continue
                if self._search.whole.complete:
                    return Finding(
                        place.path, True, f"“{place.path}” is true before page 2 and false at the end."
                    )
            return Finding(place.path, False, f"A guess: {place.why}.")
        return Finding(None, False, "Nothing in the answer says whether more pages follow.")
