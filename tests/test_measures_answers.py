"""Measures of right and wrong answers and of confidence, by hand and by oracle."""

import math
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from eyechart import measures
from eyechart.measures.intervals import clopper_pearson, error_ratio, tango
from tests.answers import answers, right_or_wrong

# Right and wrong


def test_accuracy_by_hand():
    """Three of four, exactly."""
    found = measures.accuracy(right_or_wrong(1, 1, 0, 1))
    assert (found.measure, found.value, found.count) == ("top1", 0.75, 4)
    assert found.interval == clopper_pearson(3, 4, 0.025)


def test_accuracy_drop_by_hand():
    """Lost on two, won on one of five: worse by a fifth."""
    found = measures.accuracy_drop(right_or_wrong(1, 1, 1, 0, 0), right_or_wrong(0, 0, 1, 1, 0))
    assert (found.measure, found.value, found.count) == ("top1_drop", pytest.approx(0.2), 5)
    assert found.interval == tango(2, 1, 5, 0.025)


def test_answers_kept_counts_wrong_answers_too():
    """The same wrong answer is kept; another wrong answer is not."""
    found = measures.answers_kept(answers([0, 0, 0], [0, 1, 1]), answers([0, 0, 0], [0, 1, 2]))
    assert (found.measure, found.value) == ("agreement", pytest.approx(2 / 3))


def test_clusters_are_the_units():
    """Ten renderings of each of two assets, all alike within an asset, are two observations."""
    found = measures.clustered_accuracy(right_or_wrong(*[1] * 10, *[0] * 10), np.repeat(["cup", "car"], 10))
    assert (found.value, found.count) == (0.5, 20)
    assert found.interval == (0.0, 1.0)


def test_draws_of_one_training_are_one_training():
    """A single probe has the interval of its images."""
    single = right_or_wrong(1, 0, 1)
    assert measures.accuracy_over_draws([single]).interval == measures.accuracy(single).interval
    both = measures.accuracy_over_draws([single, right_or_wrong(1, 1, 1)])
    assert (both.value, both.count) == (pytest.approx(5 / 6), 3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: measures.only(p, np.array([True, False, True])), "1 images of .* are missing .*'image-00001'"),
        (lambda p: replace(p, keys=p.keys[::-1]), "another order, from row 0"),
        (
            lambda p: replace(p, labels=p.labels + np.array([0, 0, 1])),
            r"another label, the first 'image-00002' \(0 and 1\)",
        ),
        (lambda p: replace(p, keys=np.append(p.keys, p.keys[:1])), "a key is repeated"),
    ],
    ids=["missing", "order", "labels", "repeated"],
)
def test_what_cannot_be_paired_is_refused(change, text):
    """Naming what differs."""
    original = right_or_wrong(1, 1, 0)
    with pytest.raises(ValueError, match=text):
        measures.accuracy_drop(original, change(original))


@pytest.mark.parametrize("measure", [measures.accuracy, measures.calibration_error, measures.confidence_gap])
def test_no_images_are_refused(measure):
    """Naming the model and the image set."""
    with pytest.raises(ValueError, match=r"vit on validation \(original\): no images"):
        measure(right_or_wrong())


