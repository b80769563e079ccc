"""One chunk of an image set: decoded image by image, cropped for each checkpoint, answered in full batches.

What is held is one decoded image and the crops of a batch: a photograph of 12 megapixels takes 36 MB, its crop 150 kB.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eyechart.checkpoints.preprocessing import stacked
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.image_set import ImageSet
from eyechart.images.views import ORIGINAL, View
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import Job, forward
from eyechart.predict.needs import FEATURES
from eyechart.predict.pace import Pace
from eyechart.predict.run import Cost
from eyechart.predict.seeing import Seen, see_one_by_one

if TYPE_CHECKING:
    from eyechart.checkpoints.preprocessing import Geometry
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

    `refuse` is told which job cannot be answered, and why; the others go on.
    """

    images: ImageSet
    rows: Ints
    jobs: Sequence[Job]
    pace: Pace
    cost: Cost
    refuse: Callable[[Job, BlockedError | NotApplicableError], None]

    def __post_init__(self) -> None:
        """Group jobs by view and geometry."""
        self._looks: dict[tuple[View, Geometry], _Look] = {}
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

    def answers(self, seen: Iterable[Seen] | None = None) -> Iterator[tuple[Job, Any, list[float]]]:
        """Of each job that is not refused: its answers, and the share of each picture that its view filled in.

        seen  the images as `looks` show them, in order, a few at a time; without it they are read here
        Raises BlockedError where an image cannot be read any more.
        """
        if not self._looks:
            return
        sizes: list[tuple[int, int]] = []
        looks = tuple(self._looks.values())
        for each in see_one_by_one(self.images, self.rows, self.looks) if seen is None else seen:
            if each.fault:
                raise BlockedError(each.fault)
            sizes += each.sizes
            self.cost.images_read += len(each.sizes)
            self.pace.reading(self.images.name, len(each.sizes) * len(looks), each.seconds)
            for look, crops, fault in zip(looks, each.crops, each.faults, strict=True):
                self._take(look, crops, fault, last=len(sizes) == len(self.rows))
        for look in looks:
            shares = [look.view.padded_share(*size, look.geometry.seen(*size)) for size in sizes if look.view.pads]
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
        for job in list(look.jobs):
            try:
                size = job.batch_size(batch[0])
                with self.pace.of_model(job.need.model, len(batch), size):
                    self._answers[job.key].append(forward(job.asked, batch, size, self.cost))
            except (BlockedError, NotApplicableError) as error:
                self._drop(look, [job], error)

    def _drop(self, look: _Look, jobs: Sequence[Job], error: BlockedError | NotApplicableError) -> None:
        for job in jobs:
            self.refuse(job, error)
        dropped = {job.key for job in jobs}
        look.jobs = [job for job in look.jobs if job.key not in dropped]
