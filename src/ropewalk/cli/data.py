"""`test`, `runs`, `accounts`: looking at what there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage, run_id
from ropewalk.cli.output import Output, short

if TYPE_CHECKING:
    from ropewalk.store.models import Run

commands = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=500, help="How many to list.")]
Cursor = Annotated[str | None, typer.Option(help="Where the list before ended.")]


@commands.command()
def test(
    context: typer.Context,
    connector: Annotated[str, typer.Argument(help="Its name.")],
    kind: Annotated[str, typer.Argument(help="accounts, contacts or events.")],
    record: Annotated[
        Path | None, typer.Option(help="Keep requests and answers in this file, without secrets.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Take the answers from this file, without the network.")
    ] = None,
) -> int:
    """Fetch a sample of a stream: what was asked, what came, which fields it has, and how it could be set up.

    Exit status: 0 the test passed, 1 it failed.
    """
    called: Called = context.obj
    if record is not None and replay is not None:
        raise WrongUsage("Give --record or --replay, not both.")
    organization_id = called.organization_id()
    from ropewalk.cli import testing
    from ropewalk.store import streams

    found = called.connector(organization_id, connector)
    there = [stream.kind for stream in streams.of_connector(organization_id, found.id)]
    if kind not in there:
        raise WrongUsage(f"{found.name} has no {kind} stream; it has {', '.join(there) or 'none yet'}.")
    answer = testing.test(called, found, kind, record=record, replay=replay)
    if called.output.as_json:
        called.output.answer(answer)
    else:
        testing.show(called.output, answer)
    return exits.DONE if answer["ok"] else exits.FAILED


@commands.command()
def runs(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="The id of one, to see what it did.")] = None,
    connector: Annotated[str | None, typer.Option(help="Only its runs.")] = None,
    kind: Annotated[str | None, typer.Option(help="accounts or contacts.")] = None,
    status: Annotated[
        str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> int:
    """List runs, newest first; or show one."""
    called: Called = context.obj
    organization_id = called.organization_id()
    if run is not None:
        return _one_run(called, organization_id, run)
    from ropewalk.api import schemas
    from ropewalk.store import connectors, runs as store_runs

    of = called.connector(organization_id, connector).id if connector else None
    page = store_runs.listing(
        organization_id, connector_id=of, kind=kind, status=status, limit=limit, cursor=cursor
    )
    if called.output.as_json:
        called.output.answer(
            {"items": [schemas.run(one) for one in page.items], "next_cursor": page.next_cursor}
        )
        return exits.DONE
    names = connectors.names(organization_id)
    called.output.table(
        ("run", "connector", "kind", "asked", "status", "verdict", "rows", "left out", "when"),
        [(one.id, names.get(one.connector_id), *_run_cells(one)) for one in page.items],
    )
    if page.next_cursor:
        called.output.say(f"More: ropewalk runs --cursor {page.next_cursor}")
    return exits.DONE


def _run_cells(run: Run) -> tuple[object, ...]:
    counts = run.counts
    return (
        run.kind,
        run.trigger,
        run.status,
        run.verdict,
        counts.get("processed", 0),
        counts.get("skipped", 0) + counts.get("rejected", 0),
        run.created_at.strftime("%Y-%m-%d %H:%M:%SZ"),
    )


def _one_run(called: Called, organization_id: UUID, text: str) -> int:
    from ropewalk.api import schemas
    from ropewalk.cli import following
    from ropewalk.store import connectors, runs as store_runs

    run = store_runs.get(organization_id, run_id(text))
    if called.output.as_json:
        called.output.answer(schemas.run(run))
    else:
        following.tell(called, run, connectors.names(organization_id).get(run.connector_id, "?"))
    return exits.DONE


@commands.command()
def accounts(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Words of a name, a domain or an id.")] = "",
    sort: Annotated[str, typer.Option(help="A field, or -field for the highest first.")] = "-created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
    csv: Annotated[bool, typer.Option("--csv", help="All of them, as CSV.")] = False,
) -> int:
    """List accounts, or find some."""
    called: Called = context.obj
    organization_id = called.organization_id()
    if csv:
        return _accounts_as_csv(called, organization_id, {"q": query, "sort": sort})
    from ropewalk.api import schemas
    from ropewalk.store import records, search

    page = search.accounts(organization_id, q=query, sort=sort, limit=limit, cursor=cursor)
    if called.output.as_json:
        gone = records.gone(organization_id, [one.id for one in page.items])
        items = [schemas.account(one, gone.get(one.id, ())) for one in page.items]
        called.output.answer({"items": items, "next_cursor": page.next_cursor})
        return exits.DONE
    if not page.items:
        called.output.note("No account matches." if query else "There are no accounts yet.")
        return exits.DONE
    show_accounts(called.output, page.items)
    if page.next_cursor:
        called.output.note(f"There are more: --cursor {page.next_cursor}")
    return exits.DONE


def _accounts_as_csv(called: Called, organization_id: UUID, parts: Mapping[str, str]) -> int:
    from ropewalk.engine import account_csv

    for piece in account_csv.export(organization_id, called.actor, parts, called.clock):
        called.output.write(piece)
    return exits.DONE


COLUMNS = 4


def show_accounts(output: Output, rows: list[Any]) -> None:
    """Built-in fields, and those custom ones that most of these accounts have."""
    filled: dict[str, int] = {}
    for row in rows:
        for name in row.fields:
            filled[name] = filled.get(name, 0) + 1
    custom = sorted(filled, key=lambda name: (-filled[name], name))[:COLUMNS]
    output.table(
        ("name", "domain", "external id", *custom),
        [
            (
                short(row.company_name, 40),
                row.company_domain,
                row.external_customer_id,
                *(short(row.fields.get(name), 24) for name in custom),
            )
            for row in rows
        ],
    )
