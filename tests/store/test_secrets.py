from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import InvalidToken

from ropewalk.core.errors import MustFix
from ropewalk.installation import Installation
from ropewalk.store import keyring, secrets
from ropewalk.store.keyring import Keyring
from ropewalk.store.models import Secret
from ropewalk.store.secrets import Stored

ORIGIN = "https://api.example.com"


@pytest.fixture
def key_file(tmp_path: Path, settings: Any) -> Path:
    settings.ROPEWALK = Installation.load({}, data_dir=str(tmp_path / "data"))
    path: Path = settings.ROPEWALK.key_file
    keyring.make(path)
    return path


def save(org: UUID, connector: UUID, now: datetime, **values: str | None) -> list[str]:
    return secrets.put(org, connector_id=connector, values=values, origins=[ORIGIN], now=now)


def test_secrets_come_back_and_are_nowhere_else(org: UUID, connector: UUID, now: datetime) -> None:
    assert save(org, connector, now, token="s3cret-value", password="other") == ["token", "password"]

    assert secrets.read(org, connector_id=connector) == {
        "password": Stored("other", (ORIGIN,)),
        "token": Stored("s3cret-value", (ORIGIN,)),
    }
    assert secrets.names(org, connector_id=connector) == ["password", "token"]
    row = Secret.objects.get(name="token")
    held = [
        repr(row),
        str(row),
        repr(secrets.read(org, connector_id=connector)),
        *map(str, vars(row).values()),
    ]
    assert [text for text in held if "s3cret-value" in text] == []


def test_only_what_differs_is_written(org: UUID, connector: UUID, now: datetime) -> None:
    save(org, connector, now, token="a", password="b")
    later = now + timedelta(days=1)

    assert save(org, connector, later, token="a", password="c", client_secret=None) == ["password"]

    assert list(Secret.objects.order_by("name").values_list("name", "updated_at")) == [
        ("password", later),
        ("token", now),
    ]
    assert secrets.same(org, connector_id=connector, values={"token": "a", "password": "b", "none": "c"}) == {
        "token": True,
        "password": False,
        "none": False,
    }
    assert save(org, connector, later, token=None) == ["token"]
    assert secrets.names(org, connector_id=connector) == ["password"]


def test_a_stream_has_its_own(org: UUID, connector: UUID, stream: UUID, now: datetime) -> None:
    save(org, connector, now, token="connector's")
    secrets.put(
        org, connector_id=connector, stream_id=stream, values={"token": "stream's"}, origins=[], now=now
    )
    secrets.bind(org, connector_id=connector, stream_id=stream, name="token", origin=ORIGIN, now=now)
    secrets.bind(org, connector_id=connector, stream_id=stream, name="token", origin=ORIGIN, now=now)

    assert secrets.read(org, connector_id=connector)["token"].value == "connector's"
    assert secrets.read(org, connector_id=connector, stream_id=stream) == {
        "token": Stored("stream's", (ORIGIN,))
    }
    secrets.erase(org, connector_id=connector, stream_id=stream)
    assert list(Secret.objects.values_list("stream", "name")) == [(None, "token")]
    secrets.erase(org, connector_id=connector)
    assert not Secret.objects.exists()


def test_a_stranger_reads_nothing(org: UUID, stranger: UUID, connector: UUID, now: datetime) -> None:
    save(org, connector, now, token="a")
    secrets.bind(stranger, connector_id=connector, name="token", origin="https://evil.example", now=now)
    secrets.erase(stranger, connector_id=connector)

    assert secrets.read(stranger, connector_id=connector) == {}
    assert secrets.names(stranger, connector_id=connector) == []
    assert secrets.same(stranger, connector_id=connector, values={"token": "a"}) == {"token": False}
    assert secrets.read(org, connector_id=connector) == {"token": Stored("a", (ORIGIN,))}


# ---- keys ----


def test_the_key_is_beside_the_data_folder_for_its_owner_alone(key_file: Path, tmp_path: Path) -> None:
    assert key_file == tmp_path / "data.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["data.key"]


