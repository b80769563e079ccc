"""The linear probe: what a linear classifier learns from frozen features of a task's train images.

Test images never take part: the strength of the penalty is chosen on train images set aside.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.measures.predictions import Bools, Floats, Ints

VERSION = 1
"""Of everything in this module that decides a probe's answers; part of their identity."""

PROTOCOLS = ("logistic", "clip-benchmark")

STRENGTHS = (1e2, 1e1, 1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Weights of the L2 penalty that are tried, strongest first; features have length 1."""

HELD_OUT = 0.2
"""Share of the train images that the strength is chosen on: VTAB's 200 of 1,000."""

SEED = 0
_CHOOSING, _SOLVED = 1e-6, 1e-8
"""Largest slope of the mean objective that the solver stops at: while a strength is chosen, and for the probe itself.

On the miniature's features no answer of 800 differs between the second and an exact solution. L-BFGS does not get
there within 1,000 steps at weak penalties.
"""

_SLACK = 100
"""A solver that can get no further, for rounding, may stop at so many times that slope; at more it has failed."""

_BATCH, _EPOCHS, _RATE = 64, 10, 0.1
"""CLIP_benchmark's own defaults."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear classifier of length-1 features, with a record of how it came to be.

    weights              (classes, d) and bias (classes,); a class that no train image shows has bias -inf
    images               how many train images it learned from
    strength             weight of the L2 penalty that was chosen, or None where the protocol chooses none
    validation_accuracy  at that strength, on the train images set aside for it; None likewise
    """

    protocol: str
    images: int
    weights: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    strength: float | None = None
    validation_accuracy: float | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What was chosen and how, as JSON-able values."""
        return {
            "version": VERSION,
            "protocol": self.protocol,
            "images": self.images,
            "strength": self.strength,
            "validation_accuracy": self.validation_accuracy,
        }

    def logits(self, features: NDArray[Any], keys: Sequence[str] | NDArray[np.str_] | None = None) -> Floats:
        """Answer images by their features (n, d): (n, classes). Raises BlockedError for features it cannot use."""
        named = np.arange(len(features)).astype(np.str_) if keys is None else np.asarray(keys)
        unit = _unit(_checked(features, named, "test"))
        if unit.shape[1] != self.weights.shape[1]:
            raise BlockedError(
                f"features of test images have {unit.shape[1]} dimensions, those of train images have "
                f"{self.weights.shape[1]}"
            )
        return np.asarray(unit @ self.weights.T + self.bias)


def identity(protocol: str) -> str:
    """Digest of all that decides what a probe learns from given features. Raises SpecError for an unknown protocol."""
    if protocol not in PROTOCOLS:
        raise SpecError(f"probe protocol {protocol!r} is unknown: {nearest(protocol, PROTOCOLS)}")
    settings = (STRENGTHS, HELD_OUT, SEED) if protocol == "logistic" else (_BATCH, _EPOCHS, _RATE, SEED)
    return digest("probe", VERSION, protocol, settings)


def fit(
    features: NDArray[Any],
    labels: NDArray[Any],
    keys: Sequence[str] | NDArray[np.str_],
    classes: int,
    protocol: str = "logistic",
) -> Probe:
    """Learn to tell `classes` classes by the features (n, d) of train images, in whatever order they come.

    `logistic` is multinomial logistic regression with an L2 penalty, solved to convergence, its strength chosen on a
    fifth of the images. `clip-benchmark` trains as LAION's CLIP_benchmark does where there is no validation split.
    Raises BlockedError where there are no images, one class only, or features that are not finite; SpecError for an
    unknown protocol.
    """
    identity(protocol)
    named, shown = np.asarray(keys), np.asarray(labels, dtype=np.int64)
    if not len(features) == len(named) == len(shown):
        raise ValueError(f"{len(features)} features, {len(shown)} labels and {len(named)} keys of the same images")
    if not len(named):
        raise BlockedError("no train image: nothing is there for a probe to learn from")
    if shown.min() < 0 or shown.max() >= classes:
        raise BlockedError(f"expected labels from 0 to {classes - 1}, found {shown.min()} to {shown.max()}")
    order = np.argsort(named, kind="stable")
    unit = _unit(_checked(features, named, "train"))[order]
    named, (present, shown) = named[order], np.unique(shown[order], return_inverse=True)
    if len(present) < 2:
        raise BlockedError(f"all {len(named):,} train images show class {present[0]}: a transfer task with one class")
    strength: float | None = None
    accuracy: float | None = None
    if protocol == "logistic":
        strength, accuracy = _choose(unit, shown, held_out(shown, named))
        learned = _Logistic(unit, shown, _SOLVED).at(strength)
    else:
        learned = _clip_benchmark(unit, shown)
    weights, bias = np.zeros((classes, unit.shape[1])), np.full(classes, -np.inf)
    weights[present], bias[present] = learned
    return Probe(protocol, len(named), weights, bias, strength, accuracy)


def held_out(labels: Ints, keys: NDArray[np.str_]) -> Bools:
    """Mark the train images that are set aside to choose the strength: of each class the fifth whose keys hash lowest.

    An image's key decides, not its place. Each class keeps one image to learn from.
    """
    hashes = np.array([hashlib.blake2b(f"{SEED}/{key}".encode(), digest_size=8).hexdigest() for key in keys])
    aside = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = min(len(rows) - 1, max(1, round(HELD_OUT * len(rows))))
        aside[rows[np.argsort(hashes[rows], kind="stable")[:count]]] = True
    return aside


def _checked(features: NDArray[Any], keys: NDArray[np.str_], what: str) -> NDArray[Any]:
    table = np.asarray(features)
    if table.ndim != 2 or not table.shape[1]:
        raise BlockedError(f"features of {what} images: expected shape (n, d), found {table.shape}")
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise BlockedError(
            f"features of {len(bad):,} of {len(table):,} {what} images are not finite, the first of {keys[bad[0]]}"
        )
    return table


def _unit(features: NDArray[Any]) -> Floats:
    """Divide each image's features by their length; features that are all zero stay so."""
    exact = features.astype(np.float64)
    # the largest is divided out first, so that squares neither overflow nor vanish
    exact /= np.maximum(np.abs(exact).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    exact /= np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return exact


def _choose(features: Floats, labels: Ints, aside: Bools) -> tuple[float, float]:
    """Strength that names most of the images set aside, the strongest among equals; and the share it names."""
    if not aside.any():
        raise BlockedError(
            f"{len(labels):,} train images of {len(labels):,} classes: none can be set aside to choose the strength"
        )
    learner, best = _Logistic(features[~aside], labels[~aside], _CHOOSING), (STRENGTHS[0], -1.0)
    for strength in STRENGTHS:
        weights, bias = learner.at(strength)
        accuracy = float(np.mean((features[aside] @ weights.T + bias).argmax(axis=1) == labels[aside]))
        best = max(best, (strength, accuracy), key=lambda pair: pair[1])
    return best


class _Logistic:
    """Minimizes cross-entropy, summed over images, plus strength / 2 · |weights|²; the bias is free.

    Labels are 0 to k - 1, each shown by an image. Each call begins where the last one ended.
    """

    def __init__(self, features: Floats, labels: Ints, tolerance: float) -> None:
        from sklearn.linear_model import LogisticRegression

        # A free bias makes the optimum the same wherever the features' origin is; centered, it is reached sooner.
        self._mean = features.mean(axis=0)
        self._features, self._labels, self._tolerance = features - self._mean, labels, tolerance
        self._solver = LogisticRegression(solver="newton-cg", tol=tolerance, max_iter=1000, warm_start=True)

    def at(self, strength: float) -> tuple[Floats, Floats]:
        """Weights (k, d) and bias (k,). Raises BlockedError where the solver does not arrive."""
        two = int(self._labels.max()) == 1
        # Of two classes scikit-learn keeps the difference, whose square is twice the sum of both squares.
        self._solver.set_params(C=(2.0 if two else 1.0) / strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether it arrived is checked here
            self._solver.fit(self._features, self._labels)
        weights, bias = self._solver.coef_, self._solver.intercept_
        if two:
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        slope = self._slope(weights, bias, strength)
        if not slope <= _SLACK * self._tolerance:
            raise BlockedError(f"the linear probe did not converge at strength {strength:g}: its slope is {slope:.1e}")
        return weights, bias - weights @ self._mean

    def _slope(self, weights: Floats, bias: Floats, strength: float) -> float:
        """Largest derivative of the objective, per image."""
        logits = self._features @ weights.T + bias
        error = np.exp(logits - logits.max(axis=1, keepdims=True))
        error /= error.sum(axis=1, keepdims=True)
        error[np.arange(len(error)), self._labels] -= 1.0
        slopes = error.T @ self._features + strength * weights
        return float(max(np.abs(slopes).max(), np.abs(error.sum(axis=0)).max()) / len(error))


def _clip_benchmark(features: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Train one linear layer by AdamW without weight decay, its rate falling along a cosine at every step."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(SEED)
        layer = torch.nn.Linear(features.shape[1], int(labels.max()) + 1)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=_RATE, weight_decay=0.0)
        images = TensorDataset(torch.from_numpy(features).float(), torch.from_numpy(labels))
        batches = DataLoader(images, batch_size=_BATCH, shuffle=True)
        steps = _EPOCHS * len(batches)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
        for _ in range(_EPOCHS):
            for batch, shown in batches:
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(layer(batch), shown)
                loss.backward()  # type: ignore[no-untyped-call]  # torch's
                optimizer.step()
                falling.step()
    weights, bias = (each.detach().double().numpy() for each in (layer.weight, layer.bias))
    return weights, bias
