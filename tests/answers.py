"""Predictions to measure, made of what a test knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.measures.predictions import Floats, Predictions


def answers(
    labels: Sequence[int],
    predicted: Sequence[int],
    confidence: Sequence[float] | None = None,
    probabilities: Sequence[Sequence[float]] | None = None,
    view: str = "original",
) -> Predictions:
    """Predictions of a model on images a, b, c, …; without `probabilities` their source has recorded no logits."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)

    def logits_of() -> Floats:
        if probabilities is None:
            raise LookupError("no logits")
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(probabilities, dtype=np.float64))

    certain = np.full(labels.size, 0.9) if confidence is None else np.asarray(confidence, dtype=np.float64)
    return Predictions("vit", "validation", view, _keys(labels.size), labels, predicted, certain, logits_of)


@lru_cache(maxsize=64)
def _keys(count: int) -> NDArray[np.str_]:
    keys = np.array([f"image-{i:05}" for i in range(count)], dtype=str)
    keys.flags.writeable = False
    return keys


def right_or_wrong(*correct: int, **more: Any) -> Predictions:
    """Predictions of which is known only whether they are right."""
    return answers(np.zeros(len(correct), dtype=int), 1 - np.array(correct, dtype=int), **more)
