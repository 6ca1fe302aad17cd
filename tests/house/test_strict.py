from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARE = ("-p", "no:cacheprovider")

TESTS = """
import pytest

def test_lacks(): pytest.skip("needs Chromium: apt install chromium")
def test_elsewhere(): pytest.skip("a matter of SQLite")
def test_import(): pytest.importorskip("no_such_module")
@pytest.mark.xfail
def test_expected(): assert False
def test_passes(): pass
"""


def test_what_lacks_something_fails_in_ci_and_only_there(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    last = {}
    for plugin in ((), ("-p", "tests.house.strict")):
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", *BARE, *plugin, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        last[plugin] = ran.stdout.splitlines()[-1].partition(" in ")[0]

    assert last == {
        (): "1 passed, 3 skipped, 1 xfailed",
        ("-p", "tests.house.strict"): "2 failed, 1 passed, 1 skipped, 1 xfailed",
    }
