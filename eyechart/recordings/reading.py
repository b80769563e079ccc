"""The noun `Recording`: predictions that were made elsewhere, read from the files people publish them in.

A file's kind is seen from its suffix and its columns; docs/recorded.md lists them for those who write such files.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eyechart.errors import BlockedError, EyechartError
from eyechart.images.arrays import read_arrays
from eyechart.images.labels import LabelSpace
from eyechart.images.tables import read_table
from eyechart.measures.predictions import Floats, Ints
from eyechart.recordings.matrices import PROBABILITIES, text_of, with_matrices

NO_ANSWER = -1
"""Stands for "none of the classes"; it is never right."""

SUM_TOLERANCE = 1e-3
"""How far the probabilities of one image may be from summing to 1: what half precision loses over many classes."""

_KEYS = ("key", "keys", "file_name", "file_names", "imagename", "path", "filename", "filepath", "file", "image_id",
         "image_path", "image_name")  # fmt: skip
_LABELS = ("label", "labels", "ground_truth", "target", "targets", "category", "y_true")
_PREDICTED = ("predicted", "predicted_class", "object_response", "prediction")
_CONFIDENCE = ("confidence", "predicted_probability")
_AS_WRITTEN = (*_KEYS, *_LABELS, *_PREDICTED, *(f"top{rank}" for rank in range(1, 11)))
"""Columns of a CSV that may hold names which look like numbers: image 0001, class 01."""

_SUBJECT = re.compile(r"^\d{4}_[a-z0-9]+_[a-z0-9]+_\d+_[a-z]+_\d+_")
"""What the files of human subjects put before an image's name."""

_NUMBER = re.compile(r"-?\d+(\.\d*)?")
"""A class number as text; pandas writes 3.0 for 3 where a row was missing once."""


@dataclass(frozen=True)
class Recording:
    """Answers in the order of their file; what a file does not tell is None.

    keys           (n,) names, unique; row numbers where the file names no images
    predicted      (n,) int64, NO_ANSWER for none of the classes
    confidence     (n,) probability of that answer
    probabilities  (n, classes), as recorded: nothing clipped, rows not renormalized
    logits         (n, classes)
    ranked         (n, k) int64, best answer first
    labels         (n,) int64
    """

    file: Path
    keys: tuple[str, ...]
    predicted: Ints
    confidence: Floats | None = None
    probabilities: NDArray[Any] | None = None
    logits: NDArray[Any] | None = None
    ranked: Ints | None = None
    labels: Ints | None = None


def read_recording(file: Path, space: LabelSpace, returns: str | None = None, labels: Path | None = None) -> Recording:
    """Read a recording whose answers are in `space`.

    `returns` ("logits" or "probabilities") says what a matrix without a telling name holds; `labels` is a file of its
    labels, for a matrix that is alone in its own. Raises BlockedError for a file that is missing or of another kind,
    unknown classes, a key twice, and probabilities that are not ones.
    """
    try:
        columns = _columns(file)
        if labels is not None:
            columns[_LABELS[0]] = _alone(labels)
        recording = _recording(file, with_matrices(file, columns, space), space, returns)
        _check_keys(file, recording.keys)
    except EyechartError:
        raise
    except Exception as error:  # whatever somebody else's file holds, its own model is blocked and the others go on
        raise BlockedError(f"recording {file} cannot be read: {type(error).__name__}: {error}") from error
    return recording


