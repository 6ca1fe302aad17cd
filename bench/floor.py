"""The same work as a first load and its repeats by Ropewalk, with no product around it.

    python -m bench.floor DATABASE_URL API_URL

It fetches pages one after the other with libcurl, cuts them into raw records, digests those, decodes what is new,
maps it, brings its keys into normal form, looks its accounts up, and writes accounts, change log and digests, and
the run's counts and place, in a transaction for each 5,000 rows; into the very tables and indexes of Ropewalk.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pycurl
from uuid_utils import uuid7
from xxhash import xxh3_128_digest

from bench.records import MAPPING
from bench.tables import Tables, opened

BATCH_ROWS = 5_000

COLUMNS = {"externalCustomerId", "companyName", "companyDomain"}
_FIELDS = tuple((path.split("."), target) for path, target in MAPPING if target not in COLUMNS)


class Body(msgspec.Struct):
    data: list[msgspec.Raw]
    total: int


_cut = msgspec.json.Decoder(Body).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="deterministic").encode


def pages(url: str) -> Iterator[list[msgspec.Raw]]:
    curl = pycurl.Curl()
    number, rows = 1, 0
    while True:
        chunks: list[bytes] = []
        curl.setopt(pycurl.URL, f"{url}/customers?page={number}")
        curl.setopt(pycurl.BUFFERSIZE, 128 * 1024)
        curl.setopt(pycurl.WRITEFUNCTION, chunks.append)
        curl.perform()
        body = _cut(b"".join(chunks))
        yield body.data
        rows += len(body.data)
        if rows >= body.total:
            return
        number += 1


def batches(url: str) -> Iterator[list[msgspec.Raw]]:
    batch: list[msgspec.Raw] = []
    for page in pages(url):
        batch += page
        if len(batch) >= BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def digest(data: Any) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def fields_of(record: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for path, target in _FIELDS:
        value: Any = record
        for segment in path:
            value = value.get(segment)
        fields[target] = value
    return fields


class Load:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.seen = 0
        self.counts = {"created": 0, "updated": 0, "unchanged": 0}

    def batch(self, raws: Sequence[msgspec.Raw]) -> None:
        with self.tables.transaction():
            hashes = [xxh3_128_digest(raw) for raw in raws]
            known = self.tables.known_hashes(hashes)
            fresh = [(raw, hash_) for raw, hash_ in zip(raws, hashes, strict=True) if hash_ not in known]
            self.counts["unchanged"] += len(raws) - len(fresh)
            if fresh:
                self._apply(fresh)
            self.tables.progress(json.dumps(self.counts))

    def _apply(self, fresh: Sequence[tuple[msgspec.Raw, bytes]]) -> None:
        now = datetime.now(UTC)
        records = [_decode(raw) for raw, _ in fresh]
        keys = [str(record["id"]).strip() for record in records]
        there = self.tables.accounts(keys)
        created, updated, changes, new_records, old_records = [], [], [], [], []
        for (_, raw_hash), record, key in zip(fresh, records, keys, strict=True):
            name, domain, fields = record["name"], record["website"].strip().lower(), fields_of(record)
            values = {"externalCustomerId": key, "companyName": name, "companyDomain": domain, **fields}
            hashes = raw_hash, digest(_canonical(values))
            known = there.get(key)
            if known is None:
                account = uuid7().hex
                created.append((account, name, domain, key, _encode(fields).decode(), now))
                changed = {target: {"old": None, "new": value} for target, value in values.items()}
                changes.append((account, True, _encode(changed).decode(), now))
                new_records.append((account, *hashes))
                continue
            account, old_name, old_domain, old_fields = known
            old = {"companyName": old_name, "companyDomain": old_domain, **_decode(old_fields)}
            changed = {
                target: {"old": old.get(target), "new": value}
                for target, value in values.items()
                if target != "externalCustomerId" and old.get(target) != value
            }
            if changed:
                updated.append((name, _encode(fields).decode(), now, account))
                changes.append((account, False, _encode(changed).decode(), now))
            old_records.append((*hashes, account))
        self.counts["created"] += len(created)
        self.counts["updated"] += len(updated)
        self.tables.write(created, updated, changes, new_records, old_records)


def main(database_url: str, api_url: str) -> None:
    with opened(database_url) as tables:
        load = Load(tables)
        for batch in batches(api_url):
            load.batch(batch)
    print(load.counts)


if __name__ == "__main__":
    main(*sys.argv[1:3])
