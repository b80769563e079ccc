"""Calibration error: how far confidence and accuracy are apart, bin by bin, and how well that is known.

The percentile bootstrap is not here on purpose: resampling adds the bias of the plug-in estimate a second time, and its
95 % interval then never holds the truth of a calibrated model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eyechart.measures.intervals.checks import check_alpha, widen_for_unseen
from eyechart.measures.intervals.scores import crossing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Bins:
    """Images of like confidence, summed up; each array has one entry a bin.

    weights  share of all images
    gaps     mean of correct - confidence
    errors   standard error of that mean
    count    all images
    """

    weights: Floats
    gaps: Floats
    errors: Floats
    count: int

    @property
    def plug_in(self) -> float:
        """Weighted mean of the absolute gaps: biased upward, most of all for a calibrated model."""
        return float(self.weights @ np.abs(self.gaps))

    @property
    def value(self) -> float:
        """Plug-in less its first-order bias, never below 0 (Kumar, Liang & Ma 2019, in closed form).

        A normal gap with mean d and error s has the mean absolute value s m(d / s), where `folded` is m. The excess of
        that over |d|, taken at the observed gaps, is subtracted.
        """
        expected = float(self.weights @ folded(self.gaps, self.errors))
        return max(0.0, 2 * self.plug_in - expected)

    def limits(self, alpha: float) -> tuple[float, float]:
        """Both limits, each wrong with probability of about `alpha`; they hold `value` and lie in [0, 1]."""
        check_alpha(alpha)
        around = (self._low(alpha), self._high(alpha))
        return widen_for_unseen(self.value, around, self.count, alpha, (0.0, 1.0))

    def _high(self, alpha: float) -> float:
        """Upper limit, in closed form.

        Among all true gaps with the same calibration error the plug-in is smallest, on average, where all of them are
        equal in units of their errors (its mean is convex in the gaps). There, with c = error / S and S the sum of
        weights * errors, its mean is S m(c), and its spread is sqrt(1 + c^2 - m(c)^2) of the signed sum's: what is left
        of a normal variable's second moment when it is folded. So the largest error that leaves the observed plug-in
        within z spreads of its mean is the limit. The spread is taken at the limit, as in Wilson's interval: where
        mistakes are rare, a larger error means more of them, and so a larger spread.
        """
        units = self.weights * self.errors
        total, spread = float(units.sum()), math.sqrt(float(units @ units))
        z = -float(special.ndtri(alpha))
        rare = z / (2 * self.count)
        farthest = self.plug_in + z * (rare + math.hypot(spread, rare))
        if total == 0.0:
            return farthest

        def excess(error: Floats) -> Floats:
            mean = folded(error, np.full(error.shape, total))
            shape = 1.0 + (error * error - mean * mean) / (total * total)
            return np.asarray(
                mean - z * (rare + np.hypot(spread * np.sqrt(np.maximum(shape, 0.0)), rare)) - self.plug_in
            )

        # The mean grows with the error, faster than the spread but for the smallest: the last crossing is the limit.
        errors = np.linspace(0.0, farthest, 129)
        within = np.flatnonzero(excess(errors) <= 0.0)
        if within.size == 0:
            return 0.0
        last = int(within[-1])
        outside = errors[min(last + 1, errors.size - 1)]
        return crossing(lambda error: float(excess(np.full(1, error))[0]), float(errors[last]), float(outside))

    def _low(self, alpha: float) -> float:
        """Lower limit: the plug-in less the noise that it exceeds with probability `alpha` only.

        The plug-in is at most the truth plus the absolute noise of every bin. In a bin whose gap is beyond doubt
        (more than z + 1 errors from 0) the noise keeps its sign, since there the absolute value does nothing.
        """
        sure = np.abs(self.gaps) > (1.0 - float(special.ndtri(alpha))) * self.errors
        units = self.weights * self.errors
        return self.plug_in - noise_quantile(units[~sure], units[sure], alpha)


def equal_mass_bins(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Bins:
    """Sort images by confidence (n,) and cut them into `bins` groups of equal size; `correct` is (n,) bool.

    Images of the same confidence stay in one bin (a cut moves down to the first of them), so that the order of the
    images cannot matter: many networks answer exactly 1.0 for a large part of a set. The error of a bin's mean is never
    taken below that of a calibrated model, which repairs bins without a single mistake.
    """
    certainty = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(certainty, kind="stable")
    certainty = certainty[order]
    residual = np.asarray(correct, dtype=np.float64)[order] - certainty
    cuts = certainty[np.arange(bins) * certainty.size // bins]
    starts = np.unique(np.searchsorted(certainty, cuts, side="left"))
    sizes = np.diff(starts, append=certainty.size).astype(np.float64)
    gaps = np.add.reduceat(residual, starts) / sizes
    squares = np.add.reduceat(residual * residual, starts) / sizes
    calibrated = np.add.reduceat(certainty * (1 - certainty), starts) / sizes
    spread = (squares - gaps * gaps) * sizes / np.maximum(sizes - 1, 1)
    return Bins(
        weights=sizes / certainty.size,
        gaps=gaps,
        errors=np.sqrt(np.maximum(spread, calibrated) / sizes),
        count=certainty.size,
    )


def ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Bins:
    """Debiased L1 calibration error over equal-mass bins: `.value`, and `.limits(alpha)`.

    confidence (n,) in [0, 1], correct (n,) bool. Raises ValueError for no images, unequal lengths, fewer than one bin,
    or a confidence that is no probability.
    """
    certainty, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct)
    if bins < 1:
        raise ValueError(f"expected at least one bin, found {bins}")
    if certainty.size == 0:
        raise ValueError("nothing was counted (n = 0), so there is nothing to measure")
    if certainty.shape != right.shape:
        raise ValueError(f"expected one answer a confidence, found shapes {right.shape} and {certainty.shape}")
    if not (certainty.min() >= 0.0 and certainty.max() <= 1.0):
        raise ValueError(f"expected confidences from 0 to 1, found {certainty.min()} to {certainty.max()}")
    return equal_mass_bins(certainty, right, bins)


def equal_width_ece(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Plug-in calibration error over `bins` bins of equal width, lower < confidence <= upper (Guo et al. 2017).

    The literature's number, for comparison with it; biased upward and without an honest interval.
    A confidence of exactly 0 belongs to no bin.
    """
    certainty = np.asarray(confidence, dtype=np.float64)
    bin_of = np.searchsorted(np.linspace(0.0, 1.0, bins + 1), certainty, side="left")
    residual = np.asarray(correct, dtype=np.float64) - certainty
    return float(np.abs(np.bincount(bin_of, weights=residual)[1:]).sum() / certainty.size)


