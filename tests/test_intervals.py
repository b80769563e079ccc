"""Intervals of shares, paired differences, means and ratios: by hand, by oracle, and for every input."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.api import OLS
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.proportion import proportion_confint, test_proportions_2indep

from eyechart.measures.intervals import (
    clopper_pearson,
    error_ratio,
    linearized,
    mean_limits,
    mean_of,
    mean_over_draws,
    risk_ratio,
    tango,
)
from eyechart.measures.intervals.paired import tango_statistic
from eyechart.measures.intervals.ratios import ratio_statistic
from eyechart.measures.intervals.scores import unskewed

test_proportions_2indep.__test__ = False  # an oracle, not a test

alphas = st.floats(1e-6, 0.49)


@st.composite
def shares(draw):
    """(successes, count)."""
    count = draw(st.integers(1, 3000))
    return draw(st.integers(0, count)), count


@st.composite
def tables(draw):
    """(b, c, n) of a paired table."""
    n = draw(st.integers(1, 3000))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


@st.composite
def groups(draw):
    """(x1, n1, x0, n0) of two groups."""
    (x1, n1), (x0, n0) = draw(shares()), draw(shares())
    return x1, n1, x0, n0


# Shares


def test_exact_share_by_hand():
    """With 1 of 1 right, a share of .025 would have shown that in 2.5 % of the cases."""
    assert clopper_pearson(1, 1, 0.025) == pytest.approx((0.025, 1.0))
    assert clopper_pearson(0, 3, 0.05) == pytest.approx((0.0, 1 - 0.05 ** (1 / 3)))


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (10, 10), (3, 39), (763, 1000), (49_000, 50_000)])
@pytest.mark.parametrize("alpha", [0.025, 0.0001])
def test_share_limits_agree_with_statsmodels(successes, count, alpha):
    """Beta quantiles, with 0 and 1 where there is none."""
    low, high = proportion_confint(successes, count, 2 * alpha, method="beta")
    assert clopper_pearson(successes, count, alpha) == pytest.approx((np.nan_to_num(low), np.nan_to_num(high, nan=1.0)))


@given(shares(), alphas, alphas)
@settings(deadline=None, max_examples=60)
def test_share_limits_are_honest(share, alpha, other):
    """They hold the share, lie in [0, 1], grow with certainty, and are mirrored for failures."""
    successes, count = share
    low, high = clopper_pearson(successes, count, alpha)
    assert 0.0 <= low <= successes / count <= high <= 1.0
    assert low < high
    wide, narrow = (
        clopper_pearson(successes, count, min(alpha, other)),
        clopper_pearson(successes, count, max(alpha, other)),
    )
    assert wide[0] <= narrow[0] + 1e-12
    assert wide[1] >= narrow[1] - 1e-12
    assert clopper_pearson(count - successes, count, alpha) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(shares(), alphas)
@settings(deadline=None, max_examples=60)
def test_each_limit_is_the_share_that_would_show_this_with_probability_alpha(share, alpha):
    """What makes the interval exact: so many successes or more at the lower limit, or fewer at the upper."""
    successes, count = share
    low, high = clopper_pearson(successes, count, alpha)
    if successes:
        assert stats.binom.sf(successes - 1, count, low) == pytest.approx(alpha, rel=1e-6)
    if successes < count:
        assert stats.binom.cdf(successes, count, high) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize(
    "interval", [lambda a: clopper_pearson(1, 2, a), lambda a: tango(1, 0, 2, a)], ids=["share", "tango"]
)
@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.5, 1.0, math.nan])
def test_impossible_alpha_is_refused(interval, alpha):
    """An error rate of one half and more would cross the limits."""
    with pytest.raises(ValueError, match=r"expected 0 < alpha < 0\.5"):
        interval(alpha)


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_counts_are_refused(successes, count):
    """Nothing counted, or more than all."""
    with pytest.raises(ValueError, match="n = "):
        clopper_pearson(successes, count, 0.025)


# Paired differences


def test_tango_by_published_table():
    """The table 1, 1, 7, 12 of Tango's paper, whose interval others have published: [-.517, -.026]."""
    assert tango_statistic(1, 7, 21, -0.517, corrected=False) == pytest.approx(1.96, abs=0.005)
    assert tango_statistic(1, 7, 21, -0.026, corrected=False) == pytest.approx(-1.96, abs=0.005)
    low, high = tango(1, 7, 21, 0.025)
    assert high == pytest.approx(-0.026, abs=0.01)
    assert -0.53 < low <= -0.517


