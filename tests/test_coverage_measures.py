"""How often the limits of measures of factors, levels, tasks and categories miss the truth, by seeded simulation.

The full trials are in `docs/statistics.md`; these are shorter, and hold a limit to what chance allows.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import special, stats

from eyechart import measures
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.measures.accuracy import share
from eyechart.measures.intervals import mean_limits
from eyechart.measures.ratios import Ratio, mean_of_ratios, ratio_difference
from eyechart.zoo.levels import Levels
from tests.answers import answers, right_or_wrong
from tests.trials import ALPHA, misses, tolerated


def mistakes(rng, rate, other, together):
    """(n,) and (n,): mistakes of two checkpoints at their rates, which go `together` as normal variables."""
    shared = np.sqrt(together) * rng.normal(size=rate.size)
    own = np.sqrt(1 - together) * rng.normal(size=(2, rate.size))
    return shared + own[0] < special.ndtri(rate), shared + own[1] < special.ndtri(other)


def answered(wrong):
    """Predictions with these mistakes."""
    return answers(np.zeros(wrong.size, dtype=int), wrong.astype(int))


# Factors

SIZES = np.array([1506, 1475, 597, 615, 145, 68, 64, 58, 282, 150, 122, 78, 60, 43, 44, 40])
RATES = np.array(
    [0.176, 0.289, 0.195, 0.30, 0.38, 0.44, 0.287, 0.53, 0.606, 0.333, 0.434, 0.487, 0.55, 0.488, 0.295, 0.5]
)
"""Images and error rates like those of ImageNet-X, its large factors a tenth of their size."""


def simulate_mean_ratio(scale, together, rng):
    """Mean error ratio over sixteen factors; or that of one checkpoint less another's."""
    factor = np.repeat(np.arange(16), SIZES)
    rates = RATES * scale
    wrong, other = mistakes(rng, rates[factor], np.roll(rates, 3)[factor], together or 0.5)
    parts = [[Ratio(each, factor == name) for name in range(16)] for each in (wrong, other)]
    return (mean_of_ratios(parts[0]) if together is None else mean_of_ratios(*parts)).limits(ALPHA)


def true_mean_ratio(rates):
    """Mean ratio of the population."""
    return rates.mean() / (rates @ SIZES / SIZES.sum())


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_mean_error_ratio(scale):
    """With many mistakes and with few."""
    truth = true_mean_ratio(RATES * scale)
    assert max(misses(truth, partial(simulate_mean_ratio, scale, None), 400, seed=1)) <= tolerated(400)


def test_mean_error_ratio_of_two_checkpoints():
    """On the same images."""
    truth = true_mean_ratio(RATES) - true_mean_ratio(np.roll(RATES, 3))
    assert max(misses(truth, partial(simulate_mean_ratio, 1.0, 0.9), 400, seed=2)) <= tolerated(400)


def simulate_ratio_lead(inside, rates, together, paired, rng):
    """Ratio of one checkpoint less that of another in a factor of `inside` of its 2,000 + images."""
    in_factor = np.arange(inside + 2000) < inside
    each = [np.where(in_factor, rate, rest) for rate, rest in zip(rates, (0.2, 0.22), strict=True)]
    ratios = [Ratio(wrong, in_factor) for wrong in mistakes(rng, *each, together)]
    if paired:
        return ratio_difference(*ratios).limits(ALPHA)
    return measures.difference("d", *(ratio.measured() for ratio in ratios)).limits(ALPHA)


@pytest.mark.parametrize(
    ("inside", "rates", "together"), [(44, (0.5, 0.3), 0.95), (44, (0.2, 0.2), 0.3), (282, (0.5, 0.45), 0.7)]
)
def test_error_ratio_of_two_checkpoints(inside, rates, together):
    """Small factors and large, alike and hardly alike."""
    share_of = inside / (inside + 2000)
    ratio = [rate / (share_of * rate + (1 - share_of) * rest) for rate, rest in zip(rates, (0.2, 0.22), strict=True)]
    simulate = partial(simulate_ratio_lead, inside, rates, together, True)
    assert max(misses(ratio[0] - ratio[1], simulate, 800, seed=3)) <= tolerated(800)


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3, 0.3), (0.2, 0.3, 0.5, 0.45), (0.3, 0.1, 0.3, 0.1)])
def test_factor_lead(rates):
    """All alike, clearly the hardest, and one of two."""
    factor = np.repeat(np.arange(5), [44, 150, 282, 600, 3000])
    rate = np.array([*rates, 0.2])
    truth = (rates[2] - np.mean(rates[:2] + rates[3:])) / rate[factor].mean()
    masks = {str(name): factor == name for name in range(4)}

    def simulate(rng):
        return measures.factor_lead(answered(rng.random(factor.size) < rate[factor]), "2", masks).limits(ALPHA)

    assert max(misses(truth, simulate, 400, seed=4)) <= tolerated(400)


