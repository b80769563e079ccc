"""One chunk of an image set: decoded a few images at a time, cropped for each checkpoint, answered in full batches.

What is held at once is bounded by bytes, not by a number of images: a photograph of 12 megapixels takes 36 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eyechart.checkpoints.preprocessing import stacked
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.image_set import HELD, ImageSet
from eyechart.images.views import ORIGINAL, View
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import Job, forward
from eyechart.predict.needs import FEATURES
from eyechart.predict.pace import Pace
from eyechart.predict.run import Cost

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


@dataclass
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

    def answers(self) -> Iterator[tuple[Job, Any, list[float]]]:
        """Of each job that is not refused: its answers, and the share of each picture that its view filled in.

        Raises BlockedError where an image cannot be read any more.
        """
        sizes: list[tuple[int, int]] = []
        for raw in self._decoded():
            sizes += [image.shape[:2] for image in raw]
            self.cost.images_read += len(raw)
            last = len(sizes) == len(self.rows)
            for view in dict.fromkeys(view for view, _ in self._looks):
                looks = [look for look in self._looks.values() if look.view == view and look.jobs]
                self._see(view, looks, raw, last=last)
                for look in looks if last else ():
                    shares = [view.padded_share(*size, look.geometry.seen(*size)) for size in sizes if view.pads]
                    yield from ((job, np.concatenate(self._answers[job.key]), shares) for job in look.jobs)

    def _decoded(self) -> Iterator[list[Image]]:
        """Decode in order as many images at a time as take HELD bytes, or one that takes more.

        A list is emptied when the next is asked for.
        """
        raw: list[Image] = []
        held = 0
        for row in self.rows:
            with self.pace.of_set(self.images.name, 1):
                image = self.images.read(np.array([row]))[0]
            if raw and held + image.nbytes > HELD:
                yield raw
                raw.clear()
                held = 0
            raw.append(image)
            held += image.nbytes
        yield raw

    def _see(self, view: View, looks: Sequence[_Look], raw: Sequence[Image], *, last: bool) -> None:
        """Crop images for the looks under a view, and answer the batches that are full, or after the last image all.

        Batches are cut where they would be if the whole chunk were held, so that no answer depends on HELD.
        """
        try:
            for image in raw:
                changed = view.of_image(image)
                for look in looks:
                    look.crops.append(look.geometry.apply([changed])[0])
        except BlockedError as error:
            for look in looks:
                self._drop(look, look.jobs, error)
        for look in looks:
            size = max((job.batch_size(look.crops[0]) for job in look.jobs), default=1)
            count = len(look.crops) if last else len(look.crops) // size * size
            if count and look.jobs:
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
