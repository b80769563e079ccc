"""Bands, planned counts, p-values and adjustments: by hand and by oracle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from eyechart.measures.intervals import (
    bonferroni,
    clopper_pearson,
    holm,
    images_to_decide,
    mean_of,
    p_value,
    simultaneous_band,
)
from eyechart.measures.intervals.scores import crossing


def known(error):
    """Limits of a measurement of 0 with a known standard error."""
    return lambda alpha: (stats.norm.ppf(alpha) * error, -stats.norm.ppf(alpha) * error)


@pytest.mark.parametrize("points", [1, 6])
def test_band_of_independent_points(points):
    """The critical value then has a closed form; the reach is that many standard errors."""
    values = np.kron(np.eye(points), [[1.0], [-1.0], [1.0], [-1.0]]) * np.sqrt(4 * points - 1)
    band = simultaneous_band(values, 0.025)
    critical = stats.norm.ppf((1 + 0.95 ** (1 / points)) / 2)
    errors = np.full(points, 1 / math.sqrt(points))
    assert band.highs == pytest.approx(critical * errors, rel=0.02)
    assert band.lows == pytest.approx(-band.highs)


def test_band_of_copies_is_the_interval_of_one():
    """Points that always agree need no correction; a point without variation gets what unseen images allow."""
    values = np.random.default_rng(1).normal(size=(500, 1))
    band = simultaneous_band(np.hstack([values] * 5), 0.025)
    mean = mean_of(values[:, 0])
    assert band.highs == pytest.approx(np.full(5, mean.value + 1.96 * mean.error), abs=0.02 * mean.error)
    still = simultaneous_band(np.zeros((50, 2)), 0.025, possible=(-1.0, 1.0))
    assert still.highs == pytest.approx(np.full(2, 1 - 0.0125 ** (1 / 50)))


def test_images_to_decide_by_hand():
    """An error of .02 at 100 images, .04 from the bound: (1.96 + 1.28)^2 .02^2 / .04^2 of a hundred is 263."""
    assert images_to_decide(0.0, known(0.02), 100, bound=0.04, alpha=0.025) == 300
    assert images_to_decide(0.0, known(0.02), 100, bound=-0.04, alpha=0.025) == 300
    assert images_to_decide(0.0, known(0.02), 100, bound=0.04, alpha=0.0001) == 600


def test_images_to_decide_says_when_none_would_do():
    """On the bound, or too near it for any image set; and never fewer images than there are."""
    assert images_to_decide(0.0, known(0.02), 100, bound=0.0, alpha=0.025) is None
    assert images_to_decide(0.0, known(0.02), 100, bound=1e-5, alpha=0.025) is None
    assert images_to_decide(0.0, lambda _: (-math.inf, math.inf), 1, bound=0.1, alpha=0.025) is None
    assert images_to_decide(0.0, known(0.02), 1990, bound=0.06482, alpha=0.025) == 2000


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_planned_count_has_one_digit_and_exceeds_what_there_is(successes, more, bound):
    """For every share and bound."""
    count = successes + more
    needed = images_to_decide(
        successes / count, lambda a: clopper_pearson(successes, count, a), count, bound=bound, alpha=0.025
    )
    if needed is not None:
        assert needed > count
        assert len(str(needed).rstrip("0")) <= len(str(count))


@pytest.mark.parametrize("bound", [-0.05, 0.03, 0.2])
def test_p_value_by_hand(bound):
    """The tail of the normal distribution beyond the bound."""
    assert p_value(known(0.02), 0.0, bound) == pytest.approx(max(stats.norm.sf(abs(bound) / 0.02), 1e-12), rel=1e-4)


def test_p_value_of_the_measured_value_is_one_half():
    """A bound inside all limits is not contradicted at all."""
    assert p_value(known(0.02), 0.0, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize("values", [[0.2], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.001, 0.9, 1.0]])
def test_holm_agrees_with_statsmodels(values):
    """Adjusted p-values, in the order given."""
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30), st.floats(0.001, 0.5))
@settings(deadline=None, max_examples=60)
def test_holm_rejects_step_by_step(values, alpha):
    """The smallest against alpha / m, the next against alpha / (m - 1), until one stays."""
    rejected = 0
    for left, value in zip(range(len(values), 0, -1), sorted(values), strict=True):
        if left * value > alpha:
            break
        rejected += 1
    assert sum(value <= alpha for value in holm(values)) == rejected


def test_bonferroni():
    """The error is shared evenly; nobody cannot share."""
    assert bonferroni(0.01, 40) == 0.00025
    with pytest.raises(ValueError, match="at least one claim"):
        bonferroni(0.01, 0)


@given(st.floats(-9, 9), st.booleans())
def test_a_crossing_is_found_on_its_outer_side(root: float, rising: bool):
    """To the last digits, from either side, past a stretch where the function is infinite."""

    def function(x: float) -> float:
        value = math.inf if x > 9.5 else math.atan(x - root)
        return value if rising else -value

    for inside, outside in ((-10.0, 10.0), (10.0, -10.0)):
        crossed = crossing(function, inside, outside)
        assert crossed == pytest.approx(root, abs=1e-14)
        assert (function(crossed) > 0) == (function(outside) > 0)
    assert crossing(function, -10.0, root - 0.5) == root - 0.5
