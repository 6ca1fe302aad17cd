"""Tracked fields: what syncs have seen, their types, and the switches of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from msgspec import Struct

from ropewalk.core import limits
from ropewalk.core.errors import MustFix, NotFound, Problem
from ropewalk.core.fieldtypes import FieldType, Seen
from ropewalk.core.mapping import BUILT_IN, MATCH_FIELDS
from ropewalk.store import fieldindexes
from ropewalk.store.database import id_column, on_postgres, rows_of
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, Connector, Stream, TrackedField
from ropewalk.store.transactions import transaction

SAMPLE = 5_000


class FieldState(Struct, frozen=True):
    """`fill_rate` is the share of accounts that have a value, None while there are no accounts. `matched_by`: those of
    the connectors that tell accounts by it. `index_is_built`: where it isn't, though it is wanted, a worker is at it."""

    field: TrackedField
    fill_rate: float | None
    connectors: Sequence[UUID]
    matched_by: Sequence[UUID] = ()
    index_is_built: bool = False


def registry(organization_id: UUID) -> list[TrackedField]:
    return list(_fields(organization_id).order_by("folded"))


def custom(organization_id: UUID) -> list[TrackedField]:
    return [each for each in registry(organization_id) if each.name not in BUILT_IN]


def types(organization_id: UUID) -> dict[str, FieldType]:
    """Of the custom fields: what `FieldTypes` starts from."""
    custom = _fields(organization_id).exclude(name__in=BUILT_IN)
    return dict(custom.values_list("name", "type"))  # type: ignore[arg-type]


def spelling(organization_id: UUID) -> dict[str, str]:
    """The names of the fields by their folded ones."""
    return dict(_fields(organization_id).values_list("folded", "name"))


def without_periodic(organization_id: UUID) -> frozenset[str]:
    """The names that scheduled runs leave out."""
    return frozenset(_fields(organization_id).filter(periodic=False).values_list("name", flat=True))


def learn(organization_id: UUID, learned: Mapping[str, tuple[Seen, FieldType]], *, now: datetime) -> None:
    """What a batch saw for the first time or widened (`FieldTypes.drain`)."""
    for name, (seen, type_) in learned.items():
        mine = _fields(organization_id).filter(folded=name.casefold())
        if seen == "widened" and mine.update(type=type_):
            continue
        _add(organization_id, [(name, type_)], now)


def seen(organization_id: UUID, names: Iterable[str], *, now: datetime) -> None:
    """Built-in fields that a stream maps have their switches too."""
    _add(organization_id, [(name, "text") for name in names if name in BUILT_IN], now)


def _add(organization_id: UUID, named: Sequence[tuple[str, str]], now: datetime) -> None:
    TrackedField.objects.bulk_create(
        [
            TrackedField(
                id=new_id(),
                organization_id=organization_id,
                name=name,
                folded=name.casefold(),
                type=type_,
                created_at=now,
            )
            for name, type_ in named
        ],
        ignore_conflicts=True,
    )


def changed(organization_id: UUID, names: Iterable[str], *, now: datetime) -> None:
    if listed := sorted(names):
        _fields(organization_id).filter(name__in=listed).update(last_changed_at=now)


def switch(
    organization_id: UUID,
    name: str,
    *,
    periodic: bool | None = None,
    history: bool | None = None,
    indexed: bool | None = None,
) -> TrackedField:
    with transaction(organization_id):
        found = _fields(organization_id).filter(folded=name.casefold()).first()
        if found is None:
            raise NotFound("field")
        if indexed and not found.indexed:
            _require_index(found)
        switches = {"periodic": periodic, "history": history, "indexed": indexed}
        for each, is_on in switches.items():
            if is_on is not None:
                setattr(found, each, is_on)
        found.save(update_fields=list(switches))
    return found


def _require_index(field: TrackedField) -> None:
    if why := why_no_index(field):
        raise MustFix("no_index", why, [Problem("indexed", why)])
    if _fields(field.organization_id).filter(indexed=True).count() >= limits.INDEXED_FIELDS:
        why = f"At most {limits.INDEXED_FIELDS} fields are indexed; switch another off first."
        raise MustFix("no_index", why, [Problem("indexed", why)])


def why_no_index(field: TrackedField) -> str:
    if field.name in BUILT_IN:
        return "Built-in fields are found fast without it."
    if field.type in fieldindexes.NEVER:
        return f"A {field.type} has no order to be found by."
    return ""


def listing(organization_id: UUID) -> list[FieldState]:
    tracked = registry(organization_id)
    rates = fill_rates(organization_id) if tracked else {}
    writers, matchers = _writers(organization_id)
    built = fieldindexes.built()
    return [
        FieldState(
            one,
            None if rates is None else rates.get(one.name, 0.0),
            writers.get(one.folded, ()),
            matchers.get(one.folded, ()),
            fieldindexes.called(one.name, one.type) in built,
        )
        for one in tracked
    ]


def _writers(organization_id: UUID) -> tuple[dict[str, list[UUID]], dict[str, list[UUID]]]:
    """By folded name, the connectors that have a stream which maps to it, and those that match by it."""
    alive = Connector.objects.filter(organization_id=organization_id, deleted_at=None).values("id")
    streams = Stream.objects.filter(organization_id=organization_id, connector__in=alive, kind="accounts")
    writers: dict[str, list[UUID]] = {}
    matchers: dict[str, list[UUID]] = {}
    for connector_id, settings in streams.order_by("connector_id").values_list("connector_id", "settings"):
        matched_by = MATCH_FIELDS[settings.get("matching", "domain")]
        # An email of the owner sets the owner.
        names = {str(entry.get("to", "")) for entry in settings.get("mapping") or ()}
        for name in {"accountOwnerId" if name == "accountOwnerEmail" else name for name in names}:
            writers.setdefault(name.casefold(), []).append(connector_id)
            if name in matched_by:
                matchers.setdefault(name.casefold(), []).append(connector_id)
    return writers, matchers


def fill_rates(organization_id: UUID) -> dict[str, float] | None:
    """Exact below 80,000 accounts, from there on from an even sample of at least 5,000. None without accounts."""
    total = Account.objects.filter(organization_id=organization_id, deleted_at=None).count()
    if not total:
        return None
    digits = 0
    while total >= SAMPLE * 16 ** (digits + 1):
        digits += 1
    # The end of a UUIDv7 is random: that it is zeros picks an even sample.
    text = "ropewalk_account.id::text" if on_postgres() else "ropewalk_account.id"
    sampled = f"AND substr({text}, {33 + 4 * on_postgres() - digits}) = '{'0' * digits}'" if digits else ""
    each = "jsonb_object_keys(fields)" if on_postgres() else "json_each.key"
    also = "" if on_postgres() else ", json_each(fields)"
    mine = f"organization_id = %s AND deleted_at IS NULL {sampled}"
    of = [id_column(organization_id)]
    size, name, domain, external_id, owner = rows_of(
        "SELECT count(*), count(company_name), count(company_domain), count(external_customer_id), count(owner_id)"
        f" FROM ropewalk_account WHERE {mine}",
        of,
    )[0]
    counted = dict(
        rows_of(f"SELECT {each} AS name, count(*) FROM ropewalk_account{also} WHERE {mine} GROUP BY 1", of)
    )
    counted |= {
        "companyName": name,
        "companyDomain": domain,
        "externalCustomerId": external_id,
        "accountOwnerId": owner,
    }
    return {field: count / size for field, count in counted.items()} if size else {}


def _fields(organization_id: UUID) -> QuerySet[TrackedField, TrackedField]:
    return TrackedField.objects.filter(organization_id=organization_id)
