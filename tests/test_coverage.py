"""How often limits miss the truth: by enumeration where outcomes can be counted, else by seeded simulation.

Each limit is tried alone, because each decides verdicts alone. Beside the library's limits stand the usual ones that it
does not use; they must be caught, or the trial would be too weak to catch anything.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy import special, stats

from eyechart import measures
from eyechart.measures.intervals import (
    clopper_pearson,
    ece,
    images_to_decide,
    linearized,
    mean_limits,
    mean_over_draws,
    simultaneous_band,
    tango,
)
from eyechart.measures.intervals.calibration import Bins
from eyechart.measures.intervals.paired import tango_statistic
from eyechart.measures.intervals.ratios import ratio_statistic
from eyechart.measures.measurement import Measurement
from tests.trials import ALPHA, misses, tolerated

# By enumeration


def wilson(successes, count, alpha):
    """Wilson's score interval, which is not used."""
    share, z2 = successes / count, stats.norm.ppf(alpha) ** 2 / count
    spread = np.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return (share + z2 / 2 - spread) / (1 + z2), (share + z2 / 2 + spread) / (1 + z2)


def share_errors(limits, count, share, alpha):
    """Exact probability that each limit of a share misses it."""
    outcomes = np.array([limits(k, count, alpha) for k in range(count + 1)])
    chances = stats.binom.pmf(np.arange(count + 1), count, share)
    return chances @ (outcomes[:, 0] > share), chances @ (outcomes[:, 1] < share)


@pytest.mark.parametrize("alpha", [0.025, 0.0001])
@pytest.mark.parametrize("share", [0.5, 0.85, 0.99])
def test_share(share, alpha):
    """Never more often than alpha."""
    for count in (30, 300):
        assert max(share_errors(clopper_pearson, count, share, alpha)) <= alpha * (1 + 1e-9)


def test_wilson_would_not_do():
    """At an error that a hundred claims share, it fails good checkpoints 170 times as often as it says."""
    assert max(share_errors(wilson, 100, 0.998, 0.0001)) > 170 * 0.0001


def statistic_errors(statistic, chances, alpha):
    """Exact probability that a statistic (…) is beyond each normal quantile at the truth: that its limit misses."""
    z = stats.norm.isf(alpha)
    return np.sum(chances[statistic > z]), np.sum(chances[statistic < -z])


def paired_errors(n, lost, won, alpha, corrected):
    """Exact probability that a limit of a paired difference misses it."""
    b, c = (outcomes.ravel() for outcomes in np.indices((45, 45)))
    chances = stats.multinomial.pmf(np.column_stack([b, c, n - b - c]), n, [lost, won, 1 - lost - won])
    assert chances.sum() > 1 - 1e-6
    statistic = [tango_statistic(int(i), int(j), n, lost - won, corrected=corrected) for i, j in zip(b, c, strict=True)]
    return max(statistic_errors(np.array(statistic), chances, alpha))


@pytest.mark.parametrize(("lost", "won"), [(0.02, 0.0), (0.02, 0.005), (0.03, 0.03), (0.005, 0.001)])
def test_paired_difference(lost, won):
    """At most a little above alpha, at any alpha, however few images differ."""
    for alpha in (0.025, 0.0001):
        assert paired_errors(500, lost, won, alpha, corrected=True) <= 1.15 * alpha


def test_paired_difference_without_correction_would_not_do():
    """Twenty of a thousand images lost, none won."""
    assert paired_errors(1000, 0.02, 0.0, 0.0001, corrected=False) > 3 * 0.0001
    assert paired_errors(1000, 0.02, 0.0, 0.0001, corrected=True) < 1.15 * 0.0001


