"""Forms drawn from settings' classes: every setting has its input, and what a form is filled with it says again."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from ropewalk.sources import REGISTRY
from ropewalk.sources.custom_api import SOURCE
from ropewalk.web.settingfields import drawn
from ropewalk.web.settingsform import SettingsForm, setting_rows

AUTHS: list[dict[str, Any]] = [
    {"type": "none"},
    {"type": "bearer"},
    {"type": "api_key", "in": "query", "name": "key"},
    {"type": "basic", "username": "ada"},
    {"type": "oauth2_client_credentials", "token_url": "https://id.example/token", "client_id": "c", "scope": "read"},
]  # fmt: skip
PAGINGS: list[dict[str, Any]] = [
    {"type": "none", "max_pages": 7},
    {"type": "page", "page_param": "p", "size_param": None, "first_page": 0, "total_path": "paging.total"},
    {"type": "offset", "first_offset": 1, "page_size": 500, "has_more_path": "more"},
    {"type": "cursor", "next_cursor_path": "next", "params_in": "body"},
    {"type": "next_url", "next_url_header": "Next-Page", "allowed_origins": ["https://cdn.example", "https://b.example"]},
    {"type": "link_header"},
]  # fmt: skip
MORE: dict[str, Any] = {
    "method": "POST",
    "url": "https://crm.example/v1",
    "body": {"query": "{ all }", "deep": [1, None]},
    "headers": {"X-Team": {"set": True}, "Accept-Version": "2"},
    "plain_headers": ["Accept-Version"],
    "auth": {"type": "api_key", "name": "X-Own"},
    "incremental": {"param": "since", "format": "epoch_s", "overlap_seconds": 60, "template": "gt {since}"},
    "ignore_reasons": ["no_rows", "empty_page"],
    "schedule": {"periodic": True, "every_minutes": 15},
    "enabled": False,
}


def form_of(model: type[Any], values: dict[str, Any]) -> SettingsForm:
    return SettingsForm(*drawn(model, folded=("max_pages",)), values=values)


def sent(form: SettingsForm) -> QueryDict:
    """As a browser would send what the form shows, the hidden inputs of what isn't chosen included."""
    data = QueryDict(mutable=True)
    for bound in form:
        kind, name = bound.field.kind, bound.field.name
        if kind == "switch":
            if bound.is_on:
                data[name] = "on"
        elif kind == "checks":
            data.setlist(name, bound.value)
        elif kind == "rows":
            for _, row in setting_rows(bound):
                data.update({each.field.name: each.shown for each in row})
        elif kind == "headers":
            for place, row in enumerate(bound.value):
                data[f"{name}.{place}.name"], data[f"{name}.{place}.value"] = row.name, row.value
                for part, is_on in (("plain", row.is_plain), ("set", row.is_set)):
                    if is_on:
                        data[f"{name}.{place}.{part}"] = "on"
        else:
            data[name] = bound.shown
    return data


@pytest.mark.parametrize("auth", AUTHS, ids=lambda each: str(each["type"]))
def test_a_connector_s_settings_come_back_as_they_were(auth: dict[str, Any]) -> None:
    settings = SOURCE.settings.model_validate({"auth": auth, "requests_per_minute": 90})
    form = form_of(SOURCE.settings, settings.model_dump(mode="json", by_alias=True))

    assert SOURCE.settings.model_validate(form.read(sent(form))) == settings


@pytest.mark.parametrize("paging", PAGINGS, ids=lambda each: str(each["type"]))
def test_a_stream_s_settings_come_back_as_they_were(paging: dict[str, Any]) -> None:
    model, draft = SOURCE.kinds["accounts"].settings, {"draft": True}
    for more in ({"url": "https://crm.example"}, MORE):
        if paging.get("params_in") and "method" not in more:
            continue
        settings = model.model_validate({**more, "pagination": paging}, context=draft)
        form = form_of(model, settings.model_dump(mode="json", by_alias=True))

        assert model.model_validate(form.read(sent(form)), context=draft) == settings


def test_every_setting_of_every_source_has_an_input() -> None:
    elsewhere = {"mapping", "plain_headers"}
    for source in REGISTRY.values():
        for model in (source.settings, *(kind.settings for kind in source.kinds.values())):
            form = SettingsForm(*drawn(model))
            tops = {bound.field.place.partition(".")[0] for bound in form}
            names = [bound.field.name for bound in form]
            wordless = [name for name, bound in form.bound.items() if not bound.field.label]

            assert tops >= model.model_fields.keys() - elsewhere
            assert (len(names), wordless) == (len({*names}), [])
