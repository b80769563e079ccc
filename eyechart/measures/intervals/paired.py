"""The interval for a difference between two shares of the same images."""

from __future__ import annotations

import math

from scipy import special

from eyechart.measures.intervals.checks import check_alpha, check_counts, widen_for_unseen
from eyechart.measures.intervals.scores import crossing, unskewed


def tango(b: int, c: int, n: int, alpha: float) -> tuple[float, float]:
    """Score interval for (b - c) / n, each end wrong with probability of about `alpha`.

    b  images right on the first only
    c  images right on the second only
    n  all images, with those right on both or on neither

    Tango's interval (1998), which needs no special case where b or c is 0, with the correction for skewness that Gart &
    Nam gave Koopman's: where few images differ, the end towards 0 is else wrong several times too often. No limit comes
    closer to the value than unseen images allow (`widen_for_unseen`), which matters where next to no image differs.
    Raises ValueError for n < 1, b or c negative or above n together, alpha outside (0, 0.5).
    """
    check_alpha(alpha)
    check_counts(n, b=b, c=c)
    z, value = -float(special.ndtri(alpha)), (b - c) / n
    low = crossing(lambda d: tango_statistic(b, c, n, d) - z, value, -1.0)
    high = crossing(lambda d: tango_statistic(b, c, n, d) + z, value, 1.0)
    return widen_for_unseen(value, (low, high), n, alpha, (-1.0, 1.0))


def tango_statistic(b: int, c: int, n: int, difference: float, *, corrected: bool = True) -> float:
    """How many standard errors (b - c) / n lies above `difference`, the error taken where `difference` is true.

    The share of images right on the second only is estimated under that restriction: the root of Tango's quadratic.
    At a difference of 0 this is McNemar's statistic.
    """
    if abs(difference) >= 1.0:
        return math.copysign(math.inf, (b - c) / n - difference) if (b - c) != n * difference else 0.0
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1 - difference)
    # The textbook root loses all its digits by cancellation where `linear` is positive; its conjugate does not.
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    share = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    # Both shares are 0 or more; where the difference is next to 0, squaring it has lost that.
    either = 2 * max(share, -difference, 0.0) + difference
    variance = either - difference * difference
    excess = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    score = excess / math.sqrt(n * variance)
    third = difference * (1 - 3 * either + 2 * difference * difference)
    return unskewed(score, third / math.sqrt(n) / variance**1.5) if corrected else score
