"""One chunk of an image set: decoded image by image, cropped for each checkpoint, answered in full batches.

What is held is one decoded image and the crops of a batch: a photograph of 12 megapixels takes 36 MB, its crop 150 kB.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from eyechart.checkpoints.preprocessing import stacked
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.image_set import ImageSet
from eyechart.images.views import ORIGINAL, View
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import Job, forward
from eyechart.predict.crops import Crops
from eyechart.predict.needs import FEATURES
from eyechart.predict.pace import Pace
from eyechart.predict.run import Cost
from eyechart.predict.seeing import Seen, see_one_by_one

if TYPE_CHECKING:
    from eyechart.checkpoints.preprocessing import Batch, Geometry
    from eyechart.images.views import Image


@dataclass
class _Look:
    """The jobs that see the images under one view in one geometry, and the crops that wait for a full batch."""

    view: View
    geometry: Geometry
    jobs: list[Job] = field(default_factory=list)
    crops: list[Image] = field(default_factory=list)


@dataclass(eq=False)
class Chunk:
    """Some images of a set, and the jobs that ask for answers to them.

    `refuse` is told which job cannot be answered, and why; the others go on. With a thread `beside`, batches are
    answered there while the next ones come in. `crops` of images that were seen before are taken from there, and kept.
    """

    images: ImageSet
    rows: Ints
    jobs: Sequence[Job]
    pace: Pace
    cost: Cost
    refuse: Callable[[Job, BlockedError | NotApplicableError], None]
    beside: Executor | None = None
    crops: Crops | None = None

    def __post_init__(self) -> None:
        """Group jobs by view and geometry."""
        self._looks: dict[tuple[View, Geometry], _Look] = {}
        self._sizes: list[tuple[int, int]] = []
        self._asked: deque[tuple[_Look, Job, Callable[[], tuple[Any, int, float]]]] = deque()
        self._answers: dict[str, list[Any]] = {job.key: [] for job in self.jobs}
        for job in self.jobs:
            view = ORIGINAL if job.need.view == FEATURES else View.parse(job.need.view)
            try:
                geometry = job.geometry(view)
            except BlockedError as error:
                self.refuse(job, error)
                continue
            self._looks.setdefault((view, geometry), _Look(view, geometry)).jobs.append(job)

    @property
    def named(self) -> str:
        """What a zoo calls these images."""
        return self.jobs[0].need.image_set

    def leave_out(self, keys: Collection[str]) -> None:
        """Ask nothing of jobs that were refused meanwhile."""
        for look in self._looks.values():
            look.jobs = [job for job in look.jobs if job.key not in keys]

    @property
    def looks(self) -> tuple[tuple[View, Geometry], ...]:
        """How the images are seen."""
        return tuple(self._looks)

    def see(self, seen: Iterable[Seen] | None = None) -> None:
        """Take the images, and have them answered as they come.

        seen  the images as `looks` show them, in order, a few at a time; without it they are read here
        Raises BlockedError where an image cannot be read any more.
        """
        if not self._looks:
            return
        looks = tuple(self._looks.values())
        for each in see_one_by_one(self.images, self.rows, self.looks, self.crops) if seen is None else seen:
            if each.fault:
                raise BlockedError(each.fault)
            if self.crops:
                rows = self.rows[len(self._sizes) : len(self._sizes) + len(each.sizes)]
                self.crops.keep(self.images, rows, self.looks, each.sizes, each.crops)
            self._sizes += each.sizes
            self.cost.images_read += len(each.sizes) - each.kept
            self.pace.reading(self.images.name, len(each.sizes) * len(looks), each.seconds)
            for look, crops, fault in zip(looks, each.crops, each.faults, strict=True):
                self._take(look, crops, fault, last=len(self._sizes) == len(self.rows))

    def answers(self) -> Iterator[tuple[Job, Any, list[float]]]:
        """Of each job that is not refused: its answers, and the share of each picture that its view filled in."""
        self._keep_answers()
        for look in self._looks.values():
            pads, geometry = look.view.pads, look.geometry
            shares = [look.view.padded_share(*size, geometry.seen(*size)) for size in self._sizes if pads]
            yield from ((job, np.concatenate(self._answers[job.key]), shares) for job in look.jobs)

    def _take(self, look: _Look, crops: Sequence[Image], fault: str, *, last: bool) -> None:
        """Keep crops until they fill a batch, and answer the batches that are full, or after the last image all."""
        if fault:
            self._drop(look, look.jobs, BlockedError(fault))
        if not look.jobs:
            look.crops.clear()
            return
        look.crops += crops
        size = max(job.batch_size(look.crops[0]) for job in look.jobs)
        count = len(look.crops) if last else len(look.crops) // size * size
        if count:
            self._answer(look, look.crops[:count])
        del look.crops[:count]

    def _answer(self, look: _Look, crops: Sequence[Image]) -> None:
        try:
            batch = stacked(crops)
        except BlockedError as error:
            self._drop(look, look.jobs, error)
            return
        for job in look.jobs:
            asked = partial(_timed, job, batch, self.cost)
            self._asked.append((look, job, self.beside.submit(asked).result if self.beside else asked))
        self._keep_answers(len(look.jobs) if self.beside else 0)

    def _keep_answers(self, left: int = 0) -> None:
        """Keep what jobs answered, but for the last so many batches, which may still be answered."""
        while len(self._asked) > left:
            look, job, answered = self._asked.popleft()
            try:
                answers, size, seconds = answered()
            except (BlockedError, NotApplicableError) as error:
                self._drop(look, [each for each in look.jobs if each is job], error)
            else:
                self._answers[job.key].append(answers)
                self.pace.answering(job.need.model, len(answers), size, seconds)

    def _drop(self, look: _Look, jobs: Sequence[Job], error: BlockedError | NotApplicableError) -> None:
        for job in jobs:
            self.refuse(job, error)
        dropped = {job.key for job in jobs}
        look.jobs = [job for job in look.jobs if job.key not in dropped]


def _timed(job: Job, batch: Batch, cost: Cost) -> tuple[Any, int, float]:
    """The answers to a batch, how many images were answered at once, and the seconds it took."""
    started, size = time.perf_counter(), job.batch_size(batch[0])
    return forward(job.asked, batch, size, cost), size, time.perf_counter() - started
