"""Which predictions can be measured, and which can be compared image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NothingToMeasureError
from eyechart.measures.measurement import take
from eyechart.measures.predictions import Bools, Predictions


def only(predictions: Predictions, where: Bools) -> Predictions:
    """Keep the images `where` (n,) is true: those under one factor, of one category, in a subset of classes.

    Raises ValueError unless `where` is one truth value an image.
    """
    require_one_each(predictions, where=where)
    if where.dtype != np.bool_:
        raise ValueError(f"{title(predictions)}: expected truth values to choose images by, found {where.dtype}")
    return take(predictions, where)


def require_images(predictions: Predictions) -> None:
    """Raise NothingToMeasureError, naming what was to be measured, where there are no images."""
    if len(predictions) == 0:
        raise NothingToMeasureError(f"{title(predictions)}: no images (n = 0), so there is nothing to measure")


def require_same_images(first: Predictions, second: Predictions) -> None:
    """Raise ValueError, naming what differs, unless both are about the same images and labels, in one order."""
    require_images(first)
    pair = f"{title(first)} and {title(second)} cannot be paired image by image"
    if not _same(first.keys, second.keys):
        raise NothingToMeasureError(f"{pair}: {_difference(first, second)}")
    relabeled = np.flatnonzero(first.labels != second.labels)
    if relabeled.size:
        at = relabeled[0]
        raise NothingToMeasureError(
            f"{pair}: {relabeled.size} images have another label, "
            f"the first {str(first.keys[at])!r} ({first.labels[at]} and {second.labels[at]})"
        )


def require_one_each(predictions: Predictions, **columns: NDArray[Any]) -> None:
    """Raise ValueError, naming the column, unless each of `columns` has one entry an image."""
    for name, column in columns.items():
        if column.shape != (len(predictions),):
            raise ValueError(f"{title(predictions)}: {len(predictions)} images, but `{name}` has shape {column.shape}")


def _same(keys: NDArray[np.str_], others: NDArray[np.str_]) -> bool:
    """Whether two arrays of keys are equal."""
    if keys is others:
        return True
    if keys.dtype == others.dtype and keys.dtype.kind == "U" and keys.flags.c_contiguous and others.flags.c_contiguous:
        # four times as fast as text, which a grid of 75 tables feels
        return np.array_equal(keys.view(np.uint32), others.view(np.uint32))
    return np.array_equal(keys, others)


def _difference(first: Predictions, second: Predictions) -> str:
    """Say how the keys of two predictions differ."""
    for one, other in ((first, second), (second, first)):
        missing = np.setdiff1d(one.keys, other.keys)
        if missing.size:
            return f"{missing.size} images of {title(one)} are missing from the other, such as {str(missing[0])!r}"
    if len(first) != len(second):
        return f"the same images, but {len(first)} and {len(second)} rows: a key is repeated"
    at = np.flatnonzero(first.keys != second.keys)[0]
    return f"the same images in another order, from row {at} ({str(first.keys[at])!r} and {str(second.keys[at])!r})"


def title(predictions: Predictions) -> str:
    """`vit-sup on validation (shift(30))`."""
    return f"{predictions.model} on {predictions.image_set} ({predictions.view})"
