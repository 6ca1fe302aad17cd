"""Where secrets may go (product.md §4.1), and that a planted one is found nowhere (§12.1)."""

from __future__ import annotations

import base64
import io
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.apps import apps
from django.core import serializers
from django.db import connection as database

from ropewalk.api import schemas
from ropewalk.core.errors import MustFix
from ropewalk.engine import configure, logs, probe
from ropewalk.store import audit, secrets
from ropewalk.store.models import AuditEntry, Connector, Secret
from tests.engine.conftest import Serving
from tests.engine.test_hostile import AUTHS, TOKEN, WithTokens, auth_at, told
from tests.engine.world import START, World, brief, complete, failed, stream_body
from tests.fakes import Answer, Asked, Fake, customers

BEARER = {"auth": {"type": "bearer"}, "secrets": {"token": "first-token"}}


def shop() -> Fake:
    return Fake(lambda asked: {"data": customers(3)})


def sent(fake: Fake) -> list[str | None]:
    return [asked.headers.get("authorization") for asked in fake.seen]


def problems(error: MustFix) -> list[tuple[str, str]]:
    return [(each.path, each.message) for each in error.problems]


# ---- origins ----


def test_a_new_origin_is_refused(world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    connector = world.connect(first, **BEARER)

    with pytest.raises(MustFix) as caught:
        world.change(connector, url=f"{second}/customers")

    assert problems(caught.value) == [
        (
            "secrets.token",
            f"The saved token was entered for {first}. Enter it again to send it to {second}, or confirm with "
            f"send_secret_to={second}.",
        )
    ]
    assert world.stream(connector).settings["url"] == f"{first}/customers"


@pytest.mark.parametrize("token", ["first-token", "second-token"])
def test_it_may_be_entered_again(token: str, world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    connector = world.connect(first, **BEARER)

    world.change(connector, url=f"{second}/customers", secrets={"token": token})
    world.sync(connector)

    assert (sent(here), sent(there)) == ([], [f"Bearer {token}"])


def test_and_again_for_a_third_origin(world: World, serving: Serving) -> None:
    fakes = [shop(), shop(), shop()]
    first, second, third = map(serving, fakes)
    connector = world.connect(first, **BEARER)

    for origin in (second, third):
        world.change(connector, url=f"{origin}/customers", secrets={"token": "first-token"})
    run = world.sync(connector)

    assert (brief(run), sent(fakes[2])) == (complete(created=3), ["Bearer first-token"])


def test_it_may_be_confirmed_and_that_is_audited(world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    connector = world.connect(first, **BEARER)
    body = dict(world.stream(connector).settings) | {"url": f"{second}/customers"}

    world.save(connector, body, send_secret_to=second)
    world.sync(connector)

    assert sent(there) == ["Bearer first-token"]
    assert AuditEntry.objects.get(verb="connector.stream_saved").detail == {
        "name": "CRM",
        "kind": "accounts",
        "baseline_reset": True,
        "send_secret_to": second,
    }


def test_confirming_another_origin_than_the_streams_helps_nothing(world: World, serving: Serving) -> None:
    first, second = serving(shop()), serving(shop())
    connector = world.connect(first, **BEARER)
    body = dict(world.stream(connector).settings) | {"url": f"{second}/customers"}

    with pytest.raises(MustFix):
        world.save(connector, body, send_secret_to="https://other.example")


def test_only_what_the_stream_sends_is_confirmed(world: World, serving: Serving) -> None:
    first, second = serving(shop()), serving(shop())
    connector = world.connect(
        first, auth={"type": "bearer"}, secrets={"token": "a-token", "password": "a-password"}
    )
    body = dict(world.stream(connector).settings) | {"url": f"{second}/customers"}

    world.save(connector, body, send_secret_to=second)

    assert {row.name: row.origins for row in Secret.objects.all()} == {
        "token": [first, second],
        "password": [first],
    }


def test_entered_before_any_stream_it_goes_to_the_first_one_saved(world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    body = {
        "source": "custom_api",
        "name": "CRM",
        "settings": {"auth": {"type": "bearer"}},
        "secrets": {"token": "t-0"},
    }
    connector = configure.create_connector(world.org, world.owner, body, world.clock)
    unbound = Secret.objects.get().origins

    world.save(connector, stream_body(first))
    world.sync(connector)

    assert (unbound, Secret.objects.get().origins, sent(here)) == ([], [first], ["Bearer t-0"])
    with pytest.raises(MustFix):
        world.change(connector, url=f"{second}/customers")


def test_a_token_url_elsewhere_is_an_origin_too(world: World, serving: Serving) -> None:
    fake = WithTokens(shop())
    base = serving(fake)
    other, elsewhere = serving.recorder()
    connector = world.connect(base, **auth_at(base, "client credentials"))
    auth = {"type": "oauth2_client_credentials", "token_url": f"{elsewhere}/token", "client_id": "ropewalk"}

    with pytest.raises(MustFix) as of_stream:
        world.change(connector, auth={"token_url": f"{elsewhere}/token"})
    with pytest.raises(MustFix) as of_connector:
        configure.update_connector(
            world.org, world.owner, connector.id, {"settings": {"auth": auth}}, world.clock
        )

    assert [path for path, _ in problems(of_stream.value)] == ["secrets.client_secret"]
    assert [path for path, _ in problems(of_connector.value)] == ["secrets.client_secret"]
    assert other.seen == []


def test_a_token_url_elsewhere_with_the_secret_entered_again(world: World, serving: Serving) -> None:
    fake, logins = WithTokens(shop()), WithTokens(shop())
    base, elsewhere = serving(fake), serving(logins)
    connector = world.connect(base, **auth_at(base, "client credentials"))
    auth = {"type": "oauth2_client_credentials", "token_url": f"{elsewhere}/token", "client_id": "ropewalk"}

    configure.update_connector(
        world.org,
        world.owner,
        connector.id,
        {"settings": {"auth": auth}, "secrets": {"client_secret": TOKEN}},
        world.clock,
    )
    run = world.sync(connector)

    assert brief(run) == complete(created=3)
    assert ([asked.path for asked in logins.seen], [asked.path for asked in fake.seen]) == (
        ["/token"],
        ["/customers"],
    )


def test_headers_are_secrets_bound_like_others(world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    connector = world.connect(
        first, headers={"X-Tenant": "h-value", "X-Plain": "p"}, plain_headers=["X-Plain"]
    )

    kept = world.stream(connector).settings["headers"]
    with pytest.raises(MustFix) as caught:
        world.change(connector, url=f"{second}/customers")
    world.change(connector, url=f"{second}/customers", headers={"X-Tenant": "h-new"}, plain_headers=[])
    world.sync(connector)

    assert kept == {"X-Tenant": {"set": True}, "X-Plain": "p"}
    assert [path for path, _ in problems(caught.value)] == ["headers.X-Tenant"]
    assert [asked.headers["x-tenant"] for asked in there.seen] == ["h-new"]


def test_a_secret_sent_back_as_it_is_shown_stays(world: World, serving: Serving) -> None:
    fake = shop()
    connector = world.connect(serving(fake), **BEARER)

    configure.update_connector(
        world.org, world.owner, connector.id, {"secrets": {"token": {"set": True}}}, world.clock
    )
    world.change(connector, secrets={"token": {"set": True}})
    world.sync(connector)

    assert sent(fake) == ["Bearer first-token"]


def test_deleting_a_connector_erases_its_secrets(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), headers={"X-A": "b"}, **BEARER)
    world.sync(connector)

    configure.delete_connector(world.org, world.owner, connector.id, world.clock)

    assert (Secret.objects.count(), len(world.accounts())) == (0, 3)


def test_a_secret_is_bound_only_where_it_is_used(world: World, serving: Serving) -> None:
    """Entered again for a connector whose stream has its own, it isn't let out where that one goes."""
    first, second = serving(shop()), serving(shop())
    connector = world.connect(first, **BEARER)
    world.change(connector, url=f"{second}/customers", secrets={"token": "own-token"})

    configure.update_connector(
        world.org, world.owner, connector.id, {"secrets": {"token": "new-token"}}, world.clock
    )

    bound = Secret.objects.order_by("stream_id").values_list("stream_id", "origins")
    assert {stream is not None: origins for stream, origins in bound} == {False: [], True: [second]}


def test_an_own_secret_is_asked_for_where_the_token_url_moves(world: World, serving: Serving) -> None:
    """Though the connector's was entered in the same request."""
    base, other = serving(shop()), serving(shop())
    auth = auth_at(base, "client credentials")["auth"]
    connector = world.connect(base, auth=auth, secrets={"client_secret": "of-the-connector"})
    world.change(connector, secrets={"client_secret": "of-the-stream"})
    change = {
        "settings": {"auth": auth | {"token_url": f"{other}/token"}},
        "secrets": {"client_secret": "entered-again"},
    }

    with pytest.raises(MustFix) as caught:
        configure.update_connector(world.org, world.owner, connector.id, change, world.clock)

    assert [path for path, _ in problems(caught.value)] == ["secrets.client_secret"]


@pytest.mark.parametrize("spelled", ["{}", "{}/", "{}/customers?x=1"])
def test_an_origin_is_confirmed_however_it_is_spelled(spelled: str, world: World, serving: Serving) -> None:
    there = shop()
    first, second = serving(shop()), serving(there)
    connector = world.connect(first, **BEARER)
    body = dict(world.stream(connector).settings) | {"url": f"{second}/customers"}

    world.save(connector, body, send_secret_to=spelled.format(second))
    world.sync(connector)

    assert sent(there) == ["Bearer first-token"]
    assert AuditEntry.objects.get(verb="connector.stream_saved").detail["send_secret_to"] == second


@pytest.mark.parametrize("said", ["https://other.example", "nonsense"])
def test_nothing_is_confirmed_that_is_not_asked(said: str, world: World, serving: Serving) -> None:
    first = serving(shop())
    connector = world.connect(first, **BEARER)

    with pytest.raises(MustFix) as caught:
        world.save(connector, dict(world.stream(connector).settings), send_secret_to=said)

    assert problems(caught.value) == [
        ("send_secret_to", f"This stream sends nothing to {said}; it sends to {first}.")
    ]


# ---- drafts ----


def draft(connector: Connector, url: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "custom_api",
        "kind": "accounts",
        "settings": {"auth": {"type": "bearer"}},
        "stream": {"url": f"{url}/customers", "records_path": "data"} | more.pop("stream", {}),
        "connector_id": str(connector.id),
        **more,
    }


def test_a_drafts_problems_are_told_at_once(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), **BEARER)
    body = draft(connector, "ftp://x", secrets={"tokn": "x"}) | {"settings": {"auth": {"type": "bearr"}}}

    with pytest.raises(MustFix) as caught:
        probe.test_draft(world.org, body, world.clock)

    assert sorted(path for path, _ in problems(caught.value)) == [
        "secrets.tokn", "settings.auth.type", "stream.url",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [("source", "nope"), ("kind", "nope")])
def test_a_draft_of_what_there_is_not(name: str, value: str, world: World, serving: Serving) -> None:
    url = serving(shop())
    connector = world.connect(url, **BEARER)

    with pytest.raises(MustFix) as caught:
        probe.test_draft(world.org, draft(connector, url) | {name: value}, world.clock)

    assert [path for path, _ in problems(caught.value)] == [name]


def test_a_draft_may_leave_the_saved_secret_out(world: World, serving: Serving) -> None:
    fake = shop()
    url = serving(fake)
    connector = world.connect(url, **BEARER)

    answer = probe.test_draft(world.org, draft(connector, url, secrets={"token": None}), world.clock)

    assert (answer["ok"], answer["error"]["code"], fake.seen) == (False, "secret_missing", [])


def test_a_draft_uses_saved_secrets_on_bound_origins_only(world: World, serving: Serving) -> None:
    here, there = shop(), shop()
    first, second = serving(here), serving(there)
    connector = world.connect(first, **BEARER)

    good = probe.test_draft(world.org, draft(connector, first), world.clock)
    bad = probe.test_draft(world.org, draft(connector, second), world.clock)
    entered = probe.test_draft(
        world.org, draft(connector, second, secrets={"token": "typed-in"}), world.clock
    )

    assert (good["ok"], set(sent(here))) == (True, {"Bearer first-token"})
    assert (bad["ok"], bad["error"]["code"], bad["error"]["about"]) == (
        False,
        "secret_not_bound",
        "credential",
    )
    assert (entered["ok"], set(sent(there))) == (True, {"Bearer typed-in"})


def test_a_draft_leads_no_saved_secret_to_another_token_url(world: World, serving: Serving) -> None:
    fake = WithTokens(shop())
    base = serving(fake)
    other, elsewhere = serving.recorder()
    connector = world.connect(base, **auth_at(base, "client credentials"))
    auth = {"type": "oauth2_client_credentials", "token_url": f"{elsewhere}/token", "client_id": "ropewalk"}

    answer = probe.test_draft(world.org, draft(connector, base, settings={"auth": auth}), world.clock)

    assert (answer["ok"], answer["error"]["code"], other.seen) == (False, "secret_not_bound", [])


def test_a_draft_keeps_nothing(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), **BEARER)
    before = [row.ciphertext for row in Secret.objects.all()]

    probe.test_draft(world.org, draft(connector, serving(shop()), secrets={"token": "typed-in"}), world.clock)

    assert [row.ciphertext for row in Secret.objects.all()] == before
    assert world.stream(connector).tested_at is None


def test_another_organizations_connector_lends_nothing(world: World, serving: Serving) -> None:
    fake = shop()
    connector = world.connect(serving(fake), **BEARER)
    stranger = World.new("Elsewhere", "eve@else.example")

    with pytest.raises(Exception, match="no such connector"):
        probe.test_draft(stranger.org, draft(connector, "http://127.0.0.1:1"), world.clock)
    assert fake.seen == []


# ---- planted ----


def forms(secret: str) -> list[bytes]:
    """How a secret may show up."""
    raw = secret.encode()
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    found |= {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    found.add(base64.b64encode(b"svc:" + raw).decode().rstrip("="))
    found.add(base64.b64encode(b"ropewalk:" + quote(secret, safe="").encode()).decode().rstrip("="))
    return [form.encode() for form in found]


def everything(world: World) -> bytes:
    """What the database holds: the very bytes of its file, and where that is not at hand, of every row."""
    rows = [
        serializers.serialize("json", model.objects.all())
        for model in apps.get_app_config("ropewalk").get_models()
    ]
    data = "\n".join(rows).encode()
    name = str(database.settings_dict["NAME"])
    for path in (name, f"{name}-wal"):
        if Path(path).is_file():
            data += Path(path).read_bytes()
    return data


class Echo(Fake):
    """Repeats whatever it was told, in records, in errors and in its headers."""

    def answer(self, asked: Asked) -> Any:
        said = told(asked)
        if asked.path == "/token":
            return {"access_token": "acc-5ecret-planted", "expires_in": 3600}
        if asked.params.get("fail"):
            return Answer({"error": said}, 422, {"X-Echo": quote(said)})
        bad = {"id": None, "name": said, "b64": base64.b64encode(said.encode()).decode(), "q": asked.target}
        echo = {"X-Echo": asked.headers.get("authorization", "none")}
        return Answer({"data": [*customers(1), bad, said]}, headers=echo)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("auth", AUTHS)
def test_a_planted_token_is_found_nowhere(auth: str, world: World, serving: Serving) -> None:
    log = io.StringIO()
    logs.set_up("debug", json=True, stream=log)
    fake = Echo()
    base = serving(fake)
    try:
        connector = world.connect(base, headers={"X-Tenant": "h-5ecret-planted"}, **auth_at(base, auth))
        good = world.sync(connector)
        tested = probe.test_stream(world.org, world.owner, connector.id, "accounts", world.clock)
        world.change(connector, url=f"{base}/customers?fail=1")
        bad = world.sync(connector)
        failed_test = probe.test_stream(world.org, world.owner, connector.id, "accounts", world.clock)
        drafted = probe.test_draft(
            world.org,
            {
                "source": "custom_api",
                "kind": "accounts",
                "settings": {"auth": auth_at(base, auth)["auth"]},
                "stream": {"url": f"{base}/customers?fail=1", "headers": {"X-Tenant": "h-5ecret-planted"}},
                "secrets": AUTHS[auth][1],
            },
            world.clock,
        )
    finally:
        logs.set_up("warning", stream=io.StringIO())
        logging.getLogger().handlers.clear()

    assert (brief(good), brief(bad)) == (
        complete(created=1, rejected=2, reasons={"missing_match_value": 1, "not_an_object": 1}),
        failed("unexpected_status"),
    )
    assert len(fake.seen) >= 4
    places = {
        "database": everything(world),
        "log": log.getvalue().encode(),
        "runs": repr((good, bad)).encode(),
        "ledger": repr([schemas.ledger_row(row) for row in world.rows(good)]).encode(),
        "tests": repr((tested, failed_test, drafted)).encode(),
        "audit": repr(audit.listing(world.org)).encode(),
    }
    planted = [TOKEN, "h-5ecret-planted", "acc-5ecret-planted"]
    assert [
        (place, secret)
        for place, data in places.items()
        for secret in planted
        if any(form in data for form in forms(secret))
    ] == []


def test_it_is_sent_nevertheless(world: World, serving: Serving) -> None:
    for name in AUTHS:
        fake = Echo()
        base = serving(fake)
        connector = world.connect(base, name=name, **auth_at(base, name))
        world.sync(connector)

        said = told(fake.seen[-1] if name != "client credentials" else fake.seen[0])
        assert any(form.decode() in said for form in forms(TOKEN)), name


def test_the_database_keeps_them_encrypted(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), **BEARER)

    assert secrets.read(world.org, connector_id=connector.id)["token"].value == "first-token"
    assert b"first-token" not in bytes(Secret.objects.get().ciphertext)
    assert Secret.objects.get().updated_at == START
