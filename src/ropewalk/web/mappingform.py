"""The mapping of a stream as rows: from what its test has found, to what we know. Nothing is mapped before somebody has
said so; what can't be left out stands there as missing until it is chosen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import yaml
from django.http import QueryDict
from msgspec import Struct, field

from ropewalk.core.errors import Problem
from ropewalk.core.mapping import (
    BUILT_IN,
    CONTACT_TARGETS,
    EVENT_TARGETS,
    INGEST_ONLY,
    MATCH_FIELDS,
    required,
)
from ropewalk.core.suggest import field_name
from ropewalk.core.values import canonical
from ropewalk.sources.base import Kind
from ropewalk.web import fieldtexts
from ropewalk.web.forms import Choice

MOST_ROWS: Final = 300
TYPED: Final = "~typed"
NEW: Final = "~new"
_OF_MAPPING: Final = re.compile(r"mapping\.(\d+)\.?(from|to|transforms)?")


class Row(Struct):
    """`is_asked`: it stands there because its target can't be left out."""

    source: str = ""
    target: str = ""
    changes: str = ""
    is_asked: bool = False
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.source and (not self.target or self.is_asked) and not self.changes

    @property
    def is_constant(self) -> bool:
        return not self.source and "constant" in self.changes

    def entry(self) -> dict[str, Any]:
        made: dict[str, Any] = {"from": self.source, "to": self.target}
        return made | ({"transforms": _read_changes(self.changes)} if self.changes else {})


class Suggested(Struct, frozen=True):
    source: str
    target: str
    reason: str
    changes: str = ""


class Missing(Struct, frozen=True):
    """One of `targets` has to be chosen; `suggested` is what looks like one of them."""

    targets: tuple[str, ...]
    suggested: Suggested | None

    @property
    def text(self) -> str:
        return " or ".join(self.targets)


