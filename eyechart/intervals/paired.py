"""The interval for a difference between two shares of the same images."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

from eyechart.intervals.checks import check_alpha, check_counts, widen_for_unseen


def tango(b: int, c: int, n: int, alpha: float) -> tuple[float, float]:
    """Score interval for (b - c) / n (Tango 1998), each end wrong with probability of about `alpha`.

    b  images right on the first only
    c  images right on the second only
    n  all images, with those right on both or on neither

    At a difference of 0 the statistic is McNemar's; b = 0 or c = 0 need no special case.
    Raises ValueError for n < 1, b or c negative or above n together, alpha outside (0, 0.5).
    """
    check_alpha(alpha)
    check_counts(n, b=b, c=c)
    z, value = -float(special.ndtri(alpha)), (b - c) / n
    low = crossing(lambda d: tango_statistic(b, c, n, d) - z, value, -1.0)
    high = crossing(lambda d: tango_statistic(b, c, n, d) + z, value, 1.0)
    return widen_for_unseen(value, (low, high), n, alpha, (-1.0, 1.0))


def tango_statistic(b: int, c: int, n: int, difference: float) -> float:
    """How many standard errors (b - c) / n lies above `difference`, the error taken where `difference` is true.

    The share of images right on the second only is estimated under that restriction: the root of Tango's quadratic.
    """
    if abs(difference) >= 1.0:
        return math.copysign(math.inf, (b - c) / n - difference) if (b - c) != n * difference else 0.0
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1 - difference)
    # The textbook root loses all its digits by cancellation where `linear` is positive; its conjugate does not.
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    share = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    variance = n * (2 * max(0.0, share, -difference) + difference * (1 - difference))
    excess = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)


def crossing(function: Callable[[float], float], inside: float, outside: float) -> float:
    """Where a monotone function changes sign between its value at `inside` and `outside`, by bisection.

    `outside` comes back where the sign never changes. Sixty halvings leave an error below 1e-17 of the distance.
    """
    positive = function(inside) > 0
    if (function(outside) > 0) == positive:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if (function(middle) > 0) == positive:
            inside = middle
        else:
            outside = middle
    return outside
