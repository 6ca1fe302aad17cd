"""`sync`: a run from its request to its verdict."""

from __future__ import annotations

from typing import Annotated

import typer

from ropewalk.cli.opening import Called

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
