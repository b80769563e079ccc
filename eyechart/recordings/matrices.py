"""Answers for every class in the ways that CSV files spread them: a column for each class, or lists as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import BlockedError
from eyechart.images.labels import LabelSpace
from eyechart.measures.predictions import Floats

PROBABILITIES = ("probabilities", "softmax", "probs", "predictions", "outputs", "y_prob", "arr_0")
"""Names of matrices of probabilities."""

_MANY = re.compile(r"(prob\w*?|p|softmax|logits?|scores?|outputs?)[_\-. ]?", re.IGNORECASE)
"""What stands before the class in the names of columns that hold one number a class."""


def text_of(value: Any) -> str:
    """Read a value as text, whatever it was written as."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def with_matrices(file: Path, columns: dict[str, NDArray[Any]], space: LabelSpace) -> dict[str, NDArray[Any]]:
    """Add the matrices that a CSV spreads over columns, one for each class, or writes as text, `[0.1, 0.9]`.

    Raises BlockedError for columns of some classes only, and for text that is no list of numbers.
    """
    listed = {
        name: _numbers_in(file, name, values)
        for name, values in columns.items()
        if name in ("logits", *PROBABILITIES) and values.ndim == 1 and len(values) and text_of(values[0])[:1] in "[("
    }
    columns = {**columns, **listed}
    if any(columns[name].ndim == 2 for name in ("logits", *PROBABILITIES) if name in columns):
        return columns
    numeric = {name: values for name, values in columns.items() if values.ndim == 1 and values.dtype.kind in "fiu"}
    numbers = tuple(map(str, range(len(space))))
    for classes in dict.fromkeys((space.names, numbers)):
        for first in numeric:
            start = first.removesuffix(classes[0])
            if start != first and all(f"{start}{name}" in numeric for name in classes):
                matrix = np.stack([numeric[f"{start}{name}"] for name in classes], axis=1).astype(np.float64)
                return {**columns, "logits" if start.lower().startswith("logit") else PROBABILITIES[0]: matrix}
    _check_no_part(file, numeric, space)
    return columns


def _numbers_in(file: Path, column: str, values: NDArray[Any]) -> Floats:
    """(n, k) numbers of lists that are written as text. Raises BlockedError."""
    rows = []
    for row, value in enumerate(values.tolist()):
        text = text_of(value)
        try:
            rows.append([float(each) for each in text.strip("[]() \n").replace(",", " ").split()])
        except ValueError:
            shortened = ", shortened where it was printed" * ("..." in text)
            raise BlockedError(
                f"recording {file}: expected a list of numbers under {column!r} in row {row}, found {text[:100]!r}"
                f"{shortened}"
            ) from None
        if len(rows[-1]) != len(rows[0]):
            raise BlockedError(f"recording {file}: row {row} lists {len(rows[-1])} numbers, the first {len(rows[0])}")
    return np.array(rows, dtype=np.float64)


def _check_no_part(file: Path, numeric: Iterable[str], space: LabelSpace) -> None:
    """Raise BlockedError for columns such as `probability_1` that are there for other classes than the space has."""
    of: dict[str, list[int]] = {}
    for name in numeric:
        start = name.rstrip("0123456789")
        if start != name and _MANY.fullmatch(start):
            of.setdefault(start, []).append(int(name.removeprefix(start)[:9]))
    for start, classes in of.items():
        if len(classes) > 1:
            raise BlockedError(
                f"recording {file}: the columns {start}{min(classes)} to {start}{max(classes)} are for {len(classes)} "
                f"classes, label space {space.name!r} has {len(space)}, numbered from 0 to {len(space) - 1}"
            )
