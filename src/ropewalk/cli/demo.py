"""`demo`: a vendor's customers become accounts, change, and are synced again."""

from __future__ import annotations

from typing import Annotated

import typer

from ropewalk import DEFAULT_PORT
from ropewalk.cli.opening import Called

commands = typer.Typer()


@commands.command()
def demo(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = DEFAULT_PORT,
    leave: Annotated[bool, typer.Option("--leave", help="Don't stay up; end after the second sync.")] = False,
) -> int:
    """A sample vendor, connected and synced, changed and synced again; stays up.

    It has a data folder of its own, ropewalk-data-demo, and begins afresh each time.
    """
    from ropewalk.cli.showing import Demo

    called: Called = context.obj
    return Demo(called, port).run(stay=not leave)
