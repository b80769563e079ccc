"""Intervals as small pictures: where value, interval and bound stand on an axis, in percent of its length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from eyechart.judge.verdict import Verdict
from eyechart.reports.distance import distance, half_interval, limit_of

HUGE = 1e100
"""Numbers beyond it are written and not drawn."""

FAR = 6.0
"""Half intervals behind which a claim is drawn at the end of the axis of distances."""

Scale = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Strip:
    """Positions from 0 to 100; the wrong side of the bound is from `left` to `right`; nothing differs at `zero`."""

    left: float
    right: float
    bound: float
    low: float
    high: float
    value: float
    zero: float | None = None


def axis_of(claims: Iterable[Verdict]) -> Scale | None:
    """Ends of an axis that holds every interval and bound of a table; None where there is nothing to draw."""
    drawn = [claim for claim in claims if claim.value is not None]
    numbers = [n for claim in drawn for n in (claim.value, claim.low, claim.high, limit_of(claim)) if n is not None]
    ends = [number for number in numbers if abs(number) < HUGE]
    if not ends or min(ends) == max(ends):
        return None
    margin = 0.06 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def strip(claim: Verdict, axis: Scale | None) -> Strip | None:
    """Draw a claim on an axis that it shares with others; None where value or bound are no numbers."""
    limit, value = limit_of(claim), claim.value
    if axis is None or value is None or limit is None or math.isnan(value) or math.isnan(limit):
        return None
    low, high = (value if side is None or math.isnan(side) else side for side in (claim.low, claim.high))
    bound = _at(limit, axis)
    left, right = (0.0, bound) if claim.at_least is not None else (bound, 100.0)
    return Strip(left, right, bound, _at(low, axis), _at(high, axis), _at(value, axis))


def room_left(claim: Verdict) -> Strip | None:
    """Draw a kept claim by its distance: the bound at the same place on the left for all, one unit a half interval."""
    far, limit, half = distance(claim), limit_of(claim), half_interval(claim)
    if far is None or limit is None or half is None or claim.low is None or claim.high is None:
        return None
    sides = [(side - limit if claim.at_least is not None else limit - side) / half for side in (claim.low, claim.high)]
    if any(map(math.isnan, (far, *sides))):
        return None
    axis = (-0.5, FAR)
    bound = _at(0.0, axis)
    return Strip(0.0, bound, bound, _at(min(sides), axis), _at(max(sides), axis), _at(far, axis))


def in_margins(claim: Verdict) -> Strip | None:
    """Draw a comparison with a baseline in units of its margin: as good at 0, the margin at 1, the same for all."""
    if not claim.margin or claim.value is None or not (math.isfinite(claim.margin) and math.isfinite(claim.value)):
        return None
    low, high = (claim.value if side is None or math.isnan(side) else side for side in (claim.low, claim.high))
    axis = (-2.0, 3.0)
    low, high, value = (_at(number / claim.margin, axis) for number in (low, high, claim.value))
    return Strip(_at(1.0, axis), 100.0, _at(1.0, axis), low, high, value, zero=_at(0.0, axis))


def _at(number: float, axis: Scale) -> float:
    start, end = axis
    return round(100 * (min(max(number, start), end) - start) / (end - start), 2)
