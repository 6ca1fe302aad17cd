"""Connectors and their streams: made, changed, deleted. All problems of a request at once, and then nothing is saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.connector_saving import ConnectorChange, ConnectorSaving
from ropewalk.engine.connectors.saving import Saved, StreamSaving
from ropewalk.store import audit, connectors, runs, streams
from ropewalk.store.models import Connector
from ropewalk.store.transactions import transaction


def create_connector(
    organization_id: UUID,
    actor: Actor,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    tested: Mapping[str, str] | None = None,
) -> Connector:
    """`tested`: by kind, the marks of drafts whose test has passed (engine.connectors.tested)."""
    with transaction(organization_id):
        saving = ConnectorSaving(organization_id, body, clock, tested=tested)
        keep_new(saving, organization_id, actor, clock)
        return connectors.get(organization_id, saving.connector.id)


def keep_new(saving: ConnectorSaving, organization_id: UUID, actor: Actor, clock: Clock) -> None:
    """In the transaction that the saving was made in."""
    saving.save()
    for stream in saving.streams.values():
        stream.save()
    detail = {"streams": sorted(saving.streams)}
    _note(organization_id, actor, "connector.created", saving.connector, clock, detail)


def update_connector(
    organization_id: UUID, actor: Actor, connector_id: UUID, body: Mapping[str, Any], clock: Clock
) -> Connector:
    with transaction(organization_id):
        before = connectors.get(organization_id, connector_id)
        saving = ConnectorSaving(organization_id, body, clock, before, ConnectorChange)
        keep_changed(saving, organization_id, actor, clock, body.keys() - {"secrets"})
        return connectors.get(organization_id, connector_id)


def keep_changed(
    saving: ConnectorSaving, organization_id: UUID, actor: Actor, clock: Clock, named: Collection[str]
) -> None:
    """Without its streams. `named` are the properties that the audit log names as changed."""
    detail = {"changed": sorted(named), "secrets": saving.save()}
    _note(organization_id, actor, "connector.changed", saving.connector, clock, detail)


def delete_connector(organization_id: UUID, actor: Actor, connector_id: UUID, clock: Clock) -> None:
    """Its secrets go at once, and its runs end; accounts, history and runs stay under its name."""
    now = clock.now()
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        for stream in streams.of_connector(organization_id, connector_id):
            runs.end_open(organization_id, stream.id, now=now)
        connectors.delete(organization_id, connector_id, now=now)
        _note(organization_id, actor, "connector.deleted", connector, clock)


def save_stream(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    send_secret_to: Collection[str] = (),
    validate: bool = False,
    tested: str = "",
) -> Saved:
    """`send_secret_to` are origins that the saved secrets may be sent to as well; `validate` only checks."""
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        saving = StreamSaving(connector, kind, body, clock, send_secret_to, tested=tested)
        if validate:
            return Saved(None, saving.resets)
        return keep_stream(saving, organization_id, actor, connector, clock)


def switch_stream(
    organization_id: UUID, actor: Actor, connector_id: UUID, kind: str, clock: Clock, **switches: bool
) -> Saved:
    """`enabled`, `periodic`, or both; all else stays as it is."""
    with transaction(organization_id):
        body = streams.settings_now(streams.get(organization_id, connector_id, kind))
        if "periodic" in switches:
            body["schedule"] = {**body["schedule"], "periodic": switches["periodic"]}
        if "enabled" in switches:
            body["enabled"] = switches["enabled"]
        return save_stream(organization_id, actor, connector_id, kind, body, clock)


def keep_stream(
    saving: StreamSaving, organization_id: UUID, actor: Actor, connector: Connector, clock: Clock
) -> Saved:
    """In the transaction that the saving was made in."""
    saved = saving.save()
    detail: dict[str, Any] = {"kind": saving.kind, "baseline_reset": saved.baseline_reset}
    if saving.confirmed:
        detail["send_secret_to"] = ", ".join(saving.confirmed)
    _note(organization_id, actor, "connector.stream_saved", connector, clock, detail)
    return saved


def delete_stream(organization_id: UUID, actor: Actor, connector_id: UUID, kind: str, clock: Clock) -> None:
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        stream = streams.get(organization_id, connector_id, kind)
        runs.end_open(organization_id, stream.id, now=clock.now())
        streams.delete(organization_id, connector_id, kind)
        _note(organization_id, actor, "connector.stream_deleted", connector, clock, {"kind": kind})


def _note(
    organization_id: UUID,
    actor: Actor,
    verb: str,
    connector: Connector,
    clock: Clock,
    detail: dict[str, Any] | None = None,
) -> None:
    audit.record(
        organization_id,
        actor,
        verb,
        connector.id,
        now=clock.now(),
        detail={"name": connector.name} | (detail or {}),
    )
