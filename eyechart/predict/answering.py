"""One need of a live checkpoint: its forward passes, and the table or record that meets the need."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from eyechart.images.image_set import ImageSet, RawImages
from eyechart.images.views import ORIGINAL, View
from eyechart.images.views import VERSION as VIEWS_VERSION
from eyechart.measures.predictions import BEST, FEW, Ints, condensed
from eyechart.predict.needs import FEATURES, Need, protocol_of
from eyechart.predict.run import Cost, Run, versions

if TYPE_CHECKING:
    from eyechart.checkpoints.checkpoint import Checkpoint
    from eyechart.checkpoints.preprocessing import Batch, Geometry
    from eyechart.checkpoints.readouts import Answers, Readout
    from eyechart.images.views import Image
    from eyechart.measures.predictions import Floats


@dataclass(frozen=True, slots=True)
class Job:
    """A need, the key under which what meets it is kept, and what it takes; features and probes have no readout.

    `keeps_logits` says whether its table does, or only the best answers.
    """

    need: Need
    key: str
    checkpoint: Checkpoint
    images: ImageSet
    readout: Readout | None
    keeps_logits: bool

    def geometry(self, view: View) -> Geometry:
        """How the checkpoint sees this image set under a view."""
        return self.checkpoint.resolved.geometry(view, whole=self.images.cropped)

    @property
    def asked(self) -> Callable[[Batch], Any]:
        """What the checkpoint is asked for: logits, or features."""
        return self.checkpoint.features if self.need.view == FEATURES else self.checkpoint.answer

    def batch_size(self, crop: Image) -> int:
        """Images in a forward pass over crops of this size."""
        height, width = crop.shape[:2]
        return self.checkpoint.batching.size(height, width, len(self.images))

    def read_out(self, logits: Answers) -> Answers:
        """Answers in the image set's label space."""
        return logits if self.readout is None else self.readout.apply(logits)


def forward(ask: Callable[[Batch], Any], batch: Batch, size: int, cost: Cost) -> Any:
    """Ask for any number of images, in batches of one `size`; (n, classes or dimensions)."""
    started = time.perf_counter()
    answers = []
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        more = size - len(part)
        filled = np.concatenate([part, np.repeat(part[-1:], more, axis=0)]) if more else part
        answers.append(ask(filled)[: len(part)])
    cost.forward_seconds += time.perf_counter() - started
    cost.answers += len(batch)
    return np.concatenate(answers)


def predictions_table(job: Job, rows: Ints, answers: Answers, padded: Sequence[float] = ()) -> pa.Table:
    """The predictions for the images `rows`, from the answers to them, and the share of each that a view filled in."""
    logits = job.read_out(answers)
    columns: dict[str, Any] = {"key": job.images.keys[rows].tolist(), "label": job.images.labels[rows]}
    if job.checkpoint.resolved.answers == "labels":
        columns |= {"predicted": logits.argmax(axis=1), "confidence": pa.nulls(len(rows), pa.float64())}
    else:
        exact = logits.astype(np.float64)
        shifted = np.exp(exact - exact.max(axis=1, keepdims=True))
        columns |= {"predicted": exact.argmax(axis=1), "confidence": 1.0 / shifted.sum(axis=1)}
        stored = np.ascontiguousarray(logits, dtype=np.float32)
        if logits.shape[1] > FEW:
            kept = condensed(stored, job.images.labels[rows])
            columns |= {name: _matrix(values) if values.ndim > 1 else values for name, values in kept.items()}
        if job.keeps_logits or logits.shape[1] <= FEW:
            columns["logits"] = _matrix(stored)
    if padded:
        columns["padded"] = pa.array(padded, pa.float64())
    return pa.table(columns)


def features_table(images: ImageSet, rows: Ints, features: Floats) -> pa.Table:
    """The embeddings of the images `rows`."""
    matrix = _matrix(np.asarray(features, dtype=np.float32))
    return pa.table({"key": images.keys[rows].tolist(), "label": images.labels[rows], FEATURES: matrix})


