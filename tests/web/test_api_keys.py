"""Settings → API keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.doors.conftest import World
from tests.web.conftest import Browser

KEYS = "/app/settings/api-keys"


def test_a_key_is_shown_once_works_and_is_revoked(world: World, owner: Browser) -> None:
    from ropewalk.store import keys
    from ropewalk.store.models import ApiKey

    made = owner.post(
        f"{KEYS}/new", {"name": "<b>Nightly</b>", "scopes": ["ingest", "read"], "expires_at": "30"}
    )
    found = re.search(r"pk_live_[\w-]{40,}", made.content.decode())
    assert found is not None
    text, now = found[0], datetime.now(UTC)
    key = keys.authenticate(text, now=now)
    assert key is not None
    listed = owner.get(KEYS).content.decode()
    revoked = owner.post(f"{KEYS}/{key.id}/revoke")

    assert (key.scopes, key.created_by_type) == (["read", "ingest"], "user")
    assert key.expires_at is not None
    assert (key.expires_at - now).days == 30
    assert text not in listed
    assert "&lt;b&gt;Nightly&lt;/b&gt;" in listed
    assert revoked["Location"] == KEYS
    assert keys.authenticate(text, now=now) is None
    assert "Revoked" in owner.get(KEYS).content.decode()
    assert ApiKey.objects.filter(organization=world.organization).count() == 2


def test_all_that_is_wrong_with_a_key_is_said_at_once(world: World, owner: Browser) -> None:
    wrong = owner.post(f"{KEYS}/new", {"name": " ", "scopes": ["king"], "expires_at": ""})
    none = owner.post(f"{KEYS}/new", {"name": "Kept", "expires_at": "90"})
    expiry = owner.post(f"{KEYS}/new", {"name": "Kept", "scopes": ["read"], "expires_at": "tomorrow"})

    page = wrong.content.decode()
    assert [each.status_code for each in (wrong, none, expiry)] == [422] * 3
    assert "A key needs a name" in page
    assert "There is no scope king" in page
    assert "at least one of the scopes" in none.content.decode()
    assert 'value="Kept"' in none.content.decode()
    assert "Choose when the key expires from the list." in expiry.content.decode()
