"""Intervals for a mean over images, or over the groups of images that belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eyechart.measures.intervals.checks import check_alpha, widen_for_unseen

Range: TypeAlias = tuple[float, float]
Floats: TypeAlias = NDArray[np.float64]

UNBOUNDED: Range = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, or another smooth function of means, and what is known of its error.

    error     standard error, in units of the value; infinite where one observation is all there is
    freedom   degrees of freedom of the error
    skew      third cumulant over variance of the value's sampling distribution, in units of the value
    units     observations that could each have been of a kind not seen: images, or the clusters that are drawn anew
    possible  the smallest and the largest value there can be
    """

    value: float
    error: float
    freedom: float
    skew: float
    units: int
    possible: Range = UNBOUNDED

    def limits(self, alpha: float) -> tuple[float, float]:
        """Student's t limits, each wrong with probability of about `alpha`, inside the possible range.

        On the side of the longer tail (rare large values, such as the mistakes of a good checkpoint) Johnson's shift
        for skewness (1978) is added; without it that limit is wrong up to ten times too often at small `alpha`.
        No limit comes closer to the value than unseen images allow (`widen_for_unseen`), so that a sample in which all
        images agree does not claim certainty. Where no error can be estimated, the limits are the possible range.
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
    """Mean of `values` (n,), with the error of independent images or of independent `clusters` (n,) of images.

    Raises ValueError for no values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0:
        raise ValueError("nothing was counted (n = 0), so there is nothing to measure")
    value = float(numbers.mean())
    if not math.isfinite(value):
        return Mean(value, math.inf, math.inf, 0.0, numbers.size, possible)
    return linearized(value, (numbers - value) / numbers.size, clusters, possible=possible)


def linearized(
    value: float,
    influence: Floats,
    clusters: ArrayLike | None = None,
    crossed: ArrayLike | None = None,
    possible: Range = UNBOUNDED,
) -> Mean:
    """Error of a value from the `influence` (n,) of each image on it; the influences add up to zero.

    clusters  (n,) names of what would be drawn anew: assets, source images. Without it, images would
    crossed   (n,) names of a second kind of clusters that cuts across the first

    One kind: squares of the cluster totals, times G / (G - 1), with G - 1 degrees of freedom (Liang & Zeger 1986).
    Two kinds: the sum of both variances less that of images, which both have counted (Cameron, Gelbach & Miller 2011),
    never below either of them, with the degrees of freedom of the kind with fewer clusters.
    """
    parts = [_totals(influence, names) for names in (clusters, crossed) if names is not None] or [influence]
    fewest = min(part.size for part in parts)
    if fewest == 1:
        return Mean(value, math.inf, math.inf, 0.0, 1, possible)
    variances = [_variance(part) for part in parts]
    largest = max(variances)
    both = sum(variances) - _variance(influence) if len(parts) == 2 else largest
    totals = parts[variances.index(largest)]
    return Mean(
        value=value,
        error=math.sqrt(max(both, largest)),
        freedom=fewest - 1,
        skew=float((totals * totals) @ totals) / largest if largest else 0.0,
        units=fewest,
        possible=possible,
    )


def mean_over_draws(values: ArrayLike, possible: Range = UNBOUNDED) -> Mean:
    """Mean of `values` (images, draws), where all draws (training seeds, subsets) are judged on the same images.

    Two-way analysis of variance with both images and draws random: the variance of the grand mean is
    (MS_images + MS_draws - MS_rest) / (images * draws), at least that of the images alone, with
    Satterthwaite's degrees of freedom. One draw tells nothing about other draws, and is a mean over images.
    """
    table = np.asarray(values, dtype=np.float64)
    images, draws = table.shape
    by_image = mean_of(table.mean(axis=1), possible=possible)
    if draws == 1 or images == 1:
        return by_image
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    rest = table - rows - columns + by_image.value
    ms_images = draws * float(np.var(rows, ddof=1))
    ms_draws = images * float(np.var(columns, ddof=1))
    ms_rest = float(np.sum(rest**2)) / ((images - 1) * (draws - 1))
    combined = ms_images + ms_draws - ms_rest
    if combined <= ms_images:
        return by_image
    squares = ms_images**2 / (images - 1) + ms_draws**2 / (draws - 1) + ms_rest**2 / ((images - 1) * (draws - 1))
    error = math.sqrt(combined / (images * draws))
    return Mean(by_image.value, error, combined**2 / squares, by_image.skew, by_image.units, possible)


def _totals(influence: Floats, names: ArrayLike) -> Floats:
    """Sum `influence` (n,) within each of the clusters that `names` (n,) tells apart."""
    labels = np.asarray(names)
    if labels.shape != influence.shape:
        raise ValueError(f"expected the cluster of each of {influence.size} images, found an array {labels.shape}")
    _, members = np.unique(labels, return_inverse=True)
    return np.asarray(np.bincount(members, weights=influence), dtype=np.float64)


def _variance(totals: Floats) -> float:
    """Variance of a sum of independent `totals` (G,) that add up to zero: their squares, times G / (G - 1)."""
    return float(totals @ totals) * totals.size / (totals.size - 1)
