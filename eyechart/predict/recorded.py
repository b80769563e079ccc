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
from eyechart.predict.run import ORIGINAL, Address, Need, Run
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
        if run.store.has_table(key, images.keys, complete=False):
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
            note = "; ".join(notes)
            about = {"count": len(images), "fingerprint": images.fingerprint}
            meta = {"model": need.model, "image_set": need.image_set, "view": need.view, "note": note, "images": about}
            run.store.write_part(key, 0, table, {})
            run.store.finish(key, meta, images.keys[rows], {})
        except BlockedError as error:
            run.addresses[need] = Address(blocked=str(error))
            return
        run.addresses[need] = Address(key, note=note)

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
        found = []
        for image_set in sorted(spec.predictions):
            with contextlib.suppress(BlockedError):
                found += [_digest(file) for file in recorded_files(spec, image_set, self._run.zoo.places)]
        return digest("recorded", found)

    def _spec(self, need: Need) -> RecordedSpec:
        spec = self._run.zoo.models[need.model]
        if not isinstance(spec, RecordedSpec):
            raise TypeError(f"{need.model} is no recorded model")
        return spec
