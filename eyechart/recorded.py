"""From a recording to the table that the store keeps: joined to an image set, read out, with what was tolerated."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.digest import digest, known_digest
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images import ImageSet
from eyechart.joining import match
from eyechart.predictions import Ints
from eyechart.readers import read_image_set
from eyechart.readouts import Readout, readout, softmax
from eyechart.recordings import Recording
from eyechart.run import ORIGINAL, Address, Need, Run
from eyechart.sources.recorded import RecordedSpec, answer_space, recorded_files, recording_of, require_recorded

VERSION = 2
"""Part of every recorded table's key: raise it when the same file is read in another way."""


def joined(recording: Recording, images: ImageSet, allow_missing: float) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Join by name: (rows of the images, rows of the recording, what was tolerated), in the images' order.

    Raises BlockedError, telling what both sides miss, where that is more than the share `allow_missing` of either.
    """
    found = match(images.keys.tolist(), recording.keys)
    unrecorded = images.keys[found < 0].tolist()
    unknown = sorted(set(range(len(recording.keys))) - set(found[found >= 0].tolist()))
    if not unrecorded and not unknown:
        return np.arange(len(images)), found, ()
    report = (
        f"{len(unrecorded):,} of {len(images):,} images have no recorded answer{_such(unrecorded)}, and "
        f"{len(unknown):,} of {len(recording.keys):,} recorded answers are about no image of it"
        f"{_such([recording.keys[row] for row in unknown])}"
    )
    worst = max(len(unrecorded) / len(images), len(unknown) / len(recording.keys))
    if worst > allow_missing or len(unrecorded) == len(images):
        raise BlockedError(
            f"recording {recording.file} joins image set {images.name!r} in part only: {report}. "
            "`allow_missing` of the model states a share that may be missing"
        )
    rows = np.flatnonzero(found >= 0)
    return rows, found[rows], (f"{report} (allow_missing: {allow_missing:g})",)


def table_of(recording: Recording, images: ImageSet, rows: Ints, taken: Ints, readout: Readout) -> pa.Table:
    """Make the table of predictions for the images `rows`, from the answers `taken`.

    Raises BlockedError where the recording's own labels are not those of the images, or it must be read out and
    holds no distribution over all classes.
    """
    labels = images.labels[rows]
    if not readout.identity:
        _require_same_labels(recording, images, rows, taken)
    columns = {"key": pa.array(images.keys[rows].tolist()), "label": pa.array(labels)}
    return pa.table({**columns, **_answers(recording, taken, readout)})


def _answers(recording: Recording, taken: Ints, readout: Readout) -> dict[str, pa.Array]:
    logits = None if recording.logits is None else recording.logits[taken]
    if readout.identity:
        logits = readout.apply(_logits(recording, taken, readout))
    if logits is not None:
        exact = softmax(logits)
        top = {"predicted": exact.argmax(axis=1), "confidence": exact.max(axis=1)}
        return {**_arrays(top), "logits": _matrix(logits)}
    made = {"predicted": pa.array(recording.predicted[taken])}
    confidence = None if recording.confidence is None else recording.confidence[taken]
    made["confidence"] = pa.nulls(len(taken), pa.float64()) if confidence is None else pa.array(confidence)
    if recording.probabilities is not None:
        made["probabilities"] = _matrix(recording.probabilities[taken])
    if recording.ranked is not None:
        made["ranked"] = _matrix(recording.ranked[taken])
    return made


def _logits(recording: Recording, taken: Ints, readout: Readout) -> NDArray[np.float64]:
    if recording.logits is not None:
        return np.asarray(recording.logits[taken], dtype=np.float64)
    if recording.probabilities is None:
        raise BlockedError(
            f"recording {recording.file} must be read out as other classes ({readout.rule}), for which it would need "
            "the probabilities of all its classes"
        )
    with np.errstate(divide="ignore"):
        return np.log(recording.probabilities[taken].astype(np.float64))


def _require_same_labels(recording: Recording, images: ImageSet, rows: Ints, taken: Ints) -> None:
    if recording.labels is None:
        return
    told, labels = recording.labels[taken], images.labels[rows]
    keys = images.keys[rows].tolist()
    wrong = [row for row in np.flatnonzero(told != labels).tolist() if told[row] not in images.also.get(keys[row], ())]
    if wrong:
        raise BlockedError(
            f"recording {recording.file} and image set {images.name!r} give {len(wrong):,} of {len(rows):,} images "
            f"another label, the first {keys[wrong[0]]!r} ({told[wrong[0]]} and {labels[wrong[0]]}): "
            "are their classes in one order?"
        )


def _arrays(columns: dict[str, NDArray[np.generic]]) -> dict[str, pa.Array]:
    return {name: pa.array(values) for name, values in columns.items()}


def _matrix(values: NDArray[np.generic]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _such(names: Sequence[str]) -> str:
    return f" (such as {names[0]!r})" if names else ""


def _asked(need: Need) -> str:
    """What only a live model can be asked, in words."""
    if need.contract:
        return f"contract {need.contract!r}"
    if need.search:
        return f"the search {need.search!r}"
    return "a linear probe on features" if need.is_probe else f"view {need.view}"


class RecordedAnswers:
    """Meets the needs for recorded models of a run: no checkpoint, no pixels, one file an image set."""

    def __init__(self, run: Run) -> None:
        """Note addresses in `run` and keep tables in its store."""
        self._run = run

    def require(self, need: Need) -> None:
        """Raise NotApplicableError for what this recording can never answer, whether or not the images are there."""
        spec = self._spec(need)
        if not need.is_table or need.view != ORIGINAL:
            raise NotApplicableError(f"its predictions were recorded elsewhere; {_asked(need)} needs a live model")
        require_recorded(spec, self._run.zoo.whole_of(need.image_set) or need.image_set)

    def locate(self, need: Need, images: ImageSet) -> bool:
        """Whether a need that can be met is met already; notes its address where it is.

        Raises BlockedError where the recording is missing.
        """
        run, key = self._run, self._key(need, images)
        if run.store.has_table(key):
            run.addresses[need] = Address(key, note=str(run.store.read_meta(key).get("note", "")))
        return need in run.addresses

    def take(self, need: Need, images: ImageSet) -> None:
        """Read, check and join the recording of a need, and keep it as a table; or block the need with the reason."""
        run, spec = self._run, self._spec(need)
        space = run.zoo.labels(need.image_set)
        try:
            key = self._key(need, images)
            recording = recording_of(spec, need.image_set, run.zoo.places, space)
            whole = images if images.limit is None else read_image_set(run.zoo, need.image_set, run.store, None)
            _, _, notes = joined(recording, whole, spec.allow_missing)
            taken = match(images.keys.tolist(), recording.keys)
            rows = np.flatnonzero(taken >= 0)
            table = table_of(recording, images, rows, taken[rows], readout(answer_space(spec, space), space))
        except BlockedError as error:
            run.addresses[need] = Address(blocked=str(error))
            return
        note = "; ".join(notes)
        about = {"count": len(images), "fingerprint": images.fingerprint}
        meta = {"model": need.model, "image_set": need.image_set, "view": need.view, "note": note, "images": about}
        run.store.write_part(key, 0, table)
        run.store.finish(key, meta)
        run.addresses[need] = Address(key, note=note)

    def _key(self, need: Need, images: ImageSet) -> str:
        spec = self._spec(need)
        space = self._run.zoo.labels(need.image_set)
        through = readout(answer_space(spec, space), space).identity
        content = [known_digest(file) for file in recorded_files(spec, need.image_set, self._run.zoo.places)]
        self._run.fingerprints.setdefault(need.model, self._fingerprint(spec))
        returns = spec.predictions[need.image_set].returns
        return digest(
            "recorded", VERSION, content, returns, spec.allow_missing, space.name, images.fingerprint, through
        )

    def _fingerprint(self, spec: RecordedSpec) -> str:
        """Digest of all that is recorded of a model and can be found."""
        found = []
        for image_set in sorted(spec.predictions):
            with contextlib.suppress(BlockedError):
                found += [known_digest(file) for file in recorded_files(spec, image_set, self._run.zoo.places)]
        return digest("recorded", found)

    def _spec(self, need: Need) -> RecordedSpec:
        spec = self._run.zoo.models[need.model]
        if not isinstance(spec, RecordedSpec):
            raise TypeError(f"{need.model} is no recorded model")
        return spec
