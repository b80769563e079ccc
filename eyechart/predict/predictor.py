"""The predict phase: compute what the claims need and the store lacks, reading each image once.

Loops: image set → chunk of images (read once) → view and geometry (made once) → checkpoint. Each chunk of answers is
on disk before the next begins, so a run that is cut short goes on where it was.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from eyechart.errors import BlockedError, EyechartError, NotApplicableError, StoreError
from eyechart.measures.awaiting import Wanted
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import (
    Job,
    finish,
    keep_contract,
    keep_probe,
    keep_search,
    means_of,
    meta_of,
)
from eyechart.predict.engine import Engine, Lease, LocalEngine
from eyechart.predict.locating import TRAINING, Locator
from eyechart.predict.needs import FEATURES, Need
from eyechart.predict.pace import Pace
from eyechart.predict.recorded import RecordedAnswers
from eyechart.predict.run import Run
from eyechart.predict.searches import judged_views, most_answers
from eyechart.progress import Progress

CHUNK = 512
"""Images read, answered and written to disk at a time."""


class Predictor:
    """Meets the needs of one run, loading each checkpoint at most once in this process; `locator` says what is met."""

    def __init__(self, run: Run, progress: Progress) -> None:
        """Predict for `run`, telling `progress`."""
        self.run = run
        self.locator = Locator(run, progress)
        self._progress = progress
        self._pace = Pace(run, progress.answered)
        progress.note = run.store.note
        self._begun: dict[str, Need] = {}
        self._engine = self._engine_of(run.settings.engine)

    def _engine_of(self, name: str) -> Engine:
        if name == "ray":
            from eyechart.predict.ray_engine import RayEngine

            return RayEngine(self.run)
        return LocalEngine(self.run, self._pace)

    def prepare(self, needs: set[Need], *, following: bool = True) -> None:
        """Meet every need, and those that follow. What cannot be met is blocked with its reason and stops nothing else.

        Raises StoreError where the store cannot be written, DeviceError where there is no such device.
        """

        def then() -> set[Need]:
            return self.following(needs) if following else set()

        with self._holding(lambda: not self._missing(needs) and not self._missing(then())):
            self._meet(needs)
            self._meet(then())

    @contextlib.contextmanager
    def _holding(self, all_there: Callable[[], bool]) -> Iterator[None]:
        """Time it, and hold the store unless all is there: a complete one can be judged though it is read-only.

        An image set that was never indexed must be written, so it waits for the lock.
        """
        started = time.perf_counter()
        try:
            if self._is_so(all_there):
                yield
                return
            with self.run.store.writing(lambda: self._progress.say(self.run.store.waiting())):
                yield
        finally:
            self.run.cost.seconds += time.perf_counter() - started

    def begin(self, needs: set[Need]) -> None:
        """Meet what no look can divide, and of tables note what is there: `answer` predicts what is asked of them.

        A table is divided unless a probe makes it or it was recorded. Raises as `prepare`.
        """
        in_looks = {
            need for need in needs if need.is_table and not need.is_probe and not self.locator.is_recorded(need.model)
        }
        self.prepare(needs - in_looks, following=False)
        with self._holding(lambda: all(map(self.locator.begin, in_looks | self.following(needs)))):
            for need in sorted(in_looks | self.following(needs)):
                if not self.locator.begin(need):
                    for job in self._jobs([self.locator.whole(need)]):
                        self.run.store.begin(job.key, meta_of(job), means_of(self.run, job))
                    self.locator.begin(need)
        met = {need: self.run.addresses[need] for need in in_looks | self.following(needs)}
        self._begun |= {address.key: self.locator.whole(need) for need, address in met.items() if address.partly}
        self._count()

    def answer(self, wanted: Wanted) -> bool:
        """Predict these rows of tables that were begun; a table of which nothing is missing any more is finished.

        Returns whether parts by other means had to go, so that what was judged on them is open again. Raises as
        `prepare`.
        """
        with self._holding(lambda: False):
            rows: dict[str, Ints] = {}
            jobs: dict[str, Job] = {}
            for (model, image_set, view), more in wanted.items():
                for job in self._jobs([self.locator.whole(Need(model, image_set, view))]):
                    there = self.run.store.partial(job.key)
                    kept = there is not None and "logits" in there.columns
                    jobs[job.key] = replace(job, keeps_logits=job.keeps_logits or kept)
                    rows[job.key] = np.union1d(rows.get(job.key, more), more)
            anew = [self.run.store.begin(key, meta_of(job), means_of(self.run, job)) for key, job in jobs.items()]
            self._predict(list(jobs.values()), rows)
            for job in jobs.values():
                self.run.addresses.settle(job.need, job.key)
        self._count()
        return any(anew)

    def _count(self) -> None:
        """How many answers of begun tables are there."""
        cost, addresses = self.run.cost, self.run.addresses
        cost.needed = cost.possible = 0
        for key, need in self._begun.items():
            images, address = len(self.locator.images(need.image_set)), addresses[need]
            if address.key:
                there = self.run.store.partial(key) if address.partly else None
                cost.possible += images
                cost.needed += len(there.rows) if there is not None else images

    def is_stored(self, need: Need) -> bool:
        """Whether a need is met already; one that never can be is not, and its address says why."""
        return self.locator.locate(need) and not self.run.addresses[need].blocked

    def keep_logits(self, need: Need) -> None:
        """Predict a table anew that did not keep the logits which a claim turns out to ask for.

        Raises BlockedError where that cannot be done; what there is goes on to meet all other claims.
        """
        before = self.run.addresses.drop({need, self.locator.whole(need)})
        try:
            self.prepare({need})
            self.run.address(need)
        except EyechartError as error:
            self.run.addresses.restore(before)
            raise BlockedError(f"its logits were not kept, and cannot be had now: {error}") from error

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

    @staticmethod
    def _is_so(all_there: Callable[[], bool]) -> bool:
        try:
            return all_there()
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
        # two names of one checkpoint are answered once, with logits where either asks for them
        jobs = {job.key: job for job in sorted(asked, key=lambda job: job.keeps_logits)}
        probes = [job for job in jobs.values() if job.need.is_probe]
        embedded = [job for probe in probes for job in self._embedding_jobs(probe)]
        embeddings = {job.key: job for job in embedded}
        tables = [*(job for job in jobs.values() if job.need.is_table and not job.need.is_probe), *embeddings.values()]
        for job in jobs.values():
            if job.need.contract:
                self._keep(job, keep_contract)
        searches = [job for job in jobs.values() if job.need.search]
        self._predict(tables)
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
            if self.run.addresses.is_settled(need):
                continue
            if self.locator.is_recorded(need.model):
                RecordedAnswers(self.run).take(need, self.locator.images(need.image_set))
                continue
            try:
                self.locator.checkpoint(need.model)
            except BlockedError as error:
                self.run.addresses.refuse(need, error)
                for other in needs:
                    if other.model == need.model:
                        self.run.addresses.share(other, need)
                continue
            # A checkpoint whose resolution had to be made anew may turn out to have its predictions.
            if not self.locator.locate(need) or not self.run.addresses.is_settled(need):
                yield self.locator.job(need)

    def _embedding_jobs(self, probe: Job) -> list[Job]:
        """What must be embedded before a probe can be fitted, unless it is stored."""
        task = probe.need.image_set
        needs = [Need(probe.need.model, name, FEATURES) for name in (task, task + TRAINING)]
        return [self.locator.job(need) for need in needs if not self.locator.locate(need)]

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

    def _predict(self, jobs: list[Job], wanted: Mapping[str, Ints] = MappingProxyType({})) -> None:
        """Keep each answer as it comes, and finish a table with its last one; of some tables only rows are `wanted`."""
        due: Counter[str] = Counter()
        self._progress.start(sum(len(wanted.get(job.key, job.images.keys)) for job in jobs))
        try:
            for job, rows, table in self._engine.answers(self._leases(jobs, wanted, due), self._refuse):
                self.run.store.write_part(job.key, rows, table, means_of(self.run, job))
                self._progress.step(len(table), f"{job.need.model} {job.need.image_set} {job.need.view}")
                due[job.key] -= len(rows)
                if not due[job.key] and not self.run.addresses.is_settled(job.need):
                    self._keep(job, finish)
        finally:
            self._progress.close()
            self._pace.keep()

    def _leases(self, jobs: list[Job], wanted: Mapping[str, Ints], due: Counter[str]) -> Iterator[Lease]:
        """What is to be answered, set by set and a chunk at a time, without the jobs that were refused meanwhile.

        A chunk is of images that the same jobs lack, so that each image is read once and none is answered twice. How
        many rows each table lacks is noted in `due`.
        """
        for name in dict.fromkeys(job.need.image_set for job in jobs):
            images, asking = self.locator.images(name), [job for job in jobs if job.need.image_set == name]
            answered = [self.run.store.answered(job.key, len(images), means_of(self.run, job)) for job in asking]
            lacks = ~np.array(answered)
            for number, job in enumerate(asking):
                due[job.key] = int(np.count_nonzero(lacks[number]))
                if not due[job.key]:
                    self._keep(job, finish)
                asked = wanted.get(job.key, np.arange(len(images)))
                self._progress.step(int(np.count_nonzero(~lacks[number, asked])), name, stored=True)
                lacks[number] &= np.isin(np.arange(len(images)), asked)
            alike, first, kind = np.unique(lacks, axis=1, return_index=True, return_inverse=True)
            for number in np.argsort(first).tolist():
                here = [job for job, lacking in zip(asking, alike[:, number].tolist(), strict=True) if lacking]
                rows = np.flatnonzero(kind.ravel() == number)
                for start in range(0, len(rows), CHUNK):
                    if todo := [job for job in here if not self.run.addresses.is_settled(job.need)]:
                        yield Lease(images, rows[start : start + CHUNK], todo)
