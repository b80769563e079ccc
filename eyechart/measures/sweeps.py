"""Measures along the levels of one factor: rendered assets, the same ones at every level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import UnmeasurableError
from eyechart.intervals import linearized
from eyechart.measurement import Measurement
from eyechart.measures.accuracy import SHARE, clustered_accuracy
from eyechart.measures.combining import lowest
from eyechart.measures.pairing import only, require_one_each, title
from eyechart.predictions import Floats, Predictions
from eyechart.recipe import remembered

SHOWN = 24
"""Levels that are reported one by one; a finer sweep is reported as a whole."""


@remembered
def accuracy_by_level(predictions: Predictions, levels: NDArray[Any], assets: NDArray[Any]) -> Measurement:
    """Mean over `levels` (n,) of the accuracy at each, every level counting alike (paper, 3.6); beside it the curve.

    Renderings of one of the `assets` (n,) hang together, so errors are summed within assets before they are squared.
    Raises UnmeasurableError where there are no images.
    """
    value, influence = level_influence(predictions, levels)
    require_one_each(predictions, assets=assets)
    mean = linearized(value, influence, assets, possible=SHARE)
    curve = tuple(_curve(predictions, levels, assets))
    return Measurement(
        "top1_over_levels", value, len(predictions), mean.limits, "Student's t, clustered",
        curve if len(curve) <= SHOWN else (),
    )  # fmt: skip


@remembered
def worst_level(predictions: Predictions, levels: NDArray[Any], assets: NDArray[Any]) -> Measurement:
    """Lowest accuracy at any of the `levels` (n,); see `lowest`. Raises UnmeasurableError where there are no images."""
    require_one_each(predictions, levels=levels, assets=assets)
    return lowest("worst_level_top1", _curve(predictions, levels, assets))


def level_influence(predictions: Predictions, levels: NDArray[Any]) -> tuple[float, Floats]:
    """Mean of the accuracies at each level, and (n,) what each image adds to its error; these add up to zero."""
    require_one_each(predictions, levels=levels)
    if not len(predictions):
        raise UnmeasurableError(f"{title(predictions)}: no image of this sweep")
    _, level, counts = np.unique(levels, return_inverse=True, return_counts=True)
    means = np.bincount(level, weights=predictions.correct) / counts
    influence = (predictions.correct - means[level]) / (counts[level] * len(counts))
    return float(means.mean()), np.asarray(influence, dtype=np.float64)


def _curve(predictions: Predictions, levels: NDArray[Any], assets: NDArray[Any]) -> list[Measurement]:
    """Accuracy at each level, in the order of the levels."""
    found = []
    for level in np.unique(levels):
        here = levels == level
        at = clustered_accuracy(only(predictions, here), assets[here])
        found.append(replace(at, measure=f"top1_at_{level}"))
    return found
