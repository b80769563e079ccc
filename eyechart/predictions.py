"""The noun `Predictions`: what one checkpoint answered for one image set under one view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """Answers of one checkpoint, one row an image, in the image set's order.

    keys        (n,) str    names of the images, unique
    labels      (n,) int64  the class each image shows
    predicted   (n,) int64  the class the checkpoint names (argmax of its logits)
    confidence  (n,) float64  softmax probability of that class
    logits_of   () -> (n, classes) float64, read from the store only when asked for
    """

    model: str
    image_set: str
    view: str
    # pytest writes out the arguments of a test that fails, and thousands of numbers take it half a second
    keys: NDArray[np.str_] = field(repr=False)
    labels: Ints = field(repr=False)
    predicted: Ints = field(repr=False)
    confidence: Floats = field(repr=False)
    logits_of: Callable[[], Floats] = field(repr=False)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.keys)

    @cached_property
    def correct(self) -> Bools:
        """(n,) bool: the checkpoint named the class the image shows."""
        return np.equal(self.predicted, self.labels)

    @cached_property
    def probabilities(self) -> Floats:
        """(n, classes) float64: softmax of the logits, computed in float64."""
        logits = self.logits_of()
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)
