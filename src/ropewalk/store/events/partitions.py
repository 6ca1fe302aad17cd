"""The tables of the event store on PostgreSQL, and their partitions of a month each."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import psycopg

from ropewalk.core.times import micros
from ropewalk.store.events.tables import Row

SCHEMA: Final = "ropewalk_events"
_LOCK: Final = 0x524F5057
_MONTHS_BEFORE: Final = 24
"""What is older than that at the first start shares one partition."""
_MONTHS_AHEAD: Final = 3
_PARTITIONED: Final = ("event", "event_key")

_event = """
    seq bigint NOT NULL, connector integer NOT NULL, external_id text NOT NULL, version integer NOT NULL,
    at bigint NOT NULL, arrived bigint NOT NULL, kind text NOT NULL, name text NOT NULL, who text,
    keys text NOT NULL, metadata text, content bytea NOT NULL, upload text
"""
_TABLES: Final = f"""
CREATE TABLE connector (no serial PRIMARY KEY, organization uuid NOT NULL, id uuid NOT NULL,
    events bigint NOT NULL, UNIQUE (organization, id));
CREATE SEQUENCE event_number;
CREATE TABLE counter (expired integer NOT NULL);
INSERT INTO counter VALUES (0);
CREATE TABLE identity (connector integer NOT NULL, external_id text NOT NULL, at bigint NOT NULL, seq bigint NOT NULL,
    PRIMARY KEY (connector, external_id));
CREATE TABLE event ({_event}, PRIMARY KEY (at, seq)) PARTITION BY RANGE (at);
CREATE INDEX event_time ON event (connector, at);
CREATE INDEX event_number_index ON event (seq);
CREATE INDEX event_upload ON event (upload) WHERE upload IS NOT NULL;
CREATE TABLE version ({_event}, PRIMARY KEY (connector, external_id, version));
CREATE INDEX version_upload ON version (upload) WHERE upload IS NOT NULL;
CREATE TABLE event_key (key bigint NOT NULL, at bigint NOT NULL, seq bigint NOT NULL,
    PRIMARY KEY (key, at, seq)) PARTITION BY RANGE (at);
CREATE TABLE expired (connector integer NOT NULL, external_id text NOT NULL, version integer NOT NULL,
    digest bytea NOT NULL, PRIMARY KEY (connector, external_id));
CREATE TABLE tally (connector integer NOT NULL, minute bigint NOT NULL, events bigint NOT NULL,
    PRIMARY KEY (connector, minute));
CREATE INDEX tally_minute ON tally (minute);
CREATE TABLE rejection (seq bigserial PRIMARY KEY, connector integer NOT NULL, at bigint NOT NULL,
    external_id text, errors text NOT NULL);
CREATE INDEX rejection_connector ON rejection (connector, seq);
"""


def prepare(connection: psycopg.Connection[Row], now: datetime) -> int:
    """Makes what is missing of the tables, and the partitions of the months to come; up to when there are any."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        found = connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.counter"]).fetchone()
        if found == (None,):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.execute(_TABLES)
            first = _month(now, -_MONTHS_BEFORE)
            for table in _PARTITIONED:
                connection.execute(
                    f"CREATE TABLE {table}_older PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ({micros(first)})"
                )
        months = [_month(now, ahead) for ahead in range(-_MONTHS_BEFORE, _MONTHS_AHEAD + 1)]
        there = {
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relispartition",
                [SCHEMA],
            )
        }
        for begin, end in pairwise(months):
            for table in _PARTITIONED:
                if f"{table}_{begin:%Y_%m}" not in there and _is_due(there, table, begin):
                    connection.execute(
                        f"CREATE TABLE {table}_{begin:%Y_%m} PARTITION OF {table} "
                        f"FOR VALUES FROM ({micros(begin)}) TO ({micros(end)})"
                    )
        return micros(months[-1])


def _is_due(there: set[str], table: str, month: datetime) -> bool:
    """Months before the first partition are in the one of what is older."""
    dated = [name for name in there if name.startswith(f"{table}_2")]
    return not dated or f"{table}_{month:%Y_%m}" > min(dated)


def _month(now: datetime, ahead: int) -> datetime:
    count = now.year * 12 + now.month - 1 + ahead
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
