"""Which fields of a sample a proposal maps, and by which of them accounts are matched. Only an admin knows: guesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ropewalk.core import discover, normalise, paths, suggest
from ropewalk.core.suggest import Kind
from ropewalk.core.values import JSON, canonical
from ropewalk.engine.probing.findings import Finding

FILLED = 0.5
"""A match field is one that at least this share of the records has."""


def propose(records: Sequence[JSON], kind: Kind) -> dict[str, Finding]:
    sample = [record for record in records if isinstance(record, dict)]
    fields = {field.path: field for field in discover.fields(sample)}
    taken: dict[str, suggest.Suggestion] = {}
    for one in suggest.suggest(fields.values(), kind):
        if one.to == "externalCustomerId" and kind == "accounts" and not _unique(sample, one.from_):
            continue
        taken.setdefault(one.to, one)
    matched = [
        name
        for name in ("externalCustomerId", "companyDomain")
        if name in taken and fields[taken[name].from_].fill_rate >= FILLED
    ]
    matching = _matching(matched, kind)
    if kind == "events" and "accountKey" in taken:
        matching = _by_values(fields[taken["accountKey"].from_])
    if kind == "contacts":
        # They match by one of the two, and the other would say nothing about them.
        for name in {"externalCustomerId", "companyDomain"}.intersection(taken).difference(matched[:1]):
            del taken[name]
    mapping = [_entry(one, fields[one.from_]) for one in taken.values()]
    if kind == "contacts" and not matched and "email" in taken:
        matching = Finding("domain", False, "A guess: nothing names the account but the domain of the email.")
        mapping.append(_entry(replace(taken["email"], to="companyDomain"), fields[taken["email"].from_]))
    why = "A guess, from names and values: " + "; ".join(f"{one.to}: {one.reason}" for one in taken.values())
    return {
        "matching": matching,
        "mapping": Finding(mapping, False, why if taken else "No field looks like one of ours."),
    }


def _matching(matched: Sequence[str], kind: Kind) -> Finding:
    modes: dict[tuple[str, ...], str] = {
        ("externalCustomerId",): "external_id",
        ("companyDomain",): "domain",
    }
    if kind == "accounts":
        modes = {("externalCustomerId", "companyDomain"): "domain_and_external_id", **modes}
    value = modes.get(tuple(matched if kind == "accounts" else matched[:1]))
    if value is None:
        return Finding(None, False, "No field looks like a domain or an id to match by.")
    others = [mode for mode in modes.values() if mode != value and len(matched) > 1]
    return Finding(value, False, f"A guess: there is what looks like {' and '.join(matched)}.", others)


def _by_values(key: discover.Field) -> Finding:
    """What an event's account is named by: ids, unless all that was seen is a domain."""
    texts = [value for value in key.examples if isinstance(value, str)]
    if texts and all("." in text and normalise.domain(text) is not None for text in texts):
        return Finding(
            "domain", False, f"A guess: “{key.path}” holds what looks like domains.", ["external_id"]
        )
    return Finding("external_id", False, f"A guess: “{key.path}” holds what looks like ids.", ["domain"])


def _entry(one: suggest.Suggestion, field: discover.Field) -> dict[str, Any]:
    entry: dict[str, Any] = {"from": one.from_, "to": one.to}
    changes = []
    if one.to in ("companyDomain", "contactEmail", "email") and field.type == "list":
        changes.append("first")
    if one.to == "companyDomain":
        changes.append("domain")
    return entry | ({"transforms": changes} if changes else {})


def _unique(sample: Sequence[dict[str, JSON]], path: str) -> bool:
    values = [paths.get(record, paths.parse(path)) for record in sample]
    there = [canonical(value) for value in values if isinstance(value, str | int)]
    return len(there) == len(set(there))
