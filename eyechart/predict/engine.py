"""Where a chunk of images is answered: here, one chunk after the other, or by an engine of many machines."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import Job, features_table, predictions_table
from eyechart.predict.chunk import Chunk
from eyechart.predict.crops import Crops, limit_of
from eyechart.predict.feeding import Feed, Reader, idle_devices, workers_that_pay
from eyechart.predict.needs import FEATURES
from eyechart.predict.pace import Pace
from eyechart.predict.run import Run
from eyechart.predict.seeing import Seen

if TYPE_CHECKING:
    import pyarrow as pa

    from eyechart.images.image_set import ImageSet

Refuse: TypeAlias = Callable[[Job, BlockedError | NotApplicableError], None]
"""Told which job cannot be answered, and why."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Images `rows` of a set, ascending, and the jobs that ask for answers to them."""

    images: ImageSet
    rows: Ints
    jobs: Sequence[Job]


class Engine(Protocol):
    """Answers leases, in any order; each answer is kept by whoever asked, before the next is asked for."""

    def answers(self, leases: Iterable[Lease], refuse: Refuse) -> Iterator[tuple[Job, Ints, pa.Table]]:
        """Of each job that is not refused: the rows of a lease, and its table of them."""


@dataclass(slots=True)
class LocalEngine:
    """This process, and workers that read images for it; a lease is taken when its images are to be read.

    Beside workers a thread answers, so that no device waits while batches are put together and answers are kept.
    """

    run: Run
    pace: Pace
    _feed: Feed | None = None
    _beside: Executor | None = None
    _crops: Crops | None = None
    _told: bool = False

    def answers(self, leases: Iterable[Lease], refuse: Refuse) -> Iterator[tuple[Job, Ints, pa.Table]]:
        """Answer lease by lease; images that cannot be read refuse the jobs of their lease, and no other."""
        refused: set[str] = set()

        def refuse_here(job: Job, error: BlockedError | NotApplicableError) -> None:
            refused.add(job.key)
            refuse(job, error)

        chunks = (Chunk(each.images, each.rows, each.jobs, self.pace, self.run.cost, refuse_here) for each in leases)
        for chunk in self._seen(chunks, refused, refuse_here):
            chunk.leave_out(refused)
            for job, answers, shares in chunk.answers():
                if job.need.view == FEATURES:
                    table = features_table(chunk.images, chunk.rows, answers)
                else:
                    table = predictions_table(job, chunk.rows, answers, shares)
                yield job, chunk.rows, table

    def _seen(self, chunks: Iterable[Chunk], refused: set[str], refuse: Refuse) -> Iterator[Chunk]:
        """Chunks whose images were all seen; with a thread that answers, each when the next one was seen, too."""
        waiting: deque[Chunk] = deque()
        for chunk, seen in self._fed(chunks):
            chunk.beside, chunk.crops = self._beside, self._crops
            chunk.leave_out(refused)
            try:
                chunk.see(seen)
            except BlockedError as error:
                for job in chunk.jobs:
                    refuse(job, error)
                continue
            waiting.append(chunk)
            if len(waiting) > (self._beside is not None):
                yield waiting.popleft()
        yield from waiting

    def _fed(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Iterable[Seen] | None]]:
        """Chunks, with what workers saw of their images, where there are workers."""
        chunks = iter(chunks)
        first = next(chunks, None)
        if first is None:
            return
        run, workers = self.run, self.run.settings.workers
        accelerated = any(job.checkpoint.accelerated for job in first.jobs)
        if workers is None:
            workers = workers_that_pay(accelerated=accelerated)
        if accelerated and not self._told and (idle := idle_devices(run.settings.device)):
            run.store.tell(idle)
        self._told = True
        limit = limit_of(run.settings.crop_cache, accelerated=accelerated)
        if limit and self._crops is None:
            self._crops = Crops(run.store.root, limit, run.store.tell)
        if workers and self._feed is None:
            self._feed = Feed(Reader(run.zoo, run.settings, takes_kept=bool(limit)), workers)
        if self._feed and self._beside is None:
            self._beside = ThreadPoolExecutor(1)
        chunks = itertools.chain([first], chunks)
        yield from self._feed.through(chunks) if self._feed else ((chunk, None) for chunk in chunks)