def test_tango_is_mcnemar_at_no_difference():
    """McNemar's statistic is (b - c) / root of (b + c)."""
    assert tango_statistic(9, 4, 100, 0.0, corrected=False) == pytest.approx(5 / math.sqrt(13))


def test_tango_is_corrected_by_the_skewness_of_a_difference():
    """That of 1, -1 and 0 with the restricted chances, which the uncorrected statistic gives away."""
    plain = tango_statistic(20, 4, 1000, 0.005, corrected=False)
    variance = ((16 / 1000 - 0.005) / plain) ** 2 * 1000
    lost, won = (variance + 0.005**2 + 0.005) / 2, (variance + 0.005**2 - 0.005) / 2
    third = lost * 0.995**3 - won * 1.005**3 - (1 - lost - won) * 0.005**3
    expected = unskewed(plain, third / variance**1.5 / math.sqrt(1000))
    assert tango_statistic(20, 4, 1000, 0.005) == pytest.approx(expected)
    assert expected < plain - 0.03


def test_no_difference_seen_is_not_no_difference():
    """A sample misses rare images that are answered differently: as many as the exact interval of a share says."""
    for n in (1, 20, 1000):
        high = clopper_pearson(0, n, 0.025)[1]
        assert tango(0, 0, n, 0.025) == pytest.approx((-high, high), rel=0.06)
    assert tango(0, 0, 1, 0.025) == pytest.approx((-0.975, 0.975))


