"""Intervals for ratios of error rates."""

from __future__ import annotations

import math

from scipy import special

from eyechart.measures.intervals.checks import check_alpha, check_counts
from eyechart.measures.intervals.scores import crossing, unskewed


def error_ratio(wrong_in: int, count_in: int, wrong: int, count: int, alpha: float) -> tuple[float, float]:
    """Limits for (wrong_in / count_in) / (wrong / count): the error rate in a part over that of the whole.

    The part belongs to the whole, so the two rates are not independent; those of the part and of the rest are. The
    ratio is 1 / (s + (1 - s) / r), s the part's share of the images and r the risk ratio of part and rest, and grows
    with r: the limits of r are mapped (and are exact about the overlap). They lie in [0, 1 / s].
    Raises ValueError where the part is empty, or is all there is.
    """
    check_counts(count, count_in=count_in)
    if count_in in (0, count):
        raise ValueError(f"expected a part of the {count} images, found {count_in}: there is nothing to compare")
    low, high = risk_ratio(wrong_in, count_in, wrong - wrong_in, count - count_in, alpha)
    share = count_in / count
    return 1.0 / (share + (1.0 - share) / low) if low else 0.0, 1.0 / (share + (1.0 - share) / high)


def risk_ratio(x1: int, n1: int, x0: int, n0: int, alpha: float) -> tuple[float, float]:
    """Limits for (x1 / n1) / (x0 / n0) of two independent groups, each wrong with probability of about `alpha`.

    Koopman's score interval (1984) with the correction for skewness of Gart & Nam (1988), which small groups need:
    without it a limit is wrong up to 19 times too often at alpha = .0001. No errors at all gives (0, infinity).
    """
    check_alpha(alpha)
    check_counts(n1, x1=x1)
    check_counts(n0, x0=x0)
    z = -float(special.ndtri(alpha))
    # Searched on the angle of the ratio, which maps 0 to infinity onto a bounded range.
    angle = math.atan2(x1 * n0, x0 * n1) if x1 + x0 else math.pi / 4
    low, high = 0.0, math.inf
    if x1:
        low = math.tan(crossing(lambda a: ratio_statistic(x1, n1, x0, n0, math.tan(a)) - z, angle, 0.0))
    if x0:
        high = math.tan(crossing(lambda a: ratio_statistic(x1, n1, x0, n0, math.tan(a)) + z, angle, math.pi / 2))
    return low, high


def ratio_statistic(x1: int, n1: int, x0: int, n0: int, ratio: float, *, corrected: bool = True) -> float:
    """How many standard errors the first error rate lies above `ratio` times the second, where `ratio` is true.

    Both rates are estimated under that restriction, by the root of Koopman's quadratic.
    """
    middle = n1 * ratio + x1 + n0 + x0 * ratio
    root = math.sqrt(max(0.0, middle * middle - 4 * (n1 + n0) * ratio * (x1 + x0)))
    second = 2 * (x1 + x0) / (middle + root)
    first = min(1.0, ratio * second)
    one, other = first * (1 - first) / n1, ratio * ratio * second * (1 - second) / n0
    variance = one + other
    excess = x1 / n1 - ratio * x0 / n0
    if variance <= 0.0:
        return math.copysign(math.inf, excess) if excess else 0.0
    score = excess / math.sqrt(variance)
    third = one * (1 - 2 * first) / n1 - ratio * other * (1 - 2 * second) / n0
    return unskewed(score, third / variance**1.5) if corrected else score