def test_only_keeps_what_is_true():
    """All columns of the chosen images, probabilities too."""
    probabilities = np.array([[0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])
    kept = measures.only(answers([0, 1, 0], [0, 1, 1], [0.7, 0.8, 0.6], probabilities), np.array([False, True, True]))
    assert kept.keys.tolist() == ["image-00001", "image-00002"]
    assert kept.correct.tolist() == [True, False]
    assert kept.confidence.tolist() == [0.8, 0.6]
    assert kept.probabilities == pytest.approx(probabilities[1:])


@pytest.mark.parametrize(("where", "text"), [([True], r"`where` has shape \(1,\)"), ([1, 0], "expected truth values")])
def test_only_refuses_what_is_no_choice(where, text):
    """One truth value an image."""
    with pytest.raises(ValueError, match=text):
        measures.only(right_or_wrong(1, 0), np.array(where))


# Confidence


def test_calibration_error_and_its_companions_by_hand():
    """Two images, 70 % sure, one of them wrong: bins of one; NLL and Brier over all classes."""
    probabilities = [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]
    found = measures.calibration_error(answers([0, 1], [0, 0], [0.7, 0.7], probabilities))
    plug_in, likelihood, brier = found.companions
    assert found.measure == "ece_15_equal_mass_debiased"
    assert (plug_in.measure, plug_in.value, plug_in.limits) == ("ece_15_equal_width", pytest.approx(0.2), None)
    assert (likelihood.measure, likelihood.value) == ("nll", pytest.approx(-(math.log(0.7) + math.log(0.2)) / 2))
    assert (brier.measure, brier.value) == ("brier", pytest.approx((0.09 + 0.04 + 0.01 + 0.49 + 0.64 + 0.01) / 2))


def test_without_probabilities_there_are_no_proper_scores():
    """A source that names the class and its confidence only."""
    found = measures.calibration_error(right_or_wrong(1, 0))
    assert [each.measure for each in found.companions] == ["ece_15_equal_width"]


def test_a_true_class_of_no_probability_is_infinitely_surprising():
    """Not NaN, and not clipped."""
    likelihood = measures.calibration_error(answers([1, 0], [0, 0], [1.0, 1.0], [[1.0, 0.0]] * 2)).companions[1]
    assert likelihood.value == math.inf
    assert likelihood.interval == (0.0, math.inf)


def test_confidence_gap_by_hand():
    """90 % sure and right in half of the cases."""
    found = measures.confidence_gap(right_or_wrong(1, 0))
    assert (found.measure, found.value) == ("confidence_gap", pytest.approx(0.4))


# Mistakes


def test_error_ratio_by_hand():
    """Half wrong in the factor, a quarter wrong in all."""
    correct = [1, 0, 1, 1, 1, 1, 1, 0]
    found = measures.error_ratio(right_or_wrong(*correct), np.arange(8) < 2)
    assert (found.measure, found.value, found.count) == ("error_ratio", pytest.approx(2.0), 2)
    assert found.interval == error_ratio(1, 2, 2, 8, 0.025)


def test_error_ratio_without_a_mistake_is_undecided():
    """0 / 0 is nowhere: from none of the mistakes to all of them."""
    found = measures.error_ratio(right_or_wrong(1, 1, 1, 1), np.arange(4) < 1)
    assert (found.value, found.interval) == (1.0, (0.0, pytest.approx(4.0)))


@pytest.mark.parametrize(("inside", "text"), [([0, 0], "no image has the factor"), ([1, 1], "every image has")])
def test_error_ratio_refuses_a_factor_that_is_nothing_or_all(inside, text):
    """There is nothing to compare."""
    with pytest.raises(ValueError, match=text):
        measures.error_ratio(right_or_wrong(1, 0), np.array(inside, dtype=bool))


def test_error_consistency_agrees_with_statsmodels():
    """Kappa and its standard error."""
    rng = np.random.default_rng(3)
    one = rng.random(4000) < 0.7
    other = np.where(rng.random(4000) < 0.5, one, rng.random(4000) < 0.6)
    table = [[np.sum(~one & ~other), np.sum(~one & other)], [np.sum(one & ~other), np.sum(one & other)]]
    expected = cohens_kappa(np.array(table))
    found = measures.error_consistency(right_or_wrong(*one), right_or_wrong(*other))
    assert found.value == pytest.approx(expected.kappa)
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * 1.96 * expected.std_kappa, rel=0.01)


def test_error_consistency_is_undefined_without_mistakes():
    """Nothing is known, and that is what it says."""
    found = measures.error_consistency(right_or_wrong(1, 1), right_or_wrong(1, 1))
    assert (found.value, found.interval) == (0.0, (-1.0, 1.0))


def test_proper_scores_are_of_one_right_label():
    """Neither is defined where several classes are right, of any image; calibration is."""
    one = answers([0, 1], [0, 0], probabilities=[[0.8, 0.2], [0.6, 0.4]])
    several = replace(one, also={str(one.keys[1]): (0,)})
    names = [{each.measure for each in measures.calibration_error(table).companions} for table in (one, several)]
    assert names == [{"ece_15_equal_width", "nll", "brier"}, {"ece_15_equal_width"}]
