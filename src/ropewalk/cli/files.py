"""`plan`, `apply`, `export`: connectors as files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage, listed
from ropewalk.cli.output import Output, short
from ropewalk.core.errors import GiveUp, MustFix, Problem

if TYPE_CHECKING:
    from uuid import UUID

    from ropewalk.engine.connectors.documents import Document
    from ropewalk.engine.connectors.files import Outcome

commands = typer.Typer()

FILE_BYTES = 4 * 1024 * 1024

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="YAML; - reads standard input.")]


@commands.command()
def plan(
    context: typer.Context,
    files: Files,
    prune: Annotated[
        bool, typer.Option("--prune", help="As `apply --prune` would: delete what is in no file.")
    ] = False,
) -> int:
    """Say what `apply` would do, and do none of it.

    Exit status: 0 nothing to do, 4 something, 1 the files have problems.
    """
    called: Called = context.obj
    documents = _documents(files)
    organization_id = called.organization_id()
    from ropewalk.engine.connectors import files as connector_files

    outcomes = connector_files.plan(organization_id, documents, os.environ, called.clock, prune=prune)
    different = any(one.action != "unchanged" for one in outcomes)
    if called.output.as_json:
        called.output.answer([_as_planned(one) for one in outcomes])
    else:
        _show(called.output, outcomes, planned=True)
        called.output.say(_PLANNED if different else _NOTHING)
        _note_undescribed(called, organization_id, outcomes, prune=prune)
    return exits.DIFFERENT if different else exits.DONE


@commands.command()
def apply(
    context: typer.Context,
    files: Files,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete connectors, and streams of them, that are in no file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> int:
    """Make connectors as files describe them. ${NAME} in secrets and headers is read from the environment."""
    called: Called = context.obj
    documents = _documents(files)
    organization_id = called.organization_id()
    from ropewalk.engine.connectors import files as connector_files

    agreed = None
    if prune and not yes:
        planned = connector_files.plan(organization_id, documents, os.environ, called.clock, prune=True)
        agreed = _agreed(called.output, connector_files.deletions(planned))
    outcomes = connector_files.apply(
        organization_id, called.actor, documents, os.environ, called.clock, prune=prune, agreed=agreed
    )
    if called.output.as_json:
        called.output.answer([_as_applied(one) for one in outcomes])
        return exits.DONE
    _show(called.output, outcomes, planned=False)
    if all(one.action == "unchanged" for one in outcomes):
        called.output.say(_NOTHING)
    return exits.DONE


@commands.command()
def export(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Connectors; all, if left out.")
    ] = None,
) -> int:
    """Print connectors as a file for `apply`. Secrets are left outside, as ${NAME}."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.engine.connectors import export as exporting

    only = {called.connector(organization_id, name).id for name in names} if names else None
    exported = exporting.export(organization_id, called.actor, called.clock, only)
    if called.output.as_json:
        called.output.answer(exported.connectors)
    elif exported.connectors:
        called.output.say(exported.text())
    else:
        called.output.note("There is no connector here yet.")
    return exits.DONE


_NOTHING = "Nothing to do: everything is as the files say."
_PLANNED = "Nothing was changed; `ropewalk apply` makes it so."
_WILL = {"created": "create", "changed": "change", "deleted": "delete", "unchanged": "unchanged"}


def _agreed(output: Output, deletions: list[str]) -> list[str]:
    if not deletions:
        return []
    if output.as_json or not sys.stdin.isatty():
        raise WrongUsage(f"This would delete {listed(deletions)}. Say so with --yes.")
    output.note("Accounts, history and runs stay. Secrets of what is deleted are erased.")
    if not typer.confirm(f"Delete {listed(deletions)}?", err=True):
        raise GiveUp("declined", "Nothing was applied.")
    return deletions


def _show(output: Output, outcomes: list[Outcome], *, planned: bool) -> None:
    words = _WILL if planned else {word: word for word in _WILL}
    for one in outcomes:
        output.say(f"{one.name}: {words[one.action]}")
        for kind, action in one.streams.items():
            if action in ("created", "deleted"):
                output.say(f"  streams.{kind}: {words[action]}")
        for each in one.differences:
            # A secret has neither.
            values = (
                "" if each.old is None and each.new is None else f": {short(each.old)} → {short(each.new)}"
            )
            output.say(f"  {each.path}{values}")
        for kind in one.resets:
            output.say(f"  The next {kind} run is a full one.")


def _note_undescribed(called: Called, organization_id: UUID, outcomes: list[Outcome], *, prune: bool) -> None:
    from ropewalk.engine.connectors import files as connector_files

    if not prune and (left := connector_files.undescribed(organization_id, outcomes)):
        called.output.note(f"In no file: {listed(left)}. `--prune` would delete what is in no file.")


def _as_planned(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.name,
        "action": _WILL[one.action],
        "streams": {kind: _WILL[action] for kind, action in one.streams.items()},
        "differences": [{"path": each.path, "old": each.old, "new": each.new} for each in one.differences],
        "baseline_reset": one.resets,
    }


def _as_applied(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.name,
        "action": one.action,
        "streams": one.streams,
        "changed": [each.path for each in one.differences],
        "baseline_reset": one.resets,
    }


def _documents(files: list[str]) -> list[Document]:
    from ropewalk.engine.connectors.documents import Document

    read, problems = [], []
    for name in files:
        try:
            data = sys.stdin.buffer.read(FILE_BYTES + 1) if name == "-" else _bytes(Path(name))
            if len(data) > FILE_BYTES:
                problems.append(Problem(name, f"This file is larger than {FILE_BYTES // 1024**2} MiB."))
            read.append(Document(name, data.decode("utf-8-sig")))
        except OSError as error:
            problems.append(Problem(name, f"This file can't be read: {error.strerror}."))
        except UnicodeDecodeError:
            problems.append(Problem(name, "This file is not UTF-8 text."))
    if problems:
        raise MustFix("unreadable_files", "These files can't be read.", problems)
    return read


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES + 1)
