"""How much larger one checkpoint's measurement is than another's, on the same images.

Two checkpoints find the same images hard, so the difference is known better than either value; a measure that has a
paired interval is compared by it, every other one by the two intervals it has (as if the images were different, which
errs towards *inconclusive*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from eyechart.intervals import linearized, mean_of, mean_over_draws, tango
from eyechart.measurement import Measurement
from eyechart.measures.accuracy import (
    accuracy,
    accuracy_drop,
    accuracy_drop_on_other_images,
    accuracy_over_draws,
    answers_kept,
    clustered_accuracy,
    lead_over_guessing,
    mean_accuracy,
)
from eyechart.measures.calibration import confidence_gap
from eyechart.measures.combining import average, difference
from eyechart.measures.mistakes import error_ratio, largest_mean_ratio, mean_error_ratio, ratio_influence
from eyechart.measures.pairing import only, require_same_images
from eyechart.measures.robustness import mean_corruption_error, mean_corruption_error_rise
from eyechart.measures.shape_bias import shape_bias, shape_bias_drop
from eyechart.measures.sweeps import accuracy_by_level, level_influence
from eyechart.predictions import Floats
from eyechart.recipe import Recipe, remembered

Compare = Callable[[Recipe, Recipe], Measurement]
"""(how the first was measured, how the second was) → first less second."""


def lead(first: Measurement, second: Measurement) -> Measurement:
    """How much larger the first is than the second, by the paired interval where their measure has one.

    Both must come from one measure with the same arguments, but for the predictions. Raises UnmeasurableError where
    they are not about the same images, ValueError where they are of different measures or one has no interval.
    """
    if first.recipe is None or second.recipe is None:
        return difference(f"{first.measure}_lead", first, second)
    one, other = first.recipe, second.recipe
    if one.function is not other.function:
        raise ValueError(f"{first.measure} and {second.measure} are different measures")
    return _lead(comparison(one), one.function, (one.arguments, dict(one.named)), (other.arguments, dict(other.named)))


@remembered
def _lead(
    compare: Compare,
    function: Callable[..., Measurement],
    first: tuple[tuple[object, ...], dict[str, object]],
    second: tuple[tuple[object, ...], dict[str, object]],
) -> Measurement:
    found = compare(Recipe(function, *first), Recipe(function, *second))
    return replace(found, measure=f"{found.measure}_lead", recipe=None)


def comparison(recipe: Recipe) -> Compare:
    """How results of a recipe's measure are compared."""
    return PAIRED.get(recipe.function, unpaired)


def unpaired(candidate: Recipe, baseline: Recipe) -> Measurement:
    """Compare two results by their intervals, as if on different images."""
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
        return unpaired(candidate, baseline)
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
    one, other = candidate.tables()[0], baseline.tables()[0]
    inside = candidate.named.get("in_factor", candidate.arguments[1] if len(candidate.arguments) > 1 else None)
    return replace(accuracy_drop(only(other, inside), only(one, inside)), measure="factor_error")


def _corruption(candidate: Recipe, baseline: Recipe) -> Measurement:
    name = candidate.measure().measure
    rise = mean_corruption_error_rise(baseline.arguments[0], *candidate.arguments, **candidate.named)
    return replace(rise, measure=name)


def _shape_bias(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    cues = candidate.named.get("cues", candidate.arguments[-1])
    return replace(shape_bias_drop(one, other, cues), measure="shape_bias")


def _guessing(candidate: Recipe, baseline: Recipe) -> Measurement:
    """Guessing is the same for both, so what is left is the accuracy of each."""
    (one,), (other,) = candidate.tables(), baseline.tables()
    return replace(accuracy_drop(one, other), measure="top1_over_guessing")


def _between(candidate: Recipe, baseline: Recipe) -> Measurement:
    """Of the same images on each side, so that each side is paired and the two are independent."""
    (clean, shifted), (other_clean, other_shifted) = candidate.tables(), baseline.tables()
    return difference(
        "top1_drop_between_sets", accuracy_drop(clean, other_clean), accuracy_drop(shifted, other_shifted)
    )


def _tasks(candidate: Recipe, baseline: Recipe) -> Measurement:
    pairs = zip(candidate.tables(), baseline.tables(), strict=True)
    return average("mean_top1", [accuracy_drop(one, other) for one, other in pairs])


def _mean_ratio(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    require_same_images(one, other)
    factors = candidate.named.get("factors", candidate.arguments[-1])
    (first, influence), (second, other_influence) = (ratio_influence(each, factors) for each in (one, other))
    most = largest_mean_ratio(factors)
    mean = linearized(first - second, influence - other_influence, possible=(-most, most))
    return Measurement("mean_error_ratio", mean.value, len(one), mean.limits, "delta method, paired")


def _levels(candidate: Recipe, baseline: Recipe) -> Measurement:
    (one,), (other,) = candidate.tables(), baseline.tables()
    require_same_images(one, other)
    levels, assets = candidate.arguments[1:3]
    (first, influence), (second, other_influence) = (level_influence(each, levels) for each in (one, other))
    mean = linearized(first - second, influence - other_influence, assets, possible=(-1.0, 1.0))
    return Measurement("top1_over_levels", mean.value, len(one), mean.limits, "Student's t, paired, clustered")


def _mean(measure: str, values: Floats, possible: tuple[float, float]) -> Measurement:
    mean = mean_of(values, possible=possible)
    return Measurement(measure, mean.value, mean.units, mean.limits, "Student's t, paired")


PAIRED: Mapping[Callable[..., Measurement], Compare] = {
    accuracy: _accuracy,
    accuracy_by_level: _levels,
    accuracy_drop: _drop,
    accuracy_drop_on_other_images: _between,
    accuracy_over_draws: _draws,
    answers_kept: _kept,
    clustered_accuracy: _clustered,
    confidence_gap: _gap,
    error_ratio: _factor,
    lead_over_guessing: _guessing,
    mean_accuracy: _tasks,
    mean_corruption_error: _corruption,
    mean_error_ratio: _mean_ratio,
    shape_bias: _shape_bias,
}
"""How the results of each measure are compared; a measure that is not here is compared by its two intervals."""
