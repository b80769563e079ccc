"""Where a chunk of images is answered: here, one chunk after the other, or by an engine of many machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.measures.predictions import Ints
from eyechart.predict.answering import Job, features_table, predictions_table
from eyechart.predict.chunk import Chunk
from eyechart.predict.needs import FEATURES
from eyechart.predict.pace import Pace
from eyechart.predict.run import Run

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


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """This process: a lease is taken when the one before it is answered."""

    run: Run
    pace: Pace

    def answers(self, leases: Iterable[Lease], refuse: Refuse) -> Iterator[tuple[Job, Ints, pa.Table]]:
        """Answer lease by lease; images that cannot be read refuse the jobs of their lease, and no other."""
        for lease in leases:
            chunk = Chunk(lease.images, lease.rows, lease.jobs, self.pace, self.run.cost, refuse)
            try:
                for job, answers, shares in chunk.answers():
                    if job.need.view == FEATURES:
                        table = features_table(lease.images, lease.rows, answers)
                    else:
                        table = predictions_table(job, lease.rows, answers, shares)
                    yield job, lease.rows, table
            except BlockedError as error:
                for job in lease.jobs:
                    refuse(job, error)