def test_who_comes_second_reads_the_first_one_s_key(key_file: Path) -> None:
    assert keyring.make(key_file) == keyring.read(key_file)
    assert len(keyring.read(key_file).keys) == 1


def test_no_new_key_is_made_for_old_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ropewalk.sqlite").touch()
    with pytest.raises(MustFix) as caught:
        keyring.load((), tmp_path / "data.key", data)
    assert caught.value.code == "key_missing"
    assert keyring.load(("k" * 32,), tmp_path / "data.key", data) == Keyring(("k" * 32,))


def test_a_new_installation_makes_its_key(tmp_path: Path) -> None:
    made = keyring.load((), tmp_path / "data.key", tmp_path / "data")
    keyring.keep(tmp_path / "data.key")

    assert made.keys == keyring.load((), tmp_path / "data.key", tmp_path / "data").keys


def started(path: Path) -> Keyring:
    """As every command starts, on a data folder with nothing in it: the database may be elsewhere, as PostgreSQL is."""
    made = keyring.load((), path, path.with_suffix(""))
    secrets.settle_key()
    return made


def test_a_lost_key_is_named_and_never_replaced(
    org: UUID, connector: UUID, now: datetime, key_file: Path, tmp_path: Path, settings: Any
) -> None:
    save(org, connector, now, token="a")
    settings.ROPEWALK = Installation.load({}, data_dir=str(tmp_path / "other"))
    lost: Path = settings.ROPEWALK.key_file

    for _ in range(2):
        with pytest.raises(MustFix) as caught:
            started(lost)
        assert (caught.value.code, str(lost) in caught.value.message) == ("key_missing", True)
        assert [path.name for path in tmp_path.iterdir()] == ["data.key"]

    lost.write_bytes(key_file.read_bytes())
    started(lost)
    assert secrets.read(org, connector_id=connector)["token"].value == "a"


@pytest.mark.django_db
def test_a_start_that_was_killed_before_it_kept_its_key_is_done_again(tmp_path: Path, settings: Any) -> None:
    settings.ROPEWALK = Installation.load({}, data_dir=str(tmp_path / "data"))
    path: Path = settings.ROPEWALK.key_file
    killed = keyring.load((), path, tmp_path / "data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ropewalk.sqlite").touch()

    first, second = started(path), started(path)

    assert killed.keys == first.keys == second.keys == keyring.read(path).keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "data.key"]


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
def test_a_damaged_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.key").write_bytes(content)
    with pytest.raises(MustFix) as caught:
        keyring.read(tmp_path / "data.key")
    assert caught.value.code == "key_unreadable"


def test_keys_of_different_purpose_differ() -> None:
    ring = Keyring(("k" * 40, "l" * 40))
    signing, digests = ring.signing(), ring.digests("value")

    assert len({*signing, *digests, *ring.keys}) == 6
    assert "kkkk" not in repr(ring)
    assert ring.newest.digests("value") == digests[:1]


def test_the_wrong_key_is_named(org: UUID, connector: UUID, now: datetime, key_file: Path) -> None:
    save(org, connector, now, token="a")
    secrets.check()
    keyring.replace(key_file, [keyring.fresh()])

    with pytest.raises(MustFix) as caught:
        secrets.check()
    assert caught.value.code == "wrong_key"
    key_file.unlink()
    with pytest.raises(MustFix) as caught:
        secrets.check()
    assert caught.value.code == "key_missing"


# ---- rotation ----


class Killed(BaseException):
    pass


VALUES = {f"name{number}": f"value {number}" for number in range(5)}


def readable(org: UUID, connector: UUID) -> dict[str, str]:
    return {name: stored.value for name, stored in secrets.read(org, connector_id=connector).items()}


