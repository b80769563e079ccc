"""The interval for a whole curve at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eyechart.measures.intervals.checks import check_alpha, widen_for_unseen
from eyechart.measures.intervals.means import UNBOUNDED, Range

Floats = NDArray[np.float64]

DRAWS = 20_000
"""Simulated curves behind the critical value of a band; its error is then about 1 %."""


@dataclass(frozen=True, slots=True)
class Band:
    """A curve of K points with limits that hold for all points together; each array is (K,)."""

    values: Floats
    lows: Floats
    highs: Floats


def simultaneous_band(values: ArrayLike, alpha: float, possible: Range = UNBOUNDED) -> Band:
    """Band for the means of `values` (n images, K points): the whole curve leaves it with probability 2 `alpha`.

    sup-t (Montiel Olea & Plagborg-Moller 2019): each point gets c standard errors, where c is exceeded with that
    probability by the largest of K normal variables that are correlated as the points are. The draws behind c are the
    same for every curve, so that a band depends on nothing but its data. Raises ValueError for no images.
    """
    check_alpha(alpha)
    table = np.asarray(values, dtype=np.float64)
    images, points = table.shape
    if images == 0:
        raise ValueError("nothing was counted (n = 0), so there is nothing to measure")
    means = table.mean(axis=0)
    centered = table - means
    covariance = centered.T @ centered / max(images - 1, 1) / images
    errors = np.sqrt(np.diag(covariance))
    reach = _critical_value(covariance, errors, alpha) * errors if images > 1 else np.full(points, np.inf)
    limits = [
        widen_for_unseen(float(mean), (float(mean - r), float(mean + r)), images, alpha / points, possible)
        for mean, r in zip(means, reach, strict=True)
    ]
    lows, highs = np.array(limits).T
    return Band(means, lows, highs)


def _critical_value(covariance: Floats, errors: Floats, alpha: float) -> float:
    """Quantile 1 - 2 alpha of the largest absolute value among correlated standard normal variables."""
    varying = errors > 0
    if not varying.any():
        return -float(special.ndtri(alpha))
    scale = errors[varying]
    # The root by eigenvalues exists for points that are copies of each other too; Cholesky's does not.
    strengths, directions = np.linalg.eigh(covariance[np.ix_(varying, varying)] / np.outer(scale, scale))
    mixing = directions * np.sqrt(np.maximum(strengths, 0.0))
    draws = np.random.default_rng(0).standard_normal((DRAWS, scale.size))
    return float(np.quantile(np.abs(draws @ mixing.T).max(axis=1), 1 - 2 * alpha))
