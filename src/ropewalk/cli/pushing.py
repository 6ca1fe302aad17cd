"""`push`: a file of events, line by line, to a push connector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ropewalk.cli.opening import Called

commands = typer.Typer()


@commands.command()
def push(
    context: typer.Context,
    connector: Annotated[str, typer.Argument(help="Its source name, name or id.")],
    file: Annotated[
        Path, typer.Argument(help="NDJSON, an item a line; - for standard input.", metavar="FILE")
    ],
    url: Annotated[
        str, typer.Option(help="Push to the Ropewalk at this address, over HTTP.", envvar="ROPEWALK_URL")
    ] = "",
    key: Annotated[
        str, typer.Option(help="With --url: a key with the scope ingest.", envvar="ROPEWALK_KEY")
    ] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Keep what is good of a batch, and list what isn't.")
    ] = False,
    data: Annotated[
        bool, typer.Option("--data", help="Each line is the data of an item, whatever it is.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=5_000, help="Items in a batch.")] = 1_000,
    restart: Annotated[
        bool, typer.Option("--restart", help="From the first line, also where it was interrupted before.")
    ] = False,
) -> int:
    """Push events from a file. What was interrupted goes on from there when it is called again.

    A line without an external_id gets one of its content and its number, so that the same file pushed twice is there
    once. Exit status: 0 all taken, 1 failed, 3 some rejected (--partial).
    """
    called: Called = context.obj
    from ropewalk.cli import pushed

    options = pushed.Options(partial=partial, as_data=data, batch=batch, restart=restart)
    return pushed.push(called, connector, file, options, url=url, key=key)
