"""How much larger one measurement is than another: paired where it can be, refused where it means nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from eyechart import measures
from eyechart.judge.gates.paired import loss
from eyechart.judge.gates.plan import against_itself
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.measures.comparing import PAIRED
from eyechart.measures.intervals import tango
from eyechart.zoo.levels import Levels
from eyechart.zoo.margins import margin_of
from tests.answers import answers, right_or_wrong
from tests.made_predictions import made

COUNT = 400
LEVELS = np.arange(COUNT) % 5
ASSETS = np.arange(COUNT) // 2
FACTORS = {"texture": np.arange(COUNT) % 4 == 0, "pose": np.arange(COUNT) % 4 == 1}


def pair(seed=0, count=COUNT, lost=0.1):
    """Two checkpoints that find the same images hard; the second loses a share of what the first knows."""
    rng = np.random.default_rng(seed)
    right = rng.random(count) < 0.75
    worse = right & (rng.random(count) > lost)
    sure = rng.uniform(0.6, 0.99, count)
    return made(right, sure, "one"), made(worse, np.clip(sure + 0.005, 0, 1), "other")


def cues(predictions):
    """Cue conflicts of class 0 against class 1, from 200 shapes and 200 textures."""
    rows = np.arange(len(predictions))
    photographs = [np.array([f"{name}{row}" for row in names]) for name, names in (("s", rows % 200), ("t", rows // 2))]
    return measures.Cues(rows % 2, 1 - rows % 2, *photographs)


MEASURES = {
    "accuracy": measures.accuracy,
    "accuracy_by_level": lambda p: measures.accuracy_by_level(p, LEVELS[: len(p)], ASSETS[: len(p)]),
    "accuracy_drop": lambda p: measures.accuracy_drop(made(np.ones(len(p), dtype=bool), model=p.model), p),
    "accuracy_drop_on_other_images": lambda p: measures.accuracy_drop_on_other_images(
        made(np.ones(50, dtype=bool), model=p.model), p
    ),
    "accuracy_over_draws": lambda p: measures.accuracy_over_draws([p, p]),
    "answers_kept": lambda p: measures.answers_kept(made(np.ones(len(p), dtype=bool), model=p.model), p),
    "clustered_accuracy": lambda p: measures.clustered_accuracy(p, clusters=ASSETS[: len(p)]),
    "confidence_gap": measures.confidence_gap,
    "error_ratio": lambda p: measures.error_ratio(p, in_factor=FACTORS["texture"][: len(p)]),
    "lead_over_guessing": measures.lead_over_guessing,
    "mean_accuracy": lambda p: measures.mean_accuracy([p, p]),
    "mean_corruption_error": lambda p: measures.mean_corruption_error({"fog": [p]}),
    "mean_error_ratio": lambda p: measures.mean_error_ratio(p, {k: mask[: len(p)] for k, mask in FACTORS.items()}),
    "shape_bias": lambda p: measures.shape_bias(p, cues(p)),
    # without a paired interval
    "calibration_error": measures.calibration_error,
    "worst_level": lambda p: measures.worst_level(p, LEVELS[: len(p)], ASSETS[: len(p)]),
    "worst_factor_accuracy": lambda p: measures.worst_factor_accuracy(p, FACTORS),
}


def test_every_paired_measure_is_tried_here():
    """A new one is not forgotten."""
    assert {function.__name__ for function in PAIRED} <= MEASURES.keys()


@pytest.mark.parametrize("name", MEASURES)
def test_a_lead_is_the_difference_of_the_values(name):
    """Named after what it compares, with its value inside its limits; of a checkpoint over itself it is nothing."""
    one, other = pair()
    first, second = MEASURES[name](one), MEASURES[name](other)
    found = measures.lead(first, second)
    assert found.measure == f"{first.measure}_lead"
    assert found.value == pytest.approx(first.value - second.value)
    low, high = found.interval
    assert low <= found.value <= high
    assert found.possible[0] <= low <= high <= found.possible[1]
    back = measures.lead(second, first, "behind")
    assert (back.measure, back.value) == ("behind", pytest.approx(-found.value))
    assert back.interval == pytest.approx((-high, -low))
    itself = measures.lead(first, MEASURES[name](replace(one, model="twin")))
    assert itself.value == 0.0
    low, high = itself.interval
    assert low < 0.0 < high


@pytest.mark.parametrize("name", [function.__name__ for function in PAIRED])
def test_pairing_tells_more_than_two_intervals(name):
    """Narrower than without it, where both find the same images hard."""
    one, other = pair(lost=0.02)
    first, second = MEASURES[name](one), MEASURES[name](other)
    low, high = measures.lead(first, second).interval
    wide_low, wide_high = measures.difference("d", first, second).interval
    assert high - low < 0.8 * (wide_high - wide_low)


@pytest.mark.parametrize("name", MEASURES)
def test_a_lead_can_be_measured_again(name):
    """On the first images only, as a sequential judgment does, and on assumed ones, as a plan does."""
    one, other = pair()
    found = measures.lead(MEASURES[name](one), MEASURES[name](other))
    assert {table.model for table in found.recipe.tables()} == {"one", "other"}
    again = found.recipe.on_rows(lambda table: np.arange(len(table) // 2)).measure()
    assert again.measure == found.measure
    assert again.recipe is not None
    planned = against_itself(found, Bound(at_least=0.0))
    assert planned.limits is not None


def test_a_lead_is_decided_in_looks():
    """A clear lead needs the first thousand images only."""
    rng = np.random.default_rng(3)
    right = rng.random(5000) < 0.9
    one, other = made(right, model="one"), made(right & (rng.random(5000) < 0.7), model="other")
    ruling = rule(
        measures.lead(measures.accuracy(one), measures.accuracy(other)), Bound(at_least=0.0), Levels(), sequential=True
    )
    assert ruling.outcome is Outcome.PASS
    assert ruling.look == "look 1 of 3: 1,000 of 5,000 images"


def test_leads_by_hand_and_by_other_hands():
    """McNemar's counts for shares; the t interval of statsmodels for means."""
    one, other = pair()
    ahead, behind = (int(np.sum(a.correct & ~b.correct)) for a, b in ((one, other), (other, one)))
    accuracy = measures.lead(measures.accuracy(one), measures.accuracy(other))
    assert accuracy.interval == tango(ahead, behind, COUNT, 0.025)
    guessing = measures.lead(measures.lead_over_guessing(one), measures.lead_over_guessing(other))
    assert (guessing.value, guessing.interval) == (accuracy.value, accuracy.interval)
    grids = [{"fog": [each, other], "snow": [each]} for each in (one, other)]
    errors = [np.mean([np.mean([~a.correct, ~b.correct], axis=0), ~c.correct], axis=0)
              for (a, b), (c,) in (grid.values() for grid in grids)]  # fmt: skip
    found = measures.lead(*(measures.mean_corruption_error(grid) for grid in grids))
    assert found.value == pytest.approx(np.mean(errors[0] - errors[1]))
    assert found.interval == pytest.approx(DescrStatsW(errors[0] - errors[1]).tconfint_mean(), abs=3e-3)
    by_level = measures.lead(*(MEASURES["accuracy_by_level"](each) for each in (one, other)))
    clusters = (one.correct.astype(float) - other.correct).reshape(200, 2).mean(axis=1)
    assert by_level.interval == pytest.approx(DescrStatsW(clusters).tconfint_mean(), abs=5e-3)


