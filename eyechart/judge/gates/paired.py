"""No worse than a baseline: how much worse one checkpoint is than another, on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from eyechart.measures import accuracy_drop, error_ratio, only
from eyechart.measures.comparing import PAIRED as LEADS
from eyechart.measures.comparing import Compare, compared
from eyechart.measures.measurement import Limits, Measurement, Recipe, remembered


@remembered
def loss(candidate: Measurement, baseline: Measurement, *, more_is_worse: bool) -> Measurement:
    """How much worse the candidate is than the baseline: positive is worse, whichever way the claim's bound points.

    A `lead`, turned around where less is worse, under the name of the measure, which is what margins go by.
    Raises ValueError where the two are not about the same images, or one has no interval.
    """
    difference = compared(candidate, baseline, PAIRED)
    if more_is_worse:
        return difference
    limits = None if difference.limits is None else partial(_mirrored, difference.limits)
    low, high = difference.possible
    return replace(difference, value=-difference.value, limits=limits, possible=(-high, -low))


def cannot_show(images: int, least: float, margin: float) -> str:
    """Say that `images` leave a loss of up to `least` open for any checkpoint, which is more than the margin."""
    return (
        f"{images:,} images cannot show of any checkpoint that it lost at most {margin:g}: of the baseline beside "
        f"itself they show {least:.2g}"
    )


def unremembered(measurement: Measurement, wanted: str) -> str:
    """Say what a measure of one's own lacks to be compared with a baseline, or to have that planned (`wanted`)."""
    return (
        f"{measurement.measure} does not say what it was measured on, so no baseline can be measured the same way; to "
        f"have it {wanted}, write `@remembered` (from eyechart.measures) above its measure, a function of predictions"
    )


def _mirrored(limits: Limits, alpha: float) -> tuple[float, float]:
    low, high = limits(alpha)
    return -high, -low


def _factor(candidate: Recipe, baseline: Recipe) -> Measurement:
    """Error rate on the factor's images: a ratio of two ratios would say less, and mix in the other images."""
    arguments, inside = candidate.given(), candidate.given()["in_factor"]
    one, other = arguments["predictions"], baseline.given()["predictions"]
    return replace(accuracy_drop(only(other, inside), only(one, inside)), measure="factor_error")


PAIRED: Mapping[Callable[..., Measurement], Compare] = {**LEADS, error_ratio: _factor}
"""How a loss of each measure is measured; one that is not here is compared by its two intervals."""
