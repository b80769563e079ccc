"""The predict phase: compute what the claims need and the store lacks, reading each image once.

Loops: image set → chunk of images (read once) → view and geometry (made once) → checkpoint. Each chunk of answers is
on disk before the next begins, so a run that is cut short goes on where it was.
"""

from __future__ import annotations

import datetime
import importlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from eyechart.checkpoint import Geometry, Resolved
from eyechart.digest import digest
from eyechart.errors import BlockedError, EyechartError, NotApplicableError, StoreError
from eyechart.images import ImageSet
from eyechart.pace import Pace
from eyechart.predictions import Ints
from eyechart.progress import Progress
from eyechart.readers import read_image_set
from eyechart.readouts import Answers, Readout, readout
from eyechart.recorded import RecordedAnswers
from eyechart.run import Address, Need, Run, versions
from eyechart.schema import labels_of
from eyechart.sources.base import Surroundings
from eyechart.sources.recorded import RecordedSpec
from eyechart.views import ORIGINAL, View
from eyechart.views import VERSION as VIEWS_VERSION

if TYPE_CHECKING:
    from eyechart.checkpoint import Batch, Checkpoint, Logits
    from eyechart.sources import LiveSpec

CHUNK = 512
"""Images read, answered and written to disk at a time."""

BATCH = 128
"""Images in a forward pass, always: a shorter batch is filled up, since its size can change the last bits."""


@dataclass(frozen=True, slots=True)
class _Job:
    need: Need
    key: str
    checkpoint: Checkpoint


