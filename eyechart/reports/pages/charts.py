"""A claim over checkpoints as a small picture: values with intervals, the bound of each, the wrong side shaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eyechart.reports.distance import limit_of
from eyechart.reports.history import Trend
from eyechart.reports.pages.strips import HUGE, Scale, axis_of

HEIGHT = 40.0
"""Of the picture, whose width is 100."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One checkpoint: where it stands, and its words."""

    x: float
    value: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Points of the value's line and the bound's, and the shaded side, as SVG writes points."""

    marks: Sequence[Mark]
    line: str
    bound: str
    wrong: str


def chart(trend: Trend) -> Chart | None:
    """Draw a claim over its checkpoints; None where fewer than two have numbers to draw."""
    measured = [(point, limit_of(point.claim)) for point in trend.points]
    drawn = [(point, limit) for point, limit in measured if _is_drawn(point.claim.value) and _is_drawn(limit)]
    axis = axis_of([point.claim for point, _ in drawn])
    if len(drawn) < 2 or axis is None:
        return None
    step = 92.0 / (len(drawn) - 1)
    marks, bounds = [], []
    for number, (point, limit) in enumerate(drawn):
        claim, x = point.claim, round(4.0 + number * step, 2)
        value, low, high = (
            _height(claim.value if side is None or math.isnan(side) else side, axis)
            for side in (claim.value, claim.low, claim.high)
        )
        shown = "" if claim.low is None else f" [{claim.low:.4g}, {claim.high:.4g}]"
        words = f"{point.checkpoint}, {point.started[:10]}: {claim.value:.4g}{shown}, {claim.verdict}"
        marks.append(Mark(x, value, low, high, words))
        bounds.append((x, _height(limit, axis)))
    bounds = [(0.0, bounds[0][1]), *bounds, (100.0, bounds[-1][1])]
    side = HEIGHT if trend.last.at_least is not None else 0.0
    return Chart(
        marks, _points((mark.x, mark.value) for mark in marks), _points(bounds),
        _points([(0.0, side), *bounds, (100.0, side)]),
    )  # fmt: skip


def _is_drawn(number: float | None) -> bool:
    return number is not None and abs(number) < HUGE


def _height(number: float | None, axis: Scale) -> float:
    start, end = axis
    share = (min(max(number or 0.0, start), end) - start) / (end - start)
    return round(HEIGHT * (1 - share), 2)


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
