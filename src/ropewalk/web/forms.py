"""Forms, drawn field by field. A form reads what was sent into the body that the engine's verb takes, and shows the
verb's problems at the fields that they are about: the check is the engine's alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal

import msgspec
from django.http import QueryDict

from ropewalk.core.errors import Problem, RetryLater, RopewalkError

Kind = Literal[
    "text",
    "email",
    "url",
    "number",
    "password",
    "secret",
    "secret_lines",
    "textarea",
    "lines",
    "code",
    "json",
    "select",
    "radio",
    "checks",
    "checkbox",
    "switch",
    "date",
    "headers",
    "rows",
]
Empty = Literal["null", "left out", "text"]

_ON: Final = ("checkbox", "switch")
_NEVER_SHOWN: Final = ("password", "secret", "secret_lines")
NOT_YET: Final = "Not yet: this has to be mended first."
MOST_HEADERS: Final = 40
MOST_ROWS: Final = 40


class Choice(msgspec.Struct, frozen=True):
    """`disabled`: why it can't be chosen here."""

    value: str
    label: str
    help: str = ""
    disabled: str = ""
    group: str = ""


class Field(msgspec.Struct, frozen=True):
    """`name` is its dotted path in the body, unless `path` says it: inputs of which only one counts need names of their
    own. `when`: the input, and its value, that it belongs to. `is_set`, of a secret: there is one, which an empty input
    keeps. `empty`: what becomes of an input that is left empty."""

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    required: bool = False
    choices: Sequence[Choice] = ()
    placeholder: str = ""
    autocomplete: str = ""
    is_set: bool = False
    disabled: str = ""
    """Why it can't be changed here."""
    path: str = ""
    when: tuple[str, str] | None = None
    empty: Empty = "null"
    default: Any = None
    opens: bool = False
    """Says whether there are further settings; it is none itself."""
    folded: bool = False
    """Stands under “Advanced settings”."""
    columns: Sequence[Field] = ()
    """Of `rows`: what stands in each."""

    @property
    def place(self) -> str:
        return self.path or self.name

    @property
    def groups(self) -> list[tuple[str, list[Choice]]]:
        """The choices, by what they stand under."""
        return [(group, list(found)) for group, found in groupby(self.choices, lambda each: each.group)]


class Bound(msgspec.Struct):
    """A field with its value, and what is wrong with it."""

    field: Field
    value: Any = None
    errors: list[str] = msgspec.field(default_factory=list)

    @property
    def id(self) -> str:
        return "f-" + self.field.name.replace(".", "-").replace(":", "-")

    @property
    def described_by(self) -> str:
        about = (
            ("error", bool(self.errors)),
            ("help", bool(self.field.help)),
            ("why", bool(self.field.disabled)),
        )
        return " ".join(f"{self.id}-{name}" for name, there in about if there)

    @property
    def input_type(self) -> str:
        known = {"email": "email", "url": "url", "password": "password", "secret": "password", "date": "date"}
        return known.get(self.field.kind, "text")

    @property
    def shown(self) -> str:
        if self.value is None or self.field.kind in _NEVER_SHOWN:
            return ""
        if self.field.kind == "lines" and isinstance(self.value, list):
            return "\n".join(map(str, self.value))
        if self.field.kind == "json" and not isinstance(self.value, Unread):
            return json.dumps(self.value, ensure_ascii=False, indent=2)
        return str(self.value)

    @property
    def chosen(self) -> list[str]:
        return self.value if isinstance(self.value, list) else [self.shown]

    @property
    def is_on(self) -> bool:
        return bool(self.value)