def _columns(file: Path) -> dict[str, NDArray[Any]]:
    """Columns of a table, arrays of a .npz, or the one array of a .npy. Raises BlockedError."""
    if file.suffix not in (".npy", ".npz"):
        try:
            table = read_table(file, _AS_WRITTEN)
            return {name: _array(table[name]) for name in table.column_names}
        except (OSError, ValueError, pa.ArrowException) as error:
            raise BlockedError(f"recording {file} cannot be read: {error}") from error
    try:
        return {name: _plain(values) for name, values in read_arrays(file).items()}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        what = "a file of NumPy without Python objects (text is stored by np.array(names, dtype=str))"
        reason = "" if "pickle" in str(error) else f" ({error})"
        raise BlockedError(f"recording {file} cannot be read: expected {what}{reason}") from error


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Bring an array to this machine's order of bytes, and to a precision that tables know."""
    if values.dtype.kind == "f" and values.dtype.itemsize > np.dtype(np.float64).itemsize:
        return values.astype(np.float64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _alone(file: Path) -> NDArray[Any]:
    """Read the only array or column of a file."""
    columns = list(_columns(file).values())
    if len(columns) != 1:
        raise BlockedError(f"recorded labels {file}: expected one array, found {len(columns)}")
    return columns[0]


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Values of a column; lists of one length become rows. Raises ValueError where their lengths differ."""
    values_column = column.combine_chunks()
    kind = values_column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return np.asarray(values_column.to_numpy(zero_copy_only=False))
    lengths = {
        None if value is None else int(value) for value in pc.unique(pc.list_value_length(values_column)).to_pylist()
    }
    if len(lengths) > 1 or None in lengths:
        raise ValueError(f"expected as many values in every row, found {sorted(map(str, lengths))[:5]}")
    values = np.asarray(values_column.flatten().to_numpy(zero_copy_only=False))
    return values.reshape(len(values_column), *lengths) if lengths else values.reshape(0, 0)


def _recording(file: Path, columns: dict[str, NDArray[Any]], space: LabelSpace, returns: str | None) -> Recording:
    def pick(names: Sequence[str]) -> NDArray[Any] | None:
        return next((columns[name] for name in names if name in columns), None)

    def classes(names: Sequence[str]) -> Ints | None:
        values = pick(names)
        return None if values is None else _classes(file, values, space)

    logits, probabilities = columns.get("logits"), pick(PROBABILITIES)
    if probabilities is not None and probabilities.ndim == 1 and returns is None:
        # some call the classes that were answered `predictions`, as others call a matrix
        columns, probabilities = {_PREDICTED[0]: probabilities, **columns}, None
    if returns == "logits" and logits is None:
        logits, probabilities = probabilities, None
    matrix = logits if logits is not None else probabilities
    ranked = _ranked(file, columns, space)
    predicted, confidence = classes(_PREDICTED), pick(_CONFIDENCE)
    if matrix is not None:
        _check_matrix(file, matrix, space, is_probability=logits is None)
        predicted = np.asarray(matrix.argmax(axis=1), dtype=np.int64)
        confidence = _top(matrix) if logits is None else None
    elif predicted is None and ranked is not None:
        predicted = ranked[:, 0]
    if predicted is None:
        raise BlockedError(
            f"recording {file} tells no predictions: it has {', '.join(map(repr, columns))}, expected one of "
            f"{', '.join(map(repr, (*_PREDICTED, 'top1', 'logits', *PROBABILITIES)))}"
        )
    if confidence is not None and matrix is None:
        confidence = _numbers(file, confidence)
        _check_probabilities(file, confidence)
    if ranked is not None:
        _check_ranked(file, ranked, predicted)
    named = pick(_KEYS)
    if named is not None and named.ndim != 1:
        raise BlockedError(f"recording {file}: expected one name an image, found {named.dtype} {named.shape}")
    keys = numbered(len(predicted)) if named is None else [_key(key) for key in named.tolist()]
    recording = Recording(
        file=file,
        keys=tuple(keys),
        predicted=predicted,
        confidence=confidence,
        probabilities=matrix if logits is None else None,
        logits=logits,
        ranked=ranked,
        labels=classes(_LABELS),
    )
    _check_lengths(recording)
    return recording


def numbered(rows: int) -> list[str]:
    """Name images that have no names by their rows."""
    return [f"{row:08d}" for row in range(rows)]


def _numbers(file: Path, values: NDArray[Any]) -> Floats:
    """(n,) confidences as numbers, whatever they were written as. Raises BlockedError for what is none."""
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise BlockedError(f"recording {file}: expected one confidence an image, found {values.dtype} {values.shape}")
    try:
        return values.astype(np.float64)
    except (ValueError, TypeError):
        row = next(row for row, value in enumerate(values.tolist()) if not _is_number(value))
        raise BlockedError(
            f"recording {file}: expected a confidence from 0 to 1 in row {row}, found {text_of(values[row])!r}"
        ) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _key(key: Any) -> str:
    return _SUBJECT.sub("", text_of(key))


def _top(matrix: NDArray[Any]) -> Floats:
    return np.asarray(matrix.max(axis=1), dtype=np.float64)


def _ranked(file: Path, columns: dict[str, NDArray[Any]], space: LabelSpace) -> Ints | None:
    """(n, k) from columns top1, top2, … as far as they go."""
    count = next(rank for rank in range(1, len(columns) + 2) if f"top{rank}" not in columns) - 1
    if not count:
        return None
    return np.stack([_classes(file, columns[f"top{rank}"], space) for rank in range(1, count + 1)], axis=1)


def _classes(file: Path, values: NDArray[Any], space: LabelSpace) -> Ints:
    """Class numbers or names as indices. "na" is a person's "none of these"; a number written as text is a number.

    Raises BlockedError for classes outside the space and for what is not one class an image.
    """
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise BlockedError(f"recording {file}: expected one class an image, found {values.dtype} {values.shape}")
    if np.issubdtype(values.dtype, np.integer):
        numbers = values.astype(np.int64)
        strange = np.flatnonzero((numbers < 0) | (numbers >= len(space)))
        if len(strange):
            raise BlockedError(
                f"recording {file}: {len(strange)} of {len(values)} rows name classes outside label space "
                f"{space.name!r} (0 to {len(space) - 1}), such as {numbers[strange[0]]} in row {strange[0]}"
            )
        return numbers
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all() or (values != np.round(values)).any():
            row = int(np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))[0])
            raise BlockedError(f"recording {file}: expected a class in row {row}, found {values[row]}")
        return _classes(file, values.astype(np.int64), space)
    names = ["" if value is None else text_of(value) for value in values.tolist()]
    if "" in names:
        raise BlockedError(f"recording {file}: expected a class in row {names.index('')}, found nothing")
    if all(_NUMBER.fullmatch(each) for each in names) and not set(names) <= set(space.names):
        return _classes(file, np.array(names, dtype=np.float64), space)
    index = space.indices([each for each in names if each != "na"], f"recording {file}")
    return np.array([NO_ANSWER if each == "na" else index[each] for each in names], dtype=np.int64)


def _check_matrix(file: Path, matrix: NDArray[Any], space: LabelSpace, *, is_probability: bool) -> None:
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        raise BlockedError(f"recording {file}: expected numbers (images, classes), found {matrix.dtype} {matrix.shape}")
    if matrix.shape[1] != len(space):
        raise BlockedError(
            f"recording {file}: {matrix.shape[1]} classes a row, label space {space.name!r} has {len(space)}"
        )
    for what, bad in (("NaN", np.isnan(matrix)), ("an infinite value", np.isposinf(matrix))):
        if bad.any():
            raise BlockedError(f"recording {file}: row {int(np.flatnonzero(bad.any(axis=1))[0])} holds {what}")
    if is_probability:
        _check_probabilities(file, matrix)
        sums = matrix.sum(axis=1, dtype=np.float64)
        off = np.flatnonzero(np.abs(sums - 1.0) > SUM_TOLERANCE)
        if len(off):
            raise BlockedError(
                f"recording {file}: the probabilities of {len(off)} of {len(sums)} rows do not sum to 1, such as "
                f"{sums[off[0]]:.6g} in row {off[0]}. For logits say `returns: logits`"
            )


def _check_probabilities(file: Path, values: NDArray[Any]) -> None:
    wrong = np.argwhere(~((values >= 0.0) & (values <= 1.0)))
    if len(wrong):
        position = tuple(wrong[0])
        raise BlockedError(
            f"recording {file}: {len(wrong)} values are no probabilities in [0, 1], such as {values[position]} in row "
            f"{position[0]}. For logits say `returns: logits`"
        )


def _check_ranked(file: Path, ranked: Ints, predicted: Ints) -> None:
    ordered = np.sort(ranked, axis=1)
    twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(twice):
        raise BlockedError(f"recording {file}: row {twice[0]} ranks a class twice: {ranked[twice[0]].tolist()}")
    other = np.flatnonzero(ranked[:, 0] != predicted)
    if len(other):
        row = other[0]
        raise BlockedError(f"recording {file}: row {row} answers {predicted[row]}, but ranks {ranked[row, 0]} first")


def _check_lengths(recording: Recording) -> None:
    for what in ("keys", "confidence", "labels"):
        column = getattr(recording, what)
        if column is not None and len(column) != len(recording.predicted):
            raise BlockedError(
                f"recording {recording.file}: {len(recording.predicted)} predictions, but {len(column)} {what}"
            )


def _check_keys(file: Path, keys: Sequence[str]) -> None:
    if not keys:
        raise BlockedError(f"recording {file} is empty")
    unique, counts = np.unique(np.array(keys), return_counts=True)
    twice = unique[counts > 1]
    if len(twice):
        raise BlockedError(f"recording {file}: {len(twice)} keys are there more than once, such as {str(twice[0])!r}")
