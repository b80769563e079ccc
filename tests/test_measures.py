"""Measures: honest for every input, and right on real predictions."""

import csv
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyechart import measures
from tests.answers import answers

needs_data = pytest.mark.skipif("EYECHART_DATA" not in os.environ, reason="EYECHART_DATA does not name the real data")


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


def comparable(levels):
    """Measures of one set of predictions that two checkpoints are compared by, and whose values are shares."""
    return (
        measures.accuracy, measures.calibration_error, measures.lead_over_guessing,
        lambda each: measures.accuracy_by_level(each, levels, levels),
        lambda each: measures.mean_accuracy([each, each]),
        lambda each: measures.mean_corruption_error({"fog": [each], "snow": [each]}),
    )  # fmt: skip


def everything(first, second):
    """Every measure that two predictions are enough for, and the range of each."""
    grid, other = {"fog": [first, second], "snow": [second, second]}, {"fog": [second, second], "snow": [second, first]}
    inside = np.arange(len(first)) % 2 == 0
    levels = first.labels
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
        (measures.accuracy_by_level(first, levels, first.predicted), 0, 1),
        *([(measures.worst_level(first, levels, first.predicted), 0, 1)] if np.unique(levels).size > 1 else []),
        (measures.lead_over_guessing(first), -1, 1),
        (measures.mean_accuracy([first, second]), 0, 1),
        (measures.accuracy_drop_on_other_images(first, second), -1, 1),
        *((measures.lead(measure(first), measure(second)), -1, 1) for measure in comparable(levels)),
    ]
    if len(first) > 1:
        factors, rare, most = {"even": inside, "odd": ~inside}, (~inside).sum(), len(first) / (~inside).sum()
        wide = answers(np.append(first.labels, 0), np.append(first.predicted, 1))
        ratios = [measures.error_ratio(each, inside) for each in (first, second)]
        means = [measures.mean_error_ratio(each, factors) for each in (first, second)]
        found += [
            (ratios[0], 0, len(first) / inside.sum()),
            (measures.error_ratio(first, inside, wide), 0, (len(first) + 1) / inside.sum()),
            (measures.worst_factor_accuracy(first, factors), 0, 1),
            (means[0], 0, len(first) / rare),
            (measures.factor_lead(first, "odd", factors), -most, most),
            (measures.lead(*ratios), -most, most),
            (measures.lead(*means), -most, most),
        ]
    if decided:
        found.append((measures.shape_bias(first, cues), 0, 1))
    if decided and also:
        found.append((measures.shape_bias_drop(first, second, cues), -1, 1))
    return found


@given(pairs(), st.floats(1e-6, 0.49), st.floats(1e-6, 0.49))
@settings(deadline=None, max_examples=60)
def test_every_measure_is_honest(pair, alpha, other):
    """Its limits hold its value, lie in its range, grow with certainty; nothing is NaN."""
    for measurement, bottom, top in everything(*pair):
        if measurement.limits is None:
            assert math.isfinite(measurement.value)
            continue
        low, high = measurement.limits(alpha)
        assert bottom - 1e-9 <= low <= measurement.value + 1e-9, measurement.measure
        assert measurement.value - 1e-9 <= high <= top + 1e-9, measurement.measure
        assert measurement.possible[0] - 1e-9 <= low <= high <= measurement.possible[1] + 1e-9, measurement.measure
        (wide_low, wide_high), (narrow_low, narrow_high) = (measurement.limits(a) for a in sorted((alpha, other)))
        assert wide_low <= narrow_low + 1e-9, measurement.measure
        assert wide_high >= narrow_high - 1e-9, measurement.measure


@given(pairs(), st.randoms())
@settings(deadline=None, max_examples=60)
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
