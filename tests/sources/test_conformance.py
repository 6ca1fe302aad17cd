"""What holds for every source, told by its declaration alone."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest
from django.http import QueryDict
from pydantic import BaseModel

import ropewalk
from ropewalk.api import schemas
from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix, RopewalkError
from ropewalk.core.exchange import Request, Response
from ropewalk.core.origins import origin
from ropewalk.engine.connectors import configure, export, files
from ropewalk.engine.connectors.connection import CLIENTS
from ropewalk.engine.connectors.documents import Document
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind, Source, Window
from ropewalk.store import connectors, secrets
from ropewalk.web.settingfields import choices_named, drawn
from ropewalk.web.settingsform import SettingsForm
from tests.engine.world import START, World
from tests.sources.examples import connector_of, mapping, settings_of, stream_of
from tests.web.test_settingsform import sent

SOURCE = Path(ropewalk.__file__).parent
KINDS = [(source, kind) for source in REGISTRY.values() for kind in source.kinds]
of_each_source = pytest.mark.parametrize("source", REGISTRY.values(), ids=lambda each: each.slug)
of_each_kind = pytest.mark.parametrize(
    ("source", "kind"), KINDS, ids=[f"{source.slug} {kind}" for source, kind in KINDS]
)


def models(source: Source) -> list[type[BaseModel]]:
    return [source.settings, *(kind.settings for kind in source.kinds.values())]


def test_each_is_there_once() -> None:
    assert len(REGISTRY) == len({id(each) for each in REGISTRY.values()})


@of_each_source
def test_it_says_what_it_is(source: Source) -> None:
    assert REGISTRY[source.slug] is source
    assert re.fullmatch(r"[a-z][a-z0-9_]*", source.slug)
    assert source.name
    assert source.about.endswith(".")
    assert source.kinds
    assert source.client in CLIENTS
    assert all(each.title for each in (*source.secrets.values(), *source.choices.values()))


@of_each_source
def test_every_choice_of_a_setting_is_one_that_the_source_can_be_asked_for(source: Source) -> None:
    named = {name for model in models(source) for name in choices_named(model)}

    assert named == {*source.choices}


@of_each_source
def test_what_it_needs_are_secrets_that_it_has(source: Source) -> None:
    settings = check(source.settings, settings_of(source.settings))
    for kind, reading in source.kinds.items():
        needs = source.needs(settings, check(reading.settings, stream_of(source, kind)))

        assert {*needs.names()} <= {*source.secrets}
        assert {origin(each) for each in needs.origins} == needs.origins
        assert needs.origins


@of_each_kind
def test_its_form_says_again_what_it_is_filled_with(source: Source, kind: Kind) -> None:
    for model, given in (
        (source.settings, settings_of(source.settings)),
        (source.kinds[kind].settings, stream_of(source, kind)),
    ):
        settings = check(model, given)
        form = SettingsForm(*drawn(model), values=settings.model_dump(mode="json", by_alias=True))
        said = form.read(cast(QueryDict, sent(form)))
        if "mapping" in given:
            said["mapping"] = given["mapping"]

        assert check(model, said) == settings


@of_each_source
def test_every_secret_has_one_input_for_each_way_to_use_it(source: Source) -> None:
    form = SettingsForm(*drawn(source.settings, at="settings.", secrets=source.secrets))
    asked = {each.field.place for each in form if each.field.place.startswith("secrets.")}

    assert asked == {f"secrets.{name}" for name in source.secrets}


@of_each_source
def test_the_api_shows_its_schema(source: Source) -> None:
    shown = json.loads(schemas.source(source).model_dump_json())

    assert shown["kinds"] == [*source.kinds]
    assert shown["secrets"] == [*source.secrets]
    assert {*shown["settings"].get("properties", {})} == {
        info.alias or name for name, info in source.settings.model_fields.items()
    }


@of_each_kind
def test_settings_that_stay_the_same_reset_nothing(source: Source, kind: Kind) -> None:
    reading = source.kinds[kind]
    settings: Any = check(reading.settings, stream_of(source, kind))
    again: Any = check(reading.settings, stream_of(source, kind) | {"enabled": False})

    assert reading.baseline(settings) == reading.baseline(again)
    assert not reading.resets(settings, again)
    assert reading.keeps_place(settings, again)


@of_each_kind
def test_another_mapping_makes_the_next_run_a_full_one(source: Source, kind: Kind) -> None:
    reading, stream = source.kinds[kind], stream_of(source, kind)
    settings: Any = check(reading.settings, stream)
    other: Any = check(
        reading.settings,
        stream | {"mapping": [{**stream["mapping"][0], "from": "elsewhere"}, *stream["mapping"][1:]]},
    )

    assert reading.resets(settings, other)
    assert not reading.keeps_place(settings, other)


@of_each_kind
def test_no_required_target_can_be_left_out(source: Source, kind: Kind) -> None:
    reading, stream = source.kinds[kind], stream_of(source, kind)
    targets = [each["to"] for each in stream["mapping"]]
    for target in targets:
        left = mapping([each for each in targets if each != target])
        with pytest.raises(MustFix) as refused:
            check(reading.settings, stream | {"mapping": left})

        assert any(target in each.message for each in refused.value.problems)


@pytest.mark.django_db
@of_each_source
def test_its_connector_file_makes_the_same_connector(source: Source, world: World) -> None:
    made = configure.create_connector(world.org, world.owner, connector_of(source), world.clock)
    written = export.export(world.org, world.owner, world.clock)
    kept = secrets.read(world.org, connector_id=made.id)
    environ = dict(
        zip(
            (each.name for each in written.variables),
            (kept[name].value for name in sorted(kept)),
            strict=True,
        )
    )
    [outcome] = files.plan(world.org, [Document("file.yaml", written.text())], environ, world.clock)

    assert (outcome.action, outcome.differences) == ("unchanged", [])
    assert connectors.get(world.org, made.id).source == source.slug


@pytest.mark.django_db
@of_each_source
def test_no_secret_goes_anywhere_before_the_source_says_where(source: Source, world: World) -> None:
    made = configure.create_connector(
        world.org, world.owner, connector_of(source) | {"streams": {}}, world.clock
    )
    needs = source.needs(check(source.settings, settings_of(source.settings)), None)
    kept = secrets.read(world.org, connector_id=made.id)

    assert {name: {*one.origins} for name, one in kept.items() if name in {*needs.names()}} == {
        name: {*needs.origins} for name in kept if name in {*needs.names()}
    }


# ---- reading over HTTP ----

OVER_HTTP = [(source, kind) for source, kind in KINDS if source.client == "http"]

HOSTILE = [
    b"[]", b"{}", b"null", b"0", b'"text"', b"<html></html>", b"\xff", b'[null, 1, "x", []]',
    b'{"results": null}', b'{"results": [null, 1]}', b'{"results": {}, "paging": 7}',
    b'{"data": [1, {"id": null}], "has_more": "maybe"}', b'{"results": [{"id": 1}], "paging": {"next": {"after": {}}}}',
]  # fmt: skip


class Says:
    """A fetch that always answers the same, and keeps what it was asked."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, {"content-type": "application/json"}, self.body, request.url, 1)

    def ahead(self, requests: Any) -> None:
        self.asked.extend(requests)