def test_the_lead_of_tasks_by_hand():
    """The mean of the paired leads, whose distances to the limits add up as the sides of a right angle."""
    (one, other), (more, less) = pair(1, 100), pair(2, 300)
    found = measures.lead(measures.mean_accuracy([one, more]), measures.mean_accuracy([other, less]))
    parts = [measures.lead(measures.accuracy(a), measures.accuracy(b)) for a, b in ((one, other), (more, less))]
    expected = measures.average("mean", parts)
    assert (found.value, found.interval, found.count) == (expected.value, expected.interval, 400)


def test_calibration_is_compared_image_by_image():
    """Positive where the first is worse calibrated; of one checkpoint and itself only unseen images are open."""
    one, other = pair()
    sure = replace(other, confidence=np.ones(COUNT))
    found = measures.lead(measures.calibration_error(sure), measures.calibration_error(one))
    assert found.measure == "ece_15_equal_mass_debiased_lead"
    assert found.method == "normal theory of binned gaps, paired"
    assert found.interval[0] > 0.0
    assert found.companions == ()
    unseen = 1 - 0.0125 ** (1 / COUNT)  # each of two intervals has half of the error
    itself = measures.lead(measures.calibration_error(one), measures.calibration_error(one))
    assert itself.interval == pytest.approx((-unseen, unseen))


