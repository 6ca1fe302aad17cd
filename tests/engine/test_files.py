"""Connector files: read, filled in from the environment, compared with what there is, and made so."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ropewalk.core.errors import Conflict, MustFix
from ropewalk.engine.connectors import files
from ropewalk.engine.connectors.documents import Document, read
from ropewalk.engine.connectors.files import Difference
from ropewalk.store import audit, connectors, secrets, streams
from tests.engine.conftest import Serving
from tests.engine.world import World
from tests.fakes import customers
from tests.fakes.shapes import Pages

ENVIRON = {"CRM_TOKEN": "planted-in-a-file"}
CRM = """\
- source: custom_api
  name: CRM
  settings: {auth: {type: bearer}}
  secrets: {token: "${CRM_TOKEN}"}
  streams:
    accounts:
      url: http://127.0.0.1:1/customers
      matching: external_id
      headers: {X-Tenant: "${TENANT}", Accept-Version: "2"}
      plain_headers: [Accept-Version]
      mapping:
        - {from: id, to: externalCustomerId}
"""
TENANT = ENVIRON | {"TENANT": "planted-header"}


def document(text: str, name: str = "crm.yaml") -> Document:
    return Document(name, textwrap.dedent(text))


def apply(world: World, text: str = CRM, environ: dict[str, str] | None = None) -> list[files.Outcome]:
    return files.apply(
        world.org, world.owner, [document(text)], TENANT if environ is None else environ, world.clock
    )


def problems(text: str, environ: dict[str, str] | None = None) -> list[tuple[str, str]]:
    with pytest.raises(MustFix) as error:
        read([document(text)], environ or {})
    return [(one.path, one.message) for one in error.value.problems]


def refused(world: World, text: str) -> list[str]:
    with pytest.raises(MustFix) as error:
        apply(world, text)
    assert error.value.message == "Nothing was applied: these have to be mended first."
    return sorted(problem.path for problem in error.value.problems)


# ---- reading ----


def test_one_connector_or_a_list_of_them() -> None:
    one = read([document("name: CRM")], {})
    two = read([document("- name: CRM\n- name: ERP\n")], {})

    assert [(each.where, each.body) for each in [*one, *two]] == [
        ("crm.yaml: ", {"name": "CRM"}),
        ("crm.yaml: 1.", {"name": "CRM"}),
        ("crm.yaml: 2.", {"name": "ERP"}),
    ]


def test_secrets_and_headers_are_filled_in_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    [found] = read(
        [
            document(
                '{name: "${A}", secrets: {a: "${A}", b: "x-${A}-${B}", c: "$${A}", d: 5}, headers: {h: "$A"}}'
            )
        ],
        {"A": "a", "B_FILE": str(file)},
    )

    assert found.body == {
        "name": "${A}",
        "secrets": {"a": "a", "b": "x-a-from-a-file", "c": "${A}", "d": 5},
        "headers": {"h": "$A"},
    }
    assert found.secrets == {"a", "from-a-file"}


def test_everything_that_is_missing_outside_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    text = """
    - name: CRM
      secrets: {token: "${CRM_TOKEN}", password: "${not a name}"}
      streams: {accounts: {headers: {X-Key: "${KEY}"}}}
    - name: ERP
      secrets: {token: "${ERP}", password: "${EMPTY}"}
    """

    assert problems(text, {"ERP_FILE": "/not/there", "EMPTY_FILE": str(empty), "KEY": ""}) == [
        (
            "crm.yaml: 1.secrets.token",
            "The environment has no CRM_TOKEN. Set CRM_TOKEN, or CRM_TOKEN_FILE to a file that holds it.",
        ),
        (
            "crm.yaml: 1.secrets.password",
            "Between ${ and } stands the name of an environment variable, such as ${CRM_TOKEN}.",
        ),
        (
            "crm.yaml: 1.streams.accounts.headers.X-Key",
            "The environment has no KEY. Set KEY, or KEY_FILE to a file that holds it.",
        ),
        ("crm.yaml: 2.secrets.token", "The file that ERP_FILE names, /not/there, can't be read."),
        ("crm.yaml: 2.secrets.password", f"The file that EMPTY_FILE names, {empty}, is empty."),
    ]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "crm.yaml", "There is no connector in this file; give one, or a list of them."),
        ("[]", "crm.yaml", "There is no connector in this file; give one, or a list of them."),
        ("just text", "crm.yaml", "There is no connector in this file; give one, or a list of them."),
        ("- a: 1\n- text", "crm.yaml: 2", "Give an object: a connector."),
        ("name: a\nname: b", "crm.yaml", "line 2, column 1: the key name comes twice."),
        ("1: a", "crm.yaml", "line 1, column 1: the key 1 is no text."),
        ("a: [planted", "crm.yaml", "line 1, column 12: expected ',' or ']', but got '<stream end>'."),
        ("a: !!python/object:os.system x", "crm.yaml", None),
        ("a: \x00", "crm.yaml", "This is not YAML."),
        (
            "a: " + "[" * 60 + "]" * 60,
            "crm.yaml",
            "This is nested too deeply, or holds a value that is none.",
        ),
        (
            "a: " + "[" * 5_000 + "]" * 5_000,
            "crm.yaml",
            "This is nested too deeply, or holds a value that is none.",
        ),
    ],
)
def test_what_is_no_connector_file(text: str, path: str, message: str | None) -> None:
    [(where, said)] = problems(text)

    assert where == path
    assert "planted" not in said
    if message is not None:
        assert said == message


def test_dates_stay_text() -> None:
    [found] = read([document("{name: 2026-01-01}")], {})

    assert found.body == {"name": "2026-01-01"}


# ---- making it so ----


@pytest.mark.django_db
def test_a_second_apply_changes_nothing(world: World) -> None:
    first = apply(world)
    entries = len(audit.listing(world.org).items)
    second = apply(world)

    assert [(one.name, one.action) for one in first] == [("CRM", "created")]
    assert [(one.action, one.differences, one.resets) for one in second] == [("unchanged", [], [])]
    assert len(audit.listing(world.org).items) == entries


@pytest.mark.django_db
def test_only_what_differs_is_done(world: World) -> None:
    apply(world)

    renamed = apply(world, CRM.replace("name: CRM", "name: Crm\n  enabled: false"))
    timeout = apply(world, CRM.replace("matching:", "timeout_ms: 5000\n      matching:"))
    matched = apply(world, CRM.replace("external_id", "domain_and_external_id"))
    rotated = apply(world, CRM, TENANT | {"CRM_TOKEN": "planted-anew", "TENANT": "planted-anew"})

    assert [
        (done[0].action, done[0].differences, done[0].resets) for done in (renamed, timeout, matched, rotated)
    ] == [
        ("changed", [Difference("name", "CRM", "Crm"), Difference("enabled", True, False)], []),
        (
            "changed",
            [
                Difference("name", "Crm", "CRM"),
                Difference("enabled", False, True),
                Difference("streams.accounts.timeout_ms", 30000, 5000),
            ],
            [],
        ),
        (
            "changed",
            [
                Difference("streams.accounts.matching", "external_id", "domain_and_external_id"),
                Difference("streams.accounts.timeout_ms", 5000, 30000),
            ],
            ["accounts"],
        ),
        (
            "changed",
            [
                Difference("secrets.token", None, None),
                Difference("streams.accounts.matching", "domain_and_external_id", "external_id"),
                Difference("streams.accounts.headers.X-Tenant", None, None),
            ],
            ["accounts"],
        ),
    ]
    connector = connectors.named(world.org, "CRM")
    assert connector is not None
    assert secrets.read(world.org, connector_id=connector.id)["token"].value == "planted-anew"


@pytest.mark.django_db
def test_all_problems_of_all_connectors_come_at_once_and_nothing_is_done(world: World) -> None:
    apply(world)
    text = (
        CRM.replace("http://127.0.0.1:1/customers", "ftp://x")
        + """\