class Form:
    def __init__(self, *fields: Field, values: Mapping[str, Any] | None = None) -> None:
        given = values or {}
        self.bound = {one.name: Bound(one, given.get(one.name)) for one in fields}
        self.message = ""
        self.others: list[str] = []
        """Problems that are about no field of this form."""
        self.more: list[tuple[str, str, str]] = []
        """As `errors`, of what else stands on the page."""
        self.wait: float | None = None
        """Seconds, after which the same may be taken."""

    def __iter__(self) -> Iterator[Bound]:
        return iter(self.bound.values())

    def __getitem__(self, name: str) -> Bound:
        return self.bound[name]

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """For the summary: the input's id, its label, what is wrong."""
        own = [(each.id, each.field.label, error) for each in self for error in each.errors]
        return [*own, *self.more]

    @property
    def is_refused(self) -> bool:
        return bool(self.message)

    def applies(self, bound: Bound) -> bool:
        """Whether it counts, as things are chosen."""
        if bound.field.when is None:
            return True
        above, value = bound.field.when
        chosen = self.bound[above]
        now = "on" if chosen.value is True else str(chosen.value or "")
        return now == value and self.applies(chosen)

    @property
    def status(self) -> int:
        if not self.is_refused:
            return 200
        return 422 if self.wait is None else 429

    def read(self, sent: QueryDict) -> dict[str, Any]:
        """The body for a verb: nested where names are dotted; a secret left empty is left out."""
        for bound in self:
            if not bound.field.disabled:
                bound.value = _value(bound.field, sent)
        for bound in self:
            if isinstance(bound.value, Unread) and self.applies(bound):
                bound.errors.append(bound.value.why)
        return self.body()

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for bound in self:
            asked, value = bound.field, bound.value
            if asked.disabled or asked.opens or not self.applies(bound):
                continue
            if value is None and (asked.kind in _NEVER_SHOWN or asked.empty == "left out"):
                continue
            if value is None and asked.empty == "text":
                value = ""
            put(body, asked.place, value)
        return body

    def text(self, name: str) -> str:
        """What was read, where a verb takes text alone."""
        value = self.bound[name].value
        return "" if value is None else str(value)

    def refuse(self, error: RopewalkError, problems: Iterable[Problem] = ()) -> None:
        """Each problem stands at its field, or at the one that holds it."""
        # What checks a whole body tells its problems in its message as well.
        self.message = NOT_YET if error.code == "invalid_settings" else error.message
        if isinstance(error, RetryLater):
            self.wait = error.after or 1
        for problem in [*getattr(error, "problems", ()), *problems]:
            bound = self._nearest(problem.path)
            if bound is None:
                self.others.append(f"{problem.path}: {problem.message}" if problem.path else problem.message)
            else:
                bound.errors.append(_of_row(bound.field, problem))

    def _nearest(self, path: str) -> Bound | None:
        there = {each.field.place: each for each in self if self.applies(each)}
        while path:
            if path in there:
                return there[path]
            path = path.rpartition(".")[0]
        return None


def _of_row(asked: Field, problem: Problem) -> str:
    """What is wrong in a row says in which, and where."""
    place, _, name = problem.path.removeprefix(f"{asked.place}.").partition(".")
    if asked.kind != "rows" or not place.isdigit():
        return problem.message
    label = next((each.label for each in asked.columns if each.name == name), "")
    return f"{int(place) + 1}{f', {label}' if label else ''}: {problem.message}"


def put(body: dict[str, Any], place: str, value: Any) -> None:
    *above, last = place.split(".")
    for part in above:
        body = body.setdefault(part, {})
    body[last] = value


def _value(asked: Field, sent: QueryDict) -> Any:
    if asked.kind in _ON:
        return asked.name in sent
    if asked.kind == "checks":
        return sent.getlist(asked.name)
    if asked.kind == "headers":
        return headers(asked.name, sent)
    if asked.kind == "rows":
        return _rows(asked, sent)
    text = sent.get(asked.name, "")
    if asked.kind in _NEVER_SHOWN:
        return text or None
    text = text.strip()
    match asked.kind:
        case "number":
            return _number(text)
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "json":
            return _json(text) if text else None
    return text or None


def _rows(asked: Field, sent: QueryDict) -> list[dict[str, Any]]:
    """Of each row what was entered; one where nothing was that stands in it by itself is none."""
    found = []
    for place in range(MOST_ROWS):
        row = {}
        for column in asked.columns:
            value = _value(msgspec.structs.replace(column, name=f"{asked.name}.{place}.{column.name}"), sent)
            if value not in (None, False):
                row[column.name] = value
        if any(value != column.default for column in asked.columns if (value := row.get(column.name))):
            found.append(row)
    return found


class HeaderRow(msgspec.Struct, frozen=True):
    """`is_set`: there is a value, which is kept as a secret; an empty input leaves it alone."""

    name: str = ""
    value: str = ""
    is_plain: bool = False
    is_set: bool = False

    @property
    def is_kept(self) -> bool:
        """Its value is the saved one; where there is none, the verb says so."""
        return not self.value and (self.is_set or not self.is_plain)


def headers(name: str, sent: QueryDict) -> list[HeaderRow]:
    rows = []
    for place in range(MOST_HEADERS):
        at = f"{name}.{place}"
        row = HeaderRow(
            sent.get(f"{at}.name", "").strip(),
            sent.get(f"{at}.value", ""),
            f"{at}.plain" in sent,
            f"{at}.set" in sent,
        )
        if row.name or row.value:
            rows.append(row)
    return rows


class Unread(str):
    """An input as it came, because it can't be read; `why` says what is wrong with it."""

    __slots__ = ("why",)
    why: str


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        unread = Unread(text)
        at = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        unread.why = f"This is not JSON{at}. Texts and names stand in double quotes."
        return unread


def _number(text: str) -> int | float | str | None:
    """What is no number stays as it came: the verb says what it wants, and the input is kept."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None