class MappingForm:
    """`found` is what the last test answered, or nothing; `custom` are the names of the organization's own fields;
    `required` the targets that the source can't do without."""

    def __init__(
        self,
        kind: Kind,
        matching: str,
        custom: Sequence[str],
        found: Mapping[str, Any],
        rows: Iterable[Row] = (),
        required: Collection[str] = (),
        *,
        only_found: bool = False,
    ) -> None:
        """`only_found`: there is nothing beside what was found, so no other path can be typed."""
        self.only_found = only_found
        self.kind = kind
        self.required = required
        self.matching = matching
        self.custom = [name for name in custom if name not in (*BUILT_IN, *INGEST_ONLY)]
        self.fields: Sequence[Mapping[str, Any]] = found.get("fields") or ()
        self.rows = list(rows)
        self.errors: list[str] = []
        self._suggestions = list(_suggested(found))

    @staticmethod
    def saved(mapping: Iterable[Mapping[str, Any]]) -> list[Row]:
        return [
            Row(str(each.get("from", "")), str(each.get("to", "")), _written(each.get("transforms") or ()))
            for each in mapping
        ]

    def read(self, sent: QueryDict) -> None:
        self.rows = []
        for place in range(MOST_ROWS):
            at = f"map.{place}"
            if f"{at}.to" not in sent:
                continue
            source, target = sent.get(f"{at}.from", "").strip(), sent.get(f"{at}.to", "").strip()
            if source == TYPED:
                source = sent.get(f"{at}.typed", "").strip()
            if target == NEW:
                taken = [*self.custom, *(row.target for row in self.rows)]
                target = sent.get(f"{at}.new", "").strip() or (field_name(source, taken) if source else "")
            row = Row(source, target, sent.get(f"{at}.changes", "").strip(), is_asked=f"{at}.asked" in sent)
            if not row.is_empty:
                self.rows.append(row)

    def entries(self) -> list[dict[str, Any]]:
        return [row.entry() for row in self.rows]

    # ---- what somebody does to it ----

    def use(self, target: str) -> None:
        """Takes what is suggested for a target, or for `all`."""
        taken = [each for each in self.suggestions if target in ("all", each.target)]
        self.rows += [Row(each.source, each.target, each.changes) for each in taken]

    def bring_others(self) -> None:
        """The other fields that were found, as fields of our own under their names."""
        for each in self.others[: MOST_ROWS - len(self.rows)]:
            name = field_name(each["path"], [row.target for row in self.rows])
            self.rows.append(Row(each["path"], self._spelled(name), each.get("transform", "")))

    def _spelled(self, name: str) -> str:
        """As a field of that name is spelled that is there already."""
        return next((each for each in self.custom if each.casefold() == name.casefold()), name)

    def add(self) -> None:
        self.rows.append(Row())

    def drop(self, place: str) -> None:
        if place.isdigit() and int(place) < len(self.rows):
            del self.rows[int(place)]

    # ---- what is shown ----

    @property
    def suggestions(self) -> list[Suggested]:
        """The surest for each target that nothing is mapped to."""
        taken = {row.target for row in self.rows}
        match = MATCH_FIELDS.get(self.matching, MATCH_FIELDS["domain_and_external_id"])
        unused = {*MATCH_FIELDS["domain_and_external_id"]} - {*match} if self.kind == "contacts" else set()
        found: dict[str, Suggested] = {}
        for each in self._suggestions:
            if each.target not in taken and each.target not in unused:
                found.setdefault(each.target, each)
        order = [*dict.fromkeys((*BUILT_IN, *INGEST_ONLY, *CONTACT_TARGETS, *EVENT_TARGETS))]
        # Fields of our own, which only a source that has them suggests, come after.
        return sorted(
            found.values(), key=lambda each: order.index(each.target) if each.target in order else len(order)
        )

    @property
    def missing(self) -> list[Missing]:
        there = {row.target for row in self.rows if row.source or row.is_constant}
        offered = {each.target: each for each in self.suggestions}
        return [
            Missing(names, next((offered[name] for name in names if name in offered), None))
            for names in required(self.kind, self.matching, self.required)
            if not there.intersection(names)
        ]

    @property
    def shown(self) -> list[tuple[int, Row]]:
        """With a row for each target that is missing."""
        there = {row.target for row in self.rows}
        asked = [
            Row(target=name, is_asked=True)
            for each in self.missing
            for name in each.targets[:1]
            if name not in there
        ]
        return list(enumerate([*self.rows, *asked]))

    @property
    def others(self) -> list[Mapping[str, Any]]:
        """Found fields with values that lead nowhere yet, where they may become fields of our own."""
        taken = {row.source for row in self.rows}
        known = self.fields if self.may_make_fields else ()
        return [each for each in known if each["type"] is not None and each["path"] not in taken]

    @property
    def sources(self) -> list[Choice]:
        return [Choice(each["path"], _source_label(each)) for each in self.fields]

    def source_choices(self, row: Row) -> list[Choice]:
        found = self.sources
        if row.source and all(each.value != row.source for each in found):
            found.insert(0, Choice(row.source, row.source + (" (not in the sample)" if self.fields else "")))
        return found

    def target_choices(self, row: Row) -> list[tuple[str, list[Choice]]]:
        """In groups; a target that is new stands there under its name."""
        of_kind: dict[Kind, list[tuple[str, Sequence[str]]]] = {
            "accounts": [
                ("Account", BUILT_IN),
                ("Owner and contacts", INGEST_ONLY),
                ("Your fields", self.custom),
            ],
            "contacts": [("Contact", CONTACT_TARGETS)],
            "events": [("Event", EVENT_TARGETS)],
        }
        known = of_kind[self.kind]
        groups = [
            (label, [Choice(name, target_label(name)) for name in names]) for label, names in known if names
        ]
        if row.target and not any(row.target in names for _, names in known):
            groups.append(("New field", [Choice(row.target, target_label(row.target))]))
        return groups

    @property
    def may_make_fields(self) -> bool:
        return self.kind == "accounts"

    def refuse(self, problems: Iterable[Problem]) -> list[Problem]:
        """Takes those that are about it; the others are given back."""
        left = []
        for problem in problems:
            place = _OF_MAPPING.match(problem.path)
            if place and int(place[1]) < len(self.rows):
                row = self.rows[int(place[1])]
                row.errors.setdefault(place[2] or "to", []).append(problem.message)
            elif problem.path.partition(".")[0] == "mapping":
                self.errors.append(problem.message)
            else:
                left.append(problem)
        return left

    @property
    def wrongs(self) -> list[tuple[str, str, str]]:
        """For the summary: the input's id, its label, what is wrong."""
        of_rows = [
            (f"map-{place}-{part}", f"Mapping {place + 1}", error)
            for place, row in enumerate(self.rows)
            for part, errors in row.errors.items()
            for error in errors
        ]
        return [*of_rows, *(("mapping", "Mapping", error) for error in self.errors)]


def target_label(name: str) -> str:
    """The words, and the name by which files and the API know it."""
    words = fieldtexts.label(name)
    return words if words == name else f"{words} ({name})"


def _source_label(field: Mapping[str, Any]) -> str:
    example = next((_short(each) for each in field["examples"]), "")
    name = f"{field['label']} ({field['path']})" if field.get("label") else str(field["path"])
    return f"{name} – {example}" if example else name


def _short(value: Any, most: int = 40) -> str:
    text = value if isinstance(value, str) else canonical(value).decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def _suggested(found: Mapping[str, Any]) -> Iterable[Suggested]:
    """The proposal's first, whose transforms fit what the values look like."""
    reasons = {(each["from"], each["to"]): each["reason"] for each in found.get("suggestions") or ()}
    proposed = ((found.get("proposal") or {}).get("mapping") or {}).get("value") or ()
    for each in proposed:
        reason = reasons.get(
            (each["from"], each["to"]), "The domain of the email is all that names the account."
        )
        yield Suggested(each["from"], each["to"], reason, _written(each.get("transforms") or ()))
    for (source, target), reason in reasons.items():
        yield Suggested(source, target, reason, "domain" if target == "companyDomain" else "")


def _written(changes: Iterable[Any]) -> str:
    """As one line: `first, {split: ";"}`."""
    line = yaml.safe_dump(list(changes), default_flow_style=True, width=10_000, allow_unicode=True).strip()
    return line[1:-1]


def _read_changes(text: str) -> list[Any]:
    """What can't be read goes on as it is: the check of transforms says what there is to choose."""
    try:
        found = yaml.safe_load(f"[{text}]")
    except (yaml.YAMLError, RecursionError, ValueError):
        return [text]
    return found if isinstance(found, list) else [text]