def ratio_errors(inside, rate, rest_rate, alpha, corrected):
    """Exact probability that a limit of the ratio of two error rates misses it, the rest being 400 images."""
    x1, x0 = (outcomes.ravel() for outcomes in np.indices((inside + 1, 130)))
    chances = stats.binom.pmf(x1, inside, rate) * stats.binom.pmf(x0, 400, rest_rate)
    kept = chances > 1e-12
    statistic = [
        ratio_statistic(int(a), inside, int(b), 400, rate / rest_rate, corrected=corrected)
        for a, b in zip(x1[kept], x0[kept], strict=True)
    ]
    return max(statistic_errors(np.array(statistic), chances[kept], alpha))


@pytest.mark.parametrize(("inside", "rate", "rest_rate"), [(44, 0.1, 0.2), (60, 0.02, 0.04), (150, 0.2, 0.1)])
def test_error_ratio(inside, rate, rest_rate):
    """At most a little above alpha, at any alpha, however small the factor."""
    for alpha in (0.025, 0.0001):
        assert ratio_errors(inside, rate, rest_rate, alpha, corrected=True) <= 1.2 * alpha


def test_error_ratio_without_correction_would_not_do():
    """A factor of 60 images with a mistake or two."""
    assert ratio_errors(60, 0.02, 0.04, 0.0001, corrected=False) > 15 * 0.0001


# By simulation


def unsure_network(rng, count):
    """Confidences of an ordinary network."""
    return special.expit(np.abs(rng.normal(1.6, 1.5, count)))


def sure_network(rng, count):
    """Confidences of a network that is nearly certain of everything."""
    return rng.uniform(0.998, 1.0, count)


def right(rng, chances):
    """Answers that are right with the given chances."""
    return rng.random(chances.size) < chances


def cooler(confidence):
    """Chances to be right of a network that is overconfident by a temperature of 1.5."""
    return special.expit(special.logit(confidence) / 1.5)


CALIBRATION = {
    "calibrated": (unsure_network, lambda f: f),
    "overconfident": (unsure_network, cooler),
    "certain and right in 98 %": (sure_network, lambda f: np.full(f.size, 0.98)),
    "wavy": (unsure_network, lambda f: np.clip(f + 0.015 * np.sin(40 * f), 0, 1)),
}


def true_calibration_error(network, chances):
    """Fifteen-bin error of the population."""
    confidence = np.sort(network(np.random.default_rng(0), 600_000))
    gaps = (chances(confidence) - confidence).reshape(15, -1).mean(axis=1)
    return np.abs(gaps).mean()


def simulate_calibration(network, chances, count, limits, rng):
    """Limits from `count` images."""
    confidence = network(rng, count)
    return limits(confidence, right(rng, chances(confidence)))


@pytest.mark.parametrize("count", [150, 1000])
@pytest.mark.parametrize("case", CALIBRATION)
def test_calibration_error(case, count):
    """Calibrated or not, with few mistakes or many."""
    simulate = partial(simulate_calibration, *CALIBRATION[case], count, lambda f, y: ece(f, y).limits(ALPHA))
    found = misses(true_calibration_error(*CALIBRATION[case]), simulate, 400, seed=1)
    assert max(found) <= tolerated(400)


def test_upper_limit_of_calibration_error_is_no_wider_than_asked():
    """Where noise adds least, all gaps one error from 0: the spread of signed gaps would miss in .007, not .025."""
    errors, weights = np.full(15, 0.01), np.full(15, 1 / 15)

    def simulate(rng):
        gaps = errors * (1 + rng.normal(size=15))
        return 0.0, Bins(weights, gaps, errors, count=10**9)._high(ALPHA)

    upper = misses(0.01, simulate, 1000, seed=15)[1]
    assert 0.6 * ALPHA < upper <= tolerated(1000)


