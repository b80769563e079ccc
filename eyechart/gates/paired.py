"""No worse than a baseline: how much worse one checkpoint is than another, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from eyechart.measurement import Limits, Measurement
from eyechart.measures import difference
from eyechart.measures.comparing import PAIRED, Compare, comparison
from eyechart.recipe import Recipe, remembered


def loss(candidate: Measurement, baseline: Measurement, *, more_is_worse: bool) -> Measurement:
    """How much worse the candidate is than the baseline: positive is worse, whichever way the claim's bound points.

    Both must come from one measure with the same arguments, but for the predictions. Raises ValueError where they
    are not about the same images, or one has no interval.
    """
    if candidate.recipe is None or baseline.recipe is None:
        return _oriented(difference(candidate.measure, candidate, baseline), more_is_worse)
    first, second = candidate.recipe, baseline.recipe
    arguments = (
        comparison(first), first.function, (first.arguments, dict(first.named)),
        (second.arguments, dict(second.named)), more_is_worse,
    )  # fmt: skip
    if first.function in PAIRED:
        return _measured_loss(*arguments)
    found = _oriented(difference(candidate.measure, candidate, baseline), more_is_worse)
    return replace(found, recipe=Recipe(_measured_loss, arguments, {}))


@remembered
def _measured_loss(
    compare: Compare,
    function: Callable[..., Measurement],
    candidate: tuple[tuple[object, ...], dict[str, object]],
    baseline: tuple[tuple[object, ...], dict[str, object]],
    more_is_worse: bool,
) -> Measurement:
    found = compare(Recipe(function, *candidate), Recipe(function, *baseline))
    return _oriented(found, more_is_worse)


def _oriented(found: Measurement, more_is_worse: bool) -> Measurement:
    """Turn candidate less baseline into what is lost."""
    if more_is_worse:
        return found
    limits = None if found.limits is None else partial(_mirrored, found.limits)
    return replace(found, value=-found.value, limits=limits, recipe=None)


def _mirrored(limits: Limits, alpha: float) -> tuple[float, float]:
    low, high = limits(alpha)
    return -high, -low
