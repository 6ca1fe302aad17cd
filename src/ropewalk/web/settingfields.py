"""The fields of a form, drawn from the classes that check settings: what pydantic knows of a setting is its label, its help,
its input and what it may be. A setting that is new in a class is on the page without another line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ropewalk.sources.base import Option, Secret
from ropewalk.web import settingtexts
from ropewalk.web.forms import Choice, Field

SWITCH: Final = ":given"
"""Ends the name of the input that says whether settings below it are there at all."""
_ELSEWHERE: Final = frozenset(("mapping", "plain_headers"))
"""Drawn by somebody else: mappings have a page's part of their own, plain headers stand among the headers."""


def drawn(
    model: type[BaseModel],
    *,
    at: str = "",
    saved: Collection[str] = (),
    secrets_at: str = "",
    folded: Collection[str] = (),
    when: tuple[str, str] | None = None,
    secrets: Mapping[str, Secret] = MappingProxyType({}),
    offered: Mapping[str, Sequence[Option]] = MappingProxyType({}),
) -> Iterator[Field]:
    """`at` stands before the names; `saved` are the names of secrets that are there; `folded` the settings that most
    people leave as they are. `secrets_at`: where the body has its secrets. `secrets` are those that the source has: what
    no choice of the settings asks for stands at the end. `offered`: what there is to choose from, by the name that
    settings call it by."""
    drawing = _Drawing(frozenset(saved), secrets_at, frozenset(folded), secrets, offered)
    yield from drawing.model(model, at, when)
    asked = set(_asked_for(model))
    for name in secrets:
        if name not in asked:
            yield drawing.secret(name, f"{secrets_at}secrets.{name}", when)


class _Drawing(Struct, frozen=True):
    saved: frozenset[str]
    secrets_at: str
    folded: frozenset[str]
    secrets: Mapping[str, Secret]
    offered: Mapping[str, Sequence[Option]]

    def secret(self, name: str, field: str, when: tuple[str, str] | None) -> Field:
        known = self.secrets.get(name)
        return Field(
            field,
            known.title if known else settingtexts.secret(name),
            "secret_lines" if known is not None and known.lines else "secret",
            path=f"{self.secrets_at}secrets.{name}",
            when=when,
            is_set=name in self.saved,
            help=f"{known.help if known else ''} {_SECRET_HELP}".strip(),
        )

    def model(
        self,
        model: type[BaseModel],
        at: str,
        when: tuple[str, str] | None,
        leave_out: Collection[str] = (),
    ) -> Iterator[Field]:
        for name, info in model.model_fields.items():
            if name not in _ELSEWHERE and name not in leave_out:
                yield from self.setting(name, info, at, when)

    def setting(self, name: str, info: FieldInfo, at: str, when: tuple[str, str] | None) -> Iterator[Field]:
        path = at + (info.alias or name)
        kind, nullable = _bare(info.annotation)
        folded = name in self.folded or bool(_said_of(info).get("folded"))
        asked = _Asked(path, name, info, when, nullable, folded)
        members = _members(kind)
        if members:
            yield from self.union(asked, members)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            if not nullable:
                yield from self.model(kind, f"{path}.", when)
                return
            switch = asked.field(
                "switch", name=path + SWITCH, help=settingtexts.about(kind, info), opens=True
            )
            yield switch
            yield from self.model(kind, f"{path}.", (switch.name, "on"))
        else:
            yield self.plain(asked, kind)

    def plain(self, asked: _Asked, kind: Any) -> Field:
        if (offered := self.offered.get(choices_of(asked.info))) is not None:
            return _chosen_from(asked, kind, offered)
        if (row := row_of(kind)) is not None:
            columns = [self.column(name, info) for name, info in row.model_fields.items()]
            return asked.field("rows", columns=columns)
        return _plain(asked, kind)

    def column(self, name: str, info: FieldInfo) -> Field:
        """Of a row: one that is left empty is none, so nothing is required."""
        kind, nullable = _bare(info.annotation)
        drawn = self.plain(_Asked(name, name, info, None, nullable, folded=False), kind)
        choices = drawn.choices
        if drawn.kind == "select" and drawn.default is None and all(each.value for each in choices):
            choices = [Choice("", "–"), *choices]
        return replace(drawn, required=False, choices=choices)

    def union(self, asked: _Asked, members: Mapping[str, type[BaseModel]]) -> Iterator[Field]:
        """A choice, and for each of what can be chosen its own settings."""
        path = asked.path
        select = asked.field(
            "select",
            name=f"{path}.type{asked.suffix}",
            path=f"{path}.type",
            choices=[Choice(tag, settingtexts.choice(tag)) for tag in members],
            empty="left out",
            default=getattr(asked.info.default, "type", None),
        )
        yield select
        for tag, member in members.items():
            when = (select.name, tag)
            named = [*self.model(member, f"{path}.", when, leave_out=("type",))]
            order = [each for each in named if not each.folded], [each for each in named if each.folded]
            yield from order[0]
            for secret in _secrets_of(member):
                yield self.secret(secret, f"{self.secrets_at}secrets.{secret}:{path}:{tag}", when)
            yield from order[1]


