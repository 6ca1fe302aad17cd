"""The form of an account: each field by its type. Of one that is edited only what somebody has changed is sent on, so
that a form that was open for long takes nothing back that has come in meanwhile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import QueryDict

from ropewalk.core import times
from ropewalk.core.errors import Conflict, MustFix, Problem, RopewalkError
from ropewalk.core.mapping import BUILT_IN
from ropewalk.store import byhand, fields, people
from ropewalk.store.models import Account, TrackedField
from ropewalk.web import fieldtexts
from ropewalk.web.forms import NOT_YET, Choice, Field, Form, Kind

NEW_NAME: Final = "new.name"
NEW_VALUE: Final = "new.value"
WAS: Final = "was."
_BELOW: Final = "fields."

_KINDS: Final[Mapping[str, Kind]] = {
    "number": "number",
    "boolean": "select",
    "list": "textarea",
    "object": "textarea",
}
_YES_OR_NO: Final = (Choice("", "–"), Choice("true", "Yes"), Choice("false", "No"))
_LINE_CHARS: Final = 200
_HELP: Final = {
    "companyDomain": "Such as acme.example. Of a web address, only the domain is kept.",
    "externalCustomerId": "The id under which your other systems know this customer.",
    "date-time": "Such as 2026-03-01 or 2026-03-01T12:00:00Z.",
    "list": 'In JSON, such as ["one", "two"].',
    "object": 'In JSON, such as {"city": "Kiel"}.',
}


class AccountForm(Form):
    def __init__(self, organization_id: UUID, account: Account | None = None) -> None:
        tracked = fields.custom(organization_id)
        values = byhand.values_of(account) if account is not None else {}
        known = {each.name: each.type for each in tracked}
        kinds = {**{name: "text" for name in values if name not in BUILT_IN}, **known}
        self._kinds = {f"{_BELOW}{name}": kind for name, kind in kinds.items()}
        texts = {_path(name): _text(value) for name, value in values.items()}
        owner = account.owner_id if account is not None else None
        super().__init__(
            *_built_in(organization_id, owner), *_custom(tracked, kinds, texts), *_new(), values=texts
        )
        self._is_new = account is None

    @property
    def built_in(self) -> list[Any]:
        return [self[name] for name in BUILT_IN]

    @property
    def custom(self) -> list[Any]:
        return [each for each in self if each.field.name.startswith(_BELOW)]

    @property
    def added(self) -> list[Any]:
        return [self[NEW_NAME], self[NEW_VALUE]]

    @property
    def was(self) -> list[tuple[str, str]]:
        """Goes with the form: what each field showed when it was opened."""
        if self._is_new:
            return []
        return [
            (f"{WAS}{each.field.name}", self._was.get(each.field.name) or _digest(each.shown))
            for each in self
        ]

    _was: Mapping[str, str] = {}

    def changes(self, sent: QueryDict) -> tuple[dict[str, Any], list[Problem]]:
        """The body for the verb, and what could not be read into it."""
        self._was = {name.removeprefix(WAS): str(sent[name])[:64] for name in sent if name.startswith(WAS)}
        self.read(sent)
        body: dict[str, Any] = {}
        custom: dict[str, Any] = {}
        unread: list[Problem] = []
        for each in self:
            name = each.field.name
            if name not in sent or name in (NEW_NAME, NEW_VALUE) or self._is_untouched(name, each.shown):
                continue
            try:
                value = _value(each.shown, self._kinds.get(name, "text"))
            except ValueError as error:
                unread.append(Problem(name, str(error)))
                continue
            if name.startswith(_BELOW):
                custom[name.removeprefix(_BELOW)] = value
            else:
                body[name] = value
        unread += self._take_new(custom)
        if custom:
            body["fields"] = custom
        return body, unread

    def _is_untouched(self, name: str, text: str) -> bool:
        return not text if self._is_new else _digest(text) == self._was.get(name)

    def _take_new(self, custom: dict[str, Any]) -> list[Problem]:
        name, value = self.text(NEW_NAME), self.text(NEW_VALUE)
        if not name and value:
            return [Problem(NEW_NAME, "Name the field that this value is for.")]
        if name and not value:
            return [Problem(NEW_VALUE, "Give the new field a value here.")]
        if name and name.casefold() in {each.removeprefix(_BELOW).casefold() for each in self._kinds}:
            return [Problem(NEW_NAME, f"There is a field {name} already. Set it above.")]
        if name:
            custom[name] = _guessed(value)
        return []

    def refuse_account(self, error: MustFix | Conflict) -> None:
        """With what is about a new field at the field that names it."""
        problems = [Problem(self._place(each.path), each.message) for each in getattr(error, "problems", ())]
        message = error.message
        if error.code == "external_id_conflict":
            problems.append(Problem("externalCustomerId", error.message))
            message = NOT_YET
        self.refuse(RopewalkError(error.code, message), problems)

    def _place(self, path: str) -> str:
        new = self.text(NEW_NAME)
        return NEW_NAME if new and path in (new, f"{_BELOW}{new}") else path


def _path(name: str) -> str:
    return name if name in BUILT_IN else f"{_BELOW}{name}"


def _built_in(organization_id: UUID, owner: UUID | None) -> Sequence[Field]:
    team = people.team(organization_id)
    owners = [Choice(str(each.id), each.user.name or each.user.email) for each in team]
    if owner is not None and owner not in {each.id for each in team}:
        owners.append(Choice(str(owner), "Somebody who has left"))
    return (
        Field("companyName", fieldtexts.label("companyName")),
        Field("companyDomain", fieldtexts.label("companyDomain"), help=_HELP["companyDomain"]),
        Field("externalCustomerId", fieldtexts.label("externalCustomerId"), help=_HELP["externalCustomerId"]),
        Field(
            "accountOwnerId",
            fieldtexts.label("accountOwnerId"),
            "select",
            choices=[Choice("", "Nobody"), *owners],
        ),
    )


def _custom(
    tracked: Sequence[TrackedField], kinds: Mapping[str, str], texts: Mapping[str, str]
) -> Sequence[Field]:
    names = [
        *(each.name for each in tracked),
        *(name for name in kinds if name not in {t.name for t in tracked}),
    ]
    return [
        Field(
            _path(name),
            fieldtexts.label(name),
            _kind(kinds[name], texts.get(_path(name), "")),
            help=_HELP.get(kinds[name], ""),
            choices=_YES_OR_NO if kinds[name] == "boolean" else (),
        )
        for name in names
    ]


def _kind(kind: str, text: str) -> Kind:
    if kind == "boolean" and text not in ("", "true", "false"):
        return "text"
    long = len(text) > _LINE_CHARS or "\n" in text
    return _KINDS.get(kind, "textarea" if long else "text")


def _new() -> Sequence[Field]:
    return (
        Field(
            NEW_NAME, "Name of a new field", help="Letters and digits, such as planTier.", autocomplete="off"
        ),
        Field(NEW_VALUE, "Its value", autocomplete="off"),
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _plain(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)


def _plain(text: str) -> str:
    """Browsers send line ends of their own, and a form takes away what stands around a value."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _digest(text: str) -> str:
    return hashlib.sha256(_plain(text).encode(errors="replace")).hexdigest()[:16]


def _value(text: str, kind: str) -> Any:
    """A ValueError says how the field's type is written."""
    text = _plain(text)
    if not text:
        return None
    if kind == "number":
        return _number(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "date-time" and times.read(text) is None:
        raise ValueError("Give a date or a time, such as 2026-03-01 or 2026-03-01T12:00:00Z.")
    if kind in ("list", "object"):
        return _json(text, kind)
    return text


def _number(text: str) -> int | float:
    found = _decoded(text)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return found
    raise ValueError("Give a number, such as 12 or 4.5.")


def _json(text: str, kind: str) -> Any:
    found = _decoded(text)
    if isinstance(found, list if kind == "list" else dict):
        return found
    raise ValueError(f"Give {'a list' if kind == 'list' else 'an object'}. {_HELP[kind]}")


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


def _guessed(text: str) -> Any:
    """A new field's first value makes its type."""
    try:
        return _number(text)
    except ValueError:
        return {"true": True, "false": False, "yes": True, "no": False}.get(text.casefold(), text)
