"""Imports: accounts or contacts from a CSV file that somebody hands over. Each is a connector of its own that is listed
with none, and its stream is read by runs like any other; so a run's counts, ledger, dry run, undo and resuming are the
same as everywhere. Only admins import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from pydantic import Field

from ropewalk.core import csvfiles, discover, limits, paths, suggest
from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check
from ropewalk.core.csvfiles import Format
from ropewalk.core.errors import Conflict, MustFix, Problem
from ropewalk.core.values import JSON
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.saving import settings_context
from ropewalk.engine.operated import installation
from ropewalk.engine.runs import conditions, requests
from ropewalk.engine.runs.subjects import ABOUT
from ropewalk.sources import csv_file
from ropewalk.sources.base import Kind
from ropewalk.sources.csv_file import File, FormatChange
from ropewalk.store import (
    audit,
    connectors,
    fields,
    ids,
    imported,
    pages,
    records as store_records,
    runs,
    streams,
)
from ropewalk.store.models import Connector, Run, Stream
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction

SAMPLE: Final = 200
SHOWN: Final = 10
_NAME_CHARS: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_FOLDERS: Final = re.compile(r".*[/\\]")


class Asked(Settings):
    """`settings` are the stream's: how rows are matched, and what their columns are mapped to."""

    kind: Literal["accounts", "contacts"]
    mode: requests.Mode
    settings: dict[str, Any] = Field(default={})


class Import(msgspec.Struct, frozen=True):
    connector: Connector
    file: File
    is_there: bool

    @property
    def expires_at(self) -> datetime:
        return self.connector.created_at + timedelta(days=limits.CSV_DAYS)


def upload(organization_id: UUID, actor: Actor, name: str, chunks: Iterable[bytes], clock: Clock) -> Import:
    """Takes a file in, and reads all of it once. Raises `MustFix` with what is wrong with it, and keeps nothing then."""
    ranks.require_admin(organization_id, actor)
    data_dir = installation().data_dir
    arrived = imported.receive(data_dir, chunks)
    try:
        with arrived.open("rb") as file:
            found = _read(arrived, csvfiles.detect(file), typed=True)
        return _made(organization_id, actor, _plain(name), arrived, found, clock)
    finally:
        arrived.unlink(missing_ok=True)


def _plain(name: str) -> str:
    return _FOLDERS.sub("", _CONTROL.sub("", name)).strip()[-_NAME_CHARS:] or "upload.csv"


def _read(path: Path, format: Format, *, typed: bool) -> File:
    with path.open("rb") as file:
        found = csvfiles.survey(file, format)
    return File(
        encoding=format.encoding,
        delimiter=format.delimiter,
        header=format.header,
        typed=typed,
        size=path.stat().st_size,
        rows=found.rows,
        columns=[csv_file.Column(name=one.name, type=one.type, filled=one.filled) for one in found.columns],
    )


def _made(organization_id: UUID, actor: Actor, name: str, arrived: Path, found: File, clock: Clock) -> Import:
    now, import_id = clock.now(), ids.new_id()
    with transaction(organization_id):
        connector = connectors.create(
            organization_id,
            source=csvfiles.SLUG,
            name=connectors.free_name(organization_id, name),
            settings=found.model_dump(mode="json"),
            now=now,
            connector_id=import_id,
        )
        detail = {"name": connector.name, "rows": found.rows}
        audit.record(organization_id, actor, "import.uploaded", import_id, now=now, detail=detail)
        imported.keep(installation().data_dir, arrived, import_id, now)
    return Import(connector, found, is_there=True)


def get(organization_id: UUID, import_id: UUID) -> Import:
    return _of(connectors.get_import(organization_id, import_id))


def listing(organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None) -> Listing[Import]:
    """The newest first."""
    found = connectors.imports(organization_id, limit=limit, cursor=cursor)
    return Listing([_of(each) for each in found.items], found.next_cursor)


def _of(connector: Connector) -> Import:
    there = imported.is_there(installation().data_dir, connector.id)
    return Import(connector, check(File, connector.settings), there)


def read_again(
    organization_id: UUID, actor: Actor, import_id: UUID, body: Mapping[str, Any], clock: Clock
) -> Import:
    """In another encoding, with another delimiter, or otherwise than it was told."""
    ranks.require_admin(organization_id, actor)
    before = get(organization_id, import_id).file
    asked = check(FormatChange, body)
    given = asked.model_dump(exclude_none=True)
    typed = given.pop("typed", before.typed)
    format = Format(
        **({"encoding": before.encoding, "delimiter": before.delimiter, "header": before.header} | given)
    )
    with imported.opened(installation().data_dir, import_id) as file:
        found = _read(Path(file.name), format, typed=typed)
    now = clock.now()
    with transaction(organization_id):
        _require_idle(organization_id, import_id)
        settings = found.model_dump(mode="json")
        changed = connectors.update(organization_id, import_id, now=now, settings=settings)
        for stream in streams.of_connector(organization_id, import_id):
            _forget(stream)
            streams.reset_baseline(organization_id, stream.id)
        detail = {"name": changed.name} | asked.model_dump(mode="json", exclude_none=True)
        audit.record(organization_id, actor, "import.read_again", import_id, now=now, detail=detail)
    return _of(changed)


