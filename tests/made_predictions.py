"""Predictions made up for the tests of gates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from eyechart.measures.predictions import Predictions


def made(right: NDArray[np.bool_], confidence: NDArray[np.float64] | float = 0.8, model: str = "toy") -> Predictions:
    """Predictions that are right where `right` (n,) says so, each with this confidence, of two classes."""
    count = len(right)
    labels = np.arange(count) % 2
    sure = np.broadcast_to(np.asarray(confidence, dtype=np.float64), (count,))
    predicted = np.where(right, labels, 1 - labels)

    def logits() -> NDArray[np.float64]:
        table = np.repeat(np.log(1 - sure)[:, None], 2, axis=1)
        table[np.arange(count), predicted] = np.log(sure)
        return table

    return Predictions(model, "set", "original", _keys(count), labels, predicted, sure, logits)


@lru_cache(maxsize=8)
def _keys(count: int) -> NDArray[np.str_]:
    return np.array([f"{row:06d}" for row in range(count)])


def at_most_by_chance(rate: float, trials: int) -> int:
    """How many of `trials` may happen at this rate; more has a probability of 1 in 1,000."""
    return int(stats.binom.ppf(0.999, trials, rate))
