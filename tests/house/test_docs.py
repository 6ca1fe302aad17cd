"""The documentation agrees with the code, and with itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from ropewalk.cli import exits
from ropewalk.cli.app import app
from ropewalk.core import auth, limits, mapping, reasons, transforms, verdict
from ropewalk.core.pagination import PagingSettings
from ropewalk.demo.companies import Book
from ropewalk.installation import Installation
from ropewalk.sources import REGISTRY, custom_api, endpoint, streams
from ropewalk.sources.base import Source

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def tables(page: str, heading: str | None = None) -> list[list[str]]:
    """The cells of all tables of a page, or of those under one heading; without headings of columns and rulers."""
    text = (DOCS / page).read_text()
    if heading is not None:
        _, found, text = text.partition(f"\n{heading}\n")
        assert found, f"{page} has no heading {heading!r}"
        level = heading.partition(" ")[0]
        text = re.split(rf"^#{{1,{len(level)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    rulers = {index for index, row in enumerate(rows) if set("".join(row)) <= set("- ")}
    return [row for index, row in enumerate(rows) if index not in rulers and index + 1 not in rulers]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_codes(page: str, heading: str) -> list[str]:
    return [name for row in tables(page, heading) for name in codes(row[0])]


def in_words(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return "–".join(f"{bound:,}" for bound in value)
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if "_BYTES" in name and value % size == 0:
            return f"{value // size:,} {unit}"
    return f"{value:,}"


def test_every_limit_is_documented_with_its_value() -> None:
    documented = {codes(row[2])[0]: row[1] for row in tables("reference/limits.md")}

    assert documented == {
        name: in_words(name, value)
        for name, value in vars(limits).items()
        if name.isupper() and isinstance(value, int | tuple)
    }


def test_every_setting_of_the_installation_is_documented() -> None:
    documented = [row for row in tables("reference/settings.md") if row[0].startswith("`ROPEWALK_")]
    fields = Installation.model_fields

    def default(value: Any) -> str:
        return "" if value in (None, ()) else f"{value:,}" if isinstance(value, int) else str(value)

    assert documented == [
        [f"`ROPEWALK_{name.upper()}`", default(field.default), field.description]
        for name, field in fields.items()
    ]


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("## Skipped", reasons.SKIPPED),
        ("## Rejected", reasons.REJECTED),
        ("## Undo and retry", (reasons.CHANGED_SINCE,)),
        ("### Truncated", verdict.TRUNCATED),
        ("### Suspicious", verdict.SUSPICIOUS),
        ("## Notices", reasons.NOTICES),
    ],
)
def test_every_code_is_documented(heading: str, known: tuple[str, ...]) -> None:
    assert first_codes("reference/reasons.md", heading) == list(known)


def test_every_way_of_paging_is_documented_with_its_settings() -> None:
    members = TypeAdapter(PagingSettings).json_schema()["$defs"].values()
    shared = set(first_codes("reference/custom-api.md", "## Pagination")) & {"max_pages", "total_path"}
    rows = {codes(row[0])[0]: codes(row[1]) for row in tables("reference/custom-api.md", "## Pagination")}
    common = set.intersection(*({*member["properties"]} for member in members)) - {"type"}

    assert shared == {"max_pages", "total_path"}
    for member in members:
        kind = member["properties"]["type"]["const"]
        named = {name for name in rows[kind] if name in member["properties"]}
        assert named == {*member["properties"]} - common - {"type"}, kind
    assert common == rows.keys() - {member["properties"]["type"]["const"] for member in members}


def test_every_way_to_authenticate_is_documented_with_its_settings_and_its_secret() -> None:
    rows = {codes(row[0])[0]: row for row in tables("reference/custom-api.md", "## Authentication")}
    kinds: list[Any] = [auth.NoAuth, auth.Bearer, auth.ApiKey, auth.Basic, auth.ClientCredentials]

    assert list(rows) == [kind.model_fields["type"].default for kind in kinds]
    for kind in kinds:
        _, settings, secret = rows[kind.model_fields["type"].default]
        names = {field.alias or name for name, field in kind.model_fields.items()} - {"type"}
        assert names <= {*codes(settings)}
        assert codes(secret) == ([kind.secret] if kind.secret else [])


def test_every_target_and_transform_is_documented() -> None:
    named = [
        re.sub(r"[{}:].*", "", name.removeprefix("{"))
        for name in first_codes("reference/custom-api.md", "## Transforms")
    ]

    assert sorted(named) == sorted(transforms.NAMES)
    targets = [name for name in first_codes("reference/custom-api.md", "## Mapping") if name[-1].isalpha()]
    assert targets == ["from", "to", "transforms", *mapping.BUILT_IN, *mapping.INGEST_ONLY]


def test_every_setting_and_target_of_a_contact_stream_is_documented() -> None:
    own = {*custom_api.ContactStream.model_fields} - {*endpoint.SyncedEndpoint.model_fields, "mapping"}

    named = first_codes("reference/custom-api.md", "## A contact stream")
    assert named == [*own, *mapping.CONTACT_TARGETS]


def test_every_setting_and_target_of_an_event_stream_is_documented() -> None:
    own = {*custom_api.EventStream.model_fields} - {*endpoint.Endpoint.model_fields}

    assert first_codes("reference/custom-api.md", "## An event stream") == [
        *own_in_order(own),
        *mapping.EVENT_TARGETS,
    ]


def own_in_order(names: set[str]) -> list[str]:
    return [name for name in custom_api.EventStream.model_fields if name in names]


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("## The stream", custom_api.AccountStream),
        ("## The connector", custom_api.ConnectorSettings),
        ("## Incremental", endpoint.Incremental),
        ("## Schedule", endpoint.Schedule),
    ],
)
def test_every_setting_of_a_stream_is_documented(heading: str, model: type[BaseModel]) -> None:
    settings = model.model_json_schema(by_alias=True, mode="validation")["properties"]

    assert sorted(first_codes("reference/custom-api.md", heading)) == sorted(settings)


SHARED = (
    streams.Synced,
    streams.Accounts,
    streams.Contacts,
    streams.Events,
    streams.Live,
    endpoint.SyncedEndpoint,
)


@pytest.mark.parametrize("source", REGISTRY.values(), ids=lambda each: each.slug)
def test_every_source_has_its_page(source: Source) -> None:
    """Which names every setting that is its own, and every secret; what streams have in common is told once."""
    page = f"reference/{source.slug.replace('_', '-')}.md"
    assert (DOCS / page).is_file(), f"docs/{page} is missing"
    named = {name for row in tables(page) for name in codes(row[0])}
    common = {name for model in SHARED for name in model.model_fields}
    own = {
        info.alias or name
        for model in (source.settings, *(kind.settings for kind in source.kinds.values()))
        for name, info in model.model_fields.items()
        if name not in common
    }

    assert own - named == set()
    assert [name for name in source.secrets if f"`{name}`" not in (DOCS / page).read_text()] == []


def commands(group: Any, before: str = "") -> Iterator[tuple[str, list[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        elif not command.hidden:
            parameters = [parameter for parameter in command.params if parameter.name != "help"]
            yield (
                f"{before}{name}",
                sorted(
                    parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
                    for parameter in parameters
                ),
            )


def test_every_command_is_documented_with_its_options() -> None:
    documented = {
        codes(row[0])[0]: sorted(codes(row[1])) for row in tables("reference/cli.md", "## Commands")
    }

    assert documented == dict(commands(app()))


def test_every_exit_status_is_documented() -> None:
    documented = [int(row[0]) for row in tables("reference/cli.md", "## Exit status")]
    known = {value for name, value in vars(exits).items() if name.isupper()}

    assert documented == sorted(known)


# ---- the docs among themselves ----


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        where = (page.parent / name).resolve() if name else page
        if not where.exists() or (anchor and anchor not in anchors(where)):
            broken.append(target)

    assert broken == []


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, new = set(), {DOCS / "index.md"}
    while new:
        page = new.pop()
        reached.add(page)
        links = {
            (page.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
        }
        new |= {link for link in links if DOCS in link.parents} - reached

    assert sorted(page.relative_to(DOCS).as_posix() for page in {*DOCS.rglob("*.md")} - reached) == []


def test_decisions_are_numbered_one_by_one() -> None:
    pages = sorted(page.name for page in (DOCS / "decisions").glob("[0-9]*.md"))

    assert [page[:4] for page in pages] == [f"{number:03}-" for number in range(1, len(pages) + 1)]


def test_targets_of_make_that_are_mentioned_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([.\w/-]+):", makefile, flags=re.MULTILINE))
    mentioned = {
        target
        for page in PAGES
        for target in re.findall(
            r"(?:^|`|; )make ((?:\.venv/)?\.?[a-z-]+)", page.read_text(), flags=re.MULTILINE
        )
    }

    assert mentioned - known == set()
    assert mentioned >= {"demo", "test"}


def yaml_of(page: str) -> list[Any]:
    return [
        yaml.safe_load(text)
        for text in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    ]


def test_the_tutorial_maps_what_the_vendor_has() -> None:
    [[connector]] = yaml_of("tutorial.md")
    stream = connector["streams"]["accounts"]
    company = Book(1).companies[0]

    missing = []
    for entry in stream["mapping"]:
        value: Any = company
        for part in entry["from"].split("."):
            value = value.get(part, "missing") if isinstance(value, dict) else "missing"
        if value == "missing":
            missing.append(entry["from"])

    assert missing == []
    assert TypeAdapter(PagingSettings).validate_python(stream["pagination"])
    assert (
        mapping.problems(
            [mapping.MappingEntry(**entry) for entry in stream["mapping"]], "accounts", stream["matching"]
        )
        == ()
    )


def test_examples_of_connector_files_have_their_shape() -> None:
    for page in ("tutorial.md", "reference/custom-api.md"):
        for file in yaml_of(page):
            for connector in file:
                assert {*connector} == {"source", "name", "settings", "secrets", "streams"}


def test_the_architecture_draws_the_floors_and_rooms_that_there_are() -> None:
    text = (DOCS / "architecture.md").read_text()
    drawn = re.findall(r"^\d  (.+?)(?:   .*)?$", text, re.MULTILINE)
    contract = (ROOT / ".importlinter").read_text().partition("layers =\n")[2].partition("\n\n")[0]
    tree = re.findall(
        r"^  (\w+)/ ", text.partition("src/ropewalk/\n")[2].partition("\ntests/")[0], re.MULTILINE
    )

    assert [set(re.findall(r"\w+", floor)) for floor in drawn] == [
        set(re.findall(r"\w+", floor)) for floor in contract.splitlines()
    ]
    assert set(tree) == {each.parent.name for each in (ROOT / "src/ropewalk").glob("*/__init__.py")}


def test_every_module_that_is_named_exists() -> None:
    """As a file (`net/guard.py`), or by its name in the program with what is in it (`engine.runs.sync`, `core.items`)."""
    source = ROOT / "src/ropewalk"
    rooms = "|".join(each.parent.name for each in source.glob("*/__init__.py"))
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(rf"`((?:{rooms}|bench|tests)(?:/\w+)+\.py|(?:{rooms})(?:\.[a-z_]\w*)+)`", page.read_text())
    }  # fmt: skip

    def is_there(name: str) -> bool:
        if name.endswith(".py"):
            return (ROOT / name).exists() or (source / name).exists()
        below = source.joinpath(*name.split("."))
        above = below.parent
        if below.is_dir() or below.with_suffix(".py").exists():
            return True
        found = above.with_suffix(".py") if above.with_suffix(".py").exists() else above / "__init__.py"
        return found.exists() and re.search(rf"\b{below.name}\b", found.read_text()) is not None

    assert len(named) > 30
    assert {(page, name) for page, name in named if not is_there(name)} == set()
