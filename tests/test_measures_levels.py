"""Measures over levels, tasks and sets, and the curves that are reported beside one number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from eyechart import measures
from eyechart.errors import NothingToMeasureError
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.measures.combining import COMPANIONS
from eyechart.measures.intervals import clopper_pearson, mean_limits, tango
from tests.answers import answers, right_or_wrong


def test_accuracy_by_level_by_hand():
    """One of two right at the left, three of four at the right: every level counts the same."""
    predictions = right_or_wrong(1, 0, 1, 1, 1, 0)
    sides, assets = np.array(["left", "left", *["right"] * 4]), np.array([1, 2, 1, 1, 2, 2])
    found = measures.accuracy_by_level(predictions, sides, assets)
    assert (found.measure, found.value, found.count) == ("top1_by_level", (0.5 + 0.75) / 2, 6)
    assert {each.measure: (each.value, each.count) for each in found.companions} == {
        "top1_at_left": (0.5, 2), "top1_at_right": (0.75, 4),
    }  # fmt: skip
    worst = measures.worst_level(predictions, sides, assets)
    assert (worst.measure, worst.value) == ("worst_level_top1", 0.5)
    assert [str(each) for each in worst.companions] == [str(each) for each in found.companions]
    assert found.companions[1].interval == mean_limits([1, 1, 1, 0], 0.025, [1, 1, 2, 2], (0.0, 1.0))


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ([0.25, 1.0], ["0.25", "1"]),
        ([30, 5], ["5", "30"]),
        ([True, False], ["False", "True"]),
        (["b", "a"], ["a", "b"]),
    ],
)
def test_levels_of_any_kind_are_named_and_in_order(levels, names):
    """Numbers as numbers, words as words."""
    found = measures.accuracy_by_level(right_or_wrong(1, 0), np.array(levels), np.arange(2))
    assert [each.measure for each in found.companions] == [f"top1_at_{name}" for name in names]


def test_a_full_grid_of_levels_is_a_mean_of_assets():
    """Where every asset is seen at every level, assets are the observations of an ordinary t interval."""
    rng = np.random.default_rng(4)
    right = (rng.random((30, 8)) < rng.random((30, 1))).astype(int)
    found = measures.accuracy_by_level(right_or_wrong(*right.ravel()), np.tile(np.arange(8), 30), np.arange(240) // 8)
    low, high = DescrStatsW(right.mean(axis=1)).tconfint_mean()
    assert found.value == pytest.approx(right.mean())
    assert found.interval == pytest.approx((low, high), abs=0.01)  # ours adds a correction for skewness


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=40), st.randoms())
@settings(deadline=None, max_examples=60)
def test_levels_hold_the_mean_between_worst_and_best(rows, random):
    """And neither depends on the order of the images."""
    levels, correct = np.array(rows, dtype=int).T
    assume(np.unique(levels).size > 1)
    clusters = np.arange(levels.size) // 3
    found = measures.accuracy_by_level(right_or_wrong(*correct), levels, clusters)
    worst = measures.worst_level(right_or_wrong(*correct), levels, clusters)
    values = [each.value for each in found.companions]
    assert min(values) == worst.value <= found.value + 1e-12
    assert found.value <= max(values) + 1e-12
    order = list(range(levels.size))
    random.shuffle(order)
    again = measures.accuracy_by_level(right_or_wrong(*correct[order]), levels[order], clusters[order])
    assert again.value == pytest.approx(found.value)
    assert again.interval == pytest.approx(found.interval, abs=1e-9)


def test_one_asset_tells_nothing_of_others():
    """A single cluster leaves everything open, however many images it has."""
    found = measures.accuracy_by_level(right_or_wrong(*[1] * 40), np.arange(40) % 4, np.zeros(40, dtype=int))
    assert found.interval == (0.0, 1.0)


@pytest.mark.parametrize("measure", [measures.accuracy_by_level, measures.worst_level])
def test_levels_of_no_images_are_blocked(measure):
    """And of other images an error."""
    none = np.zeros(0, dtype=int)
    with pytest.raises(NothingToMeasureError, match="no images"):
        measure(right_or_wrong(), none, none)
    with pytest.raises(ValueError, match="`levels` has shape"):
        measure(right_or_wrong(1), none, np.zeros(1))


# Curves


def views(*lost):
    """Views under which so many of twenty right answers are lost."""
    return [right_or_wrong(*[0] * count, *[1] * (20 - count), view=f"shift({count})") for count in lost]


def test_the_worst_view_reports_the_curve():
    """Each view by itself, as if it were the only one."""
    original = right_or_wrong(*[1] * 20)
    drop = measures.worst_drop(original, views(1, 8, 4))
    assert [(each.measure, each.value) for each in drop.companions] == [
        ("top1_drop_at_shift(1)", 0.05), ("top1_drop_at_shift(8)", 0.4), ("top1_drop_at_shift(4)", 0.2),
    ]  # fmt: skip
    assert drop.companions[1].interval == tango(8, 0, 20, 0.025)
    kept = measures.least_kept(original, views(1, 8, 4))
    assert [each.measure for each in kept.companions][1] == "agreement_at_shift(8)"
    assert kept.companions[1].interval == clopper_pearson(12, 20, 0.025)


def test_a_corruption_is_reported_where_there_are_several():
    """One alone is the mean already."""
    grid = {"fog": views(1, 3), "snow": views(8)}
    found = measures.mean_corruption_error(grid)
    assert {each.measure: each.value for each in found.companions} == {
        "mean_corruption_error_at_fog": pytest.approx(0.1), "mean_corruption_error_at_snow": pytest.approx(0.4),
    }  # fmt: skip
    relative = measures.mean_corruption_error(grid, measures.ALEXNET_ERRORS)
    assert relative.companions[0].measure == "mce_at_fog"
    assert relative.companions[0].value == pytest.approx(0.1 / 0.819324)
    assert relative.value == pytest.approx(np.mean([each.value for each in relative.companions]))
    assert measures.mean_corruption_error({"fog": views(1)}).companions == ()


def test_errors_of_alexnet_are_those_of_the_corruptions():
    """One for each corruption that can be rendered, and an AlexNet of these errors has the mCE 1."""
    assert measures.ALEXNET_ERRORS.keys() == set(CORRUPTIONS)
    assert np.mean(list(measures.ALEXNET_ERRORS.values())) == pytest.approx(0.788993, abs=1e-6)
    count = 10_000
    errors = {name: [right_or_wrong(*(np.arange(count) >= round(rate * count)).astype(int))]
              for name, rate in measures.ALEXNET_ERRORS.items()}  # fmt: skip
    assert measures.mean_corruption_error(errors, measures.ALEXNET_ERRORS).value == pytest.approx(1.0, abs=1e-4)


def test_of_a_large_grid_the_worst_points_are_reported():
    """Twenty of them, in the order of the grid."""
    original = right_or_wrong(*[1] * 20)
    many = [replace(views(lost)[0], view=f"v{place}") for place, lost in enumerate([*range(20), *range(20)])]
    names = [each.measure for each in measures.worst_drop(original, many).companions]
    assert names == [f"top1_drop_at_v{place}" for place in (*range(10, 20), *range(30, 40))]
    levels = np.arange(120) % 60
    kept = measures.worst_level(right_or_wrong(*(levels >= 5).astype(int)), levels, np.arange(120)).companions
    assert len(kept) == COMPANIONS
    assert [each.measure for each in kept[:5]] == [f"top1_at_{level}" for level in range(5)]


# Tasks and sets


def test_mean_accuracy_counts_tasks_the_same():
    """A half and nine tenths, whatever their sizes."""
    found = measures.mean_accuracy([right_or_wrong(1, 0), right_or_wrong(*[1] * 9, 0)])
    assert (found.measure, found.value, found.count) == ("mean_top1", pytest.approx(0.7), 12)


def test_a_drop_between_sets_by_hand():
    """Nothing is shared, so the limits add up as the sides of a right angle."""
    found = measures.accuracy_drop_on_other_images(right_or_wrong(*[1] * 9, 0), right_or_wrong(1, 1, 0, 0))
    assert (found.measure, found.value, found.count) == ("top1_drop_between_sets", pytest.approx(0.4), 4)
    (low_1, high_1), (low_2, high_2) = clopper_pearson(9, 10, 0.025), clopper_pearson(2, 4, 0.025)
    expected = (0.4 - np.hypot(0.9 - low_1, high_2 - 0.5), 0.4 + np.hypot(high_1 - 0.9, 0.5 - low_2))
    assert found.interval == pytest.approx(expected)
    with pytest.raises(NothingToMeasureError):
        measures.accuracy_drop_on_other_images(right_or_wrong(1), right_or_wrong())


def test_lead_over_guessing_by_hand():
    """Three of five right; naming the commonest class gets three right too, another three."""
    found = measures.lead_over_guessing(answers([0, 0, 0, 1, 2], [0, 1, 1, 1, 2]))
    assert (found.measure, found.value, found.count) == ("top1_over_guessing", 0.0, 5)
    assert found.interval == (tango(2, 2, 5, 0.025)[0], tango(2, 2, 5, 0.025 / 3)[1])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60)
def test_a_constant_answer_never_leads_a_guess(labels):
    """Whichever class it names; the commonest one is the guess."""
    labels = np.array(labels)
    for answer in range(4):
        found = measures.lead_over_guessing(answers(labels, np.full(labels.size, answer)))
        assert found.value == pytest.approx(np.mean(labels == answer) - np.bincount(labels).max() / labels.size)
        assert found.value <= 0.0


# Categories of cue conflicts


def test_the_cues_of_one_category():
    """Chosen as their predictions are; another length or type is refused."""
    names = np.array(["a", "b", "c", "d"])
    cues = measures.Cues(np.array([0, 0, 1, 1]), np.array([1, 2, 0, 2]), names, names)
    predictions = answers(cues.shapes, [0, 2, 0, 0])
    mask = cues.shapes == 0
    found = measures.shape_bias(measures.only(predictions, mask), cues.where(mask))
    assert (found.value, found.count) == (0.5, 2)
    for wrong in (mask[:2], mask.astype(int)):
        with pytest.raises(ValueError, match="expected 4 truth values"):
            cues.where(wrong)
    undecided = cues.shapes == 1
    with pytest.raises(NothingToMeasureError, match="no answer names"):
        measures.shape_bias(measures.only(answers(cues.shapes, [0, 0, 3, 3]), undecided), cues.where(undecided))


def test_images_that_share_no_photographs_are_their_own():
    """Where every image was made anew, its key stands for both photographs, and clusters change nothing."""
    rng = np.random.default_rng(6)
    predictions = answers(np.zeros(80, dtype=int), (rng.random(80) < 0.4).astype(int))
    cues = measures.Cues(np.zeros(80, dtype=int), np.ones(80, dtype=int), predictions.keys, predictions.keys)
    found = measures.shape_bias(predictions, cues)
    low, high = mean_limits(predictions.predicted == 0, 0.025, possible=(0.0, 1.0))
    exact = clopper_pearson(int(np.sum(predictions.predicted == 0)), 80, 0.025)
    assert found.interval == pytest.approx((min(low, exact[0]), max(high, exact[1])))


def test_few_photographs_give_few_degrees_of_freedom():
    """Ten shapes that decide alike, each with eight textures: as ten observations, and one alone as none."""
    shapes = np.repeat([f"s{row}" for row in range(10)], 8)
    textures = np.array([f"t{row}" for row in range(80)])
    named = np.repeat([0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 8)
    predictions = answers(np.zeros(80, dtype=int), named)
    cues = measures.Cues(np.zeros(80, dtype=int), np.ones(80, dtype=int), shapes, textures)
    found = measures.shape_bias(predictions, cues)
    assert found.interval == pytest.approx(DescrStatsW(np.repeat([1.0, 0.0], 5)).tconfint_mean())
    alone = measures.shape_bias(predictions, replace(cues, content_images=np.full(80, "s")))
    assert alone.interval == (0.0, 1.0)
