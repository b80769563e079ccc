"""Calibration error: by hand, by oracle, and for every input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import signal, stats

from eyechart.measures.intervals import ece, equal_width_ece
from eyechart.measures.intervals.calibration import folded, noise_quantile

alphas = st.floats(1e-6, 0.49)


@st.composite
def answers(draw):
    """(confidence, correct), with ties and with the ends of the range."""
    count = draw(st.integers(1, 80))
    confidence = draw(arrays(np.float64, count, elements=st.sampled_from([0.0, 1.0]) | st.floats(0, 1)))
    return confidence, draw(arrays(np.bool_, count))


def test_bins_by_hand():
    """Four images in two bins: gaps 1 - .5 and .5 - .85, of spread 0.02 and .1 and more when calibrated."""
    found = ece([0.4, 0.6, 0.8, 0.9], [True, True, False, True], bins=2)
    assert found.weights == pytest.approx([0.5, 0.5])
    assert found.gaps == pytest.approx([0.5, -0.35])
    assert found.plug_in == pytest.approx(0.425)
    spread = [max(0.02, 0.24), max(0.405, 0.125)]  # of correct - confidence; f (1 - f) on average
    assert found.errors == pytest.approx(np.sqrt(np.array(spread) / 2))


def test_debiased_value_agrees_with_resampling():
    """Kumar, Liang and Ma subtract what new noise on the observed gaps adds to their absolute values."""
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.3, 1.0, 3000)
    found = ece(confidence, rng.random(3000) < confidence - 0.02)
    noisy = np.abs(found.gaps + found.errors * rng.normal(size=(100_000, 15))) @ found.weights
    assert found.value == pytest.approx(2 * found.plug_in - noisy.mean(), abs=2e-4)
    assert found.value < found.plug_in - 1e-3


def test_equal_confidences_stay_together():
    """A network that always says .9 has one bin, however its images are sorted."""
    right = np.arange(1000) >= 100
    assert ece(np.full(1000, 0.9), right).value == pytest.approx(0.0, abs=1e-12)
    assert ece(np.full(1000, 0.9), right).gaps.size == 1


def test_folded_normal_mean_agrees_with_scipy():
    """The mean absolute value of normal variables."""
    means, errors = np.array([-0.3, 0.0, 0.1, 2.0]), np.array([0.2, 0.5, 0.1, 0.1])
    assert folded(means, errors) == pytest.approx(stats.foldnorm.mean(np.abs(means / errors), scale=errors))
    assert folded(np.array([-2.0]), np.array([0.0])) == pytest.approx([2.0])


@pytest.mark.parametrize("alpha", [0.3, 0.025, 1e-4, 1e-6])
@pytest.mark.parametrize(("absolute", "signed"), [([1.0] * 15, []), ([0.5, 0.2], [0.3]), ([1.0], []), ([], [2.0, 1.0])])
def test_noise_quantile_agrees_with_convolution(absolute, signed, alpha):
    """The density of the sum, by folding densities on a fine grid; the error rate is met within 5 %."""
    step = 0.004
    grid = np.arange(-50, 50 + step / 2, step)
    density = np.where(np.abs(grid) < step / 2, 1 / step, 0.0)
    for error in absolute:
        half = np.where(grid < -step / 2, 0.0, 2 * stats.norm.pdf(grid, scale=error))
        half[np.abs(grid) < step / 2] /= 2
        density = signal.fftconvolve(density, half, mode="same") * step
    for error in signed:
        density = signal.fftconvolve(density, stats.norm.pdf(grid, scale=error), mode="same") * step
    above = density[grid > noise_quantile(np.array(absolute), np.array(signed), alpha)].sum() * step
    assert above == pytest.approx(alpha, rel=0.05)


def test_equal_width_by_hand():
    """Bins (0, .5] and (.5, 1]: a confidence on an edge belongs below it, one of 0 nowhere."""
    confidence, right = [0.0, 0.5, 0.5, 0.6], [True, True, False, True]
    assert equal_width_ece(confidence, right, bins=2) == pytest.approx(abs(1 - 1.0) / 4 + abs(1 - 0.6) / 4)
    assert equal_width_ece([0.5, 0.6], [True, True], bins=2) == pytest.approx((0.5 + 0.4) / 2)


@pytest.mark.slow
def test_equal_width_agrees_with_torchmetrics():
    """The plug-in calibration error as torchmetrics has it, in float32."""
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet(np.full(5, 0.4), 2000).astype(np.float32)
    labels = rng.integers(0, 5, 2000)
    expected = functional.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), num_classes=5, n_bins=15, norm="l1"
    )
    confidence, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    assert equal_width_ece(confidence, right) == pytest.approx(float(expected), abs=1e-6)


@given(answers(), alphas, alphas, st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_limits_are_honest(given_answers, alpha, other, bins):
    """They hold the value, lie in [0, 1], grow with certainty, and do not depend on the order."""
    confidence, right = given_answers
    found = ece(confidence, right, bins)
    low, high = found.limits(alpha)
    assert 0.0 <= low <= found.value <= high <= 1.0
    assert low < high
    wide, narrow = (found.limits(a) for a in sorted((alpha, other)))
    assert wide[0] <= narrow[0] + 1e-9
    assert wide[1] >= narrow[1] - 1e-9
    turned = ece(confidence[::-1], right[::-1], bins)
    assert turned.value == pytest.approx(found.value, abs=1e-9)
    assert turned.limits(alpha) == pytest.approx((low, high), abs=1e-9)


def test_one_image_leaves_nearly_all_open():
    """One answer, said to be certain: if wrong, 2.5 % of such images may still be right; if right, nothing is known."""
    assert ece([1.0], [True]).limits(0.025) == (0.0, 1.0)
    assert ece([1.0], [False]).limits(0.025) == pytest.approx((0.025, 1.0))


@pytest.mark.parametrize(
    ("confidence", "right", "bins", "text"),
    [
        ([], [], 15, "n = 0"),
        ([0.5], [True, False], 15, "one answer a confidence"),
        ([1.2], [True], 15, "from 0 to 1"),
        ([math.nan, 0.5], [True, True], 15, "from 0 to 1"),
        ([0.5], [True], 0, "at least one bin"),
    ],
)
def test_bad_input_is_refused(confidence, right, bins, text):
    """With what was expected and what was found."""
    with pytest.raises(ValueError, match=text):
        ece(confidence, right, bins)
