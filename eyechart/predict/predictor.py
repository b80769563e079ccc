"""The predict phase: compute what the claims need and the store lacks, reading each image once.

Loops: image set → chunk of images (read once) → view and geometry (made once) → checkpoint. Each chunk of answers is
on disk before the next begins, so a run that is cut short goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from eyechart.errors import BlockedError, NotApplicableError, StoreError
from eyechart.predict.answering import (
    Job,
    finish,
    keep_contract,
    keep_probe,
    keep_search,
    means_of,
)
from eyechart.predict.engine import Engine, Lease, LocalEngine
from eyechart.predict.locating import TRAINING, Locator
from eyechart.predict.needs import FEATURES, Need
from eyechart.predict.pace import Pace
from eyechart.predict.recorded import RecordedAnswers
from eyechart.predict.run import Run
from eyechart.predict.searches import judged_views, most_answers
from eyechart.progress import Progress

if TYPE_CHECKING:
    from eyechart.checkpoints.checkpoint import Checkpoint

CHUNK = 512
"""Images read, answered and written to disk at a time."""


class Predictor:
    """Meets the needs of one run, loading each checkpoint at most once in this process; `locator` says what is met."""

    def __init__(self, run: Run, progress: Progress) -> None:
        """Predict for `run`, telling `progress`."""
        self.run = run
        self.locator = Locator(run, progress)
        self._progress = progress
        self._pace = Pace(run)
        self._engine: Engine = LocalEngine(run, self._pace)

    def prepare(self, needs: set[Need]) -> None:
        """Meet every need. What cannot be met is blocked with its reason and stops nothing else.

        Raises StoreError where the store cannot be written, DeviceError where there is no such device.
        """
        started = time.perf_counter()
        if not self._all_met(needs):
            waiting = "another run is predicting into this store; waiting for it"
            with self.run.store.writing(lambda: self._progress.say(waiting)):
                self._meet(needs)
                self._meet(self.following(needs))
        self.run.cost.seconds += time.perf_counter() - started

    def is_stored(self, need: Need) -> bool:
        """Whether a need is met already; one that never can be is not, and its address says why."""
        return self.locator.locate(need) and not self.run.addresses[need].blocked

    def following(self, needs: Iterable[Need]) -> set[Need]:
        """What turns out to be needed: predictions under the changes that verdicts on searches are measured under."""
        searched = [need for need in needs if need.search and self.run.has_found(need)]
        return {
            Need(need.model, need.image_set, view) for need in searched for view in judged_views(self.run.found(need))
        }

    def answers_to(self, need: Need) -> int:
        """About how many images a checkpoint answers to meet a need. Raises BlockedError where they are not there."""
        images = len(self.locator.images(need.image_set))
        if need.is_probe:
            return images + len(self.locator.images(need.image_set + TRAINING))
        return images + most_answers(need.search, images) if need.search else images

    def _all_met(self, needs: set[Need]) -> bool:
        # Without the lock, so that a complete store can be judged though it is read-only. An image set that was
        # never indexed must be written, so it waits for the lock.
        try:
            return not self._missing(needs) and not self._missing(self.following(needs))
        except StoreError:
            return False

    def _missing(self, needs: set[Need]) -> list[Need]:
        return [need for need in sorted(needs) if not self.locator.locate(need)]

    def _meet(self, needs: set[Need]) -> None:
        missing = self._missing(needs)
        self._compute(sorted({self.locator.whole(need) for need in missing}))
        for need in missing:
            self.locator.locate(need)

    def _compute(self, missing: list[Need]) -> None:
        asked = list(self._jobs(missing))
        # two names of one checkpoint are answered once
        jobs = {job.key: job for job in asked}
        probes = [job for job in jobs.values() if job.need.is_probe]
        embedded = [job for probe in probes for job in self._embedding_jobs(probe)]
        embeddings = {job.key: job for job in embedded}
        tables = [*(job for job in jobs.values() if job.need.is_table and not job.need.is_probe), *embeddings.values()]
        for job in jobs.values():
            if job.need.contract:
                self._keep(job, keep_contract)
        searches = [job for job in jobs.values() if job.need.search]
        self._progress.start(sum(len(self.locator.images(job.need.image_set)) for job in tables))
        try:
            for name in dict.fromkeys(job.need.image_set for job in tables):
                self._predict_set(name, [job for job in tables if job.need.image_set == name])
        finally:
            self._progress.close()
            self._pace.keep()
        for job in searches:
            self._progress.say(f"searching {job.need.model}: {job.need.search}")
            self._keep(job, keep_search)
        self._share(embedded, embeddings)
        for job in probes:
            self._progress.say(f"fitting a probe on {job.need.model} for {job.need.image_set}")
            self._keep(job, self._probe)
        self._share(asked, jobs)

    def _share(self, asked: Iterable[Job], met: Mapping[str, Job]) -> None:
        """Note that what met one need meets all others of its key: the same model or images by another name."""
        for job in asked:
            self.run.addresses.share(job.need, met[job.key].need)

    def _jobs(self, needs: list[Need]) -> Iterator[Job]:
        """Load the checkpoints that something is missing of; block the needs of those that cannot be loaded."""
        for need in needs:
            if need in self.run.addresses:
                continue
            if self.locator.is_recorded(need.model):
                RecordedAnswers(self.run).take(need, self.locator.images(need.image_set))
                continue
            try:
                checkpoint = self.locator.checkpoint(need.model)
            except BlockedError as error:
                self.run.addresses.refuse(need, error)
                for other in needs:
                    if other.model == need.model:
                        self.run.addresses.share(other, need)
                continue
            # A checkpoint whose resolution had to be made anew may turn out to have its predictions.
            if not self.locator.locate(need):
                yield self._job(need, checkpoint)

    def _job(self, need: Need, checkpoint: Checkpoint) -> Job:
        images = self.locator.images(need.image_set)
        readout = None if need.view == FEATURES or need.is_probe else self.locator.readout(need)
        return Job(need, self.locator.key(checkpoint.resolved, need), checkpoint, images, readout)

    def _embedding_jobs(self, probe: Job) -> list[Job]:
        """What must be embedded before a probe can be fitted, unless it is stored."""
        task = probe.need.image_set
        needs = [Need(probe.need.model, name, FEATURES) for name in (task, task + TRAINING)]
        return [self._job(need, probe.checkpoint) for need in needs if not self.locator.locate(need)]

    def _keep(self, job: Job, keep: Callable[[Run, Job], None]) -> None:
        """Find an outcome and keep it, or note why there is none."""
        try:
            keep(self.run, job)
            self.locator.meet(job.need, job.key)
        except (BlockedError, NotApplicableError) as error:
            self._refuse(job, error)

    def _refuse(self, job: Job, error: BlockedError | NotApplicableError) -> None:
        self.run.addresses.refuse(job.need, error)

    def _probe(self, run: Run, job: Job) -> None:
        task = job.need.image_set
        learned, asked = (run.address(Need(job.need.model, name, FEATURES)) for name in (task + TRAINING, task))
        try:
            rows = np.flatnonzero(self.locator.unseen(task))
            keep_probe(run, job, rows, (self.locator.images(task + TRAINING), learned), asked)
        except BlockedError as error:  # a claim about a group of tasks must say which of them
            raise BlockedError(f"image set {task!r}: {error}") from error

    def _predict_set(self, name: str, jobs: list[Job]) -> None:
        for job, start, table in self._engine.answers(self._leases(name, jobs), self._refuse):
            self.run.store.write_part(job.key, start, table, means_of(self.run))
            self._progress.step(len(table), f"{job.need.model} {job.need.image_set} {job.need.view}")
        for job in jobs:
            if job.need not in self.run.addresses:
                self._keep(job, finish)

    def _leases(self, name: str, jobs: list[Job]) -> Iterator[Lease]:
        """What is to be answered, a chunk at a time, without the jobs that were refused meanwhile."""
        run, images = self.run, self.locator.images(name)
        answered = {job.key: run.store.answered(job.key, len(images), means_of(run)) for job in jobs}
        for start in range(0, len(images), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(images)))
            todo = [job for job in jobs if job.need not in run.addresses and not answered[job.key][rows].all()]
            self._progress.step((len(jobs) - len(todo)) * len(rows), name)
            if todo:
                yield Lease(images, rows, todo)
