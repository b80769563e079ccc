"""What score intervals share: a statistic corrected for skewness, and the place where it reaches a quantile."""

from __future__ import annotations

import math
from collections.abc import Callable


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


def unskewed(score: float, skewness: float) -> float:
    """Normal score of an observation at `score` standard errors, on the side of the longer tail.

    Cornish & Fisher (1937): the observation is z + skewness (z^2 - 1) / 6; solved for z. On the side of the shorter
    tail the score is left as it is, which errs towards wider limits.
    """
    if score * skewness <= 0.0:
        return score
    bend = abs(skewness) / 6
    solved = 2 * (bend + abs(score)) / (1 + math.sqrt(1 + 4 * bend * (bend + abs(score))))
    return math.copysign(min(abs(score), solved), score)
