"""No worse than a baseline: the paired interval of each measure, and what it catches."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from eyechart.errors import NotApplicableError
from eyechart.judge.gates.paired import PAIRED, loss
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.measures import (
    accuracy,
    accuracy_drop,
    accuracy_over_draws,
    answers_kept,
    calibration_error,
    clustered_accuracy,
    confidence_gap,
    error_ratio,
    highest,
    mean_corruption_error,
    only,
)
from eyechart.measures.measurement import Measurement
from eyechart.measures.predictions import Predictions
from eyechart.zoo.levels import Levels
from eyechart.zoo.margins import DEFAULTS, MarginEntry, check_margins, margin_of
from tests.made_predictions import at_most_by_chance, made
from tests.real_predictions import factors, needs_data, recorded


def drawn(rng: np.random.Generator, count: int, lost: float, model: str, shared: np.ndarray) -> Predictions:
    """A checkpoint that shares most of its mistakes: wrong where `shared` (n,) is high, and here and there."""
    right = (shared < 0.8) ^ (rng.uniform(size=count) < 0.05)
    right &= rng.uniform(size=count) >= lost
    confidence = np.clip(rng.normal(0.76, 0.1, count), 0.02, 0.98)
    return made(right, confidence, model)


def pair(rng: np.random.Generator, count: int, lost: float = 0.0) -> tuple[Predictions, Predictions]:
    """(candidate, baseline); the candidate loses a share of what it knew."""
    shared = rng.uniform(size=count)
    return drawn(rng, count, lost, "candidate", shared), drawn(rng, count, 0.0, "baseline", shared)


MASK = np.arange(600) % 4 == 0
GROUPS = np.arange(600) // 4
MEASURES = {
    "accuracy": (lambda a, b: accuracy(a), False),
    "clustered_accuracy": (lambda a, b: clustered_accuracy(a, GROUPS), False),
    "accuracy_over_draws": (lambda a, b: accuracy_over_draws([a, b]), False),
    "accuracy_drop": (accuracy_drop, True),
    "answers_kept": (answers_kept, False),
    "confidence_gap": (lambda a, b: confidence_gap(a), True),
    "error_ratio": (lambda a, b: error_ratio(a, MASK), True),
    "mean_corruption_error": (lambda a, b: mean_corruption_error({"fog": [a, b]}), True),
    "calibration_error": (lambda a, b: calibration_error(a), True),
    "highest": (lambda a, b: highest("worst", [accuracy_drop(a, b), accuracy_drop(b, a)]), True),
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_loss_is_covered(name: str):
    """Candidate and baseline are equally good, so the true loss is 0, and 95 % intervals hold it 95 times of 100."""
    measure, more_is_worse = MEASURES[name]
    trials, outside = 200, 0
    rng = np.random.default_rng(11)
    for _ in range(trials):
        candidate, baseline = pair(rng, 600)
        changed = pair(rng, 600)
        one, other = measure(candidate, changed[0]), measure(baseline, changed[1])
        low, high = loss(one, other, more_is_worse=more_is_worse).interval
        outside += not low <= 0.0 <= high
    assert outside <= at_most_by_chance(0.05, trials)


def test_every_measure_says_what_it_was_measured_on():
    """Without its recipe a measure has no twin and no early look."""
    candidate, baseline = pair(np.random.default_rng(0), 600)
    for measure, _ in MEASURES.values():
        found = measure(candidate, baseline)
        assert found.recipe is not None
        assert found.recipe.measure().value == found.value
        assert {table.model for table in found.recipe.tables()} <= {"candidate", "baseline"}


def test_pairing_is_worth_images():
    """The paired interval is far narrower than that of two values apart, for every measure that has one."""
    candidate, baseline = pair(np.random.default_rng(1), 600)
    paired = loss(accuracy(candidate), accuracy(baseline), more_is_worse=False).interval
    bare = [replace(accuracy(each), recipe=None) for each in (candidate, baseline)]
    apart = loss(*bare, more_is_worse=False).interval
    assert paired[1] - paired[0] < 0.7 * (apart[1] - apart[0])


def test_statsmodels_agrees():
    """McNemar's test is the loss of accuracy at a margin of 0; the t interval that of a mean."""
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    weights = pytest.importorskip("statsmodels.stats.weightstats")
    candidate, baseline = pair(np.random.default_rng(2), 600, lost=0.05)
    found = loss(accuracy(candidate), accuracy(baseline), more_is_worse=False)
    right = [(table.correct, ~table.correct) for table in (candidate, baseline)]
    counts = [[np.sum(x & y) for y in right[1]] for x in right[0]]
    p = tables.mcnemar(np.array(counts), exact=False, correction=False).pvalue / 2
    assert found.limits(p * 1.001)[0] > 0 > found.limits(p * 0.999)[0]
    gap = loss(confidence_gap(candidate), confidence_gap(baseline), more_is_worse=True)
    each = [table.confidence - table.correct for table in (candidate, baseline)]
    oracle = weights.DescrStatsW(each[0] - each[1]).tconfint_mean()
    assert gap.interval == pytest.approx(oracle, abs=6e-4)  # ours adds a correction for skewness


@pytest.mark.parametrize("more_is_worse", [True, False])
def test_a_loss_is_positive_where_it_is_worse(more_is_worse: bool):
    """Whichever way the claim's bound points."""
    worse, better = made(np.arange(600) % 10 > 4), made(np.arange(600) % 10 > 1)
    measure = (lambda p: mean_corruption_error({"fog": [p]})) if more_is_worse else accuracy
    assert loss(measure(worse), measure(better), more_is_worse=more_is_worse).value == pytest.approx(0.3)


