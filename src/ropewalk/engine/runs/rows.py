"""What a batch holds, as far as it can be read without deciding anything: which records say the very same as last time, and
what the others are mapped to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any, Protocol

import msgspec

from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import Plan
from ropewalk.core.records import decode
from ropewalk.core.values import checksums
from ropewalk.engine.runs.batches import Batch
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.stage import Stage
from ropewalk.sources.base import Derivation
from ropewalk.sources.rows import DERIVED, become


class Mapped(Protocol):
    """`plan` maps a record as this run does; `keys` only what the record is matched by."""

    plan: Plan
    keys: Plan

    def draft(self, mapped: dict[str, Any]) -> Any:
        """Raises `RowRefused`."""


class Hashes(msgspec.Struct, frozen=True):
    """`periodic`: of scheduled runs that leave out fields, whose hashes are kept apart (product.md §2.2). Those of raw
    records also hold for one version of the source's derivation only."""

    salt: bytes
    periodic_salt: bytes | None = None
    heed: bool = True
    derivation_version: int | None = None

    @property
    def periodic(self) -> bool:
        return self.periodic_salt is not None

    @property
    def own_salt(self) -> bytes:
        return self.periodic_salt or self.salt

    def raw_salt(self, salt: bytes) -> bytes:
        return salt if self.derivation_version is None else b"%b %d" % (salt, self.derivation_version)


class Row(msgspec.Struct):
    position: int
    raw: bytes
    raw_hash: bytes
    draft: Any = None
    draft_hash: bytes = b""
    refusal: RowRefused | None = None
    keys: Any = None
    """Of a record that was refused: a draft of nothing but what it is matched by."""


class Rows(msgspec.Struct):
    """A batch's rows in their order. Of one that says the very same as last time it is only known which record it is: of
    a hundred rows these are mostly ninety-nine. `first`: the position of the first."""

    first: int
    raws: Sequence[bytes]
    raw_hashes: Sequence[bytes]
    each: list[Row | int]

    def row(self, place: int) -> Row:
        return Row(self.first + place, self.raws[place], self.raw_hashes[place])


class RowReader:
    def __init__(self, stage: Stage, subject: Mapped, hashes: Hashes, derivation: Derivation | None) -> None:
        self._stage = stage
        self._subject = subject
        self._hashes = hashes
        self._derivation = derivation
        self._last_known = 0

    def read(self, batch: Batch, progress: Progress) -> Rows:
        raws: Sequence[bytes] = batch.rows
        raw_hashes: Sequence[bytes] = checksums(raws, self._hashes.raw_salt(self._hashes.own_salt))
        known = self._known(raws, raw_hashes)
        self._last_known = (known.get(raw_hashes[-1]) if raw_hashes else None) or self._last_known
        if self._derivation is not None and self._derivation.left_out is not None:
            kept = self._kept(raws, raw_hashes, known, self._derivation.left_out, progress)
            raws, raw_hashes = [raws[place] for place in kept], [raw_hashes[place] for place in kept]
        first = progress.counts.processed + 1
        rows = Rows(
            first,
            raws,
            raw_hashes,
            [
                known[raw_hash] if raw_hash in known else Row(position, raw, raw_hash)
                for position, raw, raw_hash in zip(count(first), raws, raw_hashes)
            ],
        )
        for raw, row in zip(raws, rows.each, strict=True):
            if isinstance(row, Row):
                self._read(row, progress)
            elif progress.unseen:
                # Not worth decoding for its own sake; but a path is gone only if no record has it.
                self._subject.plan.strike_seen(self._record(raw), progress.unseen)
        return rows

    def read_again(self, rows: Rows, begin: int, outdated: Collection[int], progress: Progress) -> None:
        """What was known until a row before it said otherwise."""
        for place in range(begin, len(rows.each)):
            known = rows.each[place]
            if isinstance(known, int) and known in outdated:
                row = rows.each[place] = rows.row(place)
                self._read(row, progress)

    def whole(self, row: Row) -> bytes:
        """For those who keep the record itself: few are kept."""
        return row.raw if self._derivation is None else become(row.raw, self._derivation)

    @staticmethod
    def _kept(
        raws: Sequence[bytes],
        raw_hashes: Sequence[bytes],
        known: Collection[bytes],
        left_out: Callable[[bytes], str | None],
        progress: Progress,
    ) -> list[int]:
        """What is known has passed the filters: other settings would have reset the hashes."""
        kept: list[int] = []
        for place, (raw, raw_hash) in enumerate(zip(raws, raw_hashes, strict=True)):
            if raw_hash not in known and (name := left_out(raw)) is not None:
                progress.counts.filtered[name] += 1
            else:
                kept.append(place)
        return kept

    def _known(self, raws: Sequence[bytes], raw_hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Those that are what the stream said last: their record's number."""
        hashes = self._hashes
        if not hashes.heed:
            return {}
        own = self._stage.known(raw_hashes, periodic=hashes.periodic, after=self._last_known)
        if not hashes.periodic:
            return own
        salt = hashes.raw_salt(hashes.salt)
        by_hand = dict(zip(checksums(raws, salt), raw_hashes, strict=True))
        found = self._stage.known(list(by_hand), periodic=False, after=self._last_known)
        return {by_hand[raw_hash]: number for raw_hash, number in found.items()} | own

    def _read(self, row: Row, progress: Progress) -> None:
        try:
            record = self._record(row.raw)
        except RowRefused as refusal:
            row.refusal = refusal
            return
        plan = self._subject.plan
        if progress.unseen:
            plan.strike_seen(record, progress.unseen)
        try:
            row.draft = self._subject.draft(plan.apply(record))
            row.draft_hash = row.draft.digest(self._hashes.own_salt)
        except RowRefused as refusal:
            row.refusal = refusal
            row.keys = self._keys_of(record)

    def _keys_of(self, record: dict[str, Any]) -> Any:
        try:
            return self._subject.draft(self._subject.keys.apply(record))
        except RowRefused:
            return None

    def _record(self, raw: bytes) -> dict[str, Any]:
        record: dict[str, Any] = decode(raw)
        if self._derivation is not None:
            record[DERIVED] = self._derivation.add(record)
        return record
