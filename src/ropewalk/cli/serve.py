"""`serve` and `worker`: the processes that stay."""

from __future__ import annotations

from typing import Annotated

import typer

from ropewalk import DEFAULT_PORT
from ropewalk.cli.opening import Called

commands = typer.Typer()


@commands.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = DEFAULT_PORT,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Only the web process.")] = False,
) -> int:
    """Start the web process, and the worker process beside it."""
    from ropewalk.cli.processes import serve_web

    called: Called = context.obj
    called.open(logging_as="info")
    return serve_web(called, host, port, with_worker=not no_worker)


@commands.command()
def worker(
    context: typer.Context,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> int:
    """Start a worker process: it carries out syncs, and starts the scheduled ones."""
    from ropewalk.cli.processes import work

    called: Called = context.obj
    called.open(logging_as="info")
    return work(called, with_parent=with_parent)