@given(tables(), st.floats(-0.95, 0.95))
@settings(deadline=None, max_examples=60)
def test_tango_statistic_agrees_with_maximum_likelihood(table, difference):
    """The restricted estimate that Tango's quadratic gives, found by a general optimizer instead."""
    b, c, n = table

    def misfit(q):
        chances = [max(x, 1e-300) for x in (q + difference, q, 1 - 2 * q - difference)]
        return -sum(k * math.log(x) for k, x in zip((b, c, n - b - c), chances, strict=True))

    ends = (max(0.0, -difference), (1 - difference) / 2)
    q = optimize.minimize_scalar(misfit, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
    variance = n * (2 * q + difference - difference**2)
    expected = (b - c - n * difference) / math.sqrt(variance)
    assert tango_statistic(b, c, n, difference, corrected=False) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@given(tables(), alphas, alphas)
@settings(deadline=None, max_examples=60)
def test_tango_limits_are_honest(table, alpha, other):
    """They hold the difference, lie in [-1, 1], grow with certainty, and are mirrored when both are exchanged."""
    b, c, n = table
    low, high = tango(b, c, n, alpha)
    assert -1.0 <= low <= (b - c) / n <= high <= 1.0
    assert low < high
    wide, narrow = tango(b, c, n, min(alpha, other)), tango(b, c, n, max(alpha, other))
    assert wide[0] <= narrow[0] + 1e-12
    assert wide[1] >= narrow[1] - 1e-12
    assert tango(c, b, n, alpha) == pytest.approx((-high, -low), abs=1e-9)


# Means


def test_mean_by_hand():
    """Mean 2, standard error 1 / root of 3; Student's t with two degrees of freedom."""
    reach = stats.t.ppf(0.975, 2) / math.sqrt(3)
    assert mean_limits([1.0, 2.0, 3.0], 0.025) == pytest.approx((2 - reach, 2 + reach))


def test_rare_large_values_widen_their_side_only():
    """One mistake in a hundred: Student's t below; above it, 1 / 6 of the skew, times 1 + 2 t^2, more."""
    values = np.zeros(400)
    values[:4] = 1.0
    t, error = stats.t.ppf(0.975, 399), np.std(values, ddof=1) / 20
    shift = np.mean((values - 0.01) ** 3) / np.var(values, ddof=1) / 400 / 6 * (1 + 2 * t * t)
    assert mean_limits(values, 0.025) == pytest.approx((0.01 - t * error, 0.01 + t * error + shift))


def test_agreement_is_not_certainty():
    """Where all images agree at the end of the range, the exact interval of a share; one image leaves all open."""
    assert mean_limits(np.ones(30), 0.025, possible=(0.0, 1.0)) == pytest.approx(clopper_pearson(30, 30, 0.025))
    assert mean_limits([0.4], 0.025, possible=(0.0, 1.0)) == (0.0, 1.0)
    assert mean_limits([math.inf, 1.0], 0.025, possible=(0.0, math.inf)) == (0.0, math.inf)


def test_agreement_of_clusters_counts_clusters():
    """Three thousand images of three assets, all right, are three observations."""
    found = mean_limits(np.ones(3000), 0.025, np.repeat([1, 2, 3], 1000), possible=(0.0, 1.0))
    assert found == pytest.approx(clopper_pearson(3, 3, 0.025))


def test_clustered_errors_agree_with_statsmodels():
    """One kind of clusters, and two that cross."""
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 20, 300), rng.integers(0, 15, 300)
    values = rng.normal(size=300) + rng.normal(size=20)[first] + rng.normal(size=15)[second]
    fit = OLS(values, np.ones(300))
    alone = fit.fit(cov_type="cluster", cov_kwds={"groups": first})
    assert mean_of(values, first).error == pytest.approx(alone.bse[0])
    # statsmodels subtracts the cells, which hold several images each here; so one image a cell for both.
    cells = np.unique(first * 15 + second, return_index=True)[1]
    fit = OLS(values[cells], np.ones(cells.size))
    both = fit.fit(cov_type="cluster", cov_kwds={"groups": np.column_stack([first, second])[cells]})
    influence = (values[cells] - values[cells].mean()) / cells.size
    found = linearized(values[cells].mean(), influence, first[cells], second[cells])
    assert found.error == pytest.approx(both.bse[0])
    assert found.freedom == 14


def test_crossed_error_is_at_least_that_of_either_kind():
    """Where the second kind cancels out, subtracting what both have counted would leave nothing."""
    influence = np.array([3.0, -1.0, 1.0, -3.0])
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    # Totals are 2 and -2 by the first kind, 0 and 0 by the second; the images' squares are 20.
    assert linearized(0.0, influence, first, second).error == pytest.approx(math.sqrt(8 * 2))


def test_mean_over_draws_agrees_with_analysis_of_variance():
    """Mean squares from statsmodels, combined by the formula."""
    rng = np.random.default_rng(6)
    table = rng.normal(size=(12, 4)) + rng.normal(size=(12, 1)) + 2 * rng.normal(size=(1, 4))
    rows, columns = np.indices(table.shape)
    frame = pd.DataFrame({"y": table.ravel(), "image": rows.ravel(), "draw": columns.ravel()})
    squares = anova_lm(ols("y ~ C(image) + C(draw)", frame).fit())
    mean = squares["sum_sq"] / squares["df"]
    combined = mean["C(image)"] + mean["C(draw)"] - mean["Residual"]
    found = mean_over_draws(table)
    assert found.error == pytest.approx(math.sqrt(combined / 48))
    assert found.freedom == pytest.approx(combined**2 / (mean**2 / squares["df"]).sum())


def test_one_draw_is_a_mean_over_images():
    """And draws that agree are one draw."""
    values = np.array([[1.0], [0.0], [1.0], [1.0]])
    assert mean_over_draws(values) == mean_of(values[:, 0])
    assert mean_over_draws(np.hstack([values] * 3)).error == pytest.approx(mean_of(values[:, 0]).error)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 12), alphas, alphas)
