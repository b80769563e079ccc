"""Measures of which images a checkpoint gets wrong: under which factors, and together with whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from eyechart.errors import NothingToMeasureError, nearest
from eyechart.measures.accuracy import accuracy
from eyechart.measures.combining import lowest, worst_of
from eyechart.measures.intervals import SharedErrors
from eyechart.measures.measurement import Measurement, remembered
from eyechart.measures.pairing import only, require_images, require_one_each, require_same_images, title
from eyechart.measures.predictions import Bools, Ints, Predictions
from eyechart.measures.ratios import Ratio, mean_of_ratios

Factors = Mapping[str, Bools]
"""Name of a factor → (n,) which images it is said of."""


@remembered
def error_ratio(predictions: Predictions, in_factor: Bools, overall: Predictions | None = None) -> Measurement:
    """Error rate on the images `in_factor` (n,) over that on all images (ImageNet-X, Idrissi et al. 2022).

    All images are those of `predictions`, as in the library of ImageNet-X: the annotated ones. Its paper says that they
    are the whole validation set, which is easier, so that every ratio is larger: pass the answers to it as `overall`.
    `count` is that of the images in the factor, which is what the interval depends on. A checkpoint without a mistake
    has the ratio 1, as on every factor, and an interval that says that nothing is known.
    Raises NothingToMeasureError where no image has the factor, or every image has it; ValueError where an image of the
    factor is not among `overall`, or is right in one and wrong in the other.
    """
    return ratio_of(predictions, in_factor, overall).measured()


@remembered
def mean_error_ratio(predictions: Predictions, factors: Factors) -> Measurement:
    """Mean of the error ratios of `factors`, each counting the same: the bar "Average" of the ImageNet-X figure.

    An image counts with its influence on every ratio, through the factor and through the error rate of all images
    (delta method), so overlapping factors are no matter. Small factors decide how well it is known. `count` is that of
    all images. Raises NothingToMeasureError for no factors, or where no image, or every image, has one of them.
    """
    return mean_of_ratios(list(ratios_of(predictions, factors).values()))


@remembered
def factor_lead(predictions: Predictions, name: str, factors: Factors) -> Measurement:
    """Error ratio of the factor `name` less the mean of the others': positive where `name` is harder than they are.

    The error is that of a difference of mean ratios (delta method; see `mean_error_ratio`), so that overlapping factors
    are no matter. `count` is that of the factor. Raises NothingToMeasureError as `mean_error_ratio`, or without another
    factor; ValueError for a name not among them.
    """
    if name not in factors:
        raise ValueError(f"no factor {name!r}: {nearest(name, factors)}")
    ratios = ratios_of(predictions, factors)
    own = ratios.pop(name)
    if not ratios:
        raise NothingToMeasureError(f"no factor but {name!r}, so there is nothing to compare it with")
    return replace(mean_of_ratios([own], list(ratios.values())), measure="factor_lead", count=own.counts[1])


@remembered
def worst_factor_accuracy(predictions: Predictions, factors: Factors) -> Measurement:
    """Lowest of the accuracies on the images of each of `factors`, which are reported too; see `lowest`.

    Raises NothingToMeasureError for no factors, or where no image has one of them.
    """
    require_images(predictions)
    parts = []
    for name, inside in factors.items():
        require_one_each(predictions, **{name: inside})
        if not inside.any():
            raise NothingToMeasureError(f"{title(predictions)}: no image has the factor {name!r}")
        parts.append(replace(accuracy(only(predictions, inside)), measure=f"top1_under_{name}"))
    return replace(lowest("worst_factor_top1", parts), companions=worst_of(parts, most=False))


@remembered
def error_consistency(first: Predictions, second: Predictions) -> Measurement:
    """Agreement of two checkpoints on which images are hard, beyond chance: Cohen's kappa of right and wrong.

    0 where they err independently, 1 where they err on the same images (Geirhos et al. 2020). A checkpoint that is
    always right, or always wrong, leaves it undefined: then 0, between -1 and 1.
    Raises NothingToMeasureError where there are no images, ValueError where the two are not about the same ones.
    """
    require_same_images(first, second)
    one, other = ~first.correct, ~second.correct
    shared, first_total, second_total = (int(np.count_nonzero(wrong)) for wrong in (one & other, one, other))
    errors = SharedErrors(shared, first_total, second_total, len(first))
    undefined = math.isnan(errors.value)
    method = "undefined: no variation" if undefined else "exact given both error counts, or delta method"
    value = 0.0 if undefined else errors.value
    return Measurement("error_consistency", value, len(first), errors.limits, method, possible=(-1.0, 1.0))


def ratio_of(predictions: Predictions, in_factor: Bools, overall: Predictions | None = None, name: str = "") -> Ratio:
    """Collect what the error ratio of one factor rests on. Raises as `error_ratio`."""
    require_images(predictions)
    require_one_each(predictions, in_factor=in_factor)
    wrong, inside = ~predictions.correct, np.asarray(in_factor, dtype=np.bool_)
    if overall is not None:
        rows = _rows_among(predictions, np.flatnonzero(inside), overall)
        wrong, inside = ~overall.correct, np.zeros(len(overall), dtype=np.bool_)
        inside[rows] = True
    count = int(np.count_nonzero(inside))
    if count in (0, inside.size):
        factor = f"the factor {name!r}" if name else "the factor"
        fault = f"no image has {factor}" if count == 0 else f"every image has {factor}"
        raise NothingToMeasureError(f"{title(predictions)}: {fault}, so its error rate has nothing to be compared with")
    return Ratio(wrong, inside)


def ratios_of(predictions: Predictions, factors: Factors) -> dict[str, Ratio]:
    """Collect what the error ratio of each factor rests on. Raises as `error_ratio`."""
    return {name: ratio_of(predictions, inside, name=name) for name, inside in factors.items()}


def _rows_among(predictions: Predictions, rows: Ints, overall: Predictions) -> Ints:
    """Find these rows of `predictions` among `overall`, by their keys. Raises ValueError where one is not the same."""
    keys = predictions.keys[rows]
    order = np.argsort(overall.keys, kind="stable")
    positions = np.searchsorted(overall.keys, keys, sorter=order)
    rows_overall = order[np.minimum(positions, len(overall) - 1)] if len(overall) else np.zeros(0, dtype=np.int64)
    if not np.array_equal(overall.keys[rows_overall], keys):
        missing = np.setdiff1d(keys, overall.keys)
        raise ValueError(
            f"{missing.size} images of {title(predictions)} are missing from {title(overall)}, "
            f"such as {str(missing[0])!r}: the part must belong to the whole"
        )
    apart = np.flatnonzero(overall.correct[rows_overall] != predictions.correct[rows])
    if apart.size:
        raise ValueError(
            f"{apart.size} images are right in one and wrong in the other of {title(predictions)} and "
            f"{title(overall)}, such as {str(keys[apart[0]])!r}: both must be the same answers"
        )
    return np.asarray(rows_overall, dtype=np.int64)
