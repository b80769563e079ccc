"""Measures: by hand, by oracle, on real predictions, and for every input."""

import csv
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.inter_rater import cohens_kappa

from eyechart import measures
from eyechart.intervals import clopper_pearson, error_ratio, tango
from eyechart.measurement import Measurement
from eyechart.predictions import Predictions

needs_data = pytest.mark.skipif("EYECHART_DATA" not in os.environ, reason="EYECHART_DATA does not name the real data")


def answers(labels, predicted, confidence=None, probabilities=None, view="original"):
    """Predictions of a model on images a, b, c, …; without `probabilities` their source has recorded no logits."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)

    def logits_of():
        if probabilities is None:
            raise LookupError("no logits")
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(probabilities, dtype=np.float64))

    certain = np.full(labels.size, 0.9) if confidence is None else np.asarray(confidence, dtype=np.float64)
    keys = np.array([f"image-{i:05}" for i in range(labels.size)], dtype=str)
    return Predictions("vit", "validation", view, keys, labels, predicted, certain, logits_of)


def right_or_wrong(*correct, **more):
    """Predictions of which is known only whether they are right."""
    return answers(np.zeros(len(correct), dtype=int), 1 - np.array(correct, dtype=int), **more)


@st.composite
def pairs(draw):
    """Two predictions on the same images, with confidences and probabilities."""
    count = draw(st.integers(1, 60))
    classes = arrays(np.int64, count, elements=st.integers(0, 2))
    labels = draw(classes)
    certain = draw(arrays(np.float64, count, elements=st.floats(1 / 3, 1)))
    probabilities = np.column_stack([certain, (1 - certain) / 2, (1 - certain) / 2])
    return (
        answers(labels, draw(classes), certain, probabilities),
        answers(labels, draw(classes), certain[::-1], probabilities[::-1], view="shift(8)"),
    )


def everything(first, second):
    """Every measure that two predictions are enough for, and the range of each."""
    grid, other = {"fog": [first, second], "snow": [second, second]}, {"fog": [second, second], "snow": [second, first]}
    inside = np.arange(len(first)) % 2 == 0
    cues = measures.Cues(first.labels, (first.labels + 1) % 3, first.keys, np.array(["p", "q"])[1 * inside])
    decided = np.any((first.predicted == cues.shapes) | (first.predicted == cues.textures))
    also = np.any((second.predicted == cues.shapes) | (second.predicted == cues.textures))
    found = [
        (measures.accuracy(first), 0, 1),
        (measures.clustered_accuracy(first, first.predicted), 0, 1),
        (measures.accuracy_over_draws([first, second]), 0, 1),
        (measures.accuracy_drop(first, second), -1, 1),
        (measures.answers_kept(first, second), 0, 1),
        (measures.calibration_error(first), 0, 1),
        (measures.confidence_gap(first), -1, 1),
        *((each, 0, math.inf) for each in measures.calibration_error(first).companions),
        (measures.error_consistency(first, second), -1, 1),
        (measures.mean_corruption_error(grid), 0, 1),
        (measures.mean_corruption_error(grid, {"fog": 0.5, "snow": 0.8}), 0, (1 / 0.5 + 1 / 0.8) / 2),
        (measures.mean_corruption_error_rise(grid, other), -1, 1),
        (measures.worst_drop(first, [first, second]), -1, 1),
        (measures.least_kept(first, [first, second]), 0, 1),
        (measures.cue_decisions(first, cues), 0, 1),
        (measures.average("mean", [measures.accuracy(first), measures.accuracy(second)]), 0, 1),
        (measures.difference("d", measures.calibration_error(first), measures.calibration_error(second)), -1, 1),
    ]
    if len(first) > 1:
        found.append((measures.error_ratio(first, inside), 0, len(first) / inside.sum()))
    if decided:
        found.append((measures.shape_bias(first, cues), 0, 1))
    if decided and also:
        found.append((measures.shape_bias_drop(first, second, cues), -1, 1))
    return found


@given(pairs(), st.floats(1e-6, 0.49), st.floats(1e-6, 0.49))
def test_every_measure_is_honest(pair, alpha, other):
    """Its limits hold its value, lie in its range, grow with certainty; nothing is NaN."""
    for measurement, bottom, top in everything(*pair):
        if measurement.limits is None:
            assert math.isfinite(measurement.value)
            continue
        low, high = measurement.limits(alpha)
        assert bottom - 1e-9 <= low <= measurement.value + 1e-9, measurement.measure
        assert measurement.value - 1e-9 <= high <= top + 1e-9, measurement.measure
        (wide_low, wide_high), (narrow_low, narrow_high) = (measurement.limits(a) for a in sorted((alpha, other)))
        assert wide_low <= narrow_low + 1e-9, measurement.measure
        assert wide_high >= narrow_high - 1e-9, measurement.measure


@given(pairs(), st.randoms())
def test_no_measure_depends_on_the_order_of_the_images(pair, random):
    """The same images in another order are the same measurement."""
    order = list(range(len(pair[0])))
    random.shuffle(order)
    turned = [
        replace(each, **{name: getattr(each, name)[order] for name in ("labels", "predicted", "confidence")})
        for each in pair
    ]
    for one in (measures.accuracy, measures.calibration_error, measures.confidence_gap):
        assert one(turned[0]).value == pytest.approx(one(pair[0]).value, abs=1e-9)
    for two in (measures.accuracy_drop, measures.answers_kept, measures.error_consistency):
        assert two(*turned).interval == pytest.approx(two(*pair).interval, abs=1e-9)


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


# Shape and texture


def cue_images(*rows):
    """Predictions and cues from (shape, texture, answer), each image of its own two photographs."""
    shapes, textures, named = np.array(rows).T
    names = np.array([str(i) for i in range(len(rows))])
    return answers(shapes, named), measures.Cues(shapes, textures, names, names)


def test_shape_bias_by_hand():
    """Two by shape, one by texture; one by neither and one without a conflict do not count."""
    predictions, cues = cue_images((0, 1, 0), (0, 2, 0), (1, 0, 0), (1, 2, 3), (2, 2, 2))
    found = measures.shape_bias(predictions, cues)
    assert (found.measure, found.value, found.count) == ("shape_bias", pytest.approx(2 / 3), 3)
    decided = measures.cue_decisions(predictions, cues)
    assert (decided.value, decided.count) == (0.75, 4)


def test_shape_bias_counts_photographs():
    """The same answers from fewer photographs are known less well."""
    predictions, cues = cue_images(*[(0, 1, 0)] * 30, *[(0, 1, 1)] * 30)
    few = replace(cues, texture_images=np.repeat(["p", "q", "r", "s", "t", "u"], 10))
    low, high = measures.shape_bias(predictions, cues).interval
    clustered_low, clustered_high = measures.shape_bias(predictions, few).interval
    assert clustered_high - clustered_low > 2 * (high - low)


def test_shape_bias_drop_is_paired():
    """A model beside itself differs by nothing; its interval is narrower than that of two strangers."""
    rng = np.random.default_rng(8)
    predictions, cues = cue_images(*((0, 1, named) for named in rng.integers(0, 2, 200)))
    nearly = replace(predictions, predicted=np.where(np.arange(200) < 5, 0, predictions.predicted))
    paired = measures.shape_bias_drop(nearly, predictions, cues)
    apart = measures.difference("d", measures.shape_bias(nearly, cues), measures.shape_bias(predictions, cues))
    assert paired.value == pytest.approx(apart.value)
    assert paired.interval[1] - paired.interval[0] < (apart.interval[1] - apart.interval[0]) / 3


@pytest.mark.parametrize(
    ("rows", "text"), [([(0, 1, 2)], "names the shape's or the texture's"), ([(1, 1, 1)], "of different classes")]
)
def test_shape_bias_of_nothing_is_refused(rows, text):
    """Nobody decided, or nothing to decide."""
    with pytest.raises(ValueError, match=text):
        measures.shape_bias(*cue_images(*rows))


# Grids


def test_mean_corruption_error_by_hand():
    """Fog is wrong on 1 and 2 of 2, snow on 0 of 2: (3/4 / .5 + 0 / .8) / 2."""
    grid = {"fog": [right_or_wrong(1, 0), right_or_wrong(0, 0)], "snow": [right_or_wrong(1, 1)]}
    assert measures.mean_corruption_error(grid).value == pytest.approx((0.75 + 0.0) / 2)
    relative = measures.mean_corruption_error(grid, {"fog": 0.5, "snow": 0.8})
    assert (relative.measure, relative.value, relative.count) == ("mce", pytest.approx(0.75), 2)
    rise = measures.mean_corruption_error_rise(grid, {**grid, "snow": [right_or_wrong(0, 1)]})
    assert (rise.measure, rise.value) == ("mean_corruption_error_rise", pytest.approx(0.25))


@pytest.mark.parametrize(
    ("grid", "reference", "text"),
    [
        ({}, None, "at least one corruption"),
        ({"fog": []}, None, "at least one corruption"),
        ({"fog": [right_or_wrong(1)]}, {"snow": 0.5}, "no reference error for the corruption 'fog'"),
    ],
    ids=["nothing", "no severity", "no reference"],
)
def test_incomplete_grids_are_refused(grid, reference, text):
    """Nothing to measure, or nothing to divide by."""
    with pytest.raises(ValueError, match=text):
        measures.mean_corruption_error(grid, reference)


def test_grids_of_other_corruptions_are_refused():
    """Not the same severities."""
    one = right_or_wrong(1, 0)
    with pytest.raises(ValueError, match="the same corruptions and severities"):
        measures.mean_corruption_error_rise({"fog": [one]}, {"fog": [one, one]})


def test_worst_of_a_grid_by_hand():
    """Each upper limit decides for itself; the lower ones share the error."""
    original, views = right_or_wrong(*[1] * 20), [right_or_wrong(*[0] * k, *[1] * (20 - k)) for k in (1, 8, 4)]
    found = measures.worst_drop(original, views)
    assert (found.measure, found.value) == ("worst_top1_drop", pytest.approx(0.4))
    assert found.interval == (tango(8, 0, 20, 0.025 / 3)[0], tango(8, 0, 20, 0.025)[1])
    kept = measures.least_kept(original, views)
    assert (kept.value, kept.interval) == (
        pytest.approx(0.6), (clopper_pearson(12, 20, 0.025)[0], clopper_pearson(12, 20, 0.025 / 3)[1])
    )  # fmt: skip


def test_drop_curve_by_hand():
    """A point a view, and a band around it."""
    original = right_or_wrong(*[1] * 40)
    band = measures.drop_curve(original, [original, right_or_wrong(*[0] * 10, *[1] * 30)], 0.025)
    assert band.values.tolist() == [0.0, 0.25]
    assert (band.lows < band.values).all()
    assert (band.values < band.highs).all()


def test_average_and_difference_by_hand():
    """Distances to the limits add up as the sides of a right angle do."""
    one = Measurement("a", 0.5, 10, lambda _: (0.47, 0.54), "known")
    other = Measurement("b", 0.8, 20, lambda _: (0.76, 0.83), "known")
    mean = measures.average("mean", [one, other])
    assert (mean.value, mean.count, mean.interval) == (0.65, 30, pytest.approx((0.625, 0.675)))
    apart = measures.difference("d", other, one)
    assert apart.value == pytest.approx(0.3)
    assert apart.interval == pytest.approx((0.3 - math.hypot(0.04, 0.04), 0.3 + math.hypot(0.03, 0.03)))


@pytest.mark.parametrize("combine", [measures.average, measures.highest, measures.lowest])
def test_nothing_and_numbers_without_intervals_cannot_be_combined(combine):
    """Said by name."""
    with pytest.raises(ValueError, match="no measurements"):
        combine("worst", [])
    with pytest.raises(ValueError, match="ece_15_equal_width has no interval"):
        combine("worst", [measures.calibration_error(right_or_wrong(1)).companions[0]])


# Real predictions


@needs_data
def test_published_softmax_outputs():
    """A WideResNet on the CIFAR-10 test set, to nine digits."""
    with np.load(next(Path(os.environ["EYECHART_DATA"], "softmax").glob("*.npz"))) as file:
        labels, probabilities = file["ground_truth"], file["predictions"].astype(np.float64)
    predictions = answers(labels, probabilities.argmax(axis=1), probabilities.max(axis=1), probabilities)
    # Recorded probabilities are taken as they are; a softmax of their logarithms would normalize them again.
    vars(predictions)["probabilities"] = probabilities
    assert measures.accuracy(predictions).value == 0.9109
    plug_in, likelihood, brier = measures.calibration_error(predictions).companions
    assert plug_in.value == pytest.approx(0.05371629542112352, abs=1e-9)
    assert likelihood.value == pytest.approx(0.37816958639618814, abs=1e-9)
    assert brier.value == pytest.approx(0.14387109174081647, abs=1e-9)


@needs_data
@pytest.mark.parametrize(
    ("model", "shape", "texture", "accuracy"),
    [("deit3-21k", 340, 513, 0.32421875), ("tv-resnet50", 170, 621, 0.18281250)],
)
def test_published_cue_conflict_decisions(model, shape, texture, accuracy):
    """The recorded decisions on all 1,280 images."""
    path = Path(os.environ["EYECHART_DATA"], "cue-conflict-decisions", f"cue-conflict_{model}_session-1.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    photographs = [row["imagename"].removesuffix(".png").split("-") for row in rows]
    names = sorted({row["category"] for row in rows})
    shapes, textures = np.array([[names.index(x.rstrip("0123456789")) for x in pair] for pair in photographs]).T
    cues = measures.Cues(shapes, textures, *np.array(photographs).T)
    predictions = answers(shapes, [names.index(row["object_response"]) for row in rows])
    assert measures.accuracy(predictions).value == accuracy
    found = measures.shape_bias(predictions, cues)
    assert (found.value, found.count) == (shape / (shape + texture), shape + texture)
    assert measures.cue_decisions(predictions, cues).count == 1200
