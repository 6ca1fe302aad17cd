"""Set up from one sample: what is proposed for twenty APIs, given a URL and a credential (product.md §4.5).

The vendors and what is expected of them were written without a look at how it is found out, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ropewalk.core import paths
from ropewalk.core.pagination import PagingSettings
from tests.engine.conftest import Serving
from tests.engine.world import World
from tests.fakes.vendors import VENDORS, Expected, Vendor
from tests.fakes.vendors.numbered import Desk

pytestmark = pytest.mark.any_database

_PAGING: TypeAdapter[Any] = TypeAdapter(PagingSettings)


@dataclass(frozen=True)
class Proposed:
    records_path: str | None = None
    pagination: dict[str, Any] | None = None
    """With every default written out."""
    incremental: dict[str, Any] | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    """Path to target, the surest first."""
    proved: frozenset[str] = frozenset()
    """Which of the first three are said to be proved."""


def proposed(answer: dict[str, Any]) -> Proposed:
    """Where a test's answer says what it proposes. api.md §1 names the three parts, each with `proved` and `why`; that the
    setting stands beside them as `value` is read into it."""
    proposal = answer["proposal"] or {}
    parts = {name: proposal.get(name) or {} for name in ("records_path", "pagination", "incremental")}
    values = {name: part.get("value") for name, part in parts.items()}
    if values["pagination"] is not None:
        try:
            values["pagination"] = _PAGING.validate_python(values["pagination"]).model_dump()
        except ValidationError as error:
            values["pagination"] = {"refused": str(error)}
    mapping = {suggestion["from"]: suggestion["to"] for suggestion in answer["suggestions"]}
    proved = frozenset(name for name, part in parts.items() if part.get("proved"))
    return Proposed(mapping=mapping, proved=proved, **values)


def of_contract(value: Any, allowed: Any) -> bool:
    return value in allowed if isinstance(allowed, tuple) else value == allowed


def pages_as(variant: dict[str, Any], given: dict[str, Any]) -> bool:
    wanted = {"params_in": "query", "allowed_origins": []} | variant
    return all(name in given and of_contract(given[name], allowed) for name, allowed in wanted.items())


def wrong(expected: Expected, found: Proposed) -> dict[str, Any]:
    """By part, what was found where it is not right: all that is needed for "fully right"."""
    given = found.pagination or {}
    total, more = given.get("total_path"), given.get("has_more_path")
    domain, identity = (first(found.mapping, name) for name in ("companyDomain", "externalCustomerId"))
    parts = {
        "records": (found.records_path, found.records_path == expected.records_path),
        "paging": (given, any(pages_as(variant, given) for variant in expected.pagination)),
        "total": (total, total in (expected.total_paths or (None,))),
        "has_more": (more, more in (*expected.has_more_paths, None)),
        "domain": (domain, domain in (expected.domains or (None,))),
        "id": (identity, identity in expected.ids),
    }
    return {part: value for part, (value, right) in parts.items() if not right}


def first(mapping: dict[str, str], target: str) -> str | None:
    return next((path for path, to in mapping.items() if to == target), None)


def falsely_proved(expected: Expected, found: Proposed) -> list[str]:
    missed = wrong(expected, found)
    total = (found.pagination or {}).get("total_path")
    lies = {
        "records_path": "records" in missed,
        "pagination": not expected.pages_provable
        or bool({"paging", "has_more"} & set(missed))
        or ("total" in missed and total is not None),
        "incremental": expected.incremental is None
        or not all(
            of_contract((found.incremental or {}).get(name), allowed)
            for name, allowed in ({"template": None} | expected.incremental).items()
        ),
    }
    return sorted(part for part in found.proved if lies[part])


def propose(world: World, vendor: Vendor, url: str) -> tuple[dict[str, Any], Proposed]:
    """URL, credential and method, and nothing else."""
    body = {
        "source": "custom_api",
        "kind": "accounts",
        "settings": {"auth": vendor.auth},
        "stream": {"url": url + vendor.path + vendor.query, "method": vendor.method},
        "secrets": vendor.secrets,
    }
    answer = world.post("test", body)
    return body["stream"], proposed(answer)


def read_all(vendor: Vendor, draft: dict[str, Any], found: Proposed) -> str:
    """Accepts the proposal and syncs it in an organization of its own: what is not as it should be."""
    identity = first(found.mapping, "externalCustomerId")
    assert identity is not None
    world = World.new(vendor.name, f"olga@{type(vendor).__name__.lower()}.example")
    connector = world.connect(
        "",
        draft | {"records_path": found.records_path, "pagination": found.pagination},
        auth=vendor.auth,
        secrets=vendor.secrets,
        mapping=[{"from": identity, "to": "externalCustomerId"}],
    )
    run = world.sync(connector)
    wanted = sorted(str(paths.get(record, paths.parse(identity))) for record in vendor.records)
    arrived = sorted(account["externalCustomerId"] for account in world.accounts())
    counted = (run["status"], run["counts"]["processed"], run["notices"].get("duplicate_in_run", 0))
    verdict = "complete" if vendor.expected.pages_provable else run["verdict"]
    if arrived == wanted and counted == ("succeeded", len(wanted), 0) and run["verdict"] == verdict:
        return ""
    return f"{len(arrived)} of {len(wanted)} arrived; {counted}, {run['verdict']} {run['verdict_reasons']}"


def table(rows: Sequence[tuple[str, Sequence[str], dict[str, Any]]]) -> str:
    """A line for each vendor, and below it what is not right."""
    lines = []
    for name, lies, missed in rows:
        lines.append(
            f"{'ok   ' if not missed else 'WRONG'} {name}{f', FALSELY PROVED: {lies}' if lies else ''}"
        )
        lines += [f"        {part}: {value!r}" for part, value in missed.items()]
    return "\n" + "\n".join(lines)


def test_seventeen_of_twenty_are_fully_right_and_read_everything_once(world: World, serving: Serving) -> None:
    rows = []
    for vendor in (each() for each in VENDORS):
        draft, found = propose(world, vendor, serving(vendor))
        missed = wrong(vendor.expected, found)
        if not missed and (unread := read_all(vendor, draft, found)):
            missed["sync"] = unread
        rows.append((vendor.name, falsely_proved(vendor.expected, found), missed))
    right = sum(not missed for _, _, missed in rows)

    assert len(rows) == 20
    assert [name for name, lies, _ in rows if lies] == [], table(rows)
    assert right >= 17, f"{right} of 20{table(rows)}"


@pytest.mark.parametrize("of", VENDORS)
def test_nothing_is_falsely_proved_and_clear_fields_get_their_targets(
    of: type[Vendor], world: World, serving: Serving
) -> None:
    vendor = of()
    _, found = propose(world, vendor, serving(vendor))
    mapping = {path: found.mapping.get(path) for path in vendor.expected.mapping}

    assert found.records_path is not None
    assert (falsely_proved(vendor.expected, found), mapping) == ([], vendor.expected.mapping)


def test_a_parameter_of_the_usual_name_is_found_and_proved(world: World, serving: Serving) -> None:
    vendor = Desk()
    _, found = propose(world, vendor, serving(vendor))

    assert (found.incremental or {}).get("param") == "updated_since"
    assert "incremental" in found.proved


# ---- the judge ----


def spelled_out(vendor: type[Vendor]) -> dict[str, Any]:
    """A variant that is right, with one value for each choice, as settings."""
    variant = {
        name: value[0] if isinstance(value, tuple) else value
        for name, value in vendor.expected.pagination[0].items()
    }
    more = {"total_path": vendor.expected.total_paths, "has_more_path": vendor.expected.has_more_paths}
    return variant | {name: each[0] for name, each in more.items() if each}


def perfect(vendor: type[Vendor], **other: Any) -> Proposed:
    expected = vendor.expected
    targets = {"companyDomain": expected.domains, "externalCustomerId": expected.ids}
    matching = {fields[0]: target for target, fields in targets.items() if fields}
    known: dict[str, Any] = {
        "records_path": expected.records_path,
        "pagination": {"params_in": "query", "allowed_origins": []} | spelled_out(vendor),
        "mapping": matching | expected.mapping,
        "proved": frozenset({"records_path", "pagination"} if expected.pages_provable else {"records_path"}),
    }
    return Proposed(**known | other)


@pytest.mark.parametrize("of", VENDORS)
def test_what_is_expected_is_judged_right_and_anything_else_wrong(of: type[Vendor]) -> None:
    expected, right = of.expected, perfect(of)
    both = frozenset({"records_path", "pagination"})
    twisted = dict(right.pagination or {}) | {"type": "page", "page_param": "p", "size_param": "n"}
    since = perfect(
        of, incremental={"param": "since", "format": "iso8601"}, proved=frozenset({"incremental"})
    )
    empty = Proposed()

    assert (wrong(expected, right), falsely_proved(expected, right)) == ({}, [])
    assert falsely_proved(expected, perfect(of, pagination=twisted, proved=both)) == ["pagination"]
    assert falsely_proved(expected, perfect(of, records_path="meta", proved=both)) == (
        ["records_path"] if expected.pages_provable else ["pagination", "records_path"]
    )
    assert falsely_proved(expected, since) == ["incremental"]
    assert {"records", "paging", "id"} <= set(wrong(expected, empty))


@pytest.mark.parametrize("of", VENDORS)
def test_what_is_expected_reads_everything_once(of: type[Vendor], world: World, serving: Serving) -> None:
    vendor = of()
    draft = {"url": serving(vendor) + vendor.path + vendor.query, "method": vendor.method}

    assert read_all(vendor, draft, perfect(of, pagination=spelled_out(of))) == ""
