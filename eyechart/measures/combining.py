"""Measurements made of measurements, whatever these are: the worst of a grid, an average, a difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from eyechart.errors import NothingToMeasureError
from eyechart.measures.measurement import Limits, Measurement, remembered

COMPANIONS = 20
"""How many points of a curve are reported beside the number that is judged, at most: the worst ones."""


@remembered
def highest(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Largest of several measurements, under the name `measure`: the worst of drops or of error ratios.

    That all stay below a bound is shown by each staying below it, without correction (an intersection-union test), so
    the upper limit is the largest upper limit. That one is above it may be chance when many are tried, so each lower
    limit gets its share of the error (Bonferroni), and the largest counts. Holds however the measurements depend
    on each other. Raises NothingToMeasureError for no measurements, ValueError for one without an interval.
    """
    limits = partial(_highest_limits, _all_limits(measurements))
    return _extreme(measure, max(measurements, key=_value, default=None), limits, measurements)


@remembered
def lowest(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Smallest of several measurements, such as the worst of accuracies; the mirror image of `highest`."""
    limits = partial(_lowest_limits, _all_limits(measurements))
    return _extreme(measure, min(measurements, key=_value, default=None), limits, measurements)


@remembered
def average(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Mean of measurements on independent images, such as the accuracies of several transfer tasks.

    A fixed list, not a sample: nothing is claimed about other tasks. The distances from each value to its limit add up
    as standard errors do (MOVER: Zou & Donner 2008). `count` is that of all images.
    Raises NothingToMeasureError for no measurements, ValueError for one without an interval.
    """
    if not measurements:
        raise NothingToMeasureError("no measurements, so there is nothing to average")
    value = math.fsum(each.value for each in measurements) / len(measurements)
    values = tuple(each.value for each in measurements)
    limits = partial(_average_limits, value, values, _all_limits(measurements))
    low, high = (math.fsum(each.possible[end] for each in measurements) / len(measurements) for end in (0, 1))
    count = sum(each.count for each in measurements)
    return Measurement(measure, value, count, limits, "MOVER, independent images", possible=(low, high))


@remembered
def difference(measure: str, first: Measurement, second: Measurement) -> Measurement:
    """`first` less `second`, for measures that have no paired interval, such as the calibration errors of two models.

    MOVER (Zou & Donner 2008), as if on other images: on the same images, where two checkpoints find the same images
    hard, the interval is too wide rather than too narrow. Where there is a paired measure, that decides sooner.
    Raises ValueError for a measurement without an interval.
    """
    limits = partial(_difference_limits, first.value, second.value, _all_limits([first, second]))
    count = min(first.count, second.count)
    possible = (first.possible[0] - second.possible[1], first.possible[1] - second.possible[0])
    return Measurement(measure, first.value - second.value, count, limits, "MOVER, unpaired", possible=possible)


def closer(one: Limits, other: Limits, alpha: float) -> tuple[float, float]:
    """Limits of a number that has two intervals: on each side the closer of both, each at half of the error."""
    (low_1, high_1), (low_2, high_2) = one(alpha / 2), other(alpha / 2)
    return max(low_1, low_2), min(high_1, high_2)


def worst_of(points: Sequence[Measurement], *, most: bool) -> tuple[Measurement, ...]:
    """Keep the points of a curve that are reported, in their order: all, or the largest (smallest) of very many."""
    ranked = sorted(points, key=lambda each: each.value, reverse=most)
    last = ranked[min(len(ranked), COMPANIONS) - 1].value if ranked else 0.0
    farthest = [each for each in points if (each.value >= last if most else each.value <= last)]
    return tuple(farthest[:COMPANIONS])


def _all_limits(measurements: Sequence[Measurement]) -> tuple[Limits, ...]:
    """Limits of each measurement; ValueError where one has none."""
    bare = [each.measure for each in measurements if each.limits is None]
    if bare:
        raise ValueError(f"{bare[0]} has no interval, so it cannot be combined with others")
    return tuple(each.limits for each in measurements if each.limits is not None)


def _extreme(
    measure: str, worst: Measurement | None, limits: Limits, measurements: Sequence[Measurement]
) -> Measurement:
    """Build the measurement of the `worst` of several."""
    if worst is None:
        raise NothingToMeasureError("no measurements, so none of them is the worst")
    low, high = min(each.possible[0] for each in measurements), max(each.possible[1] for each in measurements)
    method = f"{worst.method}, worst of {len(measurements)}"
    return Measurement(
        measure, worst.value, worst.count, limits, method, possible=(low, high), parts=tuple(measurements)
    )


def _value(measurement: Measurement) -> float:
    return measurement.value


def _highest_limits(parts: tuple[Limits, ...], alpha: float) -> tuple[float, float]:
    """Bonferroni below, intersection-union above."""
    return max(part(alpha / len(parts))[0] for part in parts), max(part(alpha)[1] for part in parts)


def _lowest_limits(parts: tuple[Limits, ...], alpha: float) -> tuple[float, float]:
    """Intersection-union below, Bonferroni above."""
    return min(part(alpha)[0] for part in parts), min(part(alpha / len(parts))[1] for part in parts)


def _average_limits(
    value: float, values: tuple[float, ...], parts: tuple[Limits, ...], alpha: float
) -> tuple[float, float]:
    """Root of the sum of squared distances to the limits, over the number of parts."""
    ends = [part(alpha) for part in parts]
    below = math.hypot(*(each - low for each, (low, _) in zip(values, ends, strict=True)))
    above = math.hypot(*(high - each for each, (_, high) in zip(values, ends, strict=True)))
    return value - below / len(parts), value + above / len(parts)


def _difference_limits(first: float, second: float, parts: tuple[Limits, ...], alpha: float) -> tuple[float, float]:
    """Root of the sum of squared distances to the limits that work in the same direction."""
    (low_1, high_1), (low_2, high_2) = (part(alpha) for part in parts)
    value = first - second
    return value - math.hypot(first - low_1, high_2 - second), value + math.hypot(high_1 - first, second - low_2)
