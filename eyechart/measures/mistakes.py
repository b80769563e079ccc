"""Measures of which images a checkpoint gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from eyechart.errors import UnmeasurableError
from eyechart.intervals import error_ratio as error_ratio_limits
from eyechart.intervals import linearized
from eyechart.measurement import Measurement
from eyechart.measures.accuracy import accuracy
from eyechart.measures.combining import difference, lowest
from eyechart.measures.pairing import only, require_images, require_one_each, require_same_images, title
from eyechart.predictions import Bools, Floats, Predictions
from eyechart.recipe import remembered


@remembered
def error_ratio(predictions: Predictions, in_factor: Bools, overall: Predictions | None = None) -> Measurement:
    """Error rate on the images `in_factor` (n,) over that on all images (ImageNet-X, Idrissi et al. 2022).

    `overall` are predictions for more images, of which these are a part, when the denominator is to be theirs (the
    paper's text, 3.1). `count` is that of the images in the factor, which is what the interval depends on. A
    checkpoint without a mistake has the ratio 1, as on every factor, and an interval that says that nothing is known.
    Raises UnmeasurableError where no image has the factor, or every image has it.
    """
    require_images(predictions)
    require_one_each(predictions, in_factor=in_factor)
    whole = predictions if overall is None else overall
    wrong = ~predictions.correct
    inside, everywhere = int(np.count_nonzero(in_factor)), len(whole)
    if inside in (0, everywhere):
        found = "no image has the factor" if inside == 0 else "every image has the factor"
        raise UnmeasurableError(f"{title(predictions)}: {found}, so its error rate has nothing to be compared with")
    wrong_inside, wrong_everywhere = int(np.count_nonzero(wrong & in_factor)), int(np.count_nonzero(~whole.correct))
    ratio = (wrong_inside / inside) / (wrong_everywhere / everywhere) if wrong_everywhere else 1.0
    return Measurement(
        measure="error_ratio",
        value=ratio,
        count=inside,
        limits=partial(error_ratio_limits, wrong_inside, inside, wrong_everywhere, everywhere),
        method="risk-ratio score, corrected for skewness",
    )


@remembered
def worst_factor_accuracy(predictions: Predictions, factors: Mapping[str, Bools]) -> Measurement:
    """Lowest accuracy on the images of any factor (name → (n,)); see `lowest`.

    Raises UnmeasurableError where a factor has no image.
    """
    return lowest("worst_factor_top1", [accuracy(_of_factor(predictions, *each)) for each in factors.items()])


@remembered
def mean_error_ratio(predictions: Predictions, factors: Mapping[str, Bools]) -> Measurement:
    """Mean of the error ratios of `factors` (name → (n,)), each counting alike: the paper's "Average" (3.1).

    Delta method: all ratios share their denominator, and an image counts in each of its factors.
    Raises UnmeasurableError where a factor has no image, or nothing is misnamed.
    """
    value, influence = ratio_influence(predictions, factors)
    mean = linearized(value, influence, possible=(0.0, largest_mean_ratio(factors)))
    return Measurement("mean_error_ratio", mean.value, len(predictions), mean.limits, "delta method")


@remembered
def hardest_factor(predictions: Predictions, name: str, factors: Mapping[str, Bools]) -> Measurement:
    """Error ratio of the factor `name` less the largest of the others: positive where it is the hardest.

    Lowest of the differences to each other factor; images have one factor each, so that two ratios are as good as
    independent. Raises UnmeasurableError where a factor has no image.
    """
    ratios = {each: error_ratio(predictions, inside) for each, inside in factors.items()}
    others = [difference("error_ratio_lead", ratios[name], ratio) for each, ratio in ratios.items() if each != name]
    return lowest("hardest_factor_lead", others)


def ratio_influence(predictions: Predictions, factors: Mapping[str, Bools]) -> tuple[float, Floats]:
    """Mean error ratio, and (n,) what each image adds to its error, to first order: the influences add up to zero.

    Ratio of a factor: e_f / e, so its derivative by an image's mistake is 1_f / (n_f e) - e_f / (n e^2).
    """
    require_images(predictions)
    wrong = (~predictions.correct).astype(np.float64)
    rate = float(wrong.mean())
    if rate == 0.0:
        raise UnmeasurableError(f"{title(predictions)}: nothing is misnamed, so there is no ratio of errors")
    value, influence = 0.0, np.zeros(len(predictions))
    for name, inside in factors.items():
        count = len(_of_factor(predictions, name, inside))
        own = float(wrong[inside].mean())
        value += own / rate / len(factors)
        part = inside * (wrong - own) / (count * rate) - own * (wrong - rate) / (len(predictions) * rate**2)
        influence += part / len(factors)
    return value, influence


def largest_mean_ratio(factors: Mapping[str, Bools]) -> float:
    """Largest mean error ratio there can be: all mistakes on the images of one factor, for each of them."""
    return float(np.mean([len(inside) / np.count_nonzero(inside) for inside in factors.values()]))


def _of_factor(predictions: Predictions, name: str, inside: Bools) -> Predictions:
    found = only(predictions, inside)
    if not len(found):
        raise UnmeasurableError(f"{title(predictions)}: no image has the factor {name!r}")
    return found


@remembered
def error_consistency(first: Predictions, second: Predictions) -> Measurement:
    """Agreement of two checkpoints on which images are hard, beyond chance: Cohen's kappa of right and wrong.

    0 where they err independently, 1 where they err on the same images (Geirhos et al. 2020). Two checkpoints that
    are both always right, or both always wrong, leave it undefined: then 0, between -1 and 1.
    Raises ValueError where there are no images, or where the two are not about the same images and labels.
    """
    require_same_images(first, second)
    one, other = first.correct.astype(np.float64), second.correct.astype(np.float64)
    same = (first.correct == second.correct).astype(np.float64)
    p, q, agreed = float(one.mean()), float(other.mean()), float(same.mean())
    by_chance = p * q + (1 - p) * (1 - q)
    if by_chance == 1.0:
        return Measurement("error_consistency", 0.0, len(first), _anything, "undefined: no variation")
    # Derivative of 1 - (1 - agreed) / (1 - by_chance) by the three means, times each image's part in them.
    chance_part = (2 * q - 1) * (one - p) + (2 * p - 1) * (other - q)
    influence = (same - agreed) / (1 - by_chance) - (1 - agreed) / (1 - by_chance) ** 2 * chance_part
    mean = linearized(1 - (1 - agreed) / (1 - by_chance), influence / len(first), possible=(-1.0, 1.0))
    return Measurement("error_consistency", mean.value, len(first), mean.limits, "delta method")


def _anything(alpha: float) -> tuple[float, float]:
    """Limits where nothing is known, whatever the error rate."""
    del alpha
    return -1.0, 1.0
