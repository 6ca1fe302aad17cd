"""Forms, drawn field by field. A form reads what was sent into the body that the engine's verb takes, and shows the
verb's problems at the fields that they are about: the check is the engine's alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.http import QueryDict

from ropewalk.core.errors import Problem, RetryLater, RopewalkError

Kind = Literal[
    "text",
    "email",
    "url",
    "number",
    "password",
    "secret",
    "textarea",
    "lines",
    "code",
    "select",
    "radio",
    "checks",
    "checkbox",
    "switch",
    "date",
]

_ON: Final = ("checkbox", "switch")
_NEVER_SHOWN: Final = ("password", "secret")


@dataclass(frozen=True, slots=True)
class Choice:
    """`disabled`: why it can't be chosen here."""

    value: str
    label: str
    help: str = ""
    disabled: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """`name` is its dotted path in the body. `is_set`, of a secret: there is one, which an empty input keeps."""

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


@dataclass(slots=True)
class Bound:
    """A field with its value, and what is wrong with it."""

    field: Field
    value: Any = None
    errors: list[str] = dataclasses.field(default_factory=list)

    @property
    def id(self) -> str:
        return f"f-{self.field.name.replace('.', '-')}"

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
        self.wait: float | None = None
        """Seconds, after which the same may be taken."""

    def __iter__(self) -> Iterator[Bound]:
        return iter(self.bound.values())

    def __getitem__(self, name: str) -> Bound:
        return self.bound[name]

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """For the summary: the input's id, its label, what is wrong."""
        return [(each.id, each.field.label, error) for each in self for error in each.errors]

    @property
    def is_refused(self) -> bool:
        return bool(self.message)

    @property
    def status(self) -> int:
        if not self.is_refused:
            return 200
        return 422 if self.wait is None else 429

    def read(self, sent: QueryDict) -> dict[str, Any]:
        """The body for a verb: nested where names are dotted. Left empty: null; a secret left empty is left out."""
        body: dict[str, Any] = {}
        for name, bound in self.bound.items():
            if bound.field.disabled:
                continue
            bound.value = _value(bound.field, sent)
            if bound.value is None and bound.field.kind in _NEVER_SHOWN:
                continue
            *above, last = name.split(".")
            place = body
            for part in above:
                place = place.setdefault(part, {})
            place[last] = bound.value
        return body

    def text(self, name: str) -> str:
        """What was read, where a verb takes text alone."""
        value = self.bound[name].value
        return "" if value is None else str(value)

    def refuse(self, error: RopewalkError, problems: Iterable[Problem] = ()) -> None:
        """Each problem stands at its field, or at the one that holds it."""
        self.message = error.message
        if isinstance(error, RetryLater):
            self.wait = error.after or 1
        for problem in [*getattr(error, "problems", ()), *problems]:
            bound = self._nearest(problem.path)
            if bound is None:
                self.others.append(f"{problem.path}: {problem.message}" if problem.path else problem.message)
            else:
                bound.errors.append(problem.message)

    def _nearest(self, path: str) -> Bound | None:
        while path:
            if path in self.bound:
                return self.bound[path]
            path = path.rpartition(".")[0]
        return None


def _value(asked: Field, sent: QueryDict) -> Any:
    if asked.kind in _ON:
        return asked.name in sent
    if asked.kind == "checks":
        return sent.getlist(asked.name)
    text = sent.get(asked.name, "")
    if asked.kind in ("password", "secret"):
        return text or None
    text = text.strip()
    if asked.kind == "number":
        return _number(text)
    if asked.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    return text or None


def _number(text: str) -> int | float | str | None:
    """What is no number stays as it came: the verb says what it wants, and the input is kept."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None
