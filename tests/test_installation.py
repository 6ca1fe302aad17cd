from __future__ import annotations

from pathlib import Path

import pytest

from ropewalk.core.errors import MustFix
from ropewalk.installation import Installation, django_database


def problems(environ: dict[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(MustFix) as caught:
        Installation.load(environ)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_nothing_has_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = Installation.load({"ROPEWALK_PUBLIC_URL": "", "PATH": "/bin"})

    assert found.data_dir == tmp_path / "ropewalk-data"
    assert found.key_file == tmp_path / "ropewalk-data.key"
    assert found.database["ENGINE"] == "django.db.backends.sqlite3"
    assert found.database["NAME"] == str(tmp_path / "ropewalk-data" / "ropewalk.sqlite")
    assert (found.public_url, found.given_keys, found.allow_networks) == (None, (), ())
    assert (found.max_records, found.max_pages) == (100_000, 1_000)


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    found = Installation.load(
        {
            "ROPEWALK_DATA_DIR": str(tmp_path / "other"),
            "ROPEWALK_ALLOW_NETWORKS": "127.0.0.0/8, crm.internal,",
            "ROPEWALK_ALLOWED_HOSTS": "hub.example",
            "ROPEWALK_TRUSTED_PROXIES": "10.1.0.0/16, ::1",
            "ROPEWALK_PUBLIC_URL": "https://hub.example/",
            "ROPEWALK_MAX_RECORDS": "5",
            "ROPEWALK_SECRET_KEY": f"{'n' * 32} {'o' * 32}",
        },
        data_dir=str(tmp_path / "given"),
    )

    assert found.data_dir == tmp_path / "given"
    assert found.allow_networks == ("127.0.0.0/8", "crm.internal")
    assert found.allowed_hosts == ("hub.example",)
    assert found.trusted_proxies == ("10.1.0.0/16", "::1")
    assert found.public_url == "https://hub.example"
    assert found.max_records == 5
    assert found.given_keys == ("n" * 32, "o" * 32)


def test_a_file_may_hold_the_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")

    assert Installation.load({"ROPEWALK_SECRET_KEY_FILE": str(tmp_path / "key")}).given_keys == ("k" * 40,)


def test_files_fail_loudly(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")

    assert problems(
        {
            "ROPEWALK_DATABASE_URL_FILE": str(tmp_path / "none"),
            "ROPEWALK_SECRET_KEY": "k" * 40,
            "ROPEWALK_SECRET_KEY_FILE": str(tmp_path / "empty"),
            "ROPEWALK_SMTP_URL_FILE": str(tmp_path / "empty"),
            "ROPEWALK_PROXY_FILE": str(tmp_path / "bytes"),
        }
    ) == [
        ("ROPEWALK_DATABASE_URL_FILE", f"can't read {tmp_path / 'none'}: No such file or directory"),
        ("ROPEWALK_SECRET_KEY", "both ROPEWALK_SECRET_KEY and ROPEWALK_SECRET_KEY_FILE are set; keep one"),
        ("ROPEWALK_SMTP_URL_FILE", f"{tmp_path / 'empty'} is empty"),
        ("ROPEWALK_PROXY_FILE", f"can't read {tmp_path / 'bytes'}: it is not UTF-8 text"),
    ]


def test_all_problems_at_once_and_no_secret_among_them() -> None:
    found = problems(
        {
            "ROPEWALK_DATABASE_URL": "mysql://user:hunter2@host/db",
            "ROPEWALK_SECRET_KEY": "hunter2",
            "ROPEWALK_TRUSTED_PROXIES": "10.0.0.1/8",
            "ROPEWALK_PUBLIC_URL": "hub.example",
            "ROPEWALK_MAX_PAGES": "0",
            "ROPEWALK_CA_BUNDLE": "/nowhere.pem",
        }
    )

    assert [path for path, _ in found] == [
        "ROPEWALK_DATABASE_URL",
        "ROPEWALK_SECRET_KEY",
        "ROPEWALK_TRUSTED_PROXIES",
        "ROPEWALK_PUBLIC_URL",
        "ROPEWALK_MAX_PAGES",
        "ROPEWALK_CA_BUNDLE",
    ]
    assert "hunter2" not in str(found)
    assert "hunter2" not in repr(Installation.load({"ROPEWALK_DATABASE_URL": "postgres://u:hunter2@h/db"}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////data/a.sqlite", {"NAME": "/data/a.sqlite"}),
        (
            "postgresql://us%40er:p%2Fw@db.example:5433/hub?sslmode=require",
            {
                "NAME": "hub",
                "USER": "us@er",
                "PASSWORD": "p/w",
                "HOST": "db.example",
                "PORT": "5433",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
        (
            "postgres:///hub?host=/run/pg",
            {"NAME": "hub", "USER": "", "HOST": "/run/pg", "PORT": "", "OPTIONS": {}},
        ),
    ],
)
def test_database_urls(url: str, expected: dict[str, object]) -> None:
    found = django_database(url)

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "url", ["sqlite://host/a", "sqlite:///", "postgresql://h", "postgresql://h:port/d", "x", ""]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        django_database(url)