@pytest.mark.parametrize("lost", [0.0, 0.05])
def test_a_planted_regression_is_caught_at_the_stated_rate(lost: float):
    """Lost a share of 83 % right answers: against a margin of exactly that loss 2.5 % pass and 1 % fail, no more."""
    trials = 300
    true = lost * (0.8 * 0.95 + 0.2 * 0.05)
    margin = Bound(at_most=max(true, 1e-9))
    rng = np.random.default_rng(13)
    outcomes = []
    for _ in range(trials):
        candidate, baseline = pair(rng, 2000, lost)
        outcomes.append(
            rule(loss(accuracy(candidate), accuracy(baseline), more_is_worse=False), margin, Levels()).outcome
        )
    assert outcomes.count(Outcome.PASS) <= at_most_by_chance(0.025, trials)
    assert outcomes.count(Outcome.FAIL) <= at_most_by_chance(0.01, trials)


def test_a_paired_measure_is_never_forgotten_silently():
    """Each entry names a measure that exists and is remembered."""
    assert {function.__name__ for function in PAIRED} >= set(MEASURES) - {"highest", "calibration_error"}


def test_margins_are_found_by_measure_and_each_has_its_reason():
    """All calibration errors share one; the zoo's own comes first; a measure without one is blocked, not guessed."""
    assert margin_of("ece_15_equal_mass_debiased", {}) == DEFAULTS["ece"]
    own = {"top1": MarginEntry(margin=0.002, reason="Every part counts.")}
    assert margin_of("top1", own).amount == 0.002
    assert margin_of("top1_drop", own) == DEFAULTS["top1_drop"]
    with pytest.raises(NotApplicableError, match=r"'novelty'.*margins: \{novelty"):
        margin_of("novelty", {})
    assert all(margin.amount > 0 and len(margin.reason) > 20 for margin in DEFAULTS.values())


@pytest.mark.parametrize("amount", [-0.01, 0])
def test_a_margin_of_the_wrong_sign_is_refused(amount: float):
    """The message says what a margin is."""
    with pytest.raises(ValueError, match="how much worse than the baseline"):
        MarginEntry(margin=amount, reason="A mistake.")


def test_a_margin_in_points_is_refused():
    """2 is meant as 0.02."""
    with pytest.raises(ValueError, match=r"top1 is a share.*found 2 \(is 0.02 meant"):
        check_margins({"top1": MarginEntry(margin=2, reason="Two points.")})
    check_margins({"mce": MarginEntry(margin=2, reason="Not a share.")})


@lru_cache(maxsize=1)
def real() -> tuple[Predictions, Predictions]:
    """(ViT, ResNet50) on 50,000 images."""
    return recorded("ViT"), recorded("ResNet50")


def judged(measurement: Measurement, claims: int = 40) -> Outcome:
    """Judge a loss against its default margin."""
    return rule(measurement, Bound(at_most=margin_of(measurement.measure, {}).amount), Levels(claims=claims)).outcome


@needs_data
def test_vit_is_no_worse_than_resnet_and_resnet_is_worse_than_vit():
    """76.130 and 78.006 % on the same images; the loss has one sign and one width."""
    vit, resnet = real()
    found = loss(accuracy(vit), accuracy(resnet), more_is_worse=False)
    assert found.value == pytest.approx(-0.01876, abs=1e-12)
    assert found.interval == pytest.approx((-0.022208, -0.015317), abs=1e-5)
    assert judged(found) is Outcome.PASS
    assert judged(loss(accuracy(resnet), accuracy(vit), more_is_worse=False)) is Outcome.FAIL
    assert judged(loss(calibration_error(vit), calibration_error(resnet), more_is_worse=True)) is Outcome.PASS
    assert judged(loss(calibration_error(resnet), calibration_error(vit), more_is_worse=True)) is Outcome.FAIL


@needs_data
def test_factors_with_few_images_are_named_as_undecided():
    """With 45 images of a factor nothing below 15 points can be told; no factor is called worse."""
    vit, resnet = real()
    found = {
        name: judged(loss(error_ratio(vit, mask), error_ratio(resnet, mask), more_is_worse=True))
        for name, mask in factors().items()
    }
    undecided = {name for name, outcome in found.items() if outcome is Outcome.INCONCLUSIVE}
    assert undecided == {
        "brighter", "darker", "larger", "object_blocking", "person_blocking", "smaller", "style",
    }  # fmt: skip
    assert Outcome.FAIL not in found.values()


@needs_data
def test_a_planted_point_and_permuted_labels_are_caught():
    """One point lost among four in a hundred changed answers; and labels that belong to other images."""
    vit, _ = real()
    rng = np.random.default_rng(17)
    villain = vit.predicted.copy()
    right, wrong = np.flatnonzero(vit.correct), np.flatnonzero(~vit.correct)
    lost, won = rng.permutation(right)[:1250], rng.permutation(wrong)[:750]
    villain[lost], villain[won] = vit.predicted[lost] + 1, vit.labels[won]
    worse = loss(accuracy(replace(vit, predicted=villain)), accuracy(vit), more_is_worse=False)
    assert worse.value == pytest.approx(0.01)
    assert rule(worse, Bound(at_most=0.005), Levels(claims=100)).outcome is Outcome.FAIL
    assert judged(worse) is Outcome.INCONCLUSIVE  # the margin is exactly the loss: it must not pass
    permuted = replace(vit, labels=rng.permutation(vit.labels))
    assert rule(accuracy(permuted), Bound(at_least=0.6), Levels(claims=100)).outcome is Outcome.FAIL
    assert rule(calibration_error(permuted), Bound(at_most=0.05), Levels(claims=100)).outcome is Outcome.FAIL
    factor = only(vit, factors()["pose"])
    assert judged(loss(accuracy(factor), accuracy(factor), more_is_worse=False)) is Outcome.PASS
