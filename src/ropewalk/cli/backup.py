"""`backup` and `restore`, of an embedded installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called
from ropewalk.core.errors import Refused

if TYPE_CHECKING:
    from ropewalk.installation import Installation

commands = typer.Typer()


@commands.command()
def backup(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to; it is made.")],
) -> int:
    """Copy the databases, also while Ropewalk is running. The key is not in the copy: keep it apart."""
    called: Called = context.obj
    record, jobs = _files(called.settings())
    installation = called.open()
    from ropewalk.store import audit, backup as copies

    to = folder.expanduser().absolute()
    size = copies.back_up(record, jobs, to)
    audit.record(None, called.actor, "installation.backed_up", now=called.clock.now(), detail={"to": str(to)})
    if called.output.as_json:
        called.output.answer({"folder": str(to), "bytes": size})
    called.output.say(f"{size:,} bytes in {to}.")
    if not installation.given_keys:
        called.output.note(f"The key is not in it. Keep a copy of {installation.key_file} somewhere else.")
    return exits.DONE


@commands.command()
def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where `backup` has put its copy.")],
) -> int:
    """Put a backup back, into a data folder that holds nothing yet. The key has to be in its place before."""
    called: Called = context.obj
    installation = called.settings()
    record, jobs = _files(installation)
    from ropewalk.store import backup as copies

    copy = folder.expanduser().absolute()
    copies.restore(copy, record, jobs, installation.given_keys, installation.key_file)
    called.open()
    from ropewalk.store import audit

    audit.record(
        None, called.actor, "installation.restored", now=called.clock.now(), detail={"from": str(copy)}
    )
    if called.output.as_json:
        called.output.answer({"folder": str(copy), "data": str(installation.data_dir)})
    called.output.say(f"Restored into {installation.data_dir}.")
    return exits.DONE


def _files(installation: Installation) -> tuple[Path, Path]:
    database = installation.database
    if not database["ENGINE"].endswith("sqlite3"):
        raise Refused(
            "not_embedded",
            "The data is in PostgreSQL, the job queue included: pg_dump --format=custom backs it up, pg_restore puts it "
            "back. Keep the key apart from it.",
        )
    return Path(database["NAME"]), Path(installation.jobs_url.removeprefix("sqlite:///"))
