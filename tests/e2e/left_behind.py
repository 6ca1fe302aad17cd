"""All that a run leaves behind in a database, in a form that compares: without the ids and times that may differ from
one time to the next, accounts by their keys instead."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from tests.e2e.installation import Installation


def state(of: Installation, run_id: str) -> dict[str, list[str]]:
    """What this run made is known by its keys; all else has the same ids wherever the run is repeated."""
    keys: dict[str, str] = {}
    accounts = []
    for id, external, domain, created, *rest in of.execute(
        "SELECT id, external_customer_id, company_domain, created_run, company_name, CAST(fields AS text),"
        " external_id_connector, owner_id, deleted_at IS NULL FROM ropewalk_account"
    ):
        made = _id(created) == _id(run_id)
        keys[_id(id)] = f"{external}|{domain}" if made else _id(id)
        accounts.append(_line(keys[_id(id)], external, domain, created, *rest))
    contacts: dict[str, str] = {}
    told = []
    for id, account, *rest in of.execute(
        "SELECT id, account_id, email, name, phone, role, source, is_primary FROM ropewalk_contact"
    ):
        contacts[_id(id)] = str(rest[0])
        told.append(_line(keys[_id(account)], *rest))
    changes = [
        _line(keys.get(_id(account), "gone"), contacts.get(_id(contact), contact and "gone"), *rest)
        for account, contact, *rest in of.execute(
            "SELECT account_id, contact, run, connector, CAST(actor AS text), created, CAST(fields AS text)"
            " FROM ropewalk_change"
        )
    ]
    ledger = [
        _line(run, *rest, _renamed(candidates, keys), _renamed(record, keys))
        for run, candidates, record, *rest in of.execute(
            "SELECT run_id, CAST(candidates AS text), CAST(record AS text), position, outcome, reason, message,"
            " CAST(changes AS text) FROM ropewalk_ledgerrow"
        )
    ]
    records = [
        _line(stream, keys.get(_id(subject), "gone"), *map(_hex, hashes), gone)
        for stream, subject, gone, *hashes in of.execute(
            "SELECT stream_id, subject_id, gone_since IS NULL, raw_hash, draft_hash, periodic_raw_hash,"
            " periodic_draft_hash FROM ropewalk_streamrecord"
        )
    ]
    found = {"accounts": accounts, "contacts": told, "changes": changes, "ledger": ledger, "records": records}
    return {name: sorted(lines) for name, lines in found.items()} | {
        "run": [_line(*row, _without_times(progress)) for progress, *row in of.execute(_RUN)],
        "stream": [_line(*row) for row in of.execute(_STREAM)],
        "fields": [_line(*row) for row in of.execute(_FIELDS)],
        "left over": [_line(*row) for row in of.execute("SELECT run_id FROM ropewalk_runstate")],
    }


_RUN = (
    'SELECT CAST(progress AS text), id, mode, "trigger", "full", status, verdict, CAST(verdict_reasons AS text), CAST(counts AS text),'
    " CAST(reasons AS text), CAST(notices AS text), CAST(contacts AS text), CAST(filtered AS text), pages,"
    " expected_total, since, CAST(error AS text), lease, finished_at IS NULL FROM ropewalk_run ORDER BY id"
)
_STREAM = (
    "SELECT s.id, s.settings, s.baseline, s.resets, s.last_full_rows, s.needs_full, s.paused, s.auth_failures,"
    " CAST(s.chain AS text), s.chain_seen IS NULL, s.tested_at IS NULL, s.last_completed_at IS NULL,"
    " s.watermark IN (SELECT started_at FROM ropewalk_run) FROM ropewalk_stream s"
)
_FIELDS = "SELECT name, type, periodic, history FROM ropewalk_trackedfield ORDER BY name"


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def _id(value: Any) -> str:
    return str(value).replace("-", "")


def _hex(value: Any) -> str | None:
    return None if value is None else bytes(value).hex()


def _line(*values: Any) -> str:
    return _encode([_plain(value) for value in values]).decode()


def _plain(value: Any) -> Any:
    """A JSON column, in one spelling."""
    return _decode(value) if isinstance(value, str) and value[:1] in ("{", "[") else value


def _without_times(progress: str) -> Any:
    return {name: value for name, value in _decode(progress).items() if name != "first_started_at"}


def _renamed(text: str | None, keys: dict[str, str]) -> Any:
    return _with_keys(_decode(text), keys) if text else None


def _with_keys(value: Any, keys: dict[str, str]) -> Any:
    if isinstance(value, dict):
        renamed = {"account_id": keys.get(_id(value["account_id"]), "gone")} if "account_id" in value else {}
        return value | renamed
    if isinstance(value, list):
        # Candidates come in the order of their ids.
        return sorted((_with_keys(item, keys) for item in value), key=str)
    return value


def differences(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> list[str]:
    """The first few of each kind."""
    told = []
    for name, lines in wanted.items():
        if found[name] != lines:
            missing, added = Counter(lines), Counter(found[name])
            told += [f"{name}, missing: {line}" for line in list((missing - added).elements())[:3]]
            told += [f"{name}, too much: {line}" for line in list((added - missing).elements())[:3]]
    return told
