"""Connectors written as files: the same again on an empty installation, whatever their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from ropewalk.core.errors import MustFix, Problem
from ropewalk.engine.connectors import configure, export, files
from ropewalk.engine.connectors.documents import Document
from ropewalk.store import audit, connectors, secrets, streams
from tests.engine.world import World

pytestmark = pytest.mark.django_db


def exported(world: World, **options: Any) -> export.Exported:
    return export.export(world.org, world.owner, world.clock, **options)


def state(world: World) -> list[dict[str, Any]]:
    """Everything that a file describes, secrets in clear and where they may go included."""
    found = []
    for connector in sorted(connectors.every(world.org), key=lambda one: one.name.casefold()):
        at: dict[str, Any] = {"connector_id": connector.id}
        its = streams.of_connector(world.org, connector.id)
        found.append(
            {
                "source": connector.source,
                "name": connector.name,
                "enabled": connector.enabled,
                "settings": connector.settings,
                "secrets": told(secrets.read(world.org, **at)),
                "streams": {
                    one.kind: {
                        "settings": one.settings,
                        "enabled": one.enabled,
                        "schedule": (one.periodic, one.every_minutes),
                        "baseline": one.baseline,
                        "secrets": told(secrets.read(world.org, **at, stream_id=one.id)),
                    }
                    for one in its
                },
            }
        )
    return found


def told(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: (one.value, sorted(one.origins)) for name, one in stored.items()}


def values(world: World, file: export.Exported) -> dict[str, str]:
    """The environment that the file asks for: the stored values, in the order in which it names them."""
    found: dict[str, str] = {}
    names = iter(file.variables)
    for connector in sorted(connectors.every(world.org), key=lambda one: one.name.casefold()):
        own = secrets.read(world.org, connector_id=connector.id)
        for name in sorted(own):
            found[next(names).name] = own[name].value
        for stream in streams.of_connector(world.org, connector.id):
            its = secrets.read(world.org, connector_id=connector.id, stream_id=stream.id)
            plain = [name for name in sorted(its) if not name.startswith("header:")]
            headers = [name for name, value in stream.settings["headers"].items() if isinstance(value, dict)]
            for name in [*plain, *(f"header:{each}" for each in headers)]:
                found[next(names).name] = its[name].value
    assert next(names, None) is None
    return found


# ---- one example, to be read ----

CRM: dict[str, Any] = {
    "source": "custom_api",
    "name": "Müller & Söhne",
    "settings": {"auth": {"type": "bearer"}, "requests_per_minute": 60},
    "secrets": {"token": "planted-token"},
    "streams": {
        "accounts": {
            "url": "https://api.example.com/v1/accounts",
            "headers": {"X-Tenant": "planted-tenant", "Accept-Version": "${2}"},
            "plain_headers": ["Accept-Version"],
            "pagination": {"type": "page", "size_param": None, "total_path": "paging.total"},
            "matching": "domain",
            "mapping": [
                {"from": "site", "to": "companyDomain", "transforms": ["domain"]},
                {"from": "no", "to": "zero"},
            ],
        }
    },
}

WRITTEN = """\
# Secrets stand outside. `ropewalk apply` reads each from the environment variable NAME,
# or from the file that NAME_FILE names:
#   MULLER_SOHNE_TOKEN              Müller & Söhne: token
#   MULLER_SOHNE_ACCOUNTS_X_TENANT  Müller & Söhne accounts: X-Tenant