class Predictor:
    """Meets the needs of one run: fills `run.addresses`, loading each checkpoint at most once in this process."""

    def __init__(self, run: Run, progress: Progress) -> None:
        """Predict for `run`, telling `progress`."""
        self._run = run
        self._progress = progress
        self._images: dict[str, ImageSet] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._pace = Pace(run)

    def prepare(self, needs: set[Need]) -> None:
        """Meet every need. What cannot be met is blocked with its reason and stops nothing else.

        Raises StoreError where the store cannot be written, SpecError where `models.yaml` names what no library has.
        """
        started = time.perf_counter()
        if not self._all_met(sorted(needs)):
            waiting = "another run is predicting into this store; waiting for it"
            with self._run.store.writing(lambda: self._progress.say(waiting)):
                missing = [need for need in sorted(needs) if not self._locate(need)]
                self._compute(sorted({self._whole(need) for need in missing}))
                for need in missing:
                    self._locate(need)
        self._run.cost.seconds += time.perf_counter() - started

    def is_stored(self, need: Need) -> bool:
        """Whether a need is met already; one that never can be is not, and its address says why."""
        return self._locate(need) and not self._run.addresses[need].blocked

    def _compute(self, missing: list[Need]) -> None:
        asked = list(self._jobs(missing))
        # two names of one checkpoint are answered once
        jobs = {job.key: job for job in asked}
        tables = [job for job in jobs.values() if not job.need.contract]
        for job in jobs.values():
            if job.need.contract:
                self._contract(job)
        self._progress.start(sum(len(self.images(job.need.image_set)) for job in tables))
        try:
            for name in dict.fromkeys(job.need.image_set for job in tables):
                self._predict_set(name, [job for job in tables if job.need.image_set == name])
        finally:
            self._progress.close()
            self._pace.keep()
        for job in asked:
            self._run.addresses.setdefault(job.need, self._run.addresses[jobs[job.key].need])

    def _all_met(self, needs: list[Need]) -> bool:
        # Without the lock, so that a complete store can be judged though it is read-only. An image set that was
        # never indexed must be written, so it waits for the lock.
        try:
            return not [need for need in needs if not self._locate(need)]
        except StoreError:
            return False

    def images(self, name: str) -> ImageSet:
        """Index an image set, once. Raises BlockedError where it cannot be."""
        if name not in self._images:
            run = self._run
            self._images[name] = images = read_image_set(run.zoo, name, run.store, run.settings.limit)
            run.store.keep_index(images.fingerprint, lambda: index_of(images))
            run.image_sets[name] = {"count": len(images), "fingerprint": images.fingerprint, **_remarks(images)}
        return self._images[name]

    def checkpoint(self, model: str) -> Checkpoint:
        """Load a checkpoint, once, and keep what it resolved to, so that a warm run need not load it.

        Raises BlockedError where it cannot be loaded.
        """
        if model not in self._checkpoints:
            run, spec = self._run, self._live(model)
            around = Surroundings(
                root=run.zoo.file.parent,
                labels=labels_of(spec.label_space),
                device=run.settings.device,
                precision=run.settings.precision,
                cached=run.store.array,
            )
            self._progress.say(f"loading {model}")
            try:
                self._checkpoints[model] = loaded = _source(spec).load(spec, around)
            except EyechartError:
                raise
            except Exception as error:  # a library's own failure blocks this model; the others go on
                raise BlockedError(f"it cannot be loaded: {type(error).__name__}: {error}") from error
            run.store.write_json("resolved", self._resolution_key(model), asdict(loaded.resolved))
            if loaded.note:
                self._progress.say(f"{model}: weights {loaded.note}")
            run.cost.loads[model] = run.cost.loads.get(model, 0) + 1
        return self._checkpoints[model]

    def _live(self, model: str) -> LiveSpec:
        spec = self._run.zoo.models[model]
        if isinstance(spec, RecordedSpec):
            raise NotApplicableError(f"{model}: its predictions were recorded elsewhere, there is no model to ask")
        return spec

    def _resolution_key(self, model: str) -> str:
        """Key of what a checkpoint resolves to: its entry in `models.yaml`, its weights, its libraries' versions."""
        spec = self._live(model)
        weights = _source(spec).weights(spec, self._run.zoo.file.parent)
        entry = spec.model_dump(mode="json", exclude={"known_failures", "weights"})
        classes = labels_of(spec.label_space).names
        return digest(entry, weights, classes, self._run.settings.precision, versions(_source(spec).LIBRARIES))

    def _locate(self, need: Need) -> bool:
        """Whether a need is met already, or never can be; notes its address in both cases."""
        run = self._run
        if need in run.addresses:
            return True
        try:
            images = self.images(need.image_set)
            if images.of:
                return self._locate_part(need)
            if isinstance(run.zoo.models[need.model], RecordedSpec):
                return RecordedAnswers(run).locate(need, images)
            key = self._known_key(need, images)
            if key is None:
                return False
        except (BlockedError, NotApplicableError) as error:
            never = isinstance(error, NotApplicableError)
            run.addresses[need] = Address(not_applicable=str(error)) if never else Address(blocked=str(error))
            return True
        there = run.store.read_json("contracts", key) is not None if need.contract else run.store.has_table(key)
        if there:
            run.addresses[need] = Address(key)
        return there

    def _known_key(self, need: Need, images: ImageSet) -> str | None:
        """The key of a live model's answers, if what it resolves to is known without loading it."""
        record = self._run.store.read_json("resolved", self._resolution_key(need.model))
        if record is None:
            return None
        resolved = Resolved.from_json(record)
        self._run.fingerprints[need.model] = resolved.identity
        return self._key(resolved, images, need)

    def _whole(self, need: Need) -> Need:
        """The need whose predictions meet this one: for a part of an image set, that for the whole."""
        return replace(need, image_set=self.images(need.image_set).of or need.image_set)

    def _locate_part(self, need: Need) -> bool:
        """Whether the predictions for the whole of a part are there; they are the part's too."""
        whole = self._whole(need)
        if self._locate(whole):
            self._run.addresses[need] = self._run.addresses[whole]
        return need in self._run.addresses

    def _readout(self, need: Need) -> Readout:
        zoo = self._run.zoo
        return readout(labels_of(self._live(need.model).label_space), zoo.labels(need.image_set))

    def _key(self, resolved: Resolved, images: ImageSet, need: Need) -> str:
        through = self._readout(need).identity
        if through and resolved.answers == "labels":
            raise NotApplicableError(f"its answers are labels only, which cannot be read out as {images.label_space!r}")
        if need.contract:
            from eyechart.contracts import source_of

            return digest(resolved.identity, images.fingerprint, source_of(need.contract))
        resolved.geometry(View.parse(need.view))
        return digest(resolved.identity, images.fingerprint, need.view, *filter(None, [through]))

    def _jobs(self, needs: list[Need]) -> Iterator[_Job]:
        """Load the checkpoints that something is missing of; block the needs of those that cannot be loaded."""
        for need in needs:
            if need in self._run.addresses:
                continue
            if isinstance(self._run.zoo.models[need.model], RecordedSpec):
                RecordedAnswers(self._run).take(need, self.images(need.image_set))
                continue
            try:
                checkpoint = self.checkpoint(need.model)
            except BlockedError as error:
                for other in needs:
                    if other.model == need.model:
                        self._run.addresses.setdefault(other, Address(blocked=str(error)))
                continue
            # A checkpoint whose resolution had to be made anew may turn out to have its predictions.
            if not self._locate(need):
                yield _Job(need, self._key(checkpoint.resolved, self.images(need.image_set), need), checkpoint)

    def _contract(self, job: _Job) -> None:
        from eyechart.contracts import IMAGES, check

        run, images = self._run, self.images(job.need.image_set)
        try:
            raw = images.read(np.arange(min(IMAGES, len(images))))
            batch = job.checkpoint.resolved.geometry(ORIGINAL).apply(raw)
            finding = check(job.need.contract, job.checkpoint.answer, batch, run.settings.precision)
        except BlockedError as error:
            run.addresses[job.need] = Address(blocked=str(error))
            return
        run.store.write_json("contracts", job.key, asdict(finding))
        run.addresses[job.need] = Address(job.key)

    def _predict_set(self, name: str, jobs: list[_Job]) -> None:
        run, images = self._run, self.images(name)
        for start in range(0, len(images), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(images)))
            todo = [job for job in jobs if job.need not in run.addresses and not run.store.has_part(job.key, start)]
            self._progress.step((len(jobs) - len(todo)) * len(rows), name)
            if todo:
                self._predict_chunk(images, rows, todo)
        for job in jobs:
            if job.need not in run.addresses:
                run.store.finish(job.key, self._meta(job, images))
                run.addresses[job.need] = Address(job.key)

    def _predict_chunk(self, images: ImageSet, rows: Ints, jobs: list[_Job]) -> None:
        try:
            with self._pace.of_set(images.name, len(rows)):
                raw = images.read(rows)
        except BlockedError as error:  # a file that was there when the set was indexed
            self._block(jobs, error)
            return
        self._run.cost.images_read += len(rows)
        for view_name in dict.fromkeys(job.need.view for job in jobs):
            view = View.parse(view_name)
            try:
                changed = [view.of_image(image) for image in raw]
            except BlockedError as error:
                self._block([job for job in jobs if job.need.view == view_name], error)
                continue
            batches: dict[Geometry, Batch] = {}
            for job in (job for job in jobs if job.need.view == view_name):
                geometry = job.checkpoint.resolved.geometry(view)
                if geometry not in batches:
                    batches[geometry] = geometry.apply(changed)
                try:
                    with self._pace.of_model(job.need.model, len(rows)):
                        logits = self._forward(job.checkpoint, batches[geometry])
                except BlockedError as error:
                    self._run.addresses[job.need] = Address(blocked=str(error))
                    continue
                answers = self._readout(job.need).apply(logits)
                table = _table(images, rows, answers, job.checkpoint)
                if view.pads:
                    shares = [view.padded_share(image.shape[0], image.shape[1], geometry.crop) for image in raw]
                    table = table.append_column("padded", pa.array(shares, pa.float64()))
                self._run.store.write_part(job.key, int(rows[0]), table)
                self._progress.step(len(rows), f"{job.need.model} {job.need.image_set} {view_name}")

    def _block(self, jobs: list[_Job], error: BlockedError) -> None:
        self._run.addresses.update({job.need: Address(blocked=str(error)) for job in jobs})

    def _forward(self, checkpoint: Checkpoint, batch: Batch) -> Logits:
        started = time.perf_counter()
        answers = []
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            filled = np.concatenate([part, np.repeat(part[-1:], BATCH - len(part), axis=0)])
            answers.append(checkpoint.answer(filled)[: len(part)])
        self._run.cost.forward_seconds += time.perf_counter() - started
        self._run.cost.answers += len(batch)
        return np.concatenate(answers)

    def _meta(self, job: _Job, images: ImageSet) -> dict[str, Any]:
        return {
            "model": job.need.model,
            "image_set": job.need.image_set,
            "view": job.need.view,
            "views_version": VIEWS_VERSION,
            "checkpoint": asdict(job.checkpoint.resolved),
            "images": {"count": len(images), "fingerprint": images.fingerprint, "limit": images.limit},
            "note": job.checkpoint.note,
            "device": self._run.settings.device,
            "versions": versions(),
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }


