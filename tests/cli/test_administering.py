"""`init`, `users`, `keys`, `rotate-key`, `doctor`: secrets are printed once, and come from anywhere but the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ropewalk.cli.app import status
from tests.cli.conftest import TOKEN, Shell, Vendor


def test_init_prints_a_password_and_a_key_once(shell: Shell) -> None:
    made = shell("init", "--organization", "Acme", "--owner", "Ada@acme.example", "--api-key")
    again = shell("init", "--organization", "acme", "--owner", "bo@acme.example")

    lines = dict(line.split(": ", 1) for line in made.stdout.splitlines())
    assert {name: value.strip() for name, value in lines.items() if name in ("Organization", "Owner")} == {
        "Organization": "Acme",
        "Owner": "ada@acme.example",
    }
    assert len(lines["Password"].strip()) >= 12
    assert lines["API key"].strip().startswith("pk_live_")
    assert made.returncode == 0
    assert (again.returncode, again.stderr) == (
        1,
        "Error: There is an organization with the name acme already.\n",
    )
    assert lines["Password"].strip().encode() not in (shell.data / "ropewalk.sqlite").read_bytes()


def test_init_for_scripts(nobodys: Shell) -> None:
    made = nobodys.json("init", "--organization", "Acme", "--owner", "ada@acme.example", "--api-key")

    assert sorted(made) == ["api_key", "organization", "owner"]
    assert (made["organization"]["name"], made["owner"]["role"]) == ("Acme", "owner")
    assert made["api_key"]["scopes"] == ["read", "write", "ingest", "admin"]
    assert made["api_key"]["key"].startswith("pk_live_")
    assert len(made["owner"]["password"]) >= 12


def test_a_password_comes_from_the_environment_a_file_or_the_keyboard(nobodys: Shell) -> None:
    nobodys.environ["ROPEWALK_PASSWORD"] = "planted-by-environment"
    by_environment = nobodys("init", "--organization", "Acme", "--owner", "ada@acme.example")
    del nobodys.environ["ROPEWALK_PASSWORD"]
    nobodys.environ["ROPEWALK_PASSWORD_FILE"] = nobodys.write("password", "planted-by-file\n")
    by_file = nobodys("users", "add", "bo@acme.example", "--role", "admin")
    del nobodys.environ["ROPEWALK_PASSWORD_FILE"]
    typed = nobodys("users", "password", "bo@acme.example", "--prompt", given="planted-by-hand\n")
    weak = nobodys("users", "password", "bo@acme.example", "--prompt", given="short\n")

    assert [one.returncode for one in (by_environment, by_file, typed, weak)] == [0, 0, 0, 1]
    for one in (by_environment, by_file, typed):
        assert "planted" not in one.stdout + one.stderr
    assert "This password is too short" in weak.stderr


def test_users_come_change_and_go(acme: Shell) -> None:
    acme("users", "add", "bo@acme.example")
    acme("users", "role", "BO@acme.example", "admin")
    there = acme.json("users", "list")
    acme("users", "remove", "bo@acme.example")
    last = acme("users", "remove", "ada@acme.example")

    assert [(one["email"], one["role"]) for one in there["items"]] == [
        ("ada@acme.example", "owner"),
        ("bo@acme.example", "admin"),
    ]
    assert (last.returncode, last.stderr) == (
        1,
        "Error: This is the last owner. Make somebody else an owner first.\n",
    )
    assert acme("users", "role", "ada@acme.example", "boss").stderr == (
        "Error: boss is no role; there are owner, admin, member.\n"
    )


def test_links_let_people_in(acme: Shell) -> None:
    acme.environ["ROPEWALK_PUBLIC_URL"] = "https://hub.acme.example"
    invited = acme("users", "invite", "bo@acme.example", "--role", "admin")
    reset = acme("users", "reset", "ada@acme.example")
    for_scripts = acme.json("users", "reset", "ada@acme.example")
    out = acme("users", "sign-out", "ada@acme.example")

    assert invited.stdout.startswith("https://hub.acme.example/app/invitation/")
    assert reset.stdout.startswith("https://hub.acme.example/app/reset/")
    assert (for_scripts["email"], sorted(for_scripts)) == (
        "ada@acme.example",
        ["email", "expires_at", "link"],
    )
    assert out.stdout == "ada@acme.example is signed out everywhere.\n"
    for one in (invited, reset):
        token = one.stdout.strip().rpartition("/")[2]
        assert token.encode() not in (acme.data / "ropewalk.sqlite").read_bytes()


def test_keys_are_made_listed_and_revoked(acme: Shell) -> None:
    made = acme("keys", "create", "script", "--scope", "read", "--scope", "ingest", "--expires-in", "7")
    listed = acme.json("keys", "list")
    revoked = acme("keys", "revoke", "script")
    wrong = acme.json("keys", "create", "", "--scope", "fly")

    assert made.stdout.startswith("pk_live_")
    assert [(one["name"], one["scopes"], one["prefix"]) for one in listed["items"]] == [
        ("script", ["read", "ingest"], made.stdout[:12])
    ]
    assert made.stdout.strip() not in json.dumps(listed)
    assert (revoked.returncode, revoked.stdout) == (0, "The key script is revoked.\n")
    assert acme.json("keys", "list")["items"][0]["revoked_at"] is not None
    assert [one["path"] for one in wrong["details"]["errors"]] == ["name", "scopes"]


def test_the_key_is_rotated_and_everything_stays_readable(crm: Shell, vendor: Vendor) -> None:
    key_file = crm.data.with_name("data.key")
    before = key_file.read_text()

    rotated = crm("rotate-key")

    assert (rotated.returncode, rotated.stdout) == (0, "1 credential encrypted with the new key.\n")
    assert key_file.read_text() != before
    assert crm("test", "CRM", "accounts").returncode == 0


# ---- backups ----


def test_a_backup_is_put_back_into_another_folder(crm: Shell) -> None:
    made = crm("backup", "copy")
    key, other = crm.data.with_name("data.key"), crm.data.with_name("other.key")
    crm.environ["ROPEWALK_DATA_DIR"] = str(crm.data.with_name("other"))
    keyless = crm("restore", "copy")
    other.write_bytes(key.read_bytes())
    restored = crm("restore", "copy")

    assert (made.returncode, made.stdout.split(" bytes in ")[1:]) == (0, [f"{crm.folder / 'copy'}.\n"])
    assert made.stderr == f"The key is not in it. Keep a copy of {key} somewhere else.\n"
    assert (keyless.returncode, keyless.stderr) == (
        1,
        f"Error: The key file {other} is missing. Put it back from your backup.\n",
    )
    assert (restored.returncode, restored.stdout) == (0, f"Restored into {crm.data.with_name('other')}.\n")
    assert crm("plan", "crm.yaml").returncode == 0


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_postgres_has_tools_of_its_own(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROPEWALK_DATABASE_URL", "postgresql://u:planted-password@127.0.0.1:1/n")

    assert status([command, "copy"]) == 1

    assert capsys.readouterr() == (
        "",
        "Error: The data is in PostgreSQL, the job queue included: pg_dump --format=custom backs it up, pg_restore puts "
        "it back. Keep the key apart from it.\n",
    )


# ---- the doctor ----


def codes(found: list[dict[str, Any]]) -> list[str]:
    assert all(one["remedy"] for one in found if not one["ok"])
    return [one["code"] for one in found if not one["ok"]]


def test_the_doctor_of_an_idle_installation(acme: Shell) -> None:
    found = acme("doctor")

    assert found.returncode == 1
    assert [line for line in found.stdout.splitlines() if not line.startswith("ok ")] == [
        "WRONG  No worker is alive, so that no schedule is kept and nothing asked for through the API is carried out.",
        "       no_worker: Start `ropewalk serve`, or `ropewalk worker` beside it.",
    ]


def test_the_doctor_finds_nothing_before_there_is_anything(shell: Shell) -> None:
    assert shell("doctor").returncode == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("key missing", "key_missing"),
        ("wrong key", "wrong_key"),
        ("no database", "database_unreachable"),
        ("server down", "database_unreachable"),
        ("open folder", "data_folder_open"),
        ("setting", "settings_invalid"),
    ],
)
def test_the_doctor_names_what_was_planted(crm: Shell, fault: str, code: str) -> None:
    match fault:
        case "key missing":
            crm.data.with_name("data.key").unlink()
        case "wrong key":
            crm.environ["ROPEWALK_SECRET_KEY"] = "planted-another-key-" * 2
        case "no database":
            for name in ("ropewalk.sqlite", "ropewalk.sqlite-wal", "ropewalk.sqlite-shm"):
                (crm.data / name).unlink(missing_ok=True)
            (crm.data / "ropewalk.sqlite").write_text("this is no database, " * 100)
        case "server down":
            crm.environ["ROPEWALK_DATABASE_URL"] = "postgresql://u:planted-password@127.0.0.1:1/n"
        case "open folder":
            crm.data.chmod(0o755)
        case "setting":
            crm.environ["ROPEWALK_MAX_PAGES"] = "many"

    found = crm("doctor", "--json")

    assert found.returncode == 1
    assert code in codes(json.loads(found.stdout))
    assert "planted" not in found.stdout + found.stderr
    assert TOKEN not in found.stdout + found.stderr
    assert "Traceback" not in found.stderr


def test_other_commands_name_the_fault_too(crm: Shell) -> None:
    crm.environ["ROPEWALK_DATABASE_URL"] = "postgresql://u:planted-password@127.0.0.1:1/n"

    refused = crm("accounts")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "Error: The database can't be used at the moment. `ropewalk doctor` says what is wrong.\n"
    )
