"""Measures over the levels of one factor: poses, sizes, backgrounds of the same assets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NotApplicableError
from eyechart.measures.accuracy import SHARE, clustered_accuracy
from eyechart.measures.combining import lowest, worst_of
from eyechart.measures.intervals import Mean, linearized
from eyechart.measures.measurement import Measurement, remembered
from eyechart.measures.pairing import only, require_images, require_one_each, title
from eyechart.measures.predictions import Bools, Floats, Ints, Predictions

Names = NDArray[np.str_] | Ints
Levels = NDArray[np.str_] | Ints | Floats | Bools


@remembered
def accuracy_by_level(predictions: Predictions, levels: Levels, clusters: Names) -> Measurement:
    """Mean over the `levels` (n,) of the accuracy at each, every level counting the same.

    The images come in `clusters` (n,), the assets that are seen at many levels, and the claim is about other assets
    like these: what an asset adds at all levels is summed up before it is squared. Beside it the accuracy at each
    level: the curve. Raises NothingToMeasureError where there are no images.
    """
    require_images(predictions)
    require_one_each(predictions, levels=levels, clusters=clusters)
    mean = _over_levels(predictions.correct.astype(np.float64), levels, clusters, SHARE)
    curve = worst_of(_curve(predictions, levels, clusters), most=False)
    method = "Student's t, clustered, levels alike"
    return Measurement("top1_by_level", mean.value, len(predictions), mean.limits, method, curve, possible=SHARE)


@remembered
def worst_level(predictions: Predictions, levels: Levels, clusters: Names) -> Measurement:
    """Lowest of the accuracies at each of the `levels`, which are reported too; see `accuracy_by_level`, `lowest`.

    Raises NothingToMeasureError where there are no images, NotApplicableError where all have one level.
    """
    require_images(predictions)
    require_one_each(predictions, levels=levels, clusters=clusters)
    if np.unique(levels).size == 1:
        raise NotApplicableError(
            f"{title(predictions)}: nothing tells levels of the factor apart (annotations of the image set can), "
            "so none is the worst"
        )
    curve = _curve(predictions, levels, clusters)
    return replace(lowest("worst_level_top1", curve), companions=worst_of(curve, most=False))


def accuracy_by_level_lead(first: Predictions, second: Predictions, levels: Levels, clusters: Names) -> Measurement:
    """Mean accuracy over levels of `first` less that of `second` on the same images."""
    lead = first.correct.astype(np.float64) - second.correct
    mean = _over_levels(lead, levels, clusters, (-1.0, 1.0))
    method = "Student's t, paired, clustered, levels alike"
    return Measurement("top1_by_level", mean.value, len(first), mean.limits, method, possible=(-1.0, 1.0))


def _over_levels(values: Floats, levels: Levels, clusters: Names, possible: tuple[float, float]) -> Mean:
    """Mean over levels of the means of `values` (n,) at each, with the error of the clusters."""
    distinct, members, counts = np.unique(levels, return_inverse=True, return_counts=True)
    means = np.bincount(members, weights=values) / counts
    influence = (values - means[members]) / (distinct.size * counts[members])
    return linearized(float(means.mean()), influence, clusters, possible=possible)


def _curve(predictions: Predictions, levels: Levels, clusters: Names) -> list[Measurement]:
    """Accuracy at each level, in the order of levels."""
    points = []
    for level in np.unique(levels).tolist():
        at = np.equal(levels, level)
        name = f"{level:g}" if isinstance(level, float) else str(level)
        points.append(replace(clustered_accuracy(only(predictions, at), clusters[at]), measure=f"top1_at_{name}"))
    return points
