"""Measures of mistakes under factors: by hand, by another way to compute them, and where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from eyechart import measures
from eyechart.errors import BlockedError, NothingToMeasureError
from eyechart.measures.intervals import clopper_pearson, error_ratio
from eyechart.measures.measurement import take
from tests.answers import right_or_wrong

CORRECT = [1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1]
FACTORS = {
    "texture": np.isin(np.arange(12), (1, 2, 3, 4)),
    "pose": np.isin(np.arange(12), (5, 6, 7, 8)),
    "style": np.isin(np.arange(12), (9, 10)),
}
"""Error rates 3/4, 1/4 and 0 among images of which a third is wrong: ratios 9/4, 3/4 and 0."""


def test_mean_error_ratio_by_hand():
    """Every factor counts the same, whatever its size."""
    found = measures.mean_error_ratio(right_or_wrong(*CORRECT), FACTORS)
    assert (found.measure, found.count) == ("mean_error_ratio", 12)
    assert found.value == pytest.approx((9 / 4 + 3 / 4 + 0) / 3)


def test_factor_lead_by_hand():
    """Against the mean of the others."""
    predictions = right_or_wrong(*CORRECT)
    assert measures.factor_lead(predictions, "texture", FACTORS).value == pytest.approx(9 / 4 - 3 / 8)
    assert measures.factor_lead(predictions, "style", FACTORS).value == pytest.approx(-12 / 8)
    with pytest.raises(ValueError, match="no factor 'textures': did you mean 'texture'"):
        measures.factor_lead(predictions, "textures", FACTORS)


def test_worst_factor_accuracy_by_hand():
    """The lowest accuracy, and all of them beside it."""
    found = measures.worst_factor_accuracy(right_or_wrong(*CORRECT), FACTORS)
    assert (found.measure, found.value, found.count) == ("worst_factor_top1", 0.25, 4)
    assert found.interval == (clopper_pearson(1, 4, 0.025)[0], clopper_pearson(1, 4, 0.025 / 3)[1])
    assert {each.measure: each.value for each in found.companions} == {
        "top1_under_texture": 0.25, "top1_under_pose": 0.75, "top1_under_style": 1.0,
    }  # fmt: skip
    assert found.companions[1].interval == clopper_pearson(3, 4, 0.025)


def test_error_ratio_over_other_images_by_hand():
    """Half wrong in the factor, a quarter of the annotated images, an eighth of all."""
    annotated = right_or_wrong(1, 0, 1, 1, 1, 1, 1, 0)
    everything = right_or_wrong(1, 0, 1, 1, 1, 1, 1, 0, *[1] * 8)
    inside = np.arange(8) < 2
    found = measures.error_ratio(annotated, inside, everything)
    assert (found.measure, found.value, found.count) == ("error_ratio", pytest.approx(4.0), 2)
    assert found.interval == error_ratio(1, 2, 2, 16, 0.025)
    backwards = measures.error_ratio(annotated, inside, take(everything, np.arange(16)[::-1]))
    assert backwards.interval == found.interval


def test_a_part_must_belong_to_the_whole():
    """An image that the whole lacks, or that is answered in another way there."""
    annotated, inside = right_or_wrong(1, 0, 1, 1), np.arange(4) < 2
    with pytest.raises(ValueError, match=r"1 images .* missing .* such as 'image-00001'"):
        measures.error_ratio(annotated, inside, right_or_wrong(1))
    with pytest.raises(ValueError, match=r"1 images are right in one and wrong in the other .*'image-00001'"):
        measures.error_ratio(annotated, inside, right_or_wrong(1, 1, 1, 1, 1))


NONE = np.zeros(3, dtype=bool)
NOTHING = {
    "empty factor": (lambda p: measures.error_ratio(p, NONE), "no image has the factor, so"),
    "full factor": (lambda p: measures.error_ratio(p, ~NONE), "every image has the factor, so"),
    "empty among factors": (lambda p: measures.mean_error_ratio(p, {"a": ~NONE, "b": NONE}), "has the factor 'a'"),
    "no factors": (lambda p: measures.mean_error_ratio(p, {}), "no factors"),
    "accuracy of an empty factor": (lambda p: measures.worst_factor_accuracy(p, {"b": NONE}), "has the factor 'b'"),
    "accuracy of no factors": (lambda p: measures.worst_factor_accuracy(p, {}), "no measurements"),
    "no image is left": (lambda p: measures.accuracy(measures.only(p, NONE)), "no images"),
    "no corruption": (lambda _: measures.mean_corruption_error({}), "at least one corruption"),
    "no task": (lambda _: measures.mean_accuracy([]), "no measurements"),
    "no draw": (lambda _: measures.accuracy_over_draws([]), "no draws"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_to_measure_blocks_a_claim(case):
    """It is said what is missing, and it is no fault of the harness."""
    measure, text = NOTHING[case]
    with pytest.raises(NothingToMeasureError, match=text) as caught:
        measure(right_or_wrong(1, 0, 1))
    assert isinstance(caught.value, BlockedError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("measure", [measures.error_ratio, lambda p, f: measures.worst_factor_accuracy(p, {"f": f})])
def test_mistakes_of_a_caller_are_no_missing_images(measure):
    """A factor that is as long as other images is an error, and blocks nothing."""
    with pytest.raises(ValueError, match="has shape") as caught:
        measure(right_or_wrong(1, 0, 1), np.zeros(2, dtype=bool))
    assert not isinstance(caught.value, BlockedError)


@st.composite
def factored(draw):
    """Answers and two factors that may overlap, neither empty nor everything."""
    correct = draw(st.lists(st.booleans(), min_size=4, max_size=60))
    size = len(correct)
    masks = []
    for _ in range(2):
        chosen = draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size - 1))
        masks.append(np.isin(np.arange(size), list(chosen)))
    return right_or_wrong(*correct), masks


@given(factored())
@settings(deadline=None, max_examples=60)
def test_leads_of_factors_are_opposite(case):
    """One factor leads another by as much as it is behind, value and limits; means lie between."""
    predictions, (one, other) = case
    factors = {"one": one, "other": other}
    ahead, behind = (measures.factor_lead(predictions, name, factors) for name in factors)
    assert ahead.value == pytest.approx(-behind.value)
    assert ahead.interval == pytest.approx(tuple(-end for end in behind.interval[::-1]))
    ratios = [measures.error_ratio(predictions, mask).value for mask in factors.values()]
    assert min(ratios) - 1e-9 <= measures.mean_error_ratio(predictions, factors).value <= max(ratios) + 1e-9


def jackknifed(values_of, count):
    """Standard error of a statistic of images, by leaving each of them out (Efron & Stein 1981)."""
    values = np.array([values_of(np.arange(count) != left_out) for left_out in range(count)])
    return np.sqrt((count - 1) / count * np.sum((values - values.mean()) ** 2))


def test_the_jackknife_agrees():
    """The width of each interval made of influences is that of a t interval with the jackknife's error."""
    rng = np.random.default_rng(7)
    count, factor = 600, rng.integers(0, 4, 600)
    wrong = rng.random(count) < np.array([0.5, 0.3, 0.2, 0.1])[factor]
    other = np.where(rng.random(count) < 0.5, wrong, rng.random(count) < 0.3)
    masks = {str(level): factor == level for level in range(4)}

    def ratio(errors, kept, name):
        return errors[kept & masks[name]].mean() / errors[kept].mean()

    def mean(errors, kept):
        return np.mean([ratio(errors, kept, name) for name in masks])

    first, second = right_or_wrong(*(~wrong).astype(int)), right_or_wrong(*(~other).astype(int))
    fewest = min(int(mask.sum()) for mask in masks.values())
    cases = [
        (measures.mean_error_ratio(first, masks), lambda kept: mean(wrong, kept), fewest),
        (
            measures.lead(measures.mean_error_ratio(first, masks), measures.mean_error_ratio(second, masks)),
            lambda kept: mean(wrong, kept) - mean(other, kept),
            fewest,
        ),
        (
            measures.lead(*(measures.error_ratio(each, masks["0"]) for each in (first, second))),
            lambda kept: ratio(wrong, kept, "0") - ratio(other, kept, "0"),
            int(masks["0"].sum()),
        ),
        (
            measures.factor_lead(first, "0", {name: masks[name] for name in "01"}),
            lambda kept: ratio(wrong, kept, "0") - ratio(wrong, kept, "1"),
            min(int(masks[name].sum()) for name in "01"),
        ),
    ]
    for found, statistic, images in cases:
        assert found.value == pytest.approx(statistic(np.ones(count, dtype=bool)))
        low, high = found.interval
        expected = 2 * stats.t.isf(0.025, images - 1) * jackknifed(statistic, count)
        assert high - low == pytest.approx(expected, rel=0.05), found.measure


def test_without_a_mistake_nothing_is_known_of_ratios():
    """0 / 0 is nowhere; a factor with one image is as good as none."""
    masks = {"one": np.arange(10) < 3, "other": np.arange(10) >= 8}
    found = measures.mean_error_ratio(right_or_wrong(*[1] * 10), masks)
    assert (found.value, found.interval) == (1.0, (0.0, pytest.approx((10 / 3 + 10 / 2) / 2)))
    single = {"one": np.arange(10) < 1, "other": np.arange(10) >= 5}
    assert measures.factor_lead(right_or_wrong(0, 1, 0, 1, 1, 1, 1, 1, 1, 0), "one", single).interval == (-2.0, 10.0)
