"""The linear probe: learned from train images alone, to the optimum of what its docstring states, or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from eyechart.errors import BlockedError, SpecError
from eyechart.predict.probes import PROTOCOLS, STRENGTHS, VERSION, Probe, fit, held_out, identity


def task(classes: int = 3, count: int = 90, noise: float = 1.0, dimensions: int = 6, seed: int = 0):
    """Features around a center a class, off the origin; labels; keys."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centers = draw.normal(size=(classes, dimensions))
    features = centers[labels] + noise * draw.normal(size=(count, dimensions)) + 0.5
    return features.astype(np.float32), labels, np.array([f"task/{index:05d}" for index in range(count)])


def unit(features):
    """Features of length 1."""
    return features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)


def centered(logits):
    """Logits up to what a softmax cannot see."""
    return logits - logits.mean(axis=1, keepdims=True)


def minimized(features, labels, classes: int, strength: float):
    """Weights and bias by another solver: summed cross-entropy plus strength / 2 times the squared weights."""
    x, shown = unit(features), np.eye(classes)[labels]

    def objective(flat):
        weights, bias = flat[:-classes].reshape(classes, -1), flat[-classes:]
        logs = log_softmax(x @ weights.T + bias, axis=1)
        error = np.exp(logs) - shown
        slope = np.concatenate([(error.T @ x + strength * weights).ravel(), error.sum(axis=0)])
        return -(logs * shown).sum() + strength / 2 * (weights**2).sum(), slope

    tight = {"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-15, "gtol": 1e-8}
    start = np.zeros(classes * (x.shape[1] + 1))
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=tight).x
    return found[:-classes].reshape(classes, -1), found[-classes:]


def test_worked_by_hand():
    """Class 0 at (2, 0), class 1 at (-3, 0), ten of each: weights (u, 0) and (-u, 0) with s · u · (1 + e^2u) = 20."""
    labels = np.arange(20) % 2
    features = np.array([[2.0, 0.0], [-3.0, 0.0]])[labels]
    probe = fit(features, labels, [f"{index}" for index in range(20)], 2)
    assert (probe.strength, probe.validation_accuracy, probe.images) == (STRENGTHS[0], 1.0, 20)
    u = probe.weights[0, 0]
    assert np.allclose(probe.weights, [[u, 0], [-u, 0]], atol=1e-9)
    assert probe.bias == pytest.approx([0, 0], abs=1e-9)
    assert probe.strength * u * (1 + math.exp(2 * u)) == pytest.approx(20)
    assert probe.logits(np.array([[7.0, 0.0]])) == pytest.approx(np.array([[u, -u]]))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_optimum_is_that_of_another_solver(classes):
    """The probe's logits, and the strength and validation accuracy it reports, are scipy's on the stated objective."""
    features, labels, keys = task(classes, noise=1.5)
    probe = fit(features, labels, keys, classes)
    weights, bias = minimized(features, labels, classes, probe.strength)
    assert np.allclose(centered(probe.logits(features)), centered(unit(features) @ weights.T + bias), atol=1e-3)
    aside = held_out(labels, keys)
    right = {}
    for strength in STRENGTHS[:6]:
        weights, bias = minimized(features[~aside], labels[~aside], classes, strength)
        right[strength] = np.mean((unit(features[aside]) @ weights.T + bias).argmax(axis=1) == labels[aside])
    assert max(right, key=right.get) == probe.strength, "the strongest of the best"
    assert right[probe.strength] == probe.validation_accuracy


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 1000), st.permutations(range(3)), st.floats(-6, 6))
def test_order_scale_and_names_of_classes_do_not_matter(seed, names, exponent):
    """Shuffled rows give the same bits; features of another scale and renamed classes give the same answers."""
    features, labels, keys = task(count=45, seed=seed)
    probe = fit(features, labels, keys, 3)
    order = np.random.default_rng(seed).permutation(len(keys))
    shuffled = fit(features[order], labels[order], keys[order], 3)
    assert np.array_equal(shuffled.weights, probe.weights)
    assert shuffled.record == probe.record
    scales = 10.0 ** (exponent * np.random.default_rng(seed).uniform(size=(len(keys), 1)))
    scaled = fit(features * scales, labels, keys, 3)
    assert scaled.record == probe.record
    assert np.allclose(scaled.logits(features), probe.logits(features), rtol=1e-3, atol=1e-3)
    names = np.array(names)
    renamed = fit(features, names[labels], keys, 3)
    assert renamed.record == probe.record
    assert np.allclose(renamed.logits(features)[:, names], probe.logits(features), rtol=1e-3, atol=1e-3)


