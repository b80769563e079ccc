"""The noun `Predictions`: what one checkpoint answered for one image set under one view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NotApplicableError

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

BEST = 16
"""Best answers that a condensed table keeps of each image."""

FEW = 2 * BEST
"""Classes up to which their logits take about as little room as what is kept in place of them: they are all kept."""


@dataclass(frozen=True)
class Predictions:
    """Answers of one checkpoint, one row an image, in the image set's order.

    keys        (n,) str    names of the images, unique
    labels      (n,) int64  the class each image shows
    predicted   (n,) int64  the class the checkpoint names (argmax of its logits)
    confidence  (n,) float64  softmax probability of that class
    logits_of   () -> (n, classes) float64, read from the store only when asked for
    also        key → further classes that are right for that image, besides its label
    kept        what a table holds in place of logits: see `condensed`, and what a recording may give
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
    kept: Columns = field(default_factory=lambda: Columns({}), repr=False)
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
        if self.kept.has("probabilities"):
            return np.asarray(self.kept("probabilities"), dtype=np.float64)
        return softmax(self.logits_of())

    @cached_property
    def true_probability(self) -> Floats:
        """(n,) float64: probability of the class that the image shows. Raises as `probabilities`."""
        if self.kept.has("true_probability") and np.array_equal(self.kept("label"), self.labels):
            return np.asarray(self.kept("true_probability"), dtype=np.float64)
        return np.asarray(self.probabilities[np.arange(len(self)), self.labels])

    @cached_property
    def sum_of_squares(self) -> Floats:
        """(n,) float64: sum over the classes of the squared probabilities. Raises as `probabilities`."""
        if self.kept.has("sum_of_squares"):
            return np.asarray(self.kept("sum_of_squares"), dtype=np.float64)
        return _squares(self.probabilities)

    def ranked(self, count: int) -> Ints:
        """(n, count) int64: the `count` best answers, best first.

        Raises NotApplicableError where the source ranks fewer.
        """
        if self.kept.has("ranked"):
            known = self.kept("ranked").astype(np.int64)
            if known.shape[1] < count:
                raise NotApplicableError(f"{self.model} tells its {known.shape[1]} best answers, not {count}")
            return np.asarray(known[:, :count], dtype=np.int64)
        if self.kept.has("best") and (best := self.kept("best")).shape[1] >= count:
            return np.asarray(best[:, :count], dtype=np.int64)
        return _best(self.probabilities, count)


def softmax(logits: NDArray[Any]) -> Floats:
    """(n, classes) probabilities, in float64."""
    exact = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)


def condensed(logits: NDArray[np.float32], labels: Ints) -> dict[str, NDArray[Any]]:
    """What a table keeps of logits (n, classes), and in place of them where no claim asks for them.

    best              (n, BEST) uint16 or uint32  the best answers, best first; of equal ones the first class
    best_log_share    (n, BEST) float32  natural logarithms of their probabilities
    log_sum_exp       (n,) float64  of the logits: with it, the logits of the best
    true_probability  (n,) float64  probability of the class `labels` that the image shows
    sum_of_squares    (n,) float64  of all classes' probabilities

    Exact, so that what needs no more than these is the same as from logits, to the last digit.
    """
    exact = np.ascontiguousarray(logits, dtype=np.float64)
    shares = softmax(exact)
    best, most = _best(shares, BEST), exact.max(axis=1)
    log_sum_exp = most + np.log(np.exp(exact - most[:, None]).sum(axis=1))
    return {
        "best": best.astype(np.uint16 if exact.shape[1] <= 1 << 16 else np.uint32),
        "best_log_share": (np.take_along_axis(exact, best, axis=1) - log_sum_exp[:, None]).astype(np.float32),
        "log_sum_exp": log_sum_exp,
        "true_probability": shares[np.arange(len(shares)), labels],
        "sum_of_squares": _squares(shares),
    }


def _squares(shares: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", shares, shares))


def _best(scores: Floats, count: int) -> Ints:
    """(n, count): columns of the largest scores, largest first; of equal ones the first column comes first."""
    if not 0 < count < scores.shape[1]:
        return np.asarray(np.argsort(-scores, axis=1, kind="stable")[:, :count], dtype=np.int64)
    top = np.sort(np.argpartition(-scores, count - 1, axis=1)[:, :count], axis=1)
    values = np.take_along_axis(scores, top, axis=1)
    best = np.take_along_axis(top, np.argsort(-values, axis=1, kind="stable"), axis=1)
    # where more are as good as the last of these, the first columns among them are meant
    crowded = np.count_nonzero(scores >= values.min(axis=1, keepdims=True), axis=1) != count
    best[crowded] = np.argsort(-scores[crowded], axis=1, kind="stable")[:, :count]
    return np.asarray(best, dtype=np.int64)


class Columns:
    """Columns of a table with one row an image, each read only when asked for."""

    def __init__(self, columns: Mapping[str, Callable[[], NDArray[Any]]], rows: Ints | None = None) -> None:
        """Hold `columns` (n, …), or these `rows` of them, in this order."""
        self._columns = columns
        self._rows = rows

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return column in self._columns

    def __call__(self, column: str) -> NDArray[Any]:
        """Read a column."""
        values = self._columns[column]()
        return values if self._rows is None else values[self._rows]

    def each(self, make: Callable[[Callable[[], NDArray[Any]]], NDArray[Any]]) -> Columns:
        """The same columns, each as what `make` makes of what reads it."""
        return Columns({name: partial(make, partial(self, name)) for name in self._columns})

    def take(self, rows: Ints | Bools) -> Columns:
        """Keep these rows, in this order, or those that are true."""
        chosen: Ints = np.arange(len(rows))[rows] if rows.dtype == np.bool_ else np.asarray(rows, dtype=np.int64)
        return Columns(self._columns, chosen if self._rows is None else self._rows[chosen])


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
