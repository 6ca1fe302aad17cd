from __future__ import annotations

import pytest

from ropewalk.core.pace import Pace, pace


@pytest.mark.parametrize(
    ("rows", "seconds", "total", "expected"),
    [
        (0, 0.0, None, Pace(0.0, None, None)),
        (500, 10.0, None, Pace(50.0, None, None)),
        (500, 10.0, 2_000, Pace(50.0, 0.25, 30.0)),
        (0, 10.0, 2_000, Pace(0.0, 0.0, None)),
        # The first moment says nothing of how fast it goes.
        (500, 0.01, 1_000, Pace(500.0, 0.5, 1.0)),
        # More came than the total promised.
        (1_200, 12.0, 1_000, Pace(100.0, 1.0, 0.0)),
    ],
)
def test_pace(rows: int, seconds: float, total: int | None, expected: Pace) -> None:
    assert pace(rows, seconds, total) == expected
