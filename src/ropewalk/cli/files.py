"""`apply`: connectors as files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called
from ropewalk.core.errors import MustFix, Problem

commands = typer.Typer()

FILE_BYTES = 4 * 1024 * 1024


@commands.command()
def apply(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="YAML; - reads standard input.")],
) -> int:
    """Make connectors as files describe them. ${NAME} in secrets and headers is read from the environment."""
    called: Called = context.obj
    texts = _read(files)
    organization_id = called.organization_id()
    from ropewalk.engine import files as connector_files
    from ropewalk.engine.documents import Document

    documents = [Document(name, text) for name, text in texts]
    done = connector_files.apply(organization_id, called.actor, documents, os.environ, called.clock)
    if called.output.as_json:
        called.output.answer([_as_json(one) for one in done])
        return exits.DONE
    for one in done:
        called.output.say(f"{one.name}: {one.action}")
        for difference in one.differences:
            called.output.say(f"  {difference.path}")
        for kind in one.resets:
            called.output.say(f"  The next {kind} run is a full one.")
    if all(one.action == "unchanged" for one in done):
        called.output.say("Nothing to do: everything is as the files say.")
    return exits.DONE


def _as_json(done: Any) -> dict[str, Any]:
    return {
        "name": done.name,
        "action": done.action,
        "changed": [one.path for one in done.differences],
        "baseline_reset": done.resets,
    }


def _read(files: list[str]) -> list[tuple[str, str]]:
    read, problems = [], []
    for name in files:
        try:
            data = sys.stdin.buffer.read(FILE_BYTES + 1) if name == "-" else _bytes(Path(name))
            if len(data) > FILE_BYTES:
                problems.append(Problem(name, f"This file is larger than {FILE_BYTES // 1024**2} MiB."))
            read.append((name, data.decode("utf-8-sig")))
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