class _Asked(Struct, frozen=True):
    path: str
    name: str
    info: FieldInfo
    when: tuple[str, str] | None
    nullable: bool
    folded: bool

    @property
    def suffix(self) -> str:
        return f":{self.when[1]}" if self.when else ""

    def field(
        self, kind: Any, *, name: str = "", path: str = "", help: str | None = None, **more: Any
    ) -> Field:
        return Field(
            name or self.path + self.suffix,
            self.info.title or settingtexts.label(self.name),
            kind,
            help=(self.info.description or "") if help is None else help,
            required=self.info.is_required() and not self.nullable,
            placeholder=self.placeholder,
            path=path or self.path,
            when=self.when,
            folded=self.folded,
            **{"empty": "null" if self.nullable else "left out", "default": self.default, **more},
        )

    @property
    def placeholder(self) -> str:
        example = next(iter(self.info.examples or ()), "")
        return example if isinstance(example, str) else ""

    @property
    def default(self) -> Any:
        if self.info.is_required():
            return None
        value = self.info.get_default(call_default_factory=True)
        return None if isinstance(value, BaseModel) else value


_SECRET_HELP: Final = "Encrypted, sent to this address only, and never shown again."


def _secrets_of(member: type[BaseModel]) -> tuple[str, ...]:
    """What a way to authenticate needs beside its settings."""
    several: tuple[str, ...] | None = getattr(member, "secrets", None)
    one: str | None = getattr(member, "secret", None)
    return several if several is not None else (one,) if one is not None else ()


def _asked_for(model: type[BaseModel]) -> Iterator[str]:
    """The secrets that are asked for where one chooses how to authenticate."""
    for info in model.model_fields.values():
        for member in _members(_bare(info.annotation)[0]).values():
            yield from _secrets_of(member)


def _said_of(info: FieldInfo) -> Mapping[str, Any]:
    """What a setting says of its input: `choices`, `free`, `folded`, `input`."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def choices_of(info: FieldInfo) -> str:
    return str(_said_of(info).get("choices", ""))


def row_of(kind: Any) -> type[BaseModel] | None:
    """Of a list whose items are settings of their own, without further ones below: their class."""
    arguments = get_args(kind)
    inner = _bare(arguments[0])[0] if get_origin(kind) is list and arguments else None
    if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
        return None
    parts = [_bare(info.annotation)[0] for info in inner.model_fields.values()]
    flat = all(each in (str, int, float, bool) or get_origin(each) is Literal for each in parts)
    return inner if flat else None


def choices_named(model: type[BaseModel]) -> Iterator[str]:
    """What the settings of a class are chosen from, those of its rows included."""
    for info in model.model_fields.values():
        if name := choices_of(info):
            yield name
        if (row := row_of(_bare(info.annotation)[0])) is not None:
            yield from choices_named(row)


def _chosen_from(asked: _Asked, kind: Any, offered: Sequence[Option]) -> Field:
    """`free`: what is offered may be written over. With an `input` of its own, what is offered only stands beside it."""
    choices = [
        Choice(each.value, each.label or each.value, help=each.about, group=each.group) for each in offered
    ]
    if drawn_as := _said_of(asked.info).get("input"):
        return asked.field(drawn_as, choices=choices)
    if _said_of(asked.info).get("free"):
        return asked.field("text", choices=choices)
    if get_origin(kind) is list or kind is list:
        return asked.field("checks", choices=choices)
    if asked.nullable or not asked.info.is_required():
        choices.insert(0, Choice("", "–"))
    return asked.field("select", choices=choices)


def _plain(asked: _Asked, kind: Any) -> Field:
    if drawn_as := _said_of(asked.info).get("input"):
        return asked.field(drawn_as)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is bool:
        return asked.field("switch")
    if origin is Literal:
        choices = [Choice(str(each), settingtexts.choice(str(each))) for each in arguments]
        if asked.nullable:
            choices.insert(0, Choice("", "As the connector has it" if asked.path.startswith("auth") else "–"))
        return asked.field("select", choices=choices)
    if kind is int or kind is float:
        return asked.field("number")
    if origin is dict:
        return asked.field("headers")
    if origin is list or kind is list:
        inner, _ = _bare(arguments[0]) if arguments else (str, False)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return asked.field("json")
        if get_origin(inner) is Literal:
            return asked.field(
                "checks",
                choices=[Choice(str(each), settingtexts.choice(str(each))) for each in get_args(inner)],
            )
        return asked.field("lines", help=f"{asked.info.description or ''} One per line.".strip())
    if kind is str:
        return asked.field("url" if asked.name.endswith("url") else "text")
    return asked.field("json")


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Without what only checks it; and whether it may be null."""
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
            others = [each for each in get_args(annotation) if each is not NoneType]
            nullable = True
            if len(others) != 1:
                return Union[tuple(others)], True  # noqa: UP007
            annotation = others[0]
        else:
            return annotation, nullable


def _members(kind: Any) -> dict[str, type[BaseModel]]:
    """Of a union of classes, by their tag."""
    if get_origin(kind) not in (Union, UnionType):
        return {}
    members = [_bare(each)[0] for each in get_args(kind)]
    if not all(isinstance(each, type) and issubclass(each, BaseModel) for each in members):
        return {}
    return {str(each.model_fields["type"].default): each for each in members if "type" in each.model_fields}
