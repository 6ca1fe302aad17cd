"""`ropewalk [--data DIR] [--organization NAME] COMMAND`: its options, and how every command ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from ropewalk import __version__
from ropewalk.cli import (
    admin,
    backup,
    contacts,
    data,
    demo,
    events,
    exits,
    files,
    imports,
    people,
    pushing,
    serve,
    sync,
)
from ropewalk.cli.opening import Called, WrongUsage
from ropewalk.cli.output import Output
from ropewalk.core.errors import RetryLater, RopewalkError

_ROOMS = [
    room.commands
    for room in (serve, sync, imports, data, contacts, events, pushing, files, people, admin, backup, demo)
]
_WITH_VALUE = ("--data", "--organization")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def ropewalk(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded databases.")
    ] = None,
    organization: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one, where the installation holds several.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what the API would answer; also after the command.")
    ] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ropewalk, a self-hosted customer data hub.

    Exit status: 0 done, 1 failed, 2 wrong usage, 3 not all of it (a truncated or suspicious sync, rejected items, a
    source of events that failed), 4 plan found something, 5 cancelled.
    """
    context.obj = Called(data_dir, organization, Output(as_json=as_json))


def app(rooms: Sequence[typer.Typer] = _ROOMS) -> TyperGroup:
    made = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(ropewalk)
    for room in rooms:
        made.add_typer(room)
    return typer.main.get_group(made)


def app_of(arguments: Sequence[str]) -> TyperGroup:
    """With the commands beside the one that is called: to take all their signatures apart is a tenth of a start."""
    words = iter(arguments)
    for word in words:
        if word in ("-h", "--help"):
            break
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return app([room for room in _ROOMS if word in _names(room)] or _ROOMS)
    return app()


def _names(room: typer.Typer) -> Iterator[str]:
    for command in room.registered_commands:
        if command.callback is not None:
            yield command.name or typer.main.get_command_name(command.callback.__name__)
    for group in room.registered_groups:
        yield str(group.name)


def run(arguments: Sequence[str] | None = None) -> None:
    """Expected errors end in a sentence and an exit status, never in a traceback."""
    sys.exit(status(sys.argv[1:] if arguments is None else arguments))


def status(arguments: Sequence[str]) -> int:
    wanted = json_first(arguments)
    output = Output(as_json=wanted[:1] == ["--json"])
    try:
        answer = app_of(wanted).main(wanted, prog_name="ropewalk", standalone_mode=False)
    except typer.TyperException as error:
        return _wrong_usage(error, output)
    except WrongUsage as error:
        output.error(error)
        return exits.USAGE
    except RopewalkError as error:
        output.error(error)
        return exits.FAILED
    except (typer.Abort, KeyboardInterrupt):
        output.note("Interrupted.")
        return exits.INTERRUPTED
    except Exception as error:
        if not _database_trouble(error):
            raise
        output.error(_unreachable(error))
        return exits.FAILED
    return answer if isinstance(answer, int) else exits.DONE


def json_first(arguments: Sequence[str]) -> list[str]:
    """`--json` is understood anywhere before a `--`."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    rest = [word for word in words[:end] if word != "--json"]
    return [*(["--json"] if len(rest) < end else []), *rest, *words[end:]]


def _wrong_usage(error: typer.TyperException, output: Output) -> int:
    context = getattr(error, "ctx", None)
    usage = f"{context.get_usage()}\n" if context is not None else ""
    if message := error.format_message():
        output.error(WrongUsage(message))
    output.note(f"{usage}Try ropewalk --help.")
    return error.exit_code or exits.USAGE


def _database_trouble(error: Exception) -> bool:
    from django.db.utils import DatabaseError, InterfaceError

    return isinstance(error, DatabaseError | InterfaceError)


def _unreachable(error: Exception) -> RopewalkError:
    return RetryLater(
        "database_unavailable",
        "The database can't be used at the moment. `ropewalk doctor` says what is wrong.",
        detail=repr(error),
    )
