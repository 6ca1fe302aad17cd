"""`sync`, `dry-run`, `undo`: a run from its request to its end."""

from __future__ import annotations

from typing import Annotated

import typer

from ropewalk.cli.opening import Called, run_id

commands = typer.Typer()


@commands.command()
def sync(
    context: typer.Context,
    connector: Annotated[str, typer.Argument(help="Its name.")],
    kind: Annotated[
        str | None, typer.Argument(help="accounts or contacts; both, in this order, if left out.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything again, and compare every record.")
    ] = False,
) -> int:
    """Sync now, to the end.

    Exit status: 0 complete, 1 failed, 3 truncated or suspicious, 5 cancelled. Ctrl-C cancels the run.
    """
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.cli import following

    return following.sync(called, organization_id, connector, kind, full=full)


@commands.command("dry-run")
def dry_run(
    context: typer.Context,
    connector: Annotated[str, typer.Argument(help="Its name.")],
    kind: Annotated[str, typer.Argument(help="accounts or contacts.")],
    full: Annotated[
        bool, typer.Option("--full", help="As `sync --full` would: read and compare everything.")
    ] = False,
) -> int:
    """Say what a sync would do, exactly, and do none of it.

    Exit status: as of the sync: 0 complete, 1 failed, 3 truncated or suspicious, 5 cancelled.
    """
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.cli import following

    return following.dry_run(called, organization_id, connector, kind, full=full)


@commands.command()
def undo(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Its id, as `runs` lists it.")],
) -> int:
    """Take back what a run changed, but for what somebody has changed since.

    Within 30 days. The stream's schedule is paused, and its next run by hand is a full one.
    Exit status: 0 done, 1 failed, 5 cancelled.
    """
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.cli import following

    return following.undo(called, organization_id, run_id(run))
