"""No worse than a baseline: how much worse one checkpoint is than another, on the same images.

Two checkpoints find the same images hard, so the difference is known better than either value; a measure that has a
paired interval is compared by it, every other one by the two intervals it has (as if the images were different, which
errs towards *inconclusive*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from eyechart.intervals import mean_of, mean_over_draws, tango
from eyechart.measurement import Limits, Measurement
from eyechart.measures import (
    accuracy,
    accuracy_drop,
    accuracy_over_draws,
    answers_kept,
    clustered_accuracy,
    confidence_gap,
    difference,
    error_ratio,
    mean_corruption_error,
    mean_corruption_error_rise,
    only,
    shape_bias,
    shape_bias_drop,
)
from eyechart.predictions import Floats
from eyechart.recipe import Recipe, remembered

Compare = Callable[[Recipe, Recipe], Measurement]
"""(how the candidate was measured, how the baseline was) → candidate less baseline."""


def loss(candidate: Measurement, baseline: Measurement, *, more_is_worse: bool) -> Measurement:
    """How much worse the candidate is than the baseline: positive is worse, whichever way the claim's bound points.

    Both must come from one measure with the same arguments, but for the predictions. Raises ValueError where they
    are not about the same images, or one has no interval.
    """
    if candidate.recipe is None or baseline.recipe is None:
        return _oriented(difference(candidate.measure, candidate, baseline), more_is_worse)
    first, second = candidate.recipe, baseline.recipe
    arguments = (
        PAIRED.get(first.function, _unpaired), first.function, (first.arguments, dict(first.named)),
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


def _unpaired(candidate: Recipe, baseline: Recipe) -> Measurement:
    first, second = candidate.measure(), baseline.measure()
    return difference(first.measure, first, second)


def _accuracy(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    return replace(accuracy_drop(one, other), measure="top1")


def _clustered(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    clusters = candidate.named.get("clusters", candidate.arguments[-1])
    lead = one.correct.astype(np.float64) - other.correct
    mean = mean_of(lead, clusters, (-1.0, 1.0))
    return Measurement("top1", mean.value, len(one), mean.limits, "Student's t, paired, clustered")


def _draws(candidate: Recipe, baseline: Recipe) -> Measurement:
    one, other = candidate.tables(), baseline.tables()
    if len(one) != len(other):
        return _unpaired(candidate, baseline)
    lead = np.column_stack([a.correct.astype(np.float64) - b.correct for a, b in zip(one, other, strict=True)])
    mean = mean_over_draws(lead, (-1.0, 1.0))
    return Measurement("top1", mean.value, len(one[0]), mean.limits, "analysis of variance, paired, images x draws")


def _kept(candidate: Recipe, baseline: Recipe) -> Measurement:
    kept = [np.equal(*(table.predicted for table in recipe.tables())) for recipe in (candidate, baseline)]
    gained, lost = (int(np.count_nonzero(a & ~b)) for a, b in (kept, kept[::-1]))
    count = len(kept[0])
    limits = partial(tango, gained, lost, count)
    return Measurement("agreement", (gained - lost) / count, count, limits, "Tango score, paired")


def _drop(candidate: Recipe, baseline: Recipe) -> Measurement:
    drops = []
    for recipe in (candidate, baseline):
        original, changed = recipe.tables()
        drops.append(original.correct.astype(np.float64) - changed.correct)
    return _mean("top1_drop", drops[0] - drops[1], (-2.0, 2.0))


def _gap(candidate: Recipe, baseline: Recipe) -> Measurement:
    one, other = (recipe.tables()[0] for recipe in (candidate, baseline))
    return _mean("confidence_gap", (one.confidence - one.correct) - (other.confidence - other.correct), (-2.0, 2.0))


def _factor(candidate: Recipe, baseline: Recipe) -> Measurement:
    """Error rate on the factor's images: a ratio of two ratios would say less, and mix in the other images."""
    (one,), (other,) = candidate.tables(), baseline.tables()
    inside = candidate.named.get("in_factor", candidate.arguments[-1])
    return replace(accuracy_drop(only(other, inside), only(one, inside)), measure="factor_error")


def _corruption(candidate: Recipe, baseline: Recipe) -> Measurement:
    name = candidate.measure().measure
    rise = mean_corruption_error_rise(baseline.arguments[0], *candidate.arguments, **candidate.named)
    return replace(rise, measure=name)


def _shape_bias(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    cues = candidate.named.get("cues", candidate.arguments[-1])
    return replace(shape_bias_drop(one, other, cues), measure="shape_bias")


def _mean(measure: str, values: Floats, possible: tuple[float, float]) -> Measurement:
    mean = mean_of(values, possible=possible)
    return Measurement(measure, mean.value, mean.units, mean.limits, "Student's t, paired")


PAIRED: Mapping[Callable[..., Measurement], Compare] = {
    accuracy: _accuracy,
    accuracy_drop: _drop,
    accuracy_over_draws: _draws,
    answers_kept: _kept,
    clustered_accuracy: _clustered,
    confidence_gap: _gap,
    error_ratio: _factor,
    mean_corruption_error: _corruption,
    shape_bias: _shape_bias,
}
"""How the results of each measure are compared; a measure that is not here is compared by its two intervals."""
