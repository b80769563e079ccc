"""Worker processes that read and crop images ahead of the forward passes: torch's DataLoader over whole leases.

Workers are started by a fork server, so that none inherits the threads and locks of a process that computes. They get
plain data and index the image sets by themselves, from the store.
"""

from __future__ import annotations

import io
import itertools
import multiprocessing
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from eyechart.errors import BlockedError
from eyechart.images.image_set import ImageSet
from eyechart.measures.predictions import Ints
from eyechart.predict.crops import Crops
from eyechart.predict.locating import Locator
from eyechart.predict.run import Run, Settings
from eyechart.predict.seeing import Looks, Seen, see
from eyechart.progress import Progress
from eyechart.zoo.zoo import Zoo

if TYPE_CHECKING:
    from eyechart.predict.chunk import Chunk

GROUP = 8
"""Images that a worker hands over at once."""

AHEAD = 4
"""Groups that each worker may be ahead."""

MOST = 16
"""Workers at most, where nobody says how many."""


def workers_that_pay(*, accelerated: bool) -> int:
    """Workers of one process that answers: beside a GPU its share of the processors, less one.

    None beside a model that answers on processors: they are busy with forward passes, and a worker takes as much from
    those as it saves (docs/performance.md).
    """
    if not accelerated:
        return 0
    import torch

    # macOS cannot say which processors are this process's
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(MOST, processors // max(1, torch.cuda.device_count()) - 1))


def idle_devices(device: str) -> str:
    """Say how all GPUs of this machine are used, where one process on `device` leaves some of them idle; or nothing."""
    import torch

    count = torch.cuda.device_count()
    if device not in ("auto", "cuda") or count < 2:
        return ""
    return f"one of {count} GPUs answers: with --engine ray (pip install 'eyechart[ray]') a process does on each"


_CUT_OFF = (ConnectionError, EOFError, FileNotFoundError)
"""What handing over ends in where a worker died meanwhile, besides the loader's own RuntimeError."""


@dataclass(frozen=True, slots=True)
class Order:
    """Images to be seen, in plain data: `fingerprint` is that of the set which they are rows of."""

    image_set: str
    fingerprint: str
    rows: Ints
    looks: Looks


class Reader:
    """What a worker does. It is sent to each; the image sets are indexed there."""

    def __init__(self, zoo: Zoo, settings: Settings, *, takes_kept: bool = False) -> None:
        """Read image sets of a zoo; crops that are kept are taken where that is asked for."""
        self._zoo, self._settings = zoo, settings
        self._takes_kept = takes_kept
        self._crops: Crops | None = None
        self._locator: Locator | None = None

    def __getitem__(self, order: Order) -> Seen:
        """See what was ordered. What cannot be read comes back as a fault, in words."""
        if self._locator is None:
            self._locator = Locator(Run(self._zoo, self._settings), Progress(io.StringIO()))
            self._crops = Crops(self._settings.store) if self._takes_kept else None
        try:
            images = self._locator.images(order.image_set)
        except BlockedError as error:
            return Seen(fault=str(error))
        if images.fingerprint != order.fingerprint:
            return Seen(fault=f"image set {order.image_set!r} changed while it was being answered: run again")
        return see(images, order.rows, order.looks, self._crops)


def _starting() -> multiprocessing.context.ForkServerContext:
    """What starts workers: a server that imports for all of them, once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch.utils.data", __name__])
    return context


def _shared(seen: Any) -> Any:
    """Put crops into shared memory, which torch does with its tensors, all of a look in one."""
    import torch

    if all(len({crop.shape for crop in crops}) == 1 for crops in seen.crops):
        seen.crops = [torch.from_numpy(np.stack(crops)) for crops in seen.crops]
    return seen


def _received(seen: Seen) -> Seen:
    """Copy crops out of shared memory, whose files are few."""
    received: list[Any] = seen.crops
    seen.crops = [crops if isinstance(crops, list) else list(crops.numpy().copy()) for crops in received]
    return seen


class Feed:
    """Worker processes that stay for as long as something is to be answered."""

    def __init__(self, reader: Reader, workers: int) -> None:
        """Start `workers` when they are first asked for something."""
        self._reader, self._workers = reader, workers
        self._loader: Any = None
        self._orders: Iterator[Order] = iter(())

    def through(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Iterator[Seen]]]:
        """Each chunk, in order, with its images as its looks show them; the next ones are being read meanwhile."""
        for chunk, pairs in itertools.groupby(self._stream(chunks), key=itemgetter(0)):
            yield chunk, map(itemgetter(1), pairs)

    def close(self) -> None:
        """End the workers."""
        self._loader = None

    def _stream(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Seen]]:
        outstanding: deque[tuple[Chunk, Order]] = deque()

        def orders() -> Iterator[Order]:
            for chunk in chunks:
                if not chunk.looks:
                    continue
                for start in range(0, len(chunk.rows), GROUP):
                    rows = chunk.rows[start : start + GROUP]
                    order = Order(chunk.named, chunk.images.fingerprint, rows, chunk.looks)
                    outstanding.append((chunk, order))
                    yield order

        self._orders = orders()
        ended = False
        while not ended:
            try:
                for seen in self._started():
                    chunk, _ = outstanding.popleft()
                    yield chunk, _received(seen)
                ended = True
            except (RuntimeError, *_CUT_OFF) as error:
                if isinstance(error, RuntimeError) and "exited unexpectedly" not in str(error):
                    raise
                self.close()
                while outstanding:
                    chunk, order = outstanding.popleft()
                    yield chunk, self._carefully(chunk.images, order)

    def __iter__(self) -> Iterator[Order]:
        """What the loader is to read next."""
        return self._orders

    def _started(self) -> Any:
        if self._loader is None:
            from torch.utils.data import DataLoader

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of more workers than processors: they were asked for
                self._loader = DataLoader(
                    self._reader,  # type: ignore[arg-type]  # a dataset is what has items
                    batch_size=None,
                    sampler=self,
                    num_workers=self._workers,
                    collate_fn=_shared,
                    prefetch_factor=AHEAD,
                    persistent_workers=True,
                    multiprocessing_context=_starting(),
                )
        return self._loader

    def _carefully(self, images: ImageSet, order: Order) -> Seen:
        """See images one at a time in a process of their own, after a worker died: one of them may be why."""
        together = Seen([], [[] for _ in order.looks], ["" for _ in order.looks])
        with ProcessPoolExecutor(1, _starting()) as pool:
            for row in order.rows:
                alone = Order(order.image_set, order.fingerprint, np.array([row]), order.looks)
                try:
                    seen = pool.submit(self._reader.__getitem__, alone).result()
                except BrokenProcessPool:
                    dies = f"a process that reads {images.keys[row]} dies of it: leave that file out"
                    seen = Seen(fault=f"image set {order.image_set!r}: {dies}")
                if seen.fault:
                    together.fault = seen.fault
                    break
                together.sizes += seen.sizes
                together.seconds += seen.seconds
                together.crops = [[*crops, *more] for crops, more in zip(together.crops, seen.crops, strict=True)]
                together.faults = [old or new for old, new in zip(together.faults, seen.faults, strict=True)]
        return together