- source: custom_api
  name: Müller & Söhne
  settings:
    auth: {type: bearer}
    requests_per_minute: 60
  secrets:
    token: ${MULLER_SOHNE_TOKEN}
  streams:
    accounts:
      url: https://api.example.com/v1/accounts
      headers:
        X-Tenant: ${MULLER_SOHNE_ACCOUNTS_X_TENANT}
        Accept-Version: $${2}
      plain_headers:
      - Accept-Version
      pagination: {type: page, total_path: paging.total, size_param: null}
      matching: domain
      mapping:
      - {from: site, to: companyDomain, transforms: [domain]}
      - {from: 'no', to: zero}"""


def test_what_is_written(world: World) -> None:
    configure.create_connector(world.org, world.owner, CRM, world.clock)

    file = exported(world)

    assert file.text() == WRITTEN
    [entry] = [one for one in audit.listing(world.org).items if one.verb == "connector.exported"]
    assert entry.detail == {"names": ["Müller & Söhne"]}


def test_variables_are_told_apart_whatever_else_is_asked_for(world: World) -> None:
    for name in ("a 1", "A-1", "3M", "客户", "ROPE", "Rope accounts"):
        body = {"source": "custom_api", "name": name, "secrets": {"token": "t"}}
        configure.create_connector(world.org, world.owner, body, world.clock)
    last = connectors.named(world.org, "A-1")
    assert last is not None

    everything, one = exported(world), exported(world, only=[last.id])

    assert [(each.name, each.what) for each in everything.variables] == [
        ("_3M_TOKEN", "3M: token"),
        ("A_1_TOKEN", "a 1: token"),
        ("A_1_TOKEN_2", "A-1: token"),
        ("ROPE_TOKEN", "ROPE: token"),
        ("ROPE_ACCOUNTS_TOKEN", "Rope accounts: token"),
        ("TOKEN", "客户: token"),
    ]
    assert [each.name for each in one.variables] == ["A_1_TOKEN_2"]
    assert [each["name"] for each in one.connectors] == ["A-1"]


def test_another_organizations_connectors_are_in_no_file(world: World) -> None:
    other = World.new("Beta", "bo@beta.example")
    configure.create_connector(other.org, other.owner, CRM, other.clock)

    assert exported(world).connectors == []


def test_an_event_stream_is_written_and_read_again(world: World) -> None:
    mapping = [{"from": name, "to": name} for name in ("eventTime", "eventName", "accountKey")]
    stream = {
        "url": "https://api.example.com/events",
        "match_by": "external_id",
        "account_param": "of",
        "mapping": [*mapping, {"from": "", "to": "properties"}],
    }
    body = {"source": "custom_api", "name": "App", "streams": {"events": stream}}
    configure.create_connector(world.org, world.owner, body, world.clock)
    before, file = state(world), exported(world)
    documents = [Document("all.yaml", file.text())]

    [same] = files.plan(world.org, documents, {}, world.clock)
    emptied(world)
    files.apply(world.org, world.owner, documents, {}, world.clock)

    assert (same.action, same.differences) == ("unchanged", [])
    assert (state(world), exported(world).text()) == (before, file.text())


# ---- any connector ----

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
WORD = st.text(st.characters(categories=["L", "N", "Sm", "Cf"], codec="utf-8"), min_size=1, max_size=8)
PARAM = WORD.map(lambda text: f"p{text}")
HEADER_NAME = st.from_regex(r"X-[A-Za-z0-9#~_-]{1,8}", fullmatch=True)
# An empty environment variable counts as none.
HEADER_VALUE = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]), min_size=1, max_size=10
)
SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["Cc"]), min_size=1)
HOST = st.sampled_from(["https://api.example.com", "http://b.example.org:8080", "https://müller.example"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.integers(-999, 999).map(lambda number: number / 4) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

AUTH = st.one_of(
    st.just({"type": "none"}),
    st.just({"type": "bearer"}),
    st.fixed_dictionaries({"type": st.just("api_key")}, optional={"in": st.just("header"), "name": HEADER_NAME}),
    st.fixed_dictionaries({"type": st.just("api_key"), "in": st.just("query"), "name": WORD}),
    st.fixed_dictionaries({"type": st.just("basic"), "username": WORD}),
    st.fixed_dictionaries(
        {
            "type": st.just("oauth2_client_credentials"),
            "token_url": HOST.map(lambda host: f"{host}/token"),
            "client_id": WORD,
        },
        optional={"scope": TEXT},
    ),
)  # fmt: skip
SHARED = {
    "max_pages": st.integers(1, 1_000),
    "total_path": WORD,
    "has_more_path": WORD,
    "allowed_origins": st.lists(HOST, max_size=2),
}
SIZED = SHARED | {"size_param": st.just("size") | st.none(), "page_size": st.integers(1, 10_000)}
PAGINATION = st.one_of(
    st.fixed_dictionaries({"type": st.just("none")}, optional=SHARED),
    st.fixed_dictionaries(
        {"type": st.just("page")}, optional=SIZED | {"page_param": PARAM, "first_page": st.integers(0, 1)}
    ),
    st.fixed_dictionaries({"type": st.just("offset")}, optional=SIZED | {"offset_param": PARAM}),
    st.fixed_dictionaries(
        {"type": st.just("cursor"), "next_cursor_path": WORD}, optional=SIZED | {"cursor_param": PARAM}
    ),
    st.fixed_dictionaries({"type": st.just("next_url"), "next_url_path": WORD}, optional=SHARED),
    st.fixed_dictionaries({"type": st.just("next_url"), "next_url_header": HEADER_NAME}, optional=SHARED),
    st.fixed_dictionaries({"type": st.just("link_header")}, optional=SHARED),
)
TRANSFORM = st.sampled_from(["trim", "lower", "domain", {"split": ","}, {"date": "%d.%m.%Y"}, {"join": ": "}]) | st.one_of(
    TEXT.map(lambda text: {"constant": text}), st.integers(-5, 5).map(lambda number: {"default": number})
)  # fmt: skip
STREAM = st.fixed_dictionaries(
    {
        "url": HOST.map(lambda host: f"{host}/accounts?fields=a,b"),
        "matching": st.sampled_from(["external_id", "domain_and_external_id"]),
        "pagination": PAGINATION,
        "headers": st.dictionaries(HEADER_NAME, HEADER_VALUE, max_size=3).filter(
            lambda headers: len({name.lower() for name in headers}) == len(headers)
        ),
    },
    optional={
        "records_path": WORD,
        "timeout_ms": st.integers(1_000, 300_000),
        "max_records": st.integers(1, 100_000),
        "create_missing": st.booleans(),
        "enabled": st.booleans(),
        "ignore_reasons": st.lists(st.sampled_from(["no_rows", "all_skipped"]), max_size=2),
        "schedule": st.fixed_dictionaries({"periodic": st.booleans(), "every_minutes": st.integers(5, 10_080)}),
        "incremental": st.none()
        | st.fixed_dictionaries(
            {"param": st.just("since")},
            optional={"format": st.sampled_from(["date", "epoch_s"]), "overlap_seconds": st.integers(0, 60),
                      "template": st.just("gt '{since}' #")},
        ),
    },
)  # fmt: skip


@st.composite
def connector(draw: st.DrawFn, name: str) -> dict[str, Any]:
    stream = dict(draw(STREAM))
    listed = sorted(stream["headers"])
    stream["plain_headers"] = draw(st.lists(st.sampled_from(listed), unique=True)) if listed else []
    if draw(st.booleans()):
        stream |= {"method": "POST", "body": draw(JSON.filter(lambda body: body is not None))}
    entry = {
        "from": draw(WORD),
        "to": "externalCustomerId",
        "transforms": draw(st.lists(TRANSFORM, max_size=2)),
    }
    stream["mapping"] = [entry, {"from": draw(WORD), "to": "someField"}]
    auth = draw(AUTH)
    if draw(st.booleans()):
        stream["secrets"] = {"token": draw(SECRET)}
    if auth["type"] in ("none", "bearer") and draw(st.booleans()):
        stream["auth"] = {"type": "api_key", "name": "X-Own"}
    body: dict[str, Any] = {
        "source": "custom_api",
        "name": name,
        "enabled": draw(st.booleans()),
        "settings": {"auth": auth, "requests_per_minute": draw(st.none() | st.integers(1, 100_000))},
        "secrets": draw(
            st.dictionaries(st.sampled_from(["token", "password", "client_secret"]), SECRET, max_size=2)
        ),
    }
    return body | ({"streams": {"accounts": stream}} if draw(st.booleans()) or draw(st.booleans()) else {})


# Databases fold the case of some letters in ways of their own.
NAME = st.text(st.sampled_from("aBc1 -_.:#'\"&{}[]$äÖ客"), max_size=8).map(str.strip).filter(bool)
NAMES = st.lists(NAME, max_size=3, unique_by=lambda name: name.casefold())
CONNECTORS = NAMES.flatmap(lambda names: st.tuples(*(connector(name) for name in names)))
FEW = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def literal(body: dict[str, Any]) -> str:
    """A file whose texts are all meant as they stand: `$${` is how `${` is written."""
    escaped = {
        name: {key: value.replace("${", "$${") for key, value in body.get(name, {}).items()}
        for name in ("secrets",)
    }
    its = {}
    for kind, stream in body.get("streams", {}).items():
        its[kind] = stream | {
            name: {key: value.replace("${", "$${") for key, value in stream[name].items()}
            for name in ("secrets", "headers")
            if name in stream
        }
    return yaml.safe_dump(body | escaped | {"streams": its})


def emptied(world: World) -> None:
    for one in connectors.every(world.org):
        configure.delete_connector(world.org, world.owner, one.id, world.clock)


@FEW
@pytest.mark.any_database
@given(bodies=CONNECTORS)
def test_exported_and_applied_they_are_the_same(world: World, bodies: tuple[dict[str, Any], ...]) -> None:
    emptied(world)
    for body in bodies:
        configure.create_connector(world.org, world.owner, body, world.clock)
    before, file = state(world), exported(world)
    environ = values(world, file)
    documents = [Document("all.yaml", file.text())] if bodies else []

    same = files.plan(world.org, documents, environ, world.clock, prune=True)
    emptied(world)
    files.apply(world.org, world.owner, documents, environ, world.clock)

    assert [one.action for one in same] == ["unchanged"] * len(bodies)
    assert state(world) == before
    assert exported(world).text() == file.text()


@FEW
@pytest.mark.any_database
@given(old=CONNECTORS, new=CONNECTORS)
def test_apply_does_what_plan_says_and_then_there_is_nothing_to_do(
    world: World, old: tuple[dict[str, Any], ...], new: tuple[dict[str, Any], ...]
) -> None:
    """From any connectors to any others, those of one name included."""
    emptied(world)
    for body in old:
        configure.create_connector(world.org, world.owner, body, world.clock)
    renamed = [one | {"name": two["name"]} for one, two in zip(new, old, strict=False)]
    taken = {one["name"].casefold() for one in renamed}
    renamed += [one for one in new[len(old) :] if one["name"].casefold() not in taken]
    documents = [Document(f"{place}.yaml", literal(body)) for place, body in enumerate(renamed)]
    entries = len(audit.listing(world.org, limit=500).items)

    before = state(world)

    planned = result(lambda: files.plan(world.org, documents, {}, world.clock, prune=True))
    assert (state(world), len(audit.listing(world.org, limit=500).items)) == (before, entries)
    done = result(lambda: files.apply(world.org, world.owner, documents, {}, world.clock, prune=True))

    assert done == planned
    if done and isinstance(done[0], Problem):
        # A saved credential that would go elsewhere, say.
        assert (state(world), len(audit.listing(world.org, limit=500).items)) == (before, entries)
        return
    again = files.plan(world.org, documents, {}, world.clock, prune=True)
    assert {one.action for one in again} <= {"unchanged"}
    assert [one["name"] for one in state(world)] == sorted(
        (body["name"] for body in renamed), key=str.casefold
    )


def result(act: Callable[[], list[files.Outcome]]) -> list[files.Outcome] | list[Problem]:
    try:
        return act()
    except MustFix as error:
        return error.problems
