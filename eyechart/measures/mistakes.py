"""Measures of which images a checkpoint gets wrong."""

from __future__ import annotations

from functools import partial

import numpy as np

from eyechart.intervals import error_ratio as error_ratio_limits
from eyechart.intervals import linearized
from eyechart.measurement import Measurement
from eyechart.measures.pairing import require_images, require_one_each, require_same_images, title
from eyechart.predictions import Bools, Predictions
from eyechart.recipe import remembered


@remembered
def error_ratio(predictions: Predictions, in_factor: Bools) -> Measurement:
    """Error rate on the images `in_factor` (n,) over that on all images (ImageNet-X, Idrissi et al. 2022).

    `count` is that of the images in the factor, which is what the interval depends on. A checkpoint without a mistake
    has the ratio 1, as on every factor, and an interval that says that nothing is known.
    Raises ValueError where no image has the factor, or every image has it.
    """
    require_images(predictions)
    require_one_each(predictions, in_factor=in_factor)
    wrong = ~predictions.correct
    inside, everywhere = int(np.count_nonzero(in_factor)), len(predictions)
    if inside in (0, everywhere):
        found = "no image has the factor" if inside == 0 else "every image has the factor"
        raise ValueError(f"{title(predictions)}: {found}, so its error rate has nothing to be compared with")
    wrong_inside, wrong_everywhere = int(np.count_nonzero(wrong & in_factor)), int(np.count_nonzero(wrong))
    ratio = (wrong_inside / inside) / (wrong_everywhere / everywhere) if wrong_everywhere else 1.0
    return Measurement(
        measure="error_ratio",
        value=ratio,
        count=inside,
        limits=partial(error_ratio_limits, wrong_inside, inside, wrong_everywhere, everywhere),
        method="risk-ratio score, corrected for skewness",
    )


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
