"""`events`: an account's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from ropewalk.cli import exits
from ropewalk.cli.data import Cursor, Limit
from ropewalk.cli.opening import Called, WrongUsage, listed, problem
from ropewalk.cli.output import Output, short

if TYPE_CHECKING:
    from ropewalk.engine.events.timeline import Timeline
    from ropewalk.store.models import Account

commands = typer.Typer()

_LISTED = 10


@commands.command()
def events(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="Its external id, domain, name or id.")],
    start: Annotated[str, typer.Option("--from", help="Only events from this time on.")] = "",
    end: Annotated[str, typer.Option("--to", help="Only events before this time.")] = "",
    source: Annotated[str, typer.Option(help="Only those of a connector, or of “Field changes”.")] = "",
    name: Annotated[str, typer.Option(help="Only events of this name.")] = "",
    user: Annotated[str, typer.Option(help="Only events of this user.")] = "",
    text: Annotated[str, typer.Option(help="Only events that hold this text.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> int:
    """Show what happened at an account, newest first. Its event streams are asked at this moment.

    Exit status: 0 all of them answered, 3 some did not.
    """
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.core.timeline import Filter
    from ropewalk.engine.events import timeline

    found = timeline.read(
        organization_id,
        _account(organization_id, account).id,
        called.clock,
        wanted=Filter(_time("from", start), _time("to", end), name=name, user=user, text=text),
        source=source,
        limit=limit,
        cursor=cursor,
    )
    if called.output.as_json:
        called.output.answer(schemas.timeline(found))
    else:
        show_timeline(called.output, found)
        if not source and all(each.source.connector_id is None for each in found.sources):
            called.output.note(
                "No connector has an event stream yet; describe one in its file, and apply that."
            )
    incomplete = any(each.answer.error is not None for each in found.sources)
    return exits.INCOMPLETE if incomplete else exits.DONE


def show_timeline(output: Output, found: Timeline) -> None:
    output.table(
        ("source", "status", "ms", "events", "read"),
        [
            (
                each.source.name,
                each.answer.status.replace("_", " "),
                each.answer.milliseconds,
                each.answer.count,
                each.answer.read,
            )
            for each in found.sources
        ],
    )
    for each in found.sources:
        if each.answer.error is not None:
            output.say(f"{each.source.name}: {each.answer.error.message}")
        for note in each.answer.notes:
            output.say(f"{each.source.name}: {note}")
    output.say()
    output.table(
        ("time", "event", "source", "user", "properties"),
        [
            (
                item.time.strftime("%Y-%m-%d %H:%M:%SZ"),
                short(item.name, 40),
                item.source,
                short(item.user_id, 30),
                short(item.properties),
            )
            for item in found.items
        ],
    )
    if found.next_cursor:
        output.note(f"There are more: --cursor {found.next_cursor}")


def _account(organization_id: UUID, text: str) -> Account:
    from ropewalk.core.errors import NotFound
    from ropewalk.store import byhand, search

    try:
        return byhand.get(organization_id, UUID(text))
    except (ValueError, NotFound):
        # Some systems' own ids have the same shape.
        pass
    there = search.named(organization_id, text, limit=_LISTED)
    there = there or search.accounts(organization_id, q=text, limit=_LISTED).items
    if len(there) == 1:
        return there[0]
    if not there:
        raise WrongUsage(f"There is no account {text}; `ropewalk accounts` lists them.")
    raise WrongUsage(f"Several accounts fit {text}: {listed(there)}. Give the external id or the domain.")


def _time(option: str, text: str) -> datetime | None:
    if not text:
        return None
    from ropewalk.core import times

    found = times.moment(text)
    if found is None:
        raise problem(option, "Give a time like 2026-03-01 or 2026-03-01T12:00:00Z.")
    return found.at
