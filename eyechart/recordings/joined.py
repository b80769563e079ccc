"""From a recording to the table that the store keeps: joined to an image set, read out, with what was tolerated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.checkpoints.readouts import Readout
from eyechart.errors import BlockedError
from eyechart.images.image_set import ImageSet
from eyechart.images.joining import match
from eyechart.measures.predictions import Ints, softmax
from eyechart.recordings.reading import Recording, numbered


def joined(recording: Recording, images: ImageSet, allow_missing: float) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Join by name: (rows of the images, rows of the recording, what was tolerated), in the images' order.

    Raises BlockedError, telling what both sides miss, where that is more than the share `allow_missing` of either.
    """
    recorded_rows = match(images.keys.tolist(), recording.keys)
    unrecorded = images.keys[recorded_rows < 0].tolist()
    unknown = sorted(set(range(len(recording.keys))) - set(recorded_rows[recorded_rows >= 0].tolist()))
    if not unrecorded and not unknown:
        return np.arange(len(images)), recorded_rows, ()
    report = (
        f"{len(unrecorded):,} of {len(images):,} images have no recorded answer{_such(unrecorded)}, and "
        f"{len(unknown):,} of {len(recording.keys):,} recorded answers are about no image of it"
        f"{_such([recording.keys[row] for row in unknown])}"
    )
    worst = max(len(unrecorded) / len(images), len(unknown) / len(recording.keys))
    if worst > allow_missing or len(unrecorded) == len(images):
        nameless = "It names no image in a column `key`, so that they are numbered. " * (
            list(recording.keys) == numbered(len(recording.keys))
        )
        raise BlockedError(
            f"recording {recording.file} joins image set {images.name!r} in part only: {report}. {nameless}"
            "`allow_missing` of the model states a share that may be missing"
        )
    rows = np.flatnonzero(recorded_rows >= 0)
    return rows, recorded_rows[rows], (f"{report} (allow_missing: {allow_missing:g})",)


def table_of(recording: Recording, images: ImageSet, rows: Ints, recorded_rows: Ints, readout: Readout) -> pa.Table:
    """Make the table of predictions for the images `rows`, from the answers `taken`.

    Raises BlockedError where the recording's own labels are not those of the images, or it must be read out and
    holds no distribution over all classes.
    """
    labels = images.labels[rows]
    if not readout.identity:
        _require_same_labels(recording, images, rows, recorded_rows)
    columns = {"key": pa.array(images.keys[rows].tolist()), "label": pa.array(labels)}
    return pa.table({**columns, **_answers(recording, recorded_rows, readout)})


def _answers(recording: Recording, recorded_rows: Ints, readout: Readout) -> dict[str, pa.Array]:
    logits = None if recording.logits is None else recording.logits[recorded_rows]
    if readout.identity:
        logits = readout.apply(_logits(recording, recorded_rows, readout))
    if logits is not None:
        exact = softmax(logits)
        top = {"predicted": exact.argmax(axis=1), "confidence": exact.max(axis=1)}
        return {**_arrays(top), "logits": _matrix(logits)}
    columns = {"predicted": pa.array(recording.predicted[recorded_rows])}
    confidence = None if recording.confidence is None else recording.confidence[recorded_rows]
    columns["confidence"] = pa.nulls(len(recorded_rows), pa.float64()) if confidence is None else pa.array(confidence)
    if recording.probabilities is not None:
        columns["probabilities"] = _matrix(recording.probabilities[recorded_rows])
    if recording.ranked is not None:
        columns["ranked"] = _matrix(recording.ranked[recorded_rows])
    return columns


def _logits(recording: Recording, recorded_rows: Ints, readout: Readout) -> NDArray[np.float64]:
    if recording.logits is not None:
        return np.asarray(recording.logits[recorded_rows], dtype=np.float64)
    if recording.probabilities is None:
        raise BlockedError(
            f"recording {recording.file} must be read out as other classes ({readout.rule}), for which it would need "
            "the probabilities of all its classes"
        )
    with np.errstate(divide="ignore"):
        return np.log(recording.probabilities[recorded_rows].astype(np.float64))


def _require_same_labels(recording: Recording, images: ImageSet, rows: Ints, recorded_rows: Ints) -> None:
    if recording.labels is None:
        return
    stated, labels = recording.labels[recorded_rows], images.labels[rows]
    keys = images.keys[rows].tolist()
    wrong = [
        row for row in np.flatnonzero(stated != labels).tolist() if stated[row] not in images.also.get(keys[row], ())
    ]
    if wrong:
        raise BlockedError(
            f"recording {recording.file} and image set {images.name!r} give {len(wrong):,} of {len(rows):,} images "
            f"another label, the first {keys[wrong[0]]!r} ({stated[wrong[0]]} and {labels[wrong[0]]}): "
            "are their classes in one order?"
        )


def _arrays(columns: dict[str, NDArray[np.generic]]) -> dict[str, pa.Array]:
    return {name: pa.array(values) for name, values in columns.items()}


def _matrix(values: NDArray[np.generic]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _such(names: Sequence[str]) -> str:
    return f" (such as {names[0]!r})" if names else ""
