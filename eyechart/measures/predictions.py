"""The noun `Predictions`: what one checkpoint answered for one image set under one view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NotApplicableError

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
    also        key → further classes that are right for that image, besides its label
    recorded    what a source that gives no logits has in their place, by key
    derive      predictions of a whole table → these, for some that were made of a table (other classes, other keys), so
                that a baseline's are made of its table in the same way

    What a source does not give raises NotApplicableError when it is asked for, never a made-up number.
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
    also: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    recorded: ByKey | None = field(default=None, repr=False)
    derive: Callable[[Predictions], Predictions] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.keys)

    @cached_property
    def correct(self) -> Bools:
        """(n,) bool: the checkpoint named the class the image shows."""
        right = np.equal(self.predicted, self.labels)
        if self.also:
            for row, key in enumerate(self.keys.tolist()):
                right[row] |= self.predicted[row] in self.also.get(key, ())
        return right

    @cached_property
    def probabilities(self) -> Floats:
        """(n, classes) float64: softmax of the logits, computed in float64; recorded ones are as they were recorded.

        Raises NotApplicableError where the source gives neither.
        """
        if self.recorded is not None and self.recorded.has("probabilities"):
            return np.asarray(self.recorded("probabilities", self.keys), dtype=np.float64)
        logits = self.logits_of()
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)

    def ranked(self, count: int) -> Ints:
        """(n, count) int64: the `count` best answers, best first.

        Raises NotApplicableError where the source ranks fewer.
        """
        if self.recorded is not None and self.recorded.has("ranked"):
            known = self.recorded("ranked", self.keys).astype(np.int64)
            if known.shape[1] < count:
                raise NotApplicableError(f"{self.model} tells its {known.shape[1]} best answers, not {count}")
            return np.asarray(known[:, :count], dtype=np.int64)
        scores = self.probabilities
        return np.asarray(np.argsort(-scores, axis=1, kind="stable")[:, :count], dtype=np.int64)


class ByKey:
    """Recorded columns of a table, looked up by image, so that they fit whatever subset of its images is measured."""

    def __init__(self, keys: NDArray[np.str_], columns: Mapping[str, Callable[[], NDArray[Any]]]) -> None:
        """Hold `columns` (n, …) of the images `keys` (n,), each read only when asked for."""
        self._keys = keys
        self._columns = columns

    def has(self, column: str) -> bool:
        """Whether the source gives this column."""
        return column in self._columns

    def __call__(self, column: str, keys: NDArray[np.str_]) -> NDArray[Any]:
        """(len(keys), …): the rows of these images."""
        values = self._columns[column]()
        if np.array_equal(keys, self._keys):
            return values
        order = np.argsort(self._keys, kind="stable")
        return np.asarray(values[order[np.searchsorted(self._keys[order], keys)]])


class Absent:
    """Stands for the confidence of a source that gives none: may be carried about, but not counted with."""

    def __init__(self, reason: str) -> None:
        """Raise NotApplicableError with `reason` on any use as numbers."""
        self._reason = reason

    def __getitem__(self, where: Any) -> Absent:
        """Keep some images: as absent as before."""
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        """Raise NotApplicableError."""
        raise NotApplicableError(self._reason)
