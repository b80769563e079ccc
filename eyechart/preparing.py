"""What checkpoints are about to see: read, changed and cropped while the forward passes before it are running."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eyechart.errors import BlockedError
from eyechart.run import FEATURES
from eyechart.views import ORIGINAL, Image, View

if TYPE_CHECKING:
    from eyechart.answering import Job
    from eyechart.checkpoint import Batch, Geometry
    from eyechart.images import ImageSet
    from eyechart.pace import Pace
    from eyechart.predictions import Ints

AHEAD = 2
"""Batches that are made before they are asked for; each holds one chunk of images in memory."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Some images under one view, as those of `jobs` see them that crop alike; or why they cannot be had.

    padded   share of each that the view filled in; empty for a view that fills in nothing
    """

    rows: Ints
    view: str
    jobs: tuple[Job, ...]
    batch: Batch | BlockedError
    padded: tuple[float, ...] = ()


Wanted = tuple["Ints", str, "Geometry", tuple["Job", ...]]
"""Rows of the image set, the view, the geometry, and the jobs that share them."""


class Preparer:
    """Makes batches of one image set: each chunk is read once, and changed once a view, if they come in order."""

    def __init__(self, images: ImageSet, pace: Pace) -> None:
        """Prepare from `images`, timing the reading."""
        self._images = images
        self._pace = pace
        self._start = -1
        self._raw: list[Image] = []
        self._view = ""
        self._changed: list[Image] = []
        self.images_read = 0

    def ahead(self, wanted: Iterable[Wanted]) -> Iterator[Prepared]:
        """Make what is wanted, in this order, a little before it is taken."""
        waiting: deque[Future[Prepared]] = deque()
        with ThreadPoolExecutor(1) as pool:
            for each in wanted:
                waiting.append(pool.submit(self._prepare, *each))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _prepare(self, rows: Ints, view_name: str, geometry: Geometry, jobs: tuple[Job, ...]) -> Prepared:
        view = ORIGINAL if view_name == FEATURES else View.parse(view_name)
        try:
            changed = self._under(rows, view)
        except BlockedError as error:  # a file that changed since the set was indexed, or a view that leaves nothing
            return Prepared(rows, view_name, jobs, error)
        sizes = [image.shape[:2] for image in self._raw] if view.pads else []
        padded = tuple(view.padded_share(height, width, geometry.crop) for height, width in sizes)
        return Prepared(rows, view_name, jobs, geometry.apply(changed), padded)

    def _under(self, rows: Ints, view: View) -> list[Image]:
        if rows[0] != self._start:
            self._start, self._view = -1, ""
            with self._pace.of_set(self._images.name, len(rows)):
                self._raw = self._images.read(rows)
            self._start = int(rows[0])
            self.images_read += len(rows)
        if str(view) != self._view:
            self._view = ""
            self._changed = [view.of_image(image) for image in self._raw]
            self._view = str(view)
        return self._changed
