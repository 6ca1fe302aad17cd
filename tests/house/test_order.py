"""How tests are handed out to the workers of a parallel run (tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONGEST, group

ROOT = Path(__file__).parents[2]


def test_what_shares_something_dear_goes_to_one_worker_and_other_files_go_whole() -> None:
    groups = {
        nodeid: group(nodeid)
        for nodeid in (
            "tests/browser/test_account.py::test_without_scripts",
            "tests/browser/test_runs.py::test_watched_to_its_end_and_undone",
            "tests/engine/test_warehouses.py::test_each[bigquery]",
            "tests/engine/test_warehouse_types.py::test_each[a::b@c]",
            "tests/web/test_home.py::test_rows",
        )
    }

    assert [*groups.values()] == [
        "tests/browser",
        "tests/browser/test_runs.py",
        "tests/engine/test_warehouse",
        "tests/engine/test_warehouse",
        "tests/web/test_home.py",
    ]


def test_what_goes_first_is_there() -> None:
    assert [begin for begin in LONGEST if not list(ROOT.glob(f"{begin}*"))] == []