def _source(spec: LiveSpec) -> Any:
    return importlib.import_module(f"eyechart.sources.{spec.source}")


def index_of(images: ImageSet) -> pa.Table:
    """What is known of a set's images, in columns: key, label, also, and its annotations."""
    keys = images.keys.tolist()
    also = pa.array([list(images.also.get(key, ())) for key in keys], pa.list_(pa.int64()))
    columns = {
        name: values.tolist() if values.dtype.kind == "U" else values for name, values in images.annotations.items()
    }
    return pa.table({**columns, "key": keys, "label": images.labels, "also": also})


def _remarks(images: ImageSet) -> dict[str, Any]:
    """What a run tells of an image set besides its count and fingerprint."""
    remarks = {"of": images.of, "several_labels": len(images.also), "notes": list(images.notes)}
    return {name: value for name, value in remarks.items() if value}


def _table(images: ImageSet, rows: Ints, logits: Answers, checkpoint: Checkpoint) -> pa.Table:
    told = {"key": images.keys[rows].tolist(), "label": images.labels[rows]}
    if checkpoint.resolved.answers == "labels":
        return pa.table({**told, "predicted": logits.argmax(axis=1), "confidence": pa.nulls(len(rows), pa.float64())})
    exact = logits.astype(np.float64)
    shifted = np.exp(exact - exact.max(axis=1, keepdims=True))
    values = pa.array(np.ascontiguousarray(logits, dtype=np.float32).ravel())
    return pa.table(
        {
            **told,
            "predicted": exact.argmax(axis=1),
            "confidence": 1.0 / shifted.sum(axis=1),
            "logits": pa.FixedSizeListArray.from_arrays(values, logits.shape[1]),
        }
    )
