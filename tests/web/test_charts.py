"""Charts say the same in shapes, words and a table."""

from __future__ import annotations

import pytest

from ropewalk.web import charts
from ropewalk.web.charts import Series


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.01, 2), (7, 8), (9.9, 10), (2_010, 3_000), (1_000_000, 1_000_000)]
)
def test_the_end_of_a_scale_is_round(value: float, top: float) -> None:
    assert charts.ceiling(value) == top


def test_bars_stand_on_each_other() -> None:
    chart = charts.bars("Rows", "", ["1 May", "2 May"], [Series("New", [1, 0]), Series("Same", [3, 2])])

    assert [(each.x, each.y, each.height, each.series) for each in chart.bars] == [
        (1.5, 75, 25, 0),
        (1.5, 0, 75, 1),
        (11.5, 50, 50, 1),
    ]
    assert chart.ticks == ["4", "2", "0"]
    assert chart.rows == [("1 May", ["1", "3"]), ("2 May", ["0", "2"])]
    assert chart.hovers[0].text == "1 May: 1 new, 3 same"


def test_a_place_without_a_label_stays_empty() -> None:
    chart = charts.bars("Runs", "", ["", "1 May"], [Series("New", [0, 3])], unit="Run")

    assert [each.x for each in chart.bars] == [11.5]
    assert ([each.x for each in chart.hovers], chart.rows, chart.unit) == ([10], [("1 May", ["3"])], "Run")


@pytest.mark.parametrize(
    ("values", "ticks", "line"),
    [
        ([0, 5, 10], ["10", "5", "0"], "M5 100L15 50L25 0"),
        ([100, 101, 102], ["102", "101", "100"], "M5 100L15 50L25 0"),
        ([5, 5], ["5", "0"], "M5 0L15 0"),
        ([0, 0], ["1", "0"], "M5 100L15 100"),
        ([-3, 12], ["20", "0", "-20"], "M5 57.5L15 20"),
        ([-5, -5], ["-4", "-5"], "M5 100L15 100"),
        ([], ["1", "0"], ""),
    ],
)
def test_a_line_begins_at_nought_unless_that_would_flatten_it(
    values: list[float], ticks: list[str], line: str
) -> None:
    chart = charts.line("Accounts", "", [str(place) for place in range(len(values))], Series("A", values))

    assert (chart.ticks, chart.line) == (ticks, line)


@pytest.mark.parametrize(
    ("value", "short"), [(0, "0"), (2.5, "2.5"), (1_500, "1.5k"), (2_000_000, "2M"), (3e9, "3B")]
)
def test_ticks_are_short(value: float, short: str) -> None:
    assert charts.short(value) == short
