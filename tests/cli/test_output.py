"""What stands on standard error when something has to be put right."""

from __future__ import annotations

import pytest

from ropewalk.cli.output import Output
from ropewalk.core.errors import MustFix, Problem


def test_a_place_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem("line 2, column 1", "Line 2, column 1: After a closing quote comes a delimiter."),
        Problem("mapping.0.to", "Give a name."),
        Problem("", "Anywhere."),
    ]

    Output(as_json=False).error(MustFix("unreadable_file", "This file can't be read as it is.", problems))

    assert capsys.readouterr().err.splitlines() == [
        "Error: This file can't be read as it is.",
        "  Line 2, column 1: After a closing quote comes a delimiter.",
        "  mapping.0.to: Give a name.",
        "  Anywhere.",
    ]
