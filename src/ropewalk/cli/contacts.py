"""`contacts`: the people at accounts."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from ropewalk.cli import exits
from ropewalk.cli.data import Cursor, Limit
from ropewalk.cli.opening import Called
from ropewalk.cli.output import Output, short

commands = typer.Typer()


@commands.command()
def contacts(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="A part of an email or a name.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> int:
    """List contacts, or find some. The newest first."""
    called: Called = context.obj
    organization_id = called.organization_id()
    from ropewalk.api import schemas
    from ropewalk.store import contacts as store_contacts

    page = store_contacts.listing(organization_id, q=query, limit=limit, cursor=cursor)
    if called.output.as_json:
        items = [schemas.contact(each) for each in page.items]
        called.output.answer({"items": items, "next_cursor": page.next_cursor})
        return exits.DONE
    if not page.items:
        called.output.note("No contact matches." if query else "There are no contacts yet.")
        return exits.DONE
    show_contacts(called.output, page.items)
    if page.next_cursor:
        called.output.note(f"There are more: --cursor {page.next_cursor}")
    return exits.DONE


def show_contacts(output: Output, rows: list[Any]) -> None:
    output.table(
        ("email", "name", "role", "phone", "account", "source"),
        [
            (
                row.email,
                short(row.name, 32),
                short(row.role, 24),
                row.phone,
                short(str(row.account), 32),
                f"{row.source}, primary" if row.is_primary else row.source,
            )
            for row in rows
        ],
    )
    twice = [email for email, count in Counter(row.email for row in rows).items() if count > 1]
    if twice:
        output.note(
            f"{short(', '.join(twice), 80)}: the same email with different account identifiers makes one contact in "
            "each account."
        )
