"""`import`: accounts or contacts from a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage
from ropewalk.cli.output import short

if TYPE_CHECKING:
    from uuid import UUID

    from ropewalk.engine.imports import Import

commands = typer.Typer()

CHUNK = 1024 * 1024


@commands.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV file.", exists=True, dir_okay=False, readable=True)],
    kind: Annotated[str, typer.Argument(help="accounts or contacts.")] = "accounts",
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=TARGET", help="What a column means; once for each."),
    ] = None,
    match: Annotated[
        str, typer.Option(help="domain, external_id, or for accounts domain_and_external_id.")
    ] = "domain",
    no_create: Annotated[
        bool, typer.Option("--no-create", help="Only change accounts that are there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would do, exactly, and do none of it.")
    ] = False,
) -> int:
    """Import accounts or contacts from a CSV file, to the end.

    Without --map it only shows which columns there are, and what they look like.
    Exit status: 0 complete, 1 failed, 3 truncated or suspicious, 5 cancelled. Ctrl-C cancels the import.
    """
    called: Called = context.obj
    if kind not in ("accounts", "contacts"):
        raise WrongUsage(f"A file holds accounts or contacts, not {kind}.")
    entries = [_entry(each) for each in mapping or ()]
    organization_id = called.organization_id()
    from ropewalk.engine import imports

    made = imports.upload(organization_id, called.actor, file.name, _chunks(file), called.clock)
    if not entries:
        _show(called, organization_id, made, kind)
        imports.delete(organization_id, called.actor, made.connector.id, called.clock)
        return exits.DONE
    settings: dict[str, Any] = {"mapping": entries}
    settings |= (
        {"matching": match, "create_missing": not no_create} if kind == "accounts" else {"match_by": match}
    )
    body = {"kind": kind, "mode": "dry_run" if dry_run else "sync", "settings": settings}
    from ropewalk.cli import following

    asking = partial(imports.start, organization_id, called.actor, made.connector.id, body, called.clock)
    return following.one(called, f"{made.connector.name} {kind}", asking)


def _entry(text: str) -> dict[str, str]:
    column, found, target = text.rpartition("=")
    if not found or not column.strip() or not target.strip():
        raise WrongUsage(f"{text!r} says nothing of a column: write --map 'Company name=companyName'.")
    from ropewalk.core import paths

    return {"from": paths.join([column.strip()]), "to": target.strip()}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, CHUNK), b"")


def _show(called: Called, organization_id: UUID, made: Import, kind: Any) -> None:
    from ropewalk.api import schemas
    from ropewalk.engine import imports

    sample = imports.sample(organization_id, made.connector.id, kind)
    if called.output.as_json:
        shown = schemas.imported(made).model_dump(mode="json")
        called.output.answer({**shown, "is_kept": False, **sample})
        return
    suggested = {each["from"]: each["to"] for each in sample["suggestions"]}
    called.output.table(
        ("column", "type", "filled", "for example", "could be"),
        [
            (
                each["path"],
                each["type"],
                f"{each['fill_rate']:.0%}",
                short(_first(each["examples"]), 40),
                suggested.get(each["path"]),
            )
            for each in sample["fields"]
        ],
    )
    called.output.note(
        f"{made.file.rows:,} rows. Nothing was imported: say what columns mean with --map COLUMN=TARGET."
    )


def _first(examples: Sequence[Any]) -> Any:
    return examples[0] if examples else None