def _matrix(values: Any) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(values).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def means_of(run: Run, job: Job) -> dict[str, Any]:
    """With what a run predicts: a table is made by one device and one set of libraries, and says which.

    It also keeps logits of all its images or of none.
    """
    means = {"device": run.settings.device, "versions": versions()}
    return means if job.keeps_logits else means | {"keeps": f"{BEST} best answers"}


def meta_of(job: Job, **more: Any) -> dict[str, Any]:
    """What a table says of how it was made, besides by which means."""
    images = job.images
    return {
        "model": job.need.model,
        "image_set": job.need.image_set,
        "view": job.need.view,
        "views_version": VIEWS_VERSION,
        "checkpoint": asdict(job.checkpoint.resolved),
        "images": {"count": len(images), "fingerprint": images.fingerprint, "limit": images.limit},
        "note": job.checkpoint.note,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **more,
    }


def finish(run: Run, job: Job) -> None:
    """Join what was kept of a table. Raises BlockedError where it is not all of it."""
    run.store.finish(job.key, meta_of(job), job.images.keys, means_of(run, job))


def keep_contract(run: Run, job: Job) -> None:
    """Try a contract and keep its outcome. Raises BlockedError where the checkpoint does not answer."""
    from eyechart.predict.contracts import IMAGES, check

    raw = RawImages(job.images, np.arange(min(IMAGES, len(job.images))))
    batch = job.geometry(ORIGINAL).apply(raw)
    finding = check(job.need.contract, job.checkpoint.answer, batch, run.settings.precision)
    run.store.write_json("contracts", job.key, asdict(finding))


def keep_search(run: Run, job: Job) -> None:
    """Search for the smallest change that breaks a bound; keep what was found, and a picture of it.

    Raises BlockedError where the checkpoint does not answer.
    """
    from eyechart.predict.searches import picture, search, searched_rows

    rows = searched_rows(job.images.keys)
    raw = RawImages(job.images, rows)

    def answer(images: Sequence[Image], view: View) -> Answers:
        batch = job.geometry(view).apply(view.of_image(image) for image in images)
        return job.read_out(forward(job.checkpoint.answer, batch, job.batch_size(batch[0]), run.cost))

    part = job.images.rows(rows)
    outcome = search(job.need.search, answer, raw, part.labels, part.keys)
    shown = [part.keys.tolist().index(key) for key in outcome.examples]
    if shown:
        view = View.parse(outcome.view)
        geometry, original = job.geometry(view), job.geometry(ORIGINAL)
        before = list(original.apply([raw[row] for row in shown]))
        after = list(geometry.apply([view.of_image(raw[row]) for row in shown]))
        run.store.write_picture(job.key, picture(before, after))
    run.store.write_json("searches", job.key, asdict(outcome))


def keep_probe(run: Run, job: Job, rows: Ints, learned: tuple[ImageSet, str], asked: str) -> None:
    """Fit a linear probe on the embeddings of the training images, and keep its answers to the images `rows`.

    learned  the training images, and the key of their embeddings; `asked` is the key of those of the task's own images
    Raises BlockedError where there is nothing to learn from, or embeddings are not numbers.
    """
    from eyechart.predict import probes

    images, key = learned
    classes = len(run.zoo.labels(job.need.image_set))
    probe = probes.fit(_features(run, key), images.labels, images.keys, classes, protocol_of(job.need))
    logits = probe.logits(_features(run, asked)[rows], job.images.keys[rows])
    meta = meta_of(job, fitted_on=images.fingerprint, probe=probe.record)
    run.store.write_part(job.key, 0, predictions_table(job, rows, logits), means_of(run, job))
    run.store.finish(job.key, meta, job.images.keys[rows], means_of(run, job))


def _features(run: Run, key: str) -> Any:
    column = run.store.read_table(key, [FEATURES])[FEATURES].combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)
