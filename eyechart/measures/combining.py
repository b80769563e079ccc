"""Measurements made of measurements, whatever these are: the worst of a grid, an average, a difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from eyechart.errors import UnmeasurableError
from eyechart.measurement import Limits, Measurement
from eyechart.recipe import remembered


@remembered
def highest(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Largest of several measurements, under the name `measure`: the worst of drops or of error ratios.

    That all stay below a bound is shown by each staying below it, without correction (an intersection-union test), so
    the upper limit is the largest upper limit. That one is above it may be chance when many are tried, so each lower
    limit gets its share of the error (Bonferroni), and the largest counts. Holds however the measurements depend
    on each other. Raises ValueError for no measurements, or one without an interval.
    """
    worst = max(measurements, key=lambda each: each.value, default=None)
    return _extreme(measure, worst, partial(_highest_limits, _all_limits(measurements)), len(measurements))


@remembered
def lowest(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Smallest of several measurements, such as the worst of accuracies; the mirror image of `highest`."""
    worst = min(measurements, key=lambda each: each.value, default=None)
    return _extreme(measure, worst, partial(_lowest_limits, _all_limits(measurements)), len(measurements))


@remembered
def average(measure: str, measurements: Sequence[Measurement]) -> Measurement:
    """Mean of measurements on independent images, such as the accuracies of several transfer tasks.

    A fixed list, not a sample: nothing is claimed about other tasks. The distances from each value to its limit add up
    as standard errors do (MOVER: Zou & Donner 2008). `count` is that of all images.
    Raises ValueError for no measurements, or one without an interval.
    """
    if not measurements:
        raise UnmeasurableError("no measurements, so there is nothing to average")
    value = math.fsum(each.value for each in measurements) / len(measurements)
    values = tuple(each.value for each in measurements)
    limits = partial(_average_limits, value, values, _all_limits(measurements))
    return Measurement(measure, value, sum(each.count for each in measurements), limits, "MOVER, independent images")


@remembered
def difference(measure: str, first: Measurement, second: Measurement) -> Measurement:
    """`first` less `second`, for measures that have no paired interval, such as the calibration errors of two models.

    MOVER (Zou & Donner 2008), as if on other images: on the same images, where two checkpoints find the same images
    hard, the interval is too wide rather than too narrow. Where there is a paired measure, that decides sooner.
    Raises ValueError for a measurement without an interval.
    """
    limits = partial(_difference_limits, first.value, second.value, _all_limits([first, second]))
    count = min(first.count, second.count)
    return Measurement(measure, first.value - second.value, count, limits, "MOVER, unpaired")


def _all_limits(measurements: Sequence[Measurement]) -> tuple[Limits, ...]:
    """Limits of each measurement; ValueError where one has none."""
    bare = [each.measure for each in measurements if each.limits is None]
    if bare:
        raise ValueError(f"{bare[0]} has no interval, so it cannot be combined with others")
    return tuple(each.limits for each in measurements if each.limits is not None)


def _extreme(measure: str, worst: Measurement | None, limits: Limits, tried: int) -> Measurement:
    """Build the measurement of the `worst` of `tried`."""
    if worst is None:
        raise UnmeasurableError("no measurements, so none of them is the worst")
    return Measurement(measure, worst.value, worst.count, limits, f"{worst.method}, worst of {tried}")


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