@pytest.mark.parametrize(
    ("source", "kind"), OVER_HTTP, ids=[f"{source.slug} {kind}" for source, kind in OVER_HTTP]
)
@pytest.mark.parametrize("body", HOSTILE, ids=repr)
def test_whatever_is_answered_it_reads_pages_or_says_what_is_wrong(
    source: Source, kind: Kind, body: bytes
) -> None:
    reading, fetch = source.kinds[kind], Says(body)
    settings = check(source.settings, settings_of(source.settings))
    stream = check(reading.settings, stream_of(source, kind))
    needs = source.needs(settings, stream)
    for window in (Window(), Window(since=START), Window(sample=True, max_pages=2)):
        with suppress(RopewalkError):
            for page in islice(reading.read(settings, stream, window, fetch, None), 5):
                assert len([*page.records]) == page.count
                json.dumps(page.state)

    assert fetch.asked
    assert {origin(each.url) for each in fetch.asked if each.credentials} <= needs.origins


@pytest.mark.parametrize(
    "source", list({source.slug: source for source, _ in OVER_HTTP}.values()), ids=lambda each: each.slug
)
@pytest.mark.parametrize("body", HOSTILE, ids=repr)
def test_whatever_is_answered_its_choices_are_options_or_a_sentence(source: Source, body: bytes) -> None:
    settings = check(source.settings, settings_of(source.settings))
    for choices in source.choices.values():
        with suppress(RopewalkError):
            assert all(each.value for each in choices.fetch(settings, Says(body)))


def test_nobody_asks_which_source_it_is() -> None:
    """Not by its slug, outside of the sources themselves."""
    slugs = re.compile(rf"""["']({"|".join(REGISTRY)})["']""")
    found = [
        path.relative_to(SOURCE).as_posix()
        for room in ("api", "engine", "web", "store", "net")
        for path in sorted((SOURCE / room).rglob("*.py"))
        if slugs.search(path.read_text())
    ]

    assert found == []
