"""Charts as SVG, drawn on the server: a picture with a title, a sentence for those who can't see it, and a table with the
same numbers. Shapes stretch with their box; everything to be read is text beside them."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Final

from msgspec import Struct

HEIGHT: Final = 100
STEP: Final = 10
_GAP: Final = 1.5
_NICE: Final = (1, 2, 3, 4, 5, 6, 8, 10)


class Series(Struct, frozen=True):
    """One value for each label."""

    name: str
    values: Sequence[float]


class Shape(Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float
    series: int


class Hover(Struct, frozen=True):
    """What a column says to a pointer that rests on it."""

    x: float
    text: str


class Chart(Struct, frozen=True):
    """`parts/chart.html` draws it. `bottom` and `top` are the ends of its scale."""

    title: str
    description: str
    labels: Sequence[str]
    series: Sequence[Series]
    ticks: Sequence[str]
    bars: Sequence[Shape]
    line: str
    area: str
    hovers: Sequence[Hover]
    unit: str = "Day"
    """What a label names. Where a label is empty, there is nothing."""

    @property
    def width(self) -> int:
        return STEP * len(self.labels)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        return [
            (label, [told(series.values[place]) for series in self.series])
            for place, label in enumerate(self.labels)
            if label
        ]

    @property
    def marks(self) -> Sequence[str]:
        """The labels below: first, middle and last."""
        if len(self.labels) < 3:
            return self.labels
        return [self.labels[0], self.labels[len(self.labels) // 2], self.labels[-1]]


def bars(
    title: str, description: str, labels: Sequence[str], series: Sequence[Series], unit: str = "Day"
) -> Chart:
    """A column for each label, the series on top of each other."""
    totals = [sum(each.values[place] for each in series) for place in range(len(labels))]
    top = ceiling(max(totals, default=0))
    shapes = []
    for place in range(len(labels)):
        base = 0.0
        for number, each in enumerate(series):
            if value := each.values[place]:
                height = value / top * HEIGHT
                y = HEIGHT - base - height
                shapes.append(_shape(place * STEP + _GAP, y, STEP - 2 * _GAP, height, number))
                base += height
    return Chart(
        title, description, labels, series, _ticks(0, top), shapes, "", "", _hovers(labels, series), unit
    )


def line(title: str, description: str, labels: Sequence[str], series: Series) -> Chart:
    """From zero, unless that would press all that changes into a flat line."""
    highest, lowest = max(series.values, default=0), min(series.values, default=0)
    bottom = _bottom(lowest, highest)
    top = bottom + ceiling(highest - bottom)
    points = [
        f"{place * STEP + STEP / 2:g} {round(HEIGHT - (value - bottom) / (top - bottom) * HEIGHT, 2):g}"
        for place, value in enumerate(series.values)
    ]
    path = "M" + "L".join(points) if points else ""
    first, last = STEP / 2, STEP * len(points) - STEP / 2
    area = f"{path}L{last:g} {HEIGHT}L{first:g} {HEIGHT}Z" if points else ""
    return Chart(
        title, description, labels, [series], _ticks(bottom, top), (), path, area, _hovers(labels, [series])
    )


def _shape(x: float, y: float, width: float, height: float, series: int) -> Shape:
    return Shape(round(x, 2), round(y, 2), round(width, 2), round(height, 2), series)


def _hovers(labels: Sequence[str], series: Sequence[Series]) -> list[Hover]:
    return [
        Hover(
            place * STEP,
            f"{label}: " + ", ".join(f"{told(each.values[place])} {each.name.lower()}" for each in series),
        )
        for place, label in enumerate(labels)
        if label
    ]


def ceiling(value: float) -> float:
    """The next round number, so that the scale can be halved in one's head."""
    if value <= 0:
        return 1
    size = 10.0 ** floor(log10(value))
    return next(size * each for each in _NICE if size * each >= value)


def _bottom(lowest: float, highest: float) -> float:
    if lowest >= 0 and (lowest < highest * 0.8 or lowest == highest):
        return 0.0
    step = ceiling(highest - lowest if lowest >= 0 else max(highest, -lowest))
    return floor(lowest / step) * step


def _ticks(bottom: float, top: float) -> list[str]:
    """From the top down, as they are read."""
    middle = (bottom + top) / 2
    ticks = [top, middle, bottom] if middle == floor(middle) else [top, bottom]
    return [short(each) for each in ticks]


def told(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def short(value: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
