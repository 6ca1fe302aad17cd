"""A form of settings: filled with settings as they are saved, read as a body of settings, and laid out as what belongs to
what is chosen in it. Its fields come from the settings' classes (`settingfields`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from ropewalk.core import paths
from ropewalk.core.values import MISSING
from ropewalk.web.forms import Bound, Field, Form, HeaderRow, put
from ropewalk.web.settingfields import SWITCH

_BLANK_HEADERS: Final = 2
_BLANK_ROWS: Final = 2


class Group(Struct):
    """Fields that stand together: those of one choice of the input `of`, where that is `value`."""

    of: str
    value: str
    is_chosen: bool
    parts: list[Bound | Group] = field(default_factory=list)
    folded: list[Bound | Group] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether something is wrong in what is folded."""
        return wrong_in(self.folded)


class SettingsForm(Form):
    """`sent` names its inputs as the settings' classes name their settings."""

    def __init__(self, *fields: Field, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(*fields)
        self.fill(values or {})

    def fill(self, values: Mapping[str, Any]) -> None:
        """With settings as they are saved; what isn't in them is as its class has it by itself."""
        for bound in self:
            if bound.field.opens:
                bound.value = _found(values, bound.field.place) not in (None, MISSING)
                continue
            value = _found(values, bound.field.place)
            if value is MISSING or not self.applies(bound):
                value = bound.field.default
            bound.value = _rows(value, values) if bound.field.kind == "headers" else value

    def body(self) -> dict[str, Any]:
        body = super().body()
        for bound in self:
            if bound.field.opens and self.applies(bound):
                if not bound.is_on or _found(body, bound.field.place) is MISSING:
                    put(body, bound.field.place, {} if bound.is_on else None)
            elif bound.field.kind == "headers":
                rows: list[HeaderRow] = bound.value or []
                body["headers"] = {row.name: {"set": True} if row.is_kept else row.value for row in rows}
                body["plain_headers"] = [row.name for row in rows if row.is_plain]
        return body

    def parts(self, *names: str, folded: bool = False) -> list[Bound | Group]:
        """The fields of these settings, in this order, with what belongs to what is chosen in them."""
        found: list[Bound | Group] = []
        for name in names:
            for bound in self:
                top = bound.field.when is None and bound.field.name.removesuffix(SWITCH) == name
                inner = bound.field.when is None and bound.field.name.startswith(f"{name}.")
                if (top or inner) and bound.field.folded == folded:
                    found += [bound, *self._below(bound)]
        return found

    def _below(self, above: Bound) -> Iterator[Group]:
        values = list(
            dict.fromkeys(
                each.field.when[1]
                for each in self
                if each.field.when is not None and each.field.when[0] == above.field.name
            )
        )
        now = "on" if above.value is True else str(above.value or "")
        for value in values:
            group = Group(above.field.name, value, now == value)
            for each in self:
                if each.field.when == (above.field.name, value):
                    into = group.folded if each.field.folded else group.parts
                    into += [each, *self._below(each)]
            yield group


def wrong_in(parts: Iterable[Bound | Group]) -> bool:
    return any(
        bool(each.errors) if isinstance(each, Bound) else wrong_in([*each.parts, *each.folded])
        for each in parts
    )


def setting_rows(bound: Bound) -> list[tuple[int, list[Bound]]]:
    """Each with its inputs, and room for more."""
    blank: list[dict[str, Any]] = [{}] * _BLANK_ROWS
    return [
        (
            place,
            [
                Bound(
                    replace(column, name=f"{bound.field.name}.{place}.{column.name}"),
                    row.get(column.name, column.default),
                )
                for column in bound.field.columns
            ],
        )
        for place, row in enumerate([*(bound.value or []), *blank])
    ]


def header_rows(bound: Bound) -> list[tuple[int, HeaderRow]]:
    """With room for more."""
    return list(enumerate([*(bound.value or []), *[HeaderRow()] * _BLANK_HEADERS]))


def _found(values: Mapping[str, Any], place: str) -> Any:
    return paths.get(dict(values), paths.parse(place))


def _rows(value: Any, values: Mapping[str, Any]) -> list[HeaderRow]:
    plain = {str(name).lower() for name in values.get("plain_headers") or ()}
    return [
        HeaderRow(
            name,
            one if isinstance(one, str) and name.lower() in plain else "",
            name.lower() in plain,
            not isinstance(one, str),
        )
        for name, one in (value or {}).items()
    ]