def test_rotating_changes_the_key_and_no_value(
    org: UUID, connector: UUID, now: datetime, key_file: Path
) -> None:
    save(org, connector, now, **VALUES)
    before = keyring.read(key_file)
    rows = dict(Secret.objects.values_list("name", "ciphertext"))

    assert secrets.rotate() == 5

    after = keyring.read(key_file)
    assert len(after.keys) == 1
    assert after.keys != before.keys
    assert readable(org, connector) == VALUES
    assert secrets.same(org, connector_id=connector, values=VALUES) == dict.fromkeys(VALUES, True)
    for name, ciphertext in Secret.objects.values_list("name", "ciphertext"):
        assert bytes(ciphertext) != bytes(rows[name])
        with pytest.raises(InvalidToken):
            before.fernet.decrypt(bytes(ciphertext))
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[str]]:
    """Kills the rotation before its n-th step to the outside: a write of the key file or of a row."""
    done: list[str] = []
    kill_at: list[int | None] = [None]
    replace, save_row = keyring.replace, Secret.save

    def step(name: str) -> None:
        if len(done) == kill_at[0]:
            raise Killed
        done.append(name)

    def stepped_replace(*arguments: Any) -> Keyring:
        step("key file")
        return replace(*arguments)

    def stepped_save(self: Secret, *arguments: Any, **named: Any) -> None:
        step("row")
        save_row(self, *arguments, **named)

    def begin(at: int | None) -> list[str]:
        done.clear()
        kill_at[0] = at
        monkeypatch.setattr(keyring, "replace", stepped_replace)
        monkeypatch.setattr(Secret, "save", stepped_save)
        return done

    return begin


@pytest.mark.django_db(transaction=True)
def test_a_rotation_killed_at_any_step_leaves_everything_readable(
    key_file: Path, now: datetime, steps: Callable[[int | None], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ropewalk.store.models import Connector, Organization

    monkeypatch.setattr(secrets, "_BATCH", 2)
    org = Organization.objects.create(name="Acme", created_at=now).id
    connector = Connector.objects.create(organization_id=org, name="CRM", created_at=now, updated_at=now).id
    save(org, connector, now, **VALUES)

    for at in range(7):
        first = keyring.read(key_file).keys
        steps(at)
        with pytest.raises(Killed):
            secrets.rotate()
        assert readable(org, connector) == VALUES, at
        assert set(first) <= set(keyring.read(key_file).keys), at
        steps(None)
        assert secrets.rotate() == 5
        assert readable(org, connector) == VALUES, at
        assert len(keyring.read(key_file).keys) == 1
        assert keyring.read(key_file).keys != first, at

    done = steps(None)
    secrets.rotate()
    assert done == ["key file", *["row"] * 5, "key file"]


def test_a_secret_saved_with_the_old_key_meanwhile_is_not_lost(
    org: UUID, connector: UUID, now: datetime, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = keyring.read(key_file)
    save(org, connector, now, token="a")
    renew = secrets._renew

    def renew_and_be_overtaken(ids: Any) -> int:
        count = renew(ids)
        Secret.objects.filter(name="token").update(ciphertext=old.fernet.encrypt(b"overtaken"))
        monkeypatch.setattr(secrets, "_renew", renew)
        return count

    monkeypatch.setattr(secrets, "_renew", renew_and_be_overtaken)
    secrets.rotate()

    assert readable(org, connector) == {"token": "overtaken"}
    assert len(keyring.read(key_file).keys) == 1


def test_a_given_key_is_rotated_by_giving_both(
    org: UUID, connector: UUID, now: datetime, settings: Any, tmp_path: Path
) -> None:
    old, new = "o" * 40, "n" * 40

    def give(keys: str) -> None:
        settings.ROPEWALK = Installation.load({"ROPEWALK_SECRET_KEY": keys}, data_dir=str(tmp_path))

    give(old)
    save(org, connector, now, token="a")
    with pytest.raises(MustFix) as caught:
        secrets.rotate()
    assert caught.value.code == "one_key"
    give(f"{new} {old}")
    assert readable(org, connector) == {"token": "a"}
    assert secrets.rotate() == 1
    give(new)
    assert readable(org, connector) == {"token": "a"}
