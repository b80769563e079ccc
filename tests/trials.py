"""Repeated samples: how often limits miss the truth, and how often they may."""

from __future__ import annotations

import numpy as np
from scipy import stats

ALPHA = 0.025
"""Error that each limit is asked for, where nothing else is said."""


def misses(truth, simulate, repetitions, seed):
    """Share of repetitions in which the lower limit is above the truth, and in which the upper one is below it."""
    rng = np.random.default_rng(seed)
    limits = np.array([simulate(rng) for _ in range(repetitions)])
    return np.mean(limits[:, 0] > truth + 1e-12), np.mean(limits[:, 1] < truth - 1e-12)


def tolerated(repetitions, alpha=ALPHA):
    """Misses that a limit of error `alpha` exceeds by chance in one of 1,000 trials, and 40 % for approximation."""
    return stats.binom.isf(0.001, repetitions, 1.4 * alpha) / repetitions
