"""What score intervals share: a statistic corrected for skewness, and the place where it reaches a quantile."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize

RTOL = 4 * float(np.finfo(np.float64).eps)
"""The least that SciPy takes, relative to where the sign changes."""

XTOL = 1e-17
"""And near 0, where nothing is left of that."""


def crossing(function: Callable[[float], float], inside: float, outside: float) -> float:
    """Where a monotone function changes sign between its value at `inside` and `outside`, by Brent's method (1973).

    `outside` comes back where the sign never changes. Where the function is infinite at an end, the distance is halved
    until it is not, sixty times at most. What comes back is on the outer side, as near as the function is exact.
    """
    near, far = function(inside), function(outside)
    if (far > 0) == (near > 0):
        return outside
    for _ in range(60):
        if math.isfinite(near) and math.isfinite(far):
            break
        middle = (inside + outside) / 2
        value = function(middle)
        if (value > 0) == (near > 0):
            inside, near = middle, value
        else:
            outside, far = middle, value
    else:
        return outside
    root = float(optimize.brentq(function, inside, outside, xtol=XTOL, rtol=RTOL))
    if (function(root) > 0) == (near > 0):
        root += math.copysign(XTOL + RTOL * abs(root), outside - inside)
    return root


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
