"""The interval for the errors that two models share, beyond what they share by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eyechart.measures.intervals.checks import check_alpha, check_counts, widen_for_unseen
from eyechart.measures.intervals.means import Mean
from eyechart.measures.intervals.scores import crossing

Floats = NDArray[np.float64]

POSSIBLE = (-1.0, 1.0)

FARTHEST = 60.0
"""Largest logarithm of an odds ratio that limits are searched for; beyond it all errors are shared, or none."""


@dataclass(frozen=True, slots=True, repr=False)
class SharedErrors:
    """Errors of two models on the same `count` images: `shared` by both, and in all of `first` and of `second`.

    Cohen's kappa of right and wrong is linear in the shared errors: (shared - chance) / (most - chance), with chance =
    first * second / count and most = (first + second) / 2. NaN where one model is always right, or always wrong.
    """

    shared: int
    first: int
    second: int
    count: int

    def __post_init__(self) -> None:
        """Refuse counts that no two models can have."""
        check_counts(self.count, first=self.first)
        check_counts(self.count, second=self.second)
        if not self._fewest <= self.shared <= self._most:
            raise ValueError(f"expected from {self._fewest} to {self._most} shared errors, found {self.shared}")

    @property
    def _fewest(self) -> int:
        return max(0, self.first + self.second - self.count)

    @property
    def _most(self) -> int:
        return min(self.first, self.second)

    @property
    def value(self) -> float:
        """Cohen's kappa."""
        return self._kappa(self.shared)

    def _kappa(self, shared: float) -> float:
        if {self.first, self.second} & {0, self.count}:
            return math.nan
        chance = self.first * self.second / self.count
        return (shared - chance) / ((self.first + self.second) / 2 - chance)

    def limits(self, alpha: float) -> tuple[float, float]:
        """Limits of kappa, each wrong with probability of about `alpha`, however few errors there are.

        The wider of two intervals, because each knows of what the other leaves out. The exact one takes how often
        either model errs as given, and knows how few shared errors there are; the delta method (Fleiss, Cohen & Everitt
        1969) knows that the error rates are samples too. Neither comes closer to the value than unseen kinds of images
        allow, among those on which the two could differ at all.
        """
        check_alpha(alpha)
        if math.isnan(self.value):
            return POSSIBLE
        exact, delta = self._exact(alpha), self._delta().limits(alpha)
        either = self.first + self.second - self.shared
        units = min(either, self.count - self.shared)
        around = (min(exact[0], delta[0]), max(exact[1], delta[1]))
        return widen_for_unseen(self.value, around, units, alpha, POSSIBLE)

    def _exact(self, alpha: float) -> tuple[float, float]:
        """Kappa at the shared errors that are usual under the exact limits of the odds ratio (Cornfield 1956).

        With both totals given, their number follows Fisher's noncentral hypergeometric distribution. Where none could
        be fewer, or more, nothing limits kappa on that side.
        """
        support = np.arange(self._fewest, self._most + 1, dtype=np.float64)
        ways = self._log_ways(support)

        def chances(log_odds: float) -> Floats:
            weights = ways + support * log_odds
            weights = np.exp(weights - weights.max())
            return np.asarray(weights / weights.sum())

        def at_limit(tail: NDArray[np.bool_]) -> float:
            log_odds = crossing(lambda odds: float(chances(odds)[tail].sum()) - alpha, -FARTHEST, FARTHEST)
            return self._kappa(float(chances(log_odds) @ support))

        low = at_limit(support >= self.shared) if self.shared > self._fewest else POSSIBLE[0]
        high = at_limit(support <= self.shared) if self.shared < self._most else POSSIBLE[1]
        return low, high

    def _log_ways(self, support: Floats) -> Floats:
        """Logarithm of the number of ways to share each of `support` errors, but for a constant."""
        alone, other = self.first - support, self.second - support
        neither = self.count - self.first - self.second + support
        return np.asarray(-special.gammaln(np.stack([support, alone, other, neither]) + 1).sum(axis=0))

    def _delta(self) -> Mean:
        """Kappa as a function of three means over images, with the influence of each of the four kinds of images."""
        kinds = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], dtype=np.float64)
        alone, other = self.first - self.shared, self.second - self.shared
        counts = np.array([self.shared, alone, other, self.count - self.shared - alone - other], dtype=np.float64)
        p, q = self.first / self.count, self.second / self.count
        same = np.equal(*kinds.T).astype(np.float64)
        agreed, chance = float(counts @ same) / self.count, p * q + (1 - p) * (1 - q)
        of_chance = (2 * q - 1) * (kinds[:, 0] - p) + (2 * p - 1) * (kinds[:, 1] - q)
        influence = ((same - agreed) / (1 - chance) - (1 - agreed) / (1 - chance) ** 2 * of_chance) / self.count
        squares, cubes = float(counts @ influence**2), float(counts @ influence**3)
        error = math.sqrt(squares * self.count / (self.count - 1)) if self.count > 1 else math.inf
        skew = cubes / squares if squares else 0.0
        return Mean(self.value, error, max(self.count - 1, 1), skew, self.count, POSSIBLE)