def test_images_set_aside_depend_on_keys_alone():
    """A fifth of every class, whatever the order; other keys, other images; one of each class is left to learn from."""
    _, labels, keys = task(3, 90)
    aside = held_out(labels, keys)
    assert [int(aside[labels == label].sum()) for label in range(3)] == [6, 6, 6]
    order = np.random.default_rng(0).permutation(90)
    assert np.array_equal(held_out(labels[order], keys[order]), aside[order])
    assert not np.array_equal(held_out(labels, np.char.add(keys, "x")), aside)
    few = held_out(np.array([0, 0, 1, 2, 2, 2, 2]), keys[:7])
    assert [int(few[[0, 1]].sum()), bool(few[2]), int(few[3:].sum())] == [1, False, 1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_test_images_teach_nothing(protocol):
    """Each test image is answered for itself, whatever images stand beside it, and the probe stays as it was."""
    features, labels, keys = task(count=120)
    probe = fit(features[:90], labels[:90], keys[:90], 3, protocol)
    before, alone = probe.record, np.concatenate([probe.logits(features[row : row + 1]) for row in range(90, 120)])
    order = np.random.default_rng(0).permutation(30)
    assert np.allclose(probe.logits(features[90:][order]), alone[order], atol=1e-12)
    assert probe.record == before == fit(features[:90], labels[:90], keys[:90], 3, protocol).record
    assert np.mean(probe.logits(features[90:]).argmax(axis=1) == labels[90:]) > 0.6


def test_a_class_without_train_images_is_never_the_answer():
    """Its logit is -inf, and the others are those of a task that never heard of it."""
    features, labels, keys = task(3)
    probe = fit(features, np.array([0, 2, 4])[labels], keys, 6)
    logits = probe.logits(features)
    assert logits.shape == (90, 6)
    assert logits.dtype == np.float64
    assert np.all(logits[:, [1, 3, 5]] == -np.inf)
    assert np.array_equal(logits[:, [0, 2, 4]], fit(features, labels, keys, 3).logits(features))


def test_features_that_carry_nothing_still_give_an_answer():
    """All features zero: the probe answers by how frequent the classes are."""
    labels = np.array([0] * 30 + [1] * 10)
    probe = fit(np.zeros((40, 4)), labels, [f"{index}" for index in range(40)], 2)
    odds = np.exp(probe.logits(np.zeros((1, 4)))[0])
    assert odds[0] / odds[1] == pytest.approx(3, rel=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(value):
    """How many images, and the first by name, of the train images and of the test images."""
    features, labels, keys = task()
    probe, spoiled = fit(features, labels, keys, 3), features.copy()
    spoiled[[7, 50], 1] = value
    with pytest.raises(BlockedError, match="2 of 90 train images are not finite, the first of task/00007"):
        fit(spoiled, labels, keys, 3)
    with pytest.raises(BlockedError, match="2 of 90 test images are not finite, the first of task/00007"):
        probe.logits(spoiled, keys)
    with pytest.raises(BlockedError, match="1 of 10 test images are not finite, the first of 7"):
        probe.logits(spoiled[:10])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda features, labels, keys: (features, labels * 0 + 2, keys),
            "all 90 train images show class 2: a transfer",
        ),
        (lambda features, labels, keys: (features[:0], labels[:0], keys[:0]), "no train image"),
        (
            lambda features, labels, keys: (features[:3], labels[:3], keys[:3]),
            "3 train images of 3 classes: none can be",
        ),
        (lambda features, labels, keys: (features, labels + 1, keys), "labels from 0 to 2, found 1 to 3"),
        (lambda features, labels, keys: (features[:, 0], labels, keys), r"expected shape \(n, d\), found \(90,\)"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change, message):
    """One class, no image, no image to set aside, labels out of the task, features without dimensions."""
    with pytest.raises(BlockedError, match=message):
        fit(*change(*task()), 3)


def test_features_of_another_model_are_refused():
    """As many dimensions as were learned from; and as many labels as features."""
    features, labels, keys = task()
    with pytest.raises(BlockedError, match="test images have 4 dimensions, those of train images have 6"):
        fit(features, labels, keys, 3).logits(features[:, :4])
    with pytest.raises(ValueError, match="90 features, 89 labels and 90 keys"):
        fit(features, labels[1:], keys, 3)


def test_protocols_have_identities_of_their_own():
    """An unknown one is an error that offers the nearest."""
    assert len({identity(protocol) for protocol in PROTOCOLS}) == len(PROTOCOLS)
    with pytest.raises(SpecError, match="'clip_benchmark' is unknown: did you mean 'clip-benchmark'"):
        fit(*task(), 3, "clip_benchmark")
    assert fit(*task(), 3).record["version"] == VERSION


def adamw(features, labels, classes: int):
    """CLIP_benchmark's training by numpy; torch gives the first weights and the order of images alone."""
    import torch
    from torch.utils.data import DataLoader

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Linear(features.shape[1], classes)
        values = [each.detach().numpy().astype(np.float64) for each in (layer.weight, layer.bias)]
        loader = DataLoader(range(len(features)), batch_size=64, shuffle=True)
        batches = [rows.numpy() for _ in range(10) for rows in loader]
    x, moments = unit(features), [(np.zeros_like(each), np.zeros_like(each)) for each in values]
    for step, rows in enumerate(batches):
        error = np.exp(log_softmax(x[rows] @ values[0].T + values[1], axis=1)) - np.eye(classes)[labels[rows]]
        slopes = [error.T @ x[rows] / len(rows), error.mean(axis=0)]
        rate = 0.1 * (1 + math.cos(math.pi * step / len(batches))) / 2
        for place, slope in enumerate(slopes):
            first, second = moments[place]
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            moments[place] = (first, second)
            scale = np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8
            values[place] = values[place] - rate * first / (1 - 0.9 ** (step + 1)) / scale
    return values


def test_clip_benchmark_trains_as_published():
    """AdamW written out: batches of 64, ten epochs, rate .1 falling along a cosine; torch's own draws are untouched."""
    import torch

    features, labels, keys = task(count=150)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    probe = fit(features, labels, keys, 3, "clip-benchmark")
    assert torch.equal(torch.rand(1), expected)
    weights, bias = adamw(features, labels, 3)
    assert np.allclose(probe.weights, weights, atol=1e-3)
    assert np.allclose(probe.bias, bias, atol=1e-3)
    assert isinstance(probe, Probe)
    assert probe.record == {"version": VERSION, "protocol": "clip-benchmark", "images": 150,
                            "strength": None, "validation_accuracy": None}  # fmt: skip
