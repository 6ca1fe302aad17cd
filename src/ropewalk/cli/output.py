"""What a command says: tables and sentences for people, JSON for scripts; no colour and no bars for pipes."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ropewalk.core.errors import Conflict, GiveUp, MustFix, NotFound, Refused, RetryLater, RopewalkError

if TYPE_CHECKING:
    from rich.console import Console

# Records come from outside: what they hold must not steer the terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_EMPTY = "–"
_SHOWN_CHARS = 60


class Output:
    """`as_json`: standard output is one JSON document, an error included."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    # ---- what was asked for ----

    def answer(self, value: Any) -> None:
        """The answer as the API gives it. Only for scripts: see `as_json`."""
        _print(json.dumps(value, ensure_ascii=False, indent=2, default=_as_api))

    def say(self, text: str = "") -> None:
        if not self.as_json:
            _print("\n".join(plain(line) for line in text.split("\n")))

    def write(self, text: str) -> None:
        """As it is, for a file or another program."""
        sys.stdout.buffer.write(text.encode())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
        if self.as_json:
            return
        cells = [[shown(cell) for cell in row] for row in rows]
        if title:
            self.say(title)
        if _for_people(sys.stdout):
            _rich_table(columns, cells)
        else:
            _plain_table(columns, cells)

    # ---- beside it ----

    def note(self, text: str) -> None:
        """On standard error: what a person should know that is no part of the answer."""
        if not self.as_json:
            print("\n".join(plain(line) for line in text.split("\n")), file=sys.stderr, flush=True)

    def error(self, error: RopewalkError) -> None:
        problems = error.problems if isinstance(error, MustFix) else ()
        if self.as_json:
            self.answer(_refusal(error))
            return
        lines = [f"{one.path}: {one.message}" if one.path else one.message for one in problems]
        # Some messages list their problems for the log; here each has a line of its own.
        self.note(f"Error: {error.message.removesuffix('; '.join(lines)).rstrip()}")
        for one, line in zip(problems, lines, strict=True):
            if one.message != error.message:
                self.note(f"  {line}")

    def bar_fits(self) -> bool:
        return not self.as_json and _for_people(sys.stderr)

    def console(self) -> Console:
        """Standard error, for what moves."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, markup=False)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has seen enough (`ropewalk accounts | head`); what Python flushes at its end has to go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _as_api(value: Any) -> Any:
    """A resource of `ropewalk.api.schemas`, as the API would write it."""
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else str(value)


_CODES: tuple[tuple[type[RopewalkError], str], ...] = (
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (Refused, "permission_denied"),
    (MustFix, "unprocessable_entity"),
    (RetryLater, "unavailable"),
    (GiveUp, "conflict"),
)


def _refusal(error: RopewalkError) -> dict[str, Any]:
    """In the API's shape and codes; what only the engine has a name for stands under `reason`."""
    code = next((code for kind, code in _CODES if type(error) is kind), error.code)
    details: dict[str, Any] = {} if error.code == code else {"reason": error.code}
    if isinstance(error, MustFix):
        listed = [{"path": one.path, "message": one.message} for one in error.problems]
        details["errors"] = listed or [{"path": "", "message": error.message}]
    return {"error_code": code, "message": error.message} | ({"details": details} if details else {})


def _for_people(stream: Any) -> bool:
    return bool(stream.isatty()) and os.environ.get("TERM", "") not in ("", "dumb")


def plain(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def shown(value: object) -> str:
    if value is None or value == "":
        return _EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return plain(str(value))


def short(value: object, chars: int = _SHOWN_CHARS) -> str:
    text = shown(value)
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(Text(name), justify="right" if _numbers(rows, place) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, markup=False).print(table)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns two spaces apart, whole values: for files, grep and people whose terminal does nothing else."""
    lines = [list(columns), *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    right = [_numbers(rows, place) for place in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(line, widths, right, strict=True)
        ]
        _print("  ".join(cells).rstrip())


def _numbers(rows: Sequence[Sequence[str]], place: int) -> bool:
    cells = {row[place] for row in rows} - {_EMPTY}
    return bool(cells) and all(cell.replace(",", "").removesuffix("%").isdigit() for cell in cells)
