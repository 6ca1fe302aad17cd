"""Mappings: from the paths of a record to target fields, checked once and compiled for speed (product.md §2.1, §9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ropewalk.core import limits, paths, transforms
from ropewalk.core.errors import Problem, RowRefused
from ropewalk.core.transforms import Spec
from ropewalk.core.values import MISSING

Kind = Literal["accounts", "contacts", "events"]
Mode = Literal["domain", "external_id", "domain_and_external_id"]

BUILT_IN = ("companyName", "companyDomain", "externalCustomerId", "accountOwnerId")
INGEST_ONLY = ("accountOwnerEmail", "contactEmail", "endUsers")
CONTACT_TEXTS = ("name", "phone", "role")
CONTACT_TARGETS = ("companyDomain", "externalCustomerId", "email", *CONTACT_TEXTS)
EVENT_TARGETS = ("eventTime", "eventName", "accountKey", "userId", "properties")
_ACCOUNT_TARGETS = {name.casefold(): name for name in (*BUILT_IN, *INGEST_ONLY)}
# What an account has beside its fields, in the API and on its pages.
_RESERVED = frozenset(("accountid", "fields", "goneatsource"))

MATCH_FIELDS: Mapping[str, tuple[str, ...]] = {
    "domain": ("companyDomain",),
    "external_id": ("externalCustomerId",),
    "domain_and_external_id": ("companyDomain", "externalCustomerId"),
}
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


class MappingEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    from_: str = Field(
        default="", alias="from", description="Path in the record; empty only with a constant."
    )
    to: str = Field(description="Target field, camelCase.")
    transforms: tuple[Spec, ...] = Field(default=(), description="In their order.")


def is_field_name(name: str) -> bool:
    return len(name) <= limits.FIELD_NAME_CHARS and _FIELD_NAME.fullmatch(name) is not None


def is_custom_field(name: str) -> bool:
    """Whether a custom field may have this name."""
    folded = name.casefold()
    return is_field_name(name) and folded not in _ACCOUNT_TARGETS and folded not in _RESERVED


# ---- checking ----


def problems(
    mapping: Sequence[MappingEntry],
    kind: Kind,
    matching: str,
    existing: Iterable[str] = (),
    *,
    path: str = "mapping",
    also: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Everything that is wrong with a mapping, each at its entry.

    `matching` is the stream's matching mode, or what a contact or event stream matches by. `existing` are the custom
    fields that the organization has: one of them may only be written as it is spelled there. `also` are targets that the
    source can't do without.
    """
    known = {name.casefold(): name for name in existing}
    found = [*_wrong_entries(mapping, kind, matching, known, path)]
    found.extend(Problem(path, message) for message in _missing(mapping, kind, matching))
    targets = {entry.to for entry in mapping}
    found.extend(
        Problem(path, f"Map {name}: this source can't do without it.") for name in also if name not in targets
    )
    if kind == "accounts" and (message := _too_many_fields(targets, known)):
        found.append(Problem(path, message))
    return tuple(found)


def _wrong_entries(
    mapping: Sequence[MappingEntry], kind: Kind, matching: str, known: Mapping[str, str], path: str
) -> Iterator[Problem]:
    taken: dict[str, int] = {}
    for index, entry in enumerate(mapping):
        is_whole_record = kind == "events" and entry.to == "properties"
        if not entry.from_ and not _is_constant(entry) and not is_whole_record:
            yield Problem(
                f"{path}.{index}.from",
                "Name the path that this value comes from, or give it a constant transform.",
            )
        wrong = _wrong_target(entry.to, kind, matching, known)
        folded = entry.to.casefold()
        if wrong is None and folded in taken:
            wrong = f"{entry.to} is already mapped in entry {taken[folded] + 1}; a target takes one value."
        if wrong is not None:
            yield Problem(f"{path}.{index}.to", wrong)
        taken.setdefault(folded, index)


def _too_many_fields(targets: Collection[str], known: Collection[str]) -> str:
    new = {target.casefold() for target in targets} - _ACCOUNT_TARGETS.keys() - {*known}
    fields = len(known) + len(new)
    if not new or fields <= limits.CUSTOM_FIELDS:
        return ""
    return (
        f"An organization has at most {limits.CUSTOM_FIELDS} custom fields; this mapping would make it {fields}. "
        "Map to fields that exist, or leave some out."
    )


def _is_constant(entry: MappingEntry) -> bool:
    return any(isinstance(spec, dict) and "constant" in spec for spec in entry.transforms)


def _wrong_target(name: str, kind: Kind, matching: str, known: Mapping[str, str]) -> str | None:
    if kind == "contacts":
        # The other match field would say nothing about a contact.
        mine = MATCH_FIELDS.get(matching, MATCH_FIELDS["domain_and_external_id"])
        allowed = tuple(
            t for t in CONTACT_TARGETS if t not in MATCH_FIELDS["domain_and_external_id"] or t in mine
        )
        return None if name in allowed else f"A contact has no such field; there are {', '.join(allowed)}."
    if kind == "events":
        return (
            None
            if name in EVENT_TARGETS
            else f"An event has no such field; there are {', '.join(EVENT_TARGETS)}."
        )
    folded = name.casefold()
    if folded in _ACCOUNT_TARGETS:
        built_in = _ACCOUNT_TARGETS[folded]
        return (
            None
            if name == built_in
            else f"This is the name of the built-in field {built_in}; spell it like that."
        )
    if not is_field_name(name):
        return (
            "A target is camelCase: letters and digits, a letter first, "
            f"at most {limits.FIELD_NAME_CHARS} characters, as planTier."
        )
    if folded in _RESERVED:
        return f"{name} is the name of a built-in property of accounts; choose another."
    if folded in known and known[folded] != name:
        return f"There is already a field {known[folded]}; names differ in more than case, so spell it like that."
    return None


