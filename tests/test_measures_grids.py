"""Measures of cue conflicts and of grids of views, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from eyechart import measures
from eyechart.measures.intervals import clopper_pearson, tango
from eyechart.measures.measurement import Measurement
from tests.answers import answers, right_or_wrong

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
