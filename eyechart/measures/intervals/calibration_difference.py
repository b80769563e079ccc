"""Calibration error of one network less that of another on the same images, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eyechart.measures.intervals.calibration import Bins, Floats, ece, folded
from eyechart.measures.intervals.checks import check_alpha, widen_for_unseen
from eyechart.measures.intervals.means import linearized
from eyechart.measures.intervals.scores import crossing

SURE = 4.0
"""Errors from 0 beyond which the sign of a gap is beyond doubt: at every error rate, so that limits widen steadily."""


@dataclass(frozen=True, slots=True, repr=False)
class BinnedAnswers:
    """Answers of one network, image by image, and what they add up to in each bin.

    summary    the bins that hold an image, summed up
    members    (n,) int64     bin of each image, by the order of confidences
    residuals  (n,)           correct - confidence
    gaps       (bins,)        sum of the residuals over the number of all images: weight * gap
    squares    (bins,)        the same of their squares
    """

    summary: Bins
    members: NDArray[np.int64]
    residuals: Floats
    gaps: Floats
    squares: Floats

    def sure_signs(self) -> Floats:
        """(bins,): 1 or -1 where a gap is beyond doubt; else 0."""
        sure = np.abs(self.summary.gaps) > SURE * self.summary.errors
        signs = np.zeros(self.gaps.size)
        signs[np.unique(self.members)] = np.where(sure, np.sign(self.summary.gaps), 0.0)
        return signs


@dataclass(frozen=True, slots=True, repr=False)
class EceDifference:
    """`first` less `second`, of two networks that answered the same images: `.value`, and `.limits(alpha)`.

    shared  (bins,)  the same of the product of both residuals, for the images that both have in one bin
    """

    first: BinnedAnswers
    second: BinnedAnswers
    shared: Floats

    @property
    def value(self) -> float:
        """Difference of the debiased errors."""
        return self.first.summary.value - self.second.summary.value

    def limits(self, alpha: float) -> tuple[float, float]:
        """Both limits, each wrong with probability of at most about `alpha`; they hold `value` and lie in [-1, 1]."""
        check_alpha(alpha)
        around = -self._most(self.second, self.first, alpha), self._most(self.first, self.second, alpha)
        return widen_for_unseen(self.value, around, self.first.members.size, alpha, (-1.0, 1.0))

    def _most(self, one: BinnedAnswers, other: BinnedAnswers, alpha: float) -> float:
        """Upper limit of the error of `one` less that of `other`.

        With c and b the weighted gaps of both in bins of the same rank, the difference is the sum of |c| - |b|.
        Where the sign of a gap is beyond doubt its absolute value is linear; where that of b is not, |b| >= s b for
        either sign s, so that |c| - |b| is at most s (c - b), or |c - b| if the sign of c is in doubt too. Each is a
        mean over images of what one image adds, in which answers that both have in common cancel. What is left in
        absolute values is small by chance as rarely as in `Bins`: its mean is at least S m(sum / S), S the sum
        of its errors. Differencing the influence of images on both errors instead would take the sign of every gap
        for known, and passes a network that is worse by the margin up to 16 times too often.
        """
        signs, others = one.sure_signs(), other.sure_signs()
        others = np.where(others == 0.0, signs, others)
        unsure, neither = signs == 0.0, (signs == 0.0) & (others == 0.0)
        doubtful = np.where(unsure, one.gaps - neither * other.gaps, 0.0)
        squares = one.squares + neither * (other.squares - 2 * self.shared)
        count = one.members.size
        scale = float(np.sqrt(np.maximum(squares - doubtful * doubtful, 0.0) / count)[unsure].sum())
        own, counter = (np.where(known == 0.0, np.sign(doubtful), known) for known in (signs, others))
        added = own[one.members] * one.residuals - counter[other.members] * other.residuals
        total = float(added.mean())
        reached = linearized(total, (added - total) / count, possible=(-1.0, 1.0)).limits(alpha)[1]
        if scale == 0.0:
            return reached
        certain = float(signs @ one.gaps - others @ other.gaps)
        return certain + _unfolded(reached - certain, scale)


def ece_difference(
    confidence: ArrayLike, correct: ArrayLike, other_confidence: ArrayLike, other_correct: ArrayLike, bins: int = 15
) -> EceDifference:
    """Compare the calibration errors (`ece`) of two networks; all arrays are (n,), about the same images in one order.

    Raises ValueError as `ece`, and where the two are about different numbers of images.
    """
    first, second = _binned(confidence, correct, bins), _binned(other_confidence, other_correct, bins)
    if first.members.size != second.members.size:
        raise ValueError(f"expected the same images, found {first.members.size} and {second.members.size}")
    together = np.where(first.members == second.members, first.residuals * second.residuals, 0.0)
    return EceDifference(first, second, _by_bin(first.members, together, bins))


def _binned(confidence: ArrayLike, correct: ArrayLike, bins: int) -> BinnedAnswers:
    certainty = np.asarray(confidence, dtype=np.float64)
    summary = ece(certainty, correct, bins)
    cuts = np.sort(certainty)[np.arange(bins) * certainty.size // bins]
    members = (np.searchsorted(cuts, certainty, side="right") - 1).astype(np.int64)
    residuals = np.asarray(correct, dtype=np.float64) - certainty
    sums = (_by_bin(members, each, bins) for each in (residuals, residuals * residuals))
    return BinnedAnswers(summary, members, residuals, *sums)


def _by_bin(members: NDArray[np.int64], values: Floats, bins: int) -> Floats:
    """(bins,): `values` (n,) summed up in each bin, over all images."""
    return np.asarray(np.bincount(members, weights=values, minlength=bins) / values.size)


def _unfolded(mean: float, scale: float) -> float:
    """Largest sum of absolute gaps whose plug-in may have this `mean`, their errors adding up to `scale`."""
    if mean <= scale * math.sqrt(2 / math.pi):
        return 0.0
    return crossing(lambda size: float(folded(np.full(1, size), np.full(1, scale))[0]) - mean, 0.0, mean)
