"""How often the limits of error consistency miss the truth, by seeded simulation; beside them the usual way."""

from __future__ import annotations

import functools
from functools import partial

import pytest

from eyechart.measures.intervals import SharedErrors
from tests.trials import ALPHA, misses, tolerated


def simulate_shared(count, rates, kappa, alpha, rng):
    """Limits of kappa for two models that err at these rates, and together as kappa says."""
    p, q = rates
    both = p * q + kappa * ((p + q) / 2 - p * q)
    shared, alone, other, _ = rng.multinomial(count, [both, p - both, q - both, 1 - p - q + both])
    return shared_limits(int(shared), int(shared + alone), int(shared + other), count, alpha)


@functools.cache
def shared_limits(*counts_and_alpha):
    """Limits of kappa, once for each outcome."""
    *counts, alpha = counts_and_alpha
    return SharedErrors(*counts).limits(alpha)


@pytest.mark.parametrize("alpha", [ALPHA, 0.0001])
@pytest.mark.parametrize(
    ("count", "rates", "kappa"),
    [
        (600, (0.02, 0.02), 0.0),
        (600, (0.02, 0.02), 0.1),
        (600, (0.05, 0.05), 0.0),
        (160, (0.02, 0.2), 0.1),
        (160, (0.05, 0.05), 0.6),
        (50, (0.9, 0.7), 0.3),
    ],
)
def test_shared_errors(count, rates, kappa, alpha):
    """Few errors, of which few are shared; rates that leave kappa little room; many errors."""
    simulate = partial(simulate_shared, count, rates, kappa, alpha)
    assert max(misses(kappa, simulate, 400, seed=13)) <= tolerated(400, alpha)


def test_the_delta_method_alone_would_not_do():
    """At an error that a hundred claims share, it fails three of five pairs of models that err independently."""

    def simulate(rng):
        first, second = rng.random((2, 600)) < 0.02
        errors = SharedErrors(int((first & second).sum()), int(first.sum()), int(second.sum()), 600)
        return errors._delta().limits(0.0001)

    assert misses(0.0, simulate, 300, seed=14)[1] > 0.4
