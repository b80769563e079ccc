"""Meets the needs for recorded models: no checkpoint and no pixels, one file an image set."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from eyechart.checkpoints.readouts import readout
from eyechart.digest import digest, known_digest
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.image_set import ImageSet
from eyechart.images.joining import match
from eyechart.predict.needs import ORIGINAL, Need
from eyechart.predict.run import Run
from eyechart.recordings.joined import joined, table_of
from eyechart.recordings.spec import RecordedSpec, answer_space, recorded_files, recording_of, require_recorded
from eyechart.zoo.indexing import read_image_set

VERSION = 2
"""Part of every recorded table's key: raise it when the same file is read in another way."""


def _digest(file: Path) -> str:
    try:
        return known_digest(file)
    except OSError as error:
        raise BlockedError(f"recording {file}: cannot be read ({error.strerror})") from error


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
        """Read for `run`, and keep tables in its store."""
        self._run = run

    def require(self, need: Need) -> None:
        """Raise NotApplicableError for what this recording can never answer, whether or not the images are there."""
        spec = self._spec(need)
        if not need.is_table or need.view != ORIGINAL:
            raise NotApplicableError(f"its predictions were recorded elsewhere; {_asked(need)} needs a live model")
        require_recorded(spec, self._run.zoo.whole_of(need.image_set) or need.image_set)

    def locate(self, need: Need, images: ImageSet) -> bool:
        """Whether a need that can be met is met already; notes where. Raises BlockedError for a lost recording."""
        run, key = self._run, self._key(need, images)
        if run.store.has_table(key, images.keys, complete=False):
            run.addresses.meet(need, key, note=str(run.store.read_meta(key).get("note", "")))
        return need in run.addresses

    def take(self, need: Need, images: ImageSet) -> None:
        """Read, check and join the recording of a need, and keep it as a table; or block the need with the reason."""
        try:
            self._take(need, images)
        except BlockedError as error:
            self._run.addresses.refuse(need, error)

    def _take(self, need: Need, images: ImageSet) -> None:
        run, spec = self._run, self._spec(need)
        space = run.zoo.labels(need.image_set)
        key = self._key(need, images)
        recording = recording_of(spec, need.image_set, run.zoo.places, space)
        every = images if images.limit is None else read_image_set(run.zoo, need.image_set, run.store, None)
        _, _, notes = joined(recording, every, spec.allow_missing)
        recorded_rows = match(images.keys.tolist(), recording.keys)
        rows = np.flatnonzero(recorded_rows >= 0)
        readings = readout(answer_space(spec, space), space)
        table = table_of(recording, images, rows, recorded_rows[rows], readings)
        note = "; ".join(filter(None, [*notes, readings.note]))
        about = {"count": len(images), "fingerprint": images.fingerprint}
        meta = {"model": need.model, "image_set": need.image_set, "view": need.view, "note": note, "images": about}
        run.store.write_part(key, 0, table, {})
        run.store.finish(key, meta, images.keys[rows], {})
        run.addresses.meet(need, key, note=note)

    def _key(self, need: Need, images: ImageSet) -> str:
        spec = self._spec(need)
        space = self._run.zoo.labels(need.image_set)
        through = readout(answer_space(spec, space), space).identity
        content = [_digest(file) for file in recorded_files(spec, need.image_set, self._run.zoo.places)]
        self._run.fingerprints.setdefault(need.model, self._fingerprint(spec))
        returns = spec.predictions[need.image_set].returns
        return digest(
            "recorded", VERSION, content, returns, spec.allow_missing, space.name, images.fingerprint, through
        )

    def _fingerprint(self, spec: RecordedSpec) -> str:
        """Digest of all that is recorded of a model and can be found."""
        content = []
        for image_set in sorted(spec.predictions):
            with contextlib.suppress(BlockedError):
                content += [_digest(file) for file in recorded_files(spec, image_set, self._run.zoo.places)]
        return digest("recorded", content)

    def _spec(self, need: Need) -> RecordedSpec:
        spec = self._run.zoo.models[need.model]
        if not isinstance(spec, RecordedSpec):
            raise TypeError(f"{need.model} is no recorded model")
        return spec