# Levels


def simulate_levels(level_means, spread, measure, rng):
    """Sixty assets of two renderings at each of six levels, half of those at the first level missing."""
    level, asset = np.tile(np.arange(6), 120), np.repeat(np.arange(60), 12)
    kept = rng.random(level.size) < np.where(level == 0, 0.5, 1.0)
    level, asset = level[kept], asset[kept]
    right = rng.random(level.size) < special.ndtr(level_means[level] + spread * rng.normal(size=60)[asset])
    return measure(right_or_wrong(*right.astype(int)), level, asset).limits(ALPHA)


@pytest.mark.parametrize("spread", [1.2, 0.3])
def test_levels(spread):
    """The mean of levels and the worst of them, with assets that differ much and little."""
    means = np.array([0.0, 0.3, 0.5, 0.7, 0.9, 1.1])
    truth = special.ndtr(means / np.hypot(1, spread))
    mean = partial(simulate_levels, means, spread, measures.accuracy_by_level)
    worst = partial(simulate_levels, means, spread, measures.worst_level)
    assert max(misses(truth.mean(), mean, 400, seed=5)) <= tolerated(400)
    assert max(misses(truth.min(), worst, 200, seed=6)) <= tolerated(200)


def simulate_levels_near_an_end(level_rates, measure, alpha, rng):
    """24 assets of twenty renderings at each level, each asset with an effect of its own."""
    chances = special.ndtr(special.ndtri(level_rates) * np.sqrt(2) + rng.normal(size=(24, 1)))
    right = rng.random((24, chances.shape[1], 20)) < chances[..., None]
    asset, level, _ = np.indices(right.shape).reshape(3, -1)
    return measure(answered(~right.ravel()), level, asset).limits(alpha)


MEAN_NEAR_1 = (measures.accuracy_by_level, [0.94, 0.96, 0.97, 0.98, 0.98, 0.99], 0.97)
WORST_NEAR_0 = (measures.worst_level, [0.02, 0.3], 0.02)


@pytest.mark.parametrize(
    ("measure", "level_rates", "truth", "alpha"),
    [(*MEAN_NEAR_1, ALPHA), (*MEAN_NEAR_1, 0.0001), (*WORST_NEAR_0, ALPHA)],
)
def test_levels_near_their_ends(measure, level_rates, truth, alpha):
    """Most assets are always named, or never at the worst: those that are not may be among the ones not drawn."""
    simulate = partial(simulate_levels_near_an_end, level_rates, measure, alpha)
    assert max(misses(truth, simulate, 400, seed=10)) <= tolerated(400, alpha)


def passes_in_looks(rng):
    """Judge three levels in looks; one has 20 of 20,000 images and is right at the bound, the others always."""
    rare = rng.choice(20_000, 20, replace=False)
    level = np.arange(20_000) % 2
    level[rare] = 2
    wrong = (level == 2) & (rng.random(20_000) > 0.6)
    measured = measures.worst_level(answered(wrong), level, np.arange(20_000))
    return rule(measured, Bound(at_least=0.6), Levels(claims=100), sequential=True).outcome is Outcome.PASS


def test_looks_do_not_pass_a_level_that_they_have_not_seen():
    """A third of the first looks lack the rare level; by the levels at hand alone, these all passed."""
    passed = [passes_in_looks(np.random.default_rng(seed)) for seed in range(60)]
    assert sum(passed) <= 60 * tolerated(60)


def test_levels_without_clusters_would_not_do():
    """Each rendering as an observation of its own."""
    means = np.full(6, 0.5)
    truth = special.ndtr(0.5 / np.hypot(1, 1.2))

    def images(predictions, level, asset):
        del level, asset
        return measures.accuracy(predictions)

    assert max(misses(truth, partial(simulate_levels, means, 1.2, images), 300, seed=7)) > 0.1


# Tasks, sets, guesses


