"""Intervals for a mean over images, or over the groups of images that belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eyechart.intervals.checks import check_alpha, widen_for_unseen

Range: TypeAlias = tuple[float, float]

UNBOUNDED: Range = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, its standard error, and what the error rests on.

    units     independent observations behind it (images, or clusters of images)
    freedom   degrees of freedom of the error
    skew      third power over second power of the units' influence on the mean, in units of the value
    possible  the smallest and the largest value the mean can have
    """

    value: float
    error: float
    units: int
    freedom: float
    skew: float = 0.0
    possible: Range = UNBOUNDED

    def limits(self, alpha: float) -> tuple[float, float]:
        """Student's t limits, each wrong with probability of about `alpha`, inside the possible range.

        On the side of the longer tail (rare, large values: the mistakes of a good checkpoint) Johnson's (1978) shift
        for skewness is added; without it that limit is wrong up to ten times too often at small `alpha`.
        No limit is closer to the value than unseen images allow (`widen_for_unseen`), so that a sample in which all
        images agree does not claim certainty. Where the error cannot be estimated, the limits are the range.
        """
        check_alpha(alpha)
        if not (math.isfinite(self.value) and math.isfinite(self.error)):
            return self.possible
        t = -float(special.stdtrit(self.freedom, alpha))
        shift = self.skew / 6 * (1 + 2 * t * t)
        around = (self.value - t * self.error + min(shift, 0.0), self.value + t * self.error + max(shift, 0.0))
        return widen_for_unseen(self.value, around, self.units, alpha, self.possible)


def mean_limits(
    values: ArrayLike, alpha: float, clusters: ArrayLike | None = None, possible: Range = UNBOUNDED
) -> tuple[float, float]:
    """Limits of the mean of `values` (n,), each wrong with probability of about `alpha`; see `mean_of`."""
    return mean_of(values, clusters, possible).limits(alpha)


def mean_of(values: ArrayLike, clusters: ArrayLike | None = None, possible: Range = UNBOUNDED) -> Mean:
    """Mean of `values` (n,) with the error of independent images, or of independent `clusters` (n,) of images.

    Clusters are the units that would be drawn anew: assets, source images. Their error is the linearized one with the
    factor G / (G - 1) and G - 1 degrees of freedom (Liang & Zeger 1986). Raises ValueError for no values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0:
        raise ValueError("nothing was counted (n = 0), so there is nothing to measure")
    value = float(numbers.mean())
    if not math.isfinite(value):
        return Mean(value, math.inf, numbers.size, math.inf, possible=possible)
    influence = (numbers - value) / numbers.size
    totals = influence if clusters is None else cluster_totals(influence, clusters)
    squares = float(totals @ totals)
    if totals.size == 1 or squares == 0.0:
        return Mean(value, 0.0 if totals.size > 1 else math.inf, totals.size, totals.size - 1, possible=possible)
    error = math.sqrt(sum_of_squares(totals))
    return Mean(value, error, totals.size, totals.size - 1, float(totals**3 @ np.ones_like(totals)) / squares, possible)


def cluster_totals(influence: NDArray[np.float64], clusters: ArrayLike) -> NDArray[np.float64]:
    """Sum `influence` (n,) within each of the clusters named in `clusters` (n,)."""
    names = np.asarray(clusters)
    if names.shape != influence.shape:
        raise ValueError(f"expected one cluster for each of {influence.size} images, found {names.shape}")
    _, members = np.unique(names, return_inverse=True)
    return np.asarray(np.bincount(members, weights=influence), dtype=np.float64)


def sum_of_squares(totals: NDArray[np.float64]) -> float:
    """Estimate the variance of a sum of independent `totals` (G,) that add up to zero: their squares, G / (G - 1)."""
    return float(totals @ totals) * totals.size / (totals.size - 1)
