"""Pushing a file: its lines made items, sent in batches, and the place noted that was reached."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage
from ropewalk.cli.place import Place
from ropewalk.cli.pushtargets import Target, directly, over_http
from ropewalk.client import BATCH_BYTES, Accepted, Call, Result
from ropewalk.core.errors import MustFix, Problem, RopewalkError

_PIECES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REJECTED_SHOWN: Final = 20
_REJECTED_KEPT: Final = 1_000


class Options(msgspec.Struct, frozen=True):
    partial: bool = False
    as_data: bool = False
    batch: int = 1_000
    restart: bool = False


class Line(msgspec.Struct):
    """`number` counts from 1, blank ones too; `end` is the byte after it."""

    number: int
    end: int
    item: bytes
    call: Call


class Tally(msgspec.Struct):
    line: int = 0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    rejected: list[tuple[int, Result]] = msgspec.field(default_factory=list)

    def add(self, lines: list[Line], accepted: Accepted) -> None:
        self.line = lines[-1].number
        for line, result in zip(lines, accepted.results, strict=True):
            self.outcomes[result.outcome] += 1
            if result.outcome == "rejected" and len(self.rejected) < _REJECTED_KEPT:
                self.rejected.append((line.number, result))


def push(called: Called, connector: str, file: Path, options: Options, *, url: str, key: str) -> int:
    target = over_http(url, key, connector) if url else directly(called, connector)
    tally = Tally()
    with closing(target), _opened(file) as lines:
        place = None if str(file) == "-" else Place(file, target.name)
        begun = place.found(lines) if place and not options.restart else None
        if begun is not None:
            lines.seek(begun["offset"])
            tally.line = begun["line"]
            called.output.note(f"Going on after line {begun['line']:,}, where it was interrupted.")
        try:
            with _bar(called, file, lines) as show:
                for batch in _batches(read(lines, options, tally.line), options.batch):
                    tally.add(batch, _taken(target, batch, partial=options.partial))
                    if place:
                        place.note(batch[-1].number, batch[-1].end)
                    show(batch[-1].end)
        except KeyboardInterrupt:
            tell(called, tally)
            if place and place.is_noted:
                called.output.note("Interrupted. The same command goes on from there.")
            return exits.INTERRUPTED
        except RopewalkError:
            if place and place.is_noted:
                called.output.note("What came before is kept. The same command goes on from there.")
            raise
        if place:
            place.forget()
    tell(called, tally)
    return exits.INCOMPLETE if tally.outcomes["rejected"] else exits.DONE


def tell(called: Called, tally: Tally) -> None:
    counts = {name: tally.outcomes[name] for name in ("created", "updated", "duplicate", "rejected")}
    if called.output.as_json:
        rejected = [
            {"line": line, "external_id": result.external_id, "error": result.error}
            for line, result in tally.rejected
        ]
        called.output.answer({"line": tally.line, **counts, "rejected_items": rejected})
        return
    for line, result in tally.rejected[:_REJECTED_SHOWN]:
        called.output.say(f"line {line}: {_message(result)}")
    if counts["rejected"] > _REJECTED_SHOWN:
        called.output.say(f"… and {counts['rejected'] - _REJECTED_SHOWN:,} more lines that were rejected")
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    called.output.say(f"{tally.outcomes.total():,} items: {told}.")


def _message(result: Result) -> str:
    error = result.error if isinstance(result.error, dict) else {}
    problems = (error.get("details") or {}).get("errors") or []
    return "; ".join(each["message"] for each in problems) or str(error.get("message", "rejected"))


# ---- lines ----


def read(lines: BinaryIO, options: Options, after: int) -> Iterator[Line]:
    end = 0 if not lines.seekable() else lines.tell()
    for number, line in enumerate(lines, after + 1):
        end += len(line)
        text = line.strip()
        if text:
            item, call = as_item(text, number, as_data=options.as_data)
            yield Line(number, end, item, call)


def as_item(text: bytes, number: int, *, as_data: bool) -> tuple[bytes, Call]:
    """With an id; and the call that takes it. What is no object goes as it is: the answer says what is wrong with it."""
    made = b'{"external_id":"%s-%d"' % (blake2b(text, digest_size=12).hexdigest().encode(), number)
    if as_data:
        return made + b',"data":' + text + b"}", "ingest"
    try:
        pieces = _PIECES.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text, "ingest"
    call: Call = "ingest"
    if "payload" in pieces or "kind" in pieces:
        call = "ingest/typed"
    elif "text" in pieces and "data" not in pieces:
        call = "ingest/text"
    if "external_id" in pieces:
        return text, call
    rest = text[1:].lstrip()
    return made + (b"" if rest == b"}" else b",") + rest, call


def _batches(lines: Iterator[Line], most: int) -> Iterator[list[Line]]:
    """In their order, each of one call."""
    batch: list[Line] = []
    weight = 0
    for line in lines:
        full = len(batch) == most or weight + len(line.item) > BATCH_BYTES
        if batch and (full or line.call != batch[0].call):
            yield batch
            batch, weight = [], 0
        batch.append(line)
        weight += len(line.item) + 1
    if batch:
        yield batch


def _taken(target: Target, batch: list[Line], *, partial: bool) -> Accepted:
    try:
        return target.take([line.item for line in batch], batch[0].call, partial=partial)
    except MustFix as error:
        # Paths begin at the batch; people know lines.
        told = [_at_line(each, batch) for each in error.problems]
        first, last = batch[0].number, batch[-1].number
        message = f"Lines {first:,} to {last:,} were not taken: {error.message}"
        raise MustFix(error.code, message, told) from None


def _at_line(problem: Problem, batch: list[Line]) -> Problem:
    items, _, rest = problem.path.partition(".")
    place, _, path = rest.partition(".")
    if items != "items" or not place.isdigit() or int(place) >= len(batch):
        return problem
    return Problem(f"line {batch[int(place)].number}" + (f", {path}" if path else ""), problem.message)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise WrongUsage(f"{file} can't be read: {error.strerror}.") from None
    with opened:
        yield opened


@contextmanager
def _bar(called: Called, file: Path, lines: BinaryIO) -> Iterator[Callable[[int], None]]:
    if not called.output.bar_fits():
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    size = file.stat().st_size if lines.seekable() and file.exists() else None
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(
        TextColumn("{task.description}"), *columns, console=called.output.console(), transient=True
    ) as progress:
        task = progress.add_task(f"pushing {file.name}", total=size)
        yield lambda end: progress.update(task, completed=end)
