"""A pytest plugin for CI (`-p tests.house.strict`): there a test that lacks something fails, and says what.

A skip whose reason begins with "needs" ("needs Chromium: apt install chromium") is about the machine; any other is
about the test ("a matter of SQLite"), and stays a skip.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

LACKING = ("needs ", "could not import ")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(LACKING):
            report.outcome = "failed"
            report.longrepr = f"skipped, where everything that tests need has to be there: {reason}"
    return report
