"""Intervals for one share: how many of n images."""

from __future__ import annotations

import math

from scipy import special

from eyechart.intervals.checks import check_alpha, check_counts

RARE = 100
"""Fewer successes, or fewer failures, than this, and a share gets the exact interval.

Wilson's interval is good on average over both ends, but each end decides a verdict by itself here, and at small `alpha`
its end towards 0 or 1 is wrong too often: 45 times too often with 100 images, a share of .99 and alpha = .0001. From
100 on it is wrong at most about twice as often as `alpha` says.
"""


def wilson(successes: int, count: int, alpha: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927), each end wrong with probability of about `alpha`.

    Exact (`clopper_pearson`) where the normal approximation cannot be trusted; see `RARE`.
    Raises ValueError for count < 1, successes outside 0..count, alpha outside (0, 0.5).
    """
    if is_exact(successes, count):
        return clopper_pearson(successes, count, alpha)
    check_alpha(alpha)
    check_counts(count, successes=successes)
    share, z = successes / count, -special.ndtri(alpha)
    center = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    shrink = 1 + z * z / count
    return max(0.0, float((center - spread) / shrink)), min(1.0, float((center + spread) / shrink))


def is_exact(successes: int, count: int) -> bool:
    """Whether `wilson` hands over to the exact interval: few successes, or few failures."""
    return min(successes, count - successes) < RARE


def clopper_pearson(successes: int, count: int, alpha: float) -> tuple[float, float]:
    """Exact interval of a share (Clopper & Pearson 1934): each end is wrong with probability of at most `alpha`.

    Raises ValueError for count < 1, successes outside 0..count, alpha outside (0, 0.5).
    """
    check_alpha(alpha)
    check_counts(count, successes=successes)
    failures = count - successes
    low = float(special.betaincinv(successes, failures + 1, alpha)) if successes else 0.0
    high = float(special.betainccinv(successes + 1, failures, alpha)) if failures else 1.0
    return low, high