def required(kind: Kind, matching: str, also: Collection[str] = ()) -> list[tuple[str, ...]]:
    """What a mapping can't do without: of each of these, one."""
    return [*_required(kind, matching), *((name,) for name in also)]


def _required(kind: Kind, matching: str) -> list[tuple[str, ...]]:
    match_fields = MATCH_FIELDS.get(matching, ())
    if kind == "events":
        return [("eventTime",), ("eventName",), ("accountKey",)]
    if kind == "contacts":
        return [(name,) for name in (*match_fields, "email")]
    return [match_fields] if match_fields else []


def _missing(mapping: Sequence[MappingEntry], kind: Kind, matching: str) -> list[str]:
    targets = {entry.to for entry in mapping}
    missing = [names for names in _required(kind, matching) if not targets.intersection(names)]
    if kind == "events":
        return [f"Map {name}: an event can't do without it." for (name,) in missing]
    if kind == "contacts":
        return [_missing_of_contacts([name for (name,) in missing], matching)] if missing else []
    return [
        f"Matching by {matching} needs a mapping to {' or '.join(names)}; add it, or choose another way of matching."
        for names in missing
    ]


def _missing_of_contacts(missing: Sequence[str], matching: str) -> str:
    return (
        f"Map {' and '.join(missing)}: a contact needs its email, and what its account is found by (match_by: {matching}). "
        "Run Test & Discover Fields first: it shows which paths there are."
    )


# ---- compiling ----


class _Branch:
    """The paths below one object of a record: those that end at a key of it, and the objects that lie in it."""

    __slots__ = ("branches", "leaves")

    def __init__(self, entries: Sequence[tuple[paths.Path, str]]) -> None:
        self.leaves = tuple((path[0], target) for path, target in entries if len(path) == 1)
        below: dict[str, list[tuple[paths.Path, str]]] = {}
        for path, target in entries:
            if len(path) > 1:
                below.setdefault(path[0], []).append((path[1:], target))
        self.branches = tuple((key, _Branch(rest), tuple(rest)) for key, rest in below.items())

    def gather(self, record: dict[str, Any], mapped: dict[str, Any]) -> None:
        for key, target in self.leaves:
            if key in record:
                mapped[target] = record[key]
        for key, branch, rest in self.branches:
            inside = record.get(key)
            if isinstance(inside, dict):
                branch.gather(inside, mapped)
            elif isinstance(inside, list):
                for path, target in rest:
                    value = paths.get(inside, path)
                    if value is not MISSING:
                        mapped[target] = value


class Plan:
    """A compiled mapping. It has no state: one plan serves any number of threads."""

    __slots__ = ("_computed", "_plain", "paths", "targets")

    def __init__(self, entries: Sequence[MappingEntry]) -> None:
        self.targets = frozenset(entry.to for entry in entries)
        self.paths: Mapping[str, paths.Path] = {e.from_: paths.parse(e.from_) for e in entries if e.from_}
        plain: list[tuple[paths.Path, str]] = []
        computed: list[tuple[str, paths.Path | None, Callable[[Any], Any], bool]] = []
        for entry in entries:
            path = self.paths.get(entry.from_)
            change = transforms.compile(entry.transforms)
            if change is not None:
                computed.append((entry.to, path, change, transforms.speaks_without_value(entry.transforms)))
            elif path is not None:
                plain.append((path, entry.to))
        self._plain = _Branch(plain)
        self._computed = tuple(computed)

    def apply(self, record: dict[str, Any]) -> dict[str, Any]:
        """Target -> value. A path that leads nowhere has no key; a null is None. Raises `RowRefused`."""
        mapped: dict[str, Any] = {}
        self._plain.gather(record, mapped)
        for target, path, change, always in self._computed:
            value = MISSING if path is None else paths.get(record, path)
            if always or value is not MISSING:
                try:
                    value = change(value)
                except RowRefused as refused:
                    raise RowRefused(refused.code, f"{target}: {refused.message}") from None
            if value is not MISSING:
                mapped[target] = value
        return mapped

    def strike_seen(self, record: dict[str, Any], unseen: set[str]) -> None:
        """Take those of `unseen` (texts of mapped paths) out that this record has; what stays has vanished (§5.3)."""
        unseen.difference_update(
            [text for text in unseen if paths.get(record, self.paths[text]) is not MISSING]
        )


def compile(
    mapping: Sequence[MappingEntry],
    leave_out: Collection[str] = (),
    spelling: Mapping[str, str] | None = None,
) -> Plan:
    """`leave_out` are targets that this run doesn't write (Periodic off, §2.2); `spelling` gives the names that fields
    have by now, by the folded one."""
    known = spelling or {}
    return Plan(
        [
            entry.model_copy(update={"to": known.get(entry.to.casefold(), entry.to)})
            for entry in mapping
            if entry.to not in leave_out
        ]
    )


def keys(mapping: Sequence[MappingEntry], mode: Mode, *more: str) -> Plan:
    """Only what the rows are known by: match fields, and what of `more` is mapped."""
    return Plan([entry for entry in mapping if entry.to in (*MATCH_FIELDS[mode], *more)])
