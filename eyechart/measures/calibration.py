"""Measures of confidence: whether a checkpoint is right as often as it says it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from eyechart.measures.combining import closer, difference
from eyechart.measures.intervals import ece, ece_difference, equal_width_ece, mean_of
from eyechart.measures.measurement import Measurement, remembered
from eyechart.measures.pairing import require_images, require_same_images
from eyechart.measures.predictions import Floats, Predictions

BINS = 15
"""Bins of a calibration error, as in the literature."""


@remembered
def calibration_error(predictions: Predictions, bins: int = BINS) -> Measurement:
    """Calibration error of the top answer: debiased, over `bins` equal-mass bins.

    Beside it the paper's plug-in number over equal-width bins and, where the source gives probabilities of all
    classes and every image has one right label, the negative log-likelihood and the Brier score.
    Raises NothingToMeasureError where there are no images, ValueError where a confidence is no probability.
    """
    require_images(predictions)
    estimate = ece(predictions.confidence, predictions.correct, bins)
    return Measurement(
        measure=f"ece_{bins}_equal_mass_debiased",
        value=estimate.value,
        count=len(predictions),
        limits=estimate.limits,
        method="normal theory of binned gaps",
        companions=(_equal_width(predictions, bins), *_proper_scores(predictions)),
        possible=(0.0, 1.0),
    )


def calibration_error_lead(first: Predictions, second: Predictions, bins: int = BINS) -> Measurement:
    """Calibration error of `first` less that of `second` on the same images.

    By what each image adds to both errors, or by both intervals apart, where the two answer very differently.
    Raises NothingToMeasureError where they are not about the same images, ValueError as `calibration_error`.
    """
    require_same_images(first, second)
    paired = ece_difference(first.confidence, first.correct, second.confidence, second.correct, bins)
    measure, method = f"ece_{bins}_equal_mass_debiased", "normal theory of binned gaps, paired"
    each = [
        Measurement(measure, summary.value, len(first), summary.limits, method, possible=(0.0, 1.0))
        for summary in (paired.first.summary, paired.second.summary)
    ]
    apart = difference(measure, *each)
    limits = apart.limits and partial(closer, paired.limits, apart.limits)
    return replace(apart, limits=limits, method=method)


@remembered
def confidence_gap(predictions: Predictions) -> Measurement:
    """Mean confidence less accuracy: positive where the checkpoint is overconfident, negative where underconfident.

    Overconfidence and underconfidence are two bounds on this one number.
    Raises NothingToMeasureError where there are no images.
    """
    require_images(predictions)
    return _mean("confidence_gap", predictions.confidence - predictions.correct, (-1.0, 1.0))


def _equal_width(predictions: Predictions, bins: int) -> Measurement:
    """Compute the paper's calibration error, a plug-in number for which there is no honest interval."""
    return Measurement(
        measure=f"ece_{bins}_equal_width",
        value=equal_width_ece(predictions.confidence, predictions.correct, bins),
        count=len(predictions),
        limits=None,
        method="plug-in, reported only",
    )


def _proper_scores(predictions: Predictions) -> tuple[Measurement, ...]:
    """Negative log-likelihood (nats) and Brier score (sum over classes, 0 to 2), or nothing without probabilities.

    Nor where images have several right labels, for which neither score is defined: ReaL, ImageNet-Hard. A source that
    records no logits says so by a LookupError from `logits_of`.
    """
    if any(key in predictions.also for key in predictions.keys.tolist()):
        return ()
    try:
        true, squares = predictions.true_probability, predictions.sum_of_squares
    except LookupError:
        return ()
    with np.errstate(divide="ignore"):
        surprise = -np.log(true)
    # Sum of (p - y)^2 over classes, without a one-hot copy of y.
    return _mean("nll", surprise, (0.0, np.inf)), _mean("brier", squares - 2 * true + 1, (0.0, 2.0))


def _mean(measure: str, values: Floats, possible: tuple[float, float]) -> Measurement:
    """Mean of `values` (n,) over independent images."""
    mean = mean_of(values, possible=possible)
    return Measurement(measure, mean.value, mean.units, mean.limits, "Student's t", possible=possible)