- source: custom_api
  name: crm
- source: nope
  name: Other
- source: custom_api
  name: New
  colour: red
- source: custom_api
  name: Third
  settings: {auth: {type: basic}}
  streams: {accounts: {mapping: []}, invoices: {}}
"""
    )

    assert refused(world, text) == [
        "crm.yaml: 1.streams.accounts.url",
        "crm.yaml: 2.name",
        "crm.yaml: 3.source",
        "crm.yaml: 4.colour",
        "crm.yaml: 5.settings.auth.username",
        "crm.yaml: 5.streams.accounts.mapping",
        "crm.yaml: 5.streams.accounts.url",
        "crm.yaml: 5.streams.invoices",
    ]
    assert [one.name for one in connectors.every(world.org)] == ["CRM"]


@pytest.mark.django_db
def test_what_the_file_leaves_out_stays(world: World) -> None:
    apply(world)
    connector = connectors.named(world.org, "CRM")
    assert connector is not None

    done = apply(world, "{source: custom_api, name: CRM, settings: {auth: {type: bearer}}}")

    assert [one.action for one in done] == ["unchanged"]
    assert [one.kind for one in streams.of_connector(world.org, connector.id)] == ["accounts"]
    assert secrets.names(world.org, connector_id=connector.id) == ["token"]


@pytest.mark.django_db
def test_a_connector_and_its_stream_change_together(world: World) -> None:
    """Neither fits the other as it was before: only both together do."""
    keyed = CRM.replace("type: bearer", "type: api_key").replace(
        "matching:", "auth: {in: query, name: key}\n      matching:"
    )
    apply(world, keyed)

    done = apply(world)

    assert [(one.action, one.resets) for one in done] == [("changed", ["accounts"])]


@pytest.mark.django_db
def test_a_plan_only_reads(world: World) -> None:
    apply(world)
    text = CRM.replace("external_id", "domain_and_external_id") + "- {source: custom_api, name: ERP}\n"

    with CaptureQueriesContext(connection) as asked:
        planned = files.plan(world.org, [document(text)], TENANT, world.clock, prune=True)

    assert {query["sql"].split()[0] for query in asked} == {"SELECT"}
    assert [(one.name, one.action, one.streams, one.resets) for one in planned] == [
        ("CRM", "changed", {"accounts": "changed"}, ["accounts"]),
        ("ERP", "created", {}, []),
    ]
    assert planned == apply(world, text)


@pytest.mark.django_db
def test_what_is_in_no_file_goes_with_an_entry_for_each_or_all_stay(world: World) -> None:
    others = "".join(f"- {{source: custom_api, name: {name}}}\n" for name in ("ERP", "Old"))
    apply(world, CRM + others)
    entries = len(audit.listing(world.org).items)

    def pruned(text: str, **options: Any) -> list[files.Outcome]:
        return files.apply(
            world.org, world.owner, [document(text)], TENANT, world.clock, prune=True, **options
        )

    with pytest.raises(MustFix):
        pruned(CRM.replace("matching: external_id", "matching: planted"))
    with pytest.raises(Conflict):
        pruned(CRM, agreed=["ERP"])
    assert [one.name for one in connectors.every(world.org)] == ["CRM", "ERP", "Old"]
    assert len(audit.listing(world.org).items) == entries
    done = pruned(CRM, agreed=["ERP", "Old"])

    assert [(one.name, one.action) for one in done] == [
        ("CRM", "unchanged"),
        ("ERP", "deleted"),
        ("Old", "deleted"),
    ]
    assert [one.verb for one in audit.listing(world.org).items][:2] == ["connector.deleted"] * 2
    assert len(audit.listing(world.org).items) == entries + 2


@pytest.mark.django_db
def test_another_host_gets_the_secret_that_stands_beside_it(world: World, serving: Serving) -> None:
    fake = Pages(customers(3), token=ENVIRON["CRM_TOKEN"])
    apply(world)

    def moved(secret: str) -> Any:
        url = serving(fake)
        text = CRM.replace("http://127.0.0.1:1/customers", f"{url}/customers").replace(
            'headers: {X-Tenant: "${TENANT}", Accept-Version: "2"}\n      plain_headers: [Accept-Version]',
            "records_path: data",
        )
        return apply(world, text.replace('secrets: {token: "${CRM_TOKEN}"}', secret))

    with pytest.raises(MustFix) as left_out:
        moved("")
    moved('secrets: {token: "${CRM_TOKEN}"}')
    connector = connectors.named(world.org, "CRM")
    assert connector is not None
    run = world.sync(str(connector.id))

    assert [problem.path for problem in left_out.value.problems] == [
        "crm.yaml: 1.streams.accounts.secrets.token"
    ]
    assert (run["status"], run["counts"]["created"]) == ("succeeded", 3)