def test_overconfidence_and_underconfidence_are_two_bounds_on_one_gap():
    """A gap of -20 points keeps the one and breaks the other."""
    gap = measures.confidence_gap(made(np.arange(1000) % 10 < 9, 0.7))
    assert gap.value == pytest.approx(-0.2)
    assert rule(gap, Bound(at_most=0.05), Levels()).outcome is Outcome.PASS
    assert rule(gap, Bound(at_least=-0.05), Levels()).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (measures.accuracy, measures.confidence_gap),
        (lambda p: measures.error_ratio(p, FACTORS["texture"]), lambda p: measures.error_ratio(p, FACTORS["pose"])),
        (lambda p: measures.calibration_error(p, 15), lambda p: measures.calibration_error(p, 10)),
        (lambda p: measures.shape_bias(p, cues(p)), lambda p: measures.shape_bias(p, replace(cues(p), shapes=LEVELS))),
        (
            lambda p: measures.highest("worst", [measures.accuracy(p)]),
            lambda p: measures.highest("worst", [measures.confidence_gap(p)]),
        ),
    ],
    ids=["measures", "factors", "bins", "cues", "parts"],
)
def test_different_questions_are_not_compared(first, second):
    """One measure with the same arguments, but for the predictions."""
    one, other = pair()
    with pytest.raises(ValueError, match="expected one measure with the same arguments"):
        measures.lead(first(one), second(other))


@pytest.mark.parametrize("name", sorted(function.__name__ for function in PAIRED))
def test_other_images_are_not_paired(name):
    """Said by name, for every measure."""
    one, other = pair()
    renamed = replace(other, keys=np.array([f"other-{key}" for key in other.keys]))
    with pytest.raises(ValueError, match="cannot be paired image by image"):
        measures.lead(MEASURES[name](one), MEASURES[name](renamed))


def test_a_measurement_without_an_interval_has_no_lead():
    """The paper's plug-in calibration error is reported, and compares nothing."""
    plug_ins = [measures.calibration_error(each).companions[0] for each in pair()]
    with pytest.raises(ValueError, match="ece_15_equal_width has no interval"):
        measures.lead(*plug_ins)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40), st.booleans())
@settings(deadline=None, max_examples=40)
def test_a_loss_is_a_lead_the_right_way_round(rows, more_is_worse):
    """Positive is worse, whichever way the bound points; everything else is the same."""
    one, other = (right_or_wrong(*column) for column in np.array(rows, dtype=int).T)
    first, second = measures.accuracy(one), measures.accuracy(other)
    found, ahead = loss(first, second, more_is_worse=more_is_worse), measures.lead(first, second)
    sign = 1 if more_is_worse else -1
    assert (found.measure, found.value) == ("top1", sign * ahead.value)
    assert sorted(sign * end for end in found.interval) == pytest.approx(ahead.interval)


def test_a_loss_under_a_factor_is_one_of_errors():
    """A promise to be no worse is about the factor's images; a lead is about the ratio."""
    one, other = pair(lost=0.3)
    first, second = (MEASURES["error_ratio"](each) for each in (other, one))
    found = loss(first, second, more_is_worse=True)
    inside = FACTORS["texture"]
    assert found.measure == "factor_error"
    assert found.value == pytest.approx(np.mean(one.correct[inside]) - np.mean(other.correct[inside]))
    assert measures.lead(first, second).value == pytest.approx(first.value - second.value)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_and_its_lead_have_a_margin(name):
    """A baseline can be asked for on every claim."""
    one, other = pair()
    first, second = MEASURES[name](one), MEASURES[name](other)
    assert margin_of(first.measure, {}).amount > 0
    assert margin_of(measures.lead(first, second).measure, {}) == margin_of(first.measure, {})


def test_two_right_answers_count_in_a_lead_over_guessing():
    """The guess may be a second right answer too."""
    table = replace(answers([0, 0, 1, 1, 1], [0, 1, 1, 1, 0]), also={"image-00000": (1,)})
    found = measures.lead_over_guessing(table)
    assert found.value == pytest.approx((3 - 4) / 5)