@settings(deadline=None, max_examples=60)
def test_mean_limits_are_honest(values, clusters, alpha, other):
    """They hold the mean, lie in the range, grow with certainty, and do not depend on the order."""
    names = np.arange(len(values)) % clusters
    low, high = mean_limits(values, alpha, names, (0.0, 1.0))
    assert 0.0 <= low <= np.mean(values) <= high <= 1.0
    wide, narrow = (mean_limits(values, a, names, (0.0, 1.0)) for a in sorted((alpha, other)))
    assert wide[0] <= narrow[0] + 1e-12
    assert wide[1] >= narrow[1] - 1e-12
    assert mean_limits(values[::-1], alpha, names[::-1], (0.0, 1.0)) == pytest.approx((low, high), abs=1e-9)


def test_no_values_are_refused():
    """Nothing to measure."""
    with pytest.raises(ValueError, match="n = 0"):
        mean_of([])


def test_clusters_of_another_length_are_refused():
    """One cluster an image."""
    with pytest.raises(ValueError, match="the cluster of each of 3 images"):
        mean_of([1.0, 2.0, 3.0], [1, 2])


# Ratios


@given(groups(), st.floats(0.02, 50))
@settings(deadline=None, max_examples=60)
def test_ratio_statistic_agrees_with_statsmodels(table, ratio):
    """Koopman's statistic, before the correction for skewness."""
    x1, n1, x0, n0 = table
    if x1 + x0 == 0 or (x1, x0) == (n1, n0):
        return
    with np.errstate(all="ignore"):
        expected = test_proportions_2indep(
            x1, n1, x0, n0, value=ratio, compare="ratio", method="score", correction=False
        ).statistic
    if math.isfinite(expected):
        found = ratio_statistic(x1, n1, x0, n0, ratio, corrected=False)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_skewness_is_undone():
    """Cornish and Fisher's observation for z = 2 and skewness .6 is 2 + .6 (4 - 1) / 6 = 2.3."""
    assert unskewed(2.3, 0.6) == pytest.approx(2.0)
    assert unskewed(-2.3, -0.6) == pytest.approx(-2.0)
    assert unskewed(2.3, -0.6) == 2.3
    assert unskewed(0.5, 0.6) == 0.5


def test_error_ratio_knows_the_overlap():
    """Where a factor has all the mistakes, the ratio is at most all images over the factor's."""
    low, high = error_ratio(10, 50, 10, 200, 0.025)
    assert high == pytest.approx(4.0)
    assert low == pytest.approx(1 / (0.25 + 0.75 / risk_ratio(10, 50, 0, 150, 0.025)[0]))


@given(groups(), alphas, alphas)
@settings(deadline=None, max_examples=60)
def test_ratio_limits_are_honest(table, alpha, other):
    """They hold the ratio, lie in the range, grow with certainty, and are inverted when the groups are exchanged."""
    x1, n1, x0, n0 = table
    low, high = risk_ratio(x1, n1, x0, n0, alpha)
    ratio = x1 * n0 / (x0 * n1) if x0 else math.inf
    if x1 + x0:
        assert low <= ratio * (1 + 1e-9)
        assert high >= ratio * (1 - 1e-9)
    assert 0.0 <= low < high
    wide, narrow = (risk_ratio(x1, n1, x0, n0, a) for a in sorted((alpha, other)))
    assert wide[0] <= narrow[0] * (1 + 1e-9)
    assert wide[1] >= narrow[1] * (1 - 1e-9)
    inverted = risk_ratio(x0, n0, x1, n1, alpha)
    # On both sides the smaller limit is found by bisection of an angle, so only where neither is extreme.
    if low > 1e-6 and high < 1e6:
        assert (1 / inverted[1], 1 / inverted[0]) == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize(("inside", "count"), [(0, 10), (10, 10)])
def test_a_factor_that_is_nothing_or_all_is_refused(inside, count):
    """There is nothing to compare."""
    with pytest.raises(ValueError, match="nothing to compare"):
        error_ratio(0, inside, 0, count, 0.025)
