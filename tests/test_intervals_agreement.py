"""Kappa of shared errors: by hand, by its definition, and by scipy's noncentral hypergeometric distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from eyechart.measures.intervals import SharedErrors


def test_by_hand():
    """10 and 20 errors of 100, 5 shared: 2 by chance, 15 at most; (5 - 2) / (15 - 2)."""
    assert SharedErrors(5, 10, 20, 100).value == pytest.approx(3 / 13)


@st.composite
def counts(draw):
    """Counts of two models that both are right and wrong sometimes."""
    count = draw(st.integers(2, 60))
    first, second = draw(st.integers(1, count - 1)), draw(st.integers(1, count - 1))
    return draw(st.integers(max(0, first + second - count), min(first, second))), first, second, count


@given(counts(), st.sampled_from([0.025, 0.0001]))
def test_limits_hold_the_value_and_widen_as_alpha_falls(table, alpha):
    """And are those of the two models in the other order, and of what is right in place of what is wrong."""
    shared, first, second, count = table
    errors = SharedErrors(*table)
    low, high = errors.limits(alpha)
    assert -1.0 <= low <= errors.value <= high <= 1.0
    assert errors.limits(alpha / 10)[0] <= low + 1e-9
    assert SharedErrors(shared, second, first, count).limits(alpha) == pytest.approx((low, high))
    right = SharedErrors(count - first - second + shared, count - first, count - second, count)
    assert right.value == pytest.approx(errors.value)
    assert right.limits(alpha) == pytest.approx((low, high), abs=1e-6)


@given(counts())
def test_the_value_is_cohens(table):
    """Agreement beyond chance, as a share of what is possible beyond chance."""
    shared, first, second, count = table
    agreed = (count - first - second + 2 * shared) / count
    p, q = first / count, second / count
    chance = p * q + (1 - p) * (1 - q)
    assume(chance < 1)
    assert SharedErrors(*table).value == pytest.approx((agreed - chance) / (1 - chance))


def test_the_exact_limit_is_that_of_fishers_distribution():
    """Under the odds ratio of the limit, as many shared errors or more have probability alpha."""
    errors = SharedErrors(9, 30, 40, 200)
    low, high = errors._exact(0.025)
    for limit, side in ((low, "sf"), (high, "cdf")):
        shared = limit * (35 - 6) + 6
        odds = [stats.nchypergeom_fisher(200, 30, 40, math.exp(log)) for log in np.linspace(-3, 3, 601)]
        nearest = min(odds, key=lambda one: abs(one.mean() - shared))
        tail = nearest.sf(8) if side == "sf" else nearest.cdf(9)
        assert tail == pytest.approx(0.025, abs=0.002)


def test_a_model_without_an_error_tells_nothing():
    """Whatever the other does."""
    assert math.isnan(SharedErrors(0, 0, 5, 50).value)
    assert SharedErrors(0, 0, 5, 50).limits(0.025) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="expected from 0 to 3 shared errors, found 4"):
        SharedErrors(4, 3, 5, 50)
