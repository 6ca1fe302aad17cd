"""The fixed list of transforms that a mapping may carry (product.md §3).

A transform is named in YAML as `trim`, or with its argument as `{split: ";"}`. An absent or null value passes
through all of them but `constant` and `default`; a list is transformed item by item, except by `split`, `first` and
`join`. What can't be transformed refuses its row, with the value in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from ropewalk.core import normalise, times
from ropewalk.core.errors import RowRefused
from ropewalk.core.reasons import shown
from ropewalk.core.values import JSON, MISSING, canonical

Step: TypeAlias = "Callable[[Any], Any]"

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT64 = range(-(2**63), 2**64)
_TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "off", "0"))
_FORMAT_CODE = re.compile(r"%(.|$)", re.DOTALL)
_FORMAT_CODES = frozenset("aAbBdmyYjHIpMSfzZ")
_TIME_CODES = frozenset("HIpMSfzZ")


def _refuse(value: JSON, why: str) -> RowRefused:
    return RowRefused("invalid_value", f"{shown(value)} {why}")


# ---- one value ----


def _trim(value: JSON) -> JSON:
    return value.strip() if isinstance(value, str) else value


def _lower(value: JSON) -> JSON:
    return value.lower() if isinstance(value, str) else value


def _upper(value: JSON) -> JSON:
    return value.upper() if isinstance(value, str) else value


def _number(value: JSON) -> JSON:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else None
    if text == "":
        return None
    if text is None or not _NUMBER.fullmatch(text):
        raise _refuse(
            value, "is not a plain number such as 1234.5; remove the number transform or fix the source."
        )
    if _INTEGER.fullmatch(text):
        # Digits first: Python refuses to read thousands of them, and beyond 64 bits they stay text (§4.2).
        return int(text) if len(text) <= 20 and int(text) in _INT64 else text
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _refuse(value, "is too large for a number; remove the number transform to keep it as text.")
    return number


def _boolean(value: JSON) -> JSON:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return value == 1
    if isinstance(value, str):
        text = value.strip().lower()
        if text == "":
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    raise _refuse(value, "is neither true nor false (yes, no, on, off, 1 and 0 are understood as well).")


def _date(value: JSON) -> JSON:
    moment = None
    if isinstance(value, str):
        text = value.strip()
        if text == "":
            return None
        moment = times.read(text) or times.read_epoch(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        moment = times.read_epoch(value)
    if moment is None:
        raise _refuse(
            value,
            'is not a date that is understood (ISO 8601 or epoch); name its format, as in {date: "%d.%m.%Y"}.',
        )
    return times.iso(moment)


def _date_by(pattern: str) -> Step:
    with_time = not _TIME_CODES.isdisjoint(_FORMAT_CODE.findall(pattern))

    def read(value: JSON) -> JSON:
        if isinstance(value, str):
            text = value.strip()
            if text == "":
                return None
            try:
                moment = datetime.strptime(text, pattern)  # noqa: DTZ007 (without a zone it is UTC)
                return times.iso(moment if with_time else moment.date())
            except (ValueError, OverflowError):
                pass
        raise _refuse(value, f'is not a date in the format "{pattern}".')

    return read


def _domain(value: JSON) -> JSON:
    if isinstance(value, str):
        if not value.strip():
            return None
        name = normalise.domain(value)
        if name is not None:
            return name
    raise RowRefused("invalid_domain", f"{shown(value)} is not a domain, a URL or an email.")


# ---- lists ----


def _split_by(separator: str) -> Step:
    def split(value: JSON) -> JSON:
        if isinstance(value, str):
            return [part for part in map(str.strip, value.split(separator)) if part]
        return value

    return split


def _first(value: JSON) -> JSON:
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _join_by(separator: str) -> Step:
    def join(value: JSON) -> JSON:
        if not isinstance(value, list):
            return value
        return separator.join(
            item if isinstance(item, str) else canonical(item).decode() for item in value if item is not None
        )

    return join


# ---- the list of them ----

_EACH: dict[str, Step] = {
    "trim": _trim,
    "lower": _lower,
    "upper": _upper,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "domain": _domain,
}
_WHOLE: dict[str, Step] = {"split": _split_by(","), "first": _first, "join": _join_by(", ")}
NAMES = (*_EACH, *_WHOLE, "constant", "default")
_WITH_TEXT = {"split": "separator", "join": "separator", "date": "format"}


def check(spec: Any) -> str | dict[str, JSON]:
    """The spec as it is, or a ValueError in words that say how to mend it."""
    if isinstance(spec, str) or (
        isinstance(spec, dict) and len(spec) == 1 and isinstance(next(iter(spec)), str)
    ):
        name = spec if isinstance(spec, str) else next(iter(spec))
    else:
        raise ValueError('a transform is a name, as trim, or a name with its argument, as {split: ";"}')
    if name not in NAMES:
        raise ValueError(f"there is no such transform; there are {', '.join(NAMES)}")
    if isinstance(spec, str):
        if name in ("constant", "default"):
            raise ValueError(f"{name} needs a value, as {{{name}: customer}}")
        return spec
    argument = spec[name]
    if name in _WITH_TEXT:
        if not isinstance(argument, str) or (not argument and name != "join"):
            raise ValueError(f"{name} takes its {_WITH_TEXT[name]} as text")
        if name == "date":
            _check_format(argument)
    elif name not in ("constant", "default"):
        raise ValueError(f"{name} takes no argument")
    return spec


def _check_format(pattern: str) -> None:
    codes = _FORMAT_CODE.findall(pattern)
    if not codes or len(set(codes)) < len(codes) or not _FORMAT_CODES.issuperset(codes):
        raise ValueError(
            f"date takes a format of these codes, each once: {', '.join('%' + c for c in sorted(_FORMAT_CODES))}"
        )


Spec = Annotated[
    str | dict[str, Any],
    PlainValidator(check),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [n for n in NAMES if n not in ("constant", "default")]},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "propertyNames": {"enum": list(NAMES)},
                },
            ]
        }
    ),
]


def speaks_without_value(specs: Sequence[str | dict[str, Any]]) -> bool:
    """Whether these yield a value where the record has none."""
    return any(isinstance(spec, dict) and ("constant" in spec or "default" in spec) for spec in specs)


def compile(specs: Sequence[str | dict[str, Any]]) -> Callable[[Any], Any] | None:
    """One function for all of them in their order; None for none. It takes and may yield MISSING."""
    steps = tuple(_step(spec) for spec in specs)
    if len(steps) <= 1:
        return steps[0] if steps else None

    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


def _step(spec: str | dict[str, Any]) -> Step:
    name, argument = (spec, None) if isinstance(spec, str) else next(iter(spec.items()))
    if name == "constant":
        return lambda _: argument
    if name == "default":
        return lambda value: argument if value is MISSING or value is None or value == "" else value
    if name == "date" and argument is not None:
        return _each(_date_by(argument))
    if name in _EACH:
        return _each(_EACH[name])
    if argument is None:
        return _given(_WHOLE[name])
    return _given(_split_by(argument) if name == "split" else _join_by(argument))


def _given(step: Step) -> Step:
    return lambda value: value if value is None or value is MISSING else step(value)


def _each(step: Step) -> Step:
    def run(value: Any) -> Any:
        if value is None or value is MISSING:
            return value
        if isinstance(value, list):
            return [None if item is None else step(item) for item in value]
        return step(value)

    return run