def percentile_bootstrap(confidence, correct):
    """What others use."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, confidence.size, (60, confidence.size))
    return np.quantile([ece(confidence[i], correct[i]).plug_in for i in picks], [0.025, 0.975])


def test_bootstrap_of_calibration_error_would_not_do():
    """It never holds the truth of a calibrated network."""
    simulate = partial(simulate_calibration, *CALIBRATION["calibrated"], 1000, percentile_bootstrap)
    assert misses(0.0, simulate, 30, seed=2)[0] == 1.0


def simulate_gap(alpha, student, rng):
    """Confidence less accuracy of a network that is certain and right in 90 %, from 300 images."""
    gaps = sure_network(rng, 300) - right(rng, np.full(300, 0.9))
    if student:
        return stats.t.interval(1 - 2 * alpha, 299, gaps.mean(), stats.sem(gaps))
    return mean_limits(gaps, alpha, possible=(-1.0, 1.0))


def test_skewed_mean():
    """The limit away from the rare mistakes keeps a small alpha too; Student's t alone does not."""
    assert max(misses(0.099, partial(simulate_gap, 0.002, False), 4000, seed=3)) <= tolerated(4000, 0.002)
    assert max(misses(0.099, partial(simulate_gap, 0.002, True), 4000, seed=3)) > 3 * 0.002


def simulate_assets(clustered, rng):
    """Accuracy over 60 assets of 20 renderings, assets being easy or hard."""
    assets = np.repeat(np.arange(60), 20)
    correct = right(rng, special.ndtr(0.5 + 1.2 * rng.normal(size=60)[assets]))
    return mean_limits(correct, ALPHA, assets if clustered else None, (0.0, 1.0))


def test_clustered_mean():
    """Assets are the units; counting renderings misses several times too often."""
    truth = special.ndtr(0.5 / np.hypot(1, 1.2))
    assert max(misses(truth, partial(simulate_assets, True), 600, seed=4)) <= tolerated(600)
    assert min(misses(truth, partial(simulate_assets, False), 600, seed=4)) > 0.1


EDGES = [(60, 20, 0.98), (60, 20, 0.02), (151, 58, 0.01), (24, 20, 0.90)]


@pytest.mark.parametrize(("assets", "renderings", "truth"), EDGES)
@pytest.mark.parametrize("alpha", [ALPHA, 0.0001])
def test_clustered_mean_near_its_ends(assets, renderings, truth, alpha):
    """Most assets are always named, or never: those that are not may be among the assets that were not drawn."""

    def simulate(rng):
        chances = special.ndtr(special.ndtri(truth) * np.sqrt(2) + rng.normal(size=assets))
        correct = right(rng, np.repeat(chances, renderings))
        return mean_limits(correct, alpha, np.repeat(np.arange(assets), renderings), (0.0, 1.0))

    assert max(misses(truth, simulate, 1000, seed=11)) <= tolerated(1000, alpha)


def test_clustered_limits_are_no_wider_in_the_middle():
    """There Student's t decides, as it always did: its reach is what 60 assets tell."""
    rng = np.random.default_rng(12)
    assets = np.repeat(np.arange(60), 20)
    correct = right(rng, special.ndtr(0.5 + 1.2 * rng.normal(size=60)[assets]))
    shares = correct.reshape(60, 20).mean(axis=1)
    reach = stats.t.isf(ALPHA, 59) * stats.sem(shares)
    low, high = mean_limits(correct, ALPHA, assets, (0.0, 1.0))
    assert reach < (high - low) / 2 < 1.05 * reach


def simulate_crossed(crossed, rng):
    """Shape decisions on 600 stimuli made of 120 contents and 30 textures, both with effects of their own."""
    content = np.repeat(np.arange(120), 5)
    texture = np.concatenate([rng.choice(30, 5, replace=False) for _ in range(120)])
    effect = 0.5 * rng.normal(size=120)[content] + 0.5 * rng.normal(size=30)[texture]
    shape = right(rng, special.ndtr(-0.3 + effect))
    influence = (shape - shape.mean()) / shape.size
    names = (content, texture) if crossed else (content, None)
    return linearized(shape.mean(), influence, *names, possible=(0.0, 1.0)).limits(ALPHA)


def test_crossed_mean():
    """Both kinds of photographs count; one kind alone misses too often."""
    truth = special.ndtr(-0.3 / np.sqrt(1.5))
    assert max(misses(truth, partial(simulate_crossed, True), 600, seed=5)) <= tolerated(600)
    assert max(misses(truth, partial(simulate_crossed, False), 600, seed=5)) > 0.05