def test_mean_of_tasks_of_two_checkpoints():
    """Five tasks of 200 to 1,000 images."""
    rates, other = np.array([0.1, 0.4, 0.5, 0.03, 0.2]), np.array([0.1, 0.45, 0.6, 0.05, 0.2])
    sizes = (300, 1000, 200, 500, 400)

    def simulate(rng):
        tables = [
            [answered(wrong) for wrong in mistakes(rng, np.full(size, one), np.full(size, two), 0.6)]
            for one, two, size in zip(rates, other, sizes, strict=True)
        ]
        return measures.lead(*map(measures.mean_accuracy, zip(*tables, strict=True))).limits(ALPHA)

    assert max(misses(np.mean(other - rates), simulate, 300, seed=8)) <= tolerated(300)


@pytest.mark.parametrize("alpha", [0.025, 0.0001])
@pytest.mark.parametrize(
    ("count", "rate", "other_count", "other_rate"), [(100, 0.9, 100, 0.5), (300, 0.98, 100, 0.9), (40, 0.95, 200, 0.95)]
)
def test_drop_between_sets(count, rate, other_count, other_rate, alpha):
    """All outcomes of two independent sets, weighted by their probability."""
    clean, shifted = ([share("top1", right, each) for right in range(each + 1)] for each in (count, other_count))
    limits = [np.array([each.limits(alpha) for each in shares]) for shares in (clean, shifted)]
    values = [np.arange(each + 1) / each for each in (count, other_count)]
    below = np.hypot((values[0] - limits[0][:, 0])[:, None], limits[1][:, 1] - values[1])
    above = np.hypot((limits[0][:, 1] - values[0])[:, None], values[1] - limits[1][:, 0])
    sample = measures.difference("d", clean[30], shifted[20])
    drop = values[0][:, None] - values[1]
    assert sample.limits(alpha) == pytest.approx((drop[30, 20] - below[30, 20], drop[30, 20] + above[30, 20]))
    chances = [stats.binom.pmf(np.arange(n + 1), n, p) for n, p in ((count, rate), (other_count, other_rate))]
    weights, truth = np.outer(*chances), rate - other_rate
    assert weights[drop - below > truth].sum() <= 1.3 * alpha
    assert weights[drop + above < truth].sum() <= 1.3 * alpha


@pytest.mark.parametrize(("classes", "accuracy"), [(2, 0.5), (10, 0.1), (10, 0.7)])
def test_lead_over_guessing(classes, accuracy):
    """Classes alike, so that chance alone makes one of them the commonest; two models know nothing, one does."""

    def simulate(rng):
        labels, right = rng.integers(0, classes, 300), rng.random(300) < accuracy
        table = answers(labels, np.where(right, labels, (labels + 1) % classes))
        return measures.lead_over_guessing(table).limits(ALPHA)

    assert max(misses(accuracy - 1 / classes, simulate, 500, seed=9)) <= tolerated(500)


# Categories of cue conflicts


def simulate_category(spreads, clustered, rng):
    """Seven in ten decided of 80 images, of ten shapes with eight of 45 textures each."""
    shape = np.repeat(np.arange(10), 8)
    texture = np.concatenate([rng.choice(45, 8, replace=False) for _ in range(10)])
    effect = spreads[0] * rng.normal(size=10)[shape] + spreads[1] * rng.normal(size=45)[texture]
    named = np.where(rng.random(80) < special.ndtr(-0.3 + effect), 0, 1)
    named[rng.random(80) > 0.7] = 2
    if not clustered:
        return mean_limits(named[named < 2] == 0, ALPHA, possible=(0.0, 1.0))
    cues = measures.Cues(np.zeros(80, dtype=int), np.ones(80, dtype=int), shape.astype(str), texture.astype(str))
    return measures.shape_bias(answers(cues.shapes, named), cues).limits(ALPHA)


@pytest.mark.parametrize("spreads", [(0.0, 0.0), (0.5, 0.5), (1.0, 0.5)])
def test_shape_bias_of_a_category(spreads):
    """Ten photographs of shapes, which differ by nothing, somewhat or much."""
    truth = special.ndtr(-0.3 / np.sqrt(1 + spreads[0] ** 2 + spreads[1] ** 2))
    assert max(misses(truth, partial(simulate_category, spreads, True), 600, seed=10)) <= tolerated(600)


def test_shape_bias_of_a_category_without_clusters_would_not_do():
    """Counting answers misses several times too often."""
    truth = special.ndtr(-0.3 / 1.5)
    assert max(misses(truth, partial(simulate_category, (1.0, 0.5), False), 400, seed=11)) > 0.08