def sample(organization_id: UUID, import_id: UUID, kind: Kind) -> dict[str, Any]:
    """What a test of an endpoint answers, of this file: its first records, its fields, and what they could be mapped to.
    How often a field is filled, and its type, are of all rows."""
    found = get(organization_id, import_id)
    with imported.opened(installation().data_dir, import_id) as file:
        records: list[dict[str, JSON]] = [
            msgspec.json.decode(raw)
            for raw, _ in zip(csv_file.records(found.file, kind, file), range(SAMPLE), strict=False)
        ]
    examples = {each.path: each.examples for each in discover.fields(records)}
    told = []
    for (name, type), column in zip(csv_file.columns(found.file, kind), found.file.columns, strict=True):
        path, rate = paths.join([name]), round(column.filled / found.file.rows, 4)
        told.append(discover.Field(path, column.type and type, rate, examples.get(path, ())))
    return {
        "ok": True,
        "records": records[:SHOWN],
        "fields": [_shown(one, column.name) for one, column in zip(told, found.file.columns, strict=True)],
        "suggestions": [
            {"from": one.from_, "to": one.to, "score": round(one.score, 2), "reason": one.reason}
            for one in suggest.suggest(told, kind)
        ],
    }


def _shown(field: discover.Field, name: str) -> dict[str, Any]:
    return {
        "path": field.path,
        "label": "" if field.path == name else name,
        "type": field.type,
        "transform": "",
        "fill_rate": field.fill_rate,
        "examples": list(field.examples),
    }


def start(
    organization_id: UUID, actor: Actor, import_id: UUID, body: Mapping[str, Any], clock: Clock
) -> tuple[Run, bool]:
    """Keeps the settings, and starts a run or a dry run of them; or answers with the one that is under way."""
    ranks.require_admin(organization_id, actor)
    found = get(organization_id, import_id)
    asked = check(Asked, body)
    reading = csv_file.SOURCE.kinds[asked.kind]
    try:
        settings: Any = check(reading.settings, asked.settings, settings_context(organization_id))
    except MustFix as error:
        raise error.under("settings") from None
    if not found.is_there:
        raise Conflict("The file isn't kept any more; upload it again.", code="file_gone")
    _require_columns(found.file, settings)
    with transaction(organization_id):
        _save(found.connector, asked.kind, settings, clock.now())
    return requests.request_run(
        organization_id, actor, import_id, asked.kind, clock, mode=asked.mode, imported=True
    )


def _require_columns(file: File, settings: Any) -> None:
    """A column that isn't there is a mistake here; an endpoint's records may have what no sample had."""
    there = {(each.name,) for each in file.columns}
    known = ", ".join(each.name for each in file.columns[:20])
    wrong = [
        Problem(f"settings.mapping.{place}.from", f"The file has no column {entry.from_}; it has {known}.")
        for place, entry in enumerate(settings.mapping)
        if entry.from_ and paths.parse(entry.from_) not in there
    ]
    if wrong:
        raise MustFix("invalid_settings", "These settings can't be used.", wrong)


def _save(connector: Connector, kind: Kind, settings: Any, now: datetime) -> Stream:
    organization_id, reading = connector.organization_id, csv_file.SOURCE.kinds[kind]
    before = next(
        (one for one in streams.of_connector(organization_id, connector.id) if one.kind == kind), None
    )
    kept = settings.model_dump(mode="json", by_alias=True)
    differs = before is not None and before.settings != kept
    if before is not None and differs:
        _require_idle(organization_id, connector.id)
        _forget(before)
    saved = streams.put(
        organization_id,
        connector_id=connector.id,
        kind=kind,
        settings=kept,
        baseline=reading.baseline(settings).hex(),
        reset=differs,
        now=now,
        tested_at=now,
    )
    if ABOUT[kind].tracked:
        fields.seen(organization_id, {entry.to for entry in settings.mapping}, now=now)
    return saved


def _forget(stream: Stream) -> None:
    """What an earlier run has read of the file, so that nothing is taken to be gone because it is read otherwise now."""
    store_records.drop(stream.organization_id, stream.id)


def _require_idle(organization_id: UUID, import_id: UUID) -> None:
    for stream in streams.of_connector(organization_id, import_id):
        if conditions.in_the_way(organization_id, stream.id) or runs.open_run(
            organization_id, stream.id, "dry_run"
        ):
            raise Conflict("A run of this import is under way; wait for its end, or cancel it.")


def delete(organization_id: UUID, actor: Actor, import_id: UUID, clock: Clock) -> None:
    """The file goes; what was imported stays under its name."""
    ranks.require_admin(organization_id, actor)
    now = clock.now()
    with transaction(organization_id):
        found = connectors.get_import(organization_id, import_id)
        for stream in streams.of_connector(organization_id, import_id):
            runs.end_open(organization_id, stream.id, now=now)
        connectors.delete(organization_id, import_id, now=now)
        audit.record(
            organization_id, actor, "import.deleted", import_id, now=now, detail={"name": found.name}
        )
    imported.erase(installation().data_dir, import_id)