def folded(means: Floats, errors: Floats) -> Floats:
    """Mean absolute value of normal variables: s (2 phi(d / s) + d / s (2 Phi(d / s) - 1)), and |d| where s = 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = means / errors
        bend = 2 * errors * np.exp(-ratio * ratio / 2) / math.sqrt(2 * math.pi)
        return np.where(errors > 0, bend + means * special.erf(ratio / math.sqrt(2)), np.abs(means))


def noise_quantile(absolute: Floats, signed: Floats, alpha: float) -> float:
    """Return what a sum of independent normal errors, some by absolute value, exceeds with probability `alpha`.

    absolute, signed   standard deviations of those taken by absolute value, and of the others

    Inverts the saddlepoint approximation of Lugannani & Rice (1980): deterministic, and good to a few percent of
    `alpha` however small, where simulation would need millions of draws.
    """
    scale = math.sqrt(float(absolute @ absolute + signed @ signed))
    if scale == 0.0:
        return 0.0
    absolute = absolute / scale
    # The formula is 0 / 0 at the mean (t = 0); an alpha that would need t below .01 gets the mean, or nearly.
    if _tail(absolute, 0.01)[0] <= alpha:
        return scale * _tail(absolute, 0.01)[1]
    tilt = crossing(lambda t: _tail(absolute, t)[0] - alpha, 0.01, 60.0)
    return scale * _tail(absolute, tilt)[1]


def _tail(absolute: Floats, t: float) -> tuple[float, float]:
    """(probability to exceed x, x) at the saddlepoint `t`: errors of total variance one, those in `absolute` folded.

    Cumulant functions: (t s)^2 / 2 of a normal error, and log 2 + log Phi(t s) more of an absolute one.
    """
    tilted = t * absolute
    hazard = np.exp(-tilted * tilted / 2 - special.log_ndtr(tilted)) / math.sqrt(2 * math.pi)
    x = t + float(absolute @ hazard)
    cumulant = t * t / 2 + float((math.log(2) + special.log_ndtr(tilted)).sum())
    curvature = 1.0 - float((absolute * absolute) @ (hazard * (tilted + hazard)))
    root = math.sqrt(2 * max(t * x - cumulant, 0.0))
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return float(special.ndtr(-root)) + density * (1 / (t * math.sqrt(curvature)) - 1 / root), x