def simulate_draws(pooled, rng):
    """Accuracy of 5 probes on the same 500 images; probes differ by more than images explain."""
    chances = special.ndtr(0.8 + rng.normal(size=(500, 1)) + 0.25 * rng.normal(size=(1, 5)))
    correct = rng.random((500, 5)) < chances
    return mean_limits(correct.ravel(), ALPHA) if pooled else mean_over_draws(correct).limits(ALPHA)


def test_mean_over_draws():
    """Images and probes are both drawn; pooling all answers misses too often."""
    truth = special.ndtr(0.8 / np.sqrt(1 + 1 + 0.25**2))
    assert max(misses(truth, partial(simulate_draws, False), 600, seed=6)) <= tolerated(600)
    assert max(misses(truth, partial(simulate_draws, True), 600, seed=6)) > 0.08


def simulate_drops(rng):
    """Accuracy drops under 8 views of 400 images, all of 10 points: who falls under one falls under the next."""
    firm = rng.normal(size=(400, 1))
    return (special.ndtr((firm + rng.normal(size=(400, 8))) / np.sqrt(2)) < 0.1).astype(float)


def outside(band):
    """How far the true curve is outside a band, below and above, as limits of zero."""
    return (band.lows - 0.1).max(), (band.highs - 0.1).min()


def test_band():
    """The whole curve stays inside; with an interval for each point it does not."""
    together = misses(0.0, lambda rng: outside(simultaneous_band(simulate_drops(rng), ALPHA)), 150, seed=7)
    assert sum(together) <= tolerated(150, 2 * ALPHA)

    def pointwise(rng):
        limits = np.array([mean_limits(drops, ALPHA) for drops in simulate_drops(rng).T])
        return (limits[:, 0] - 0.1).max(), (limits[:, 1] - 0.1).min()

    assert sum(misses(0.0, pointwise, 150, seed=7)) > 0.1


def simulate_worst(combined, rng):
    """Worst of 8 equal drops."""
    lost = simulate_drops(rng).sum(axis=0).astype(int)
    drops = [Measurement("drop", k / 400, 400, partial(tango, int(k), 0, 400), "Tango") for k in lost]
    chosen = measures.highest("worst", drops) if combined else max(drops, key=lambda each: each.value)
    return chosen.limits(ALPHA)


def test_worst_of_a_grid():
    """Trying eight views is paid for; the interval of the view that looks worst is not enough."""
    assert max(misses(0.1, partial(simulate_worst, True), 300, seed=8)) <= tolerated(300)
    assert max(misses(0.1, partial(simulate_worst, False), 300, seed=8)) > 0.08


def simulate_difference(rng):
    """Calibration error of an overconfident network less that of a calibrated one, on the same images."""
    confidence = unsure_network(rng, 1000)
    luck = rng.random(1000)
    pair = [ece(confidence, luck < chances) for chances in (cooler(confidence), confidence)]
    named = [Measurement("ece", each.value, 1000, each.limits, "") for each in pair]
    return measures.difference("rise", *named).limits(ALPHA)


def test_difference_of_calibration_errors():
    """Two models on the same images."""
    assert max(misses(true_calibration_error(unsure_network, cooler), simulate_difference, 300, seed=9)) <= tolerated(
        300
    )


def test_planned_images_decide():
    """With as many images as were asked for, the claim is decided about nine times in ten."""
    limits = partial(clopper_pearson, 800, 1000)
    needed = images_to_decide(0.8, limits, 1000, bound=0.78, alpha=ALPHA)
    right_answers = np.arange(needed + 1)
    passes = np.array([clopper_pearson(int(k), needed, ALPHA)[0] >= 0.78 for k in right_answers])
    assert all(not earlier or later for earlier, later in pairwise(passes))
    assert 0.85 < stats.binom.pmf(right_answers, needed, 0.8) @ passes < 0.95
