"""Answers from many machines: leases go through Ray Data to actors that hold one checkpoint each.

Only the process that judges writes predictions: actors hand them back, so a lease that is answered twice, by an actor
that was killed and by its successor, is kept once. Nothing else of Eyechart imports Ray.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import platform
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from eyechart.errors import BlockedError, EyechartError, NotApplicableError
from eyechart.measures.predictions import Ints
from eyechart.predict.engine import Lease, LocalEngine, Refuse
from eyechart.predict.locating import Locator
from eyechart.predict.needs import Need
from eyechart.predict.pace import Pace
from eyechart.predict.run import Cost, Run, Settings
from eyechart.progress import Progress

if TYPE_CHECKING:
    from eyechart.measures.predictions import Ints
    from eyechart.predict.answering import Job
    from eyechart.zoo.zoo import Zoo

Answer = tuple[Need, pa.Table | None, BlockedError | NotApplicableError | None]
"""Of one need: its table, or why there is none."""


@dataclass(frozen=True, slots=True)
class Order:
    """A lease in plain data, for an actor that indexes and loads by itself: `keys` say what it must arrive at."""

    image_set: str
    rows: Ints
    keys: tuple[tuple[Need, str], ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an order, and what it cost the machine."""

    order: Order
    answers: list[Answer]
    cost: Cost


class Answering:
    """An actor: the checkpoint of one model on one machine."""

    def __init__(self, zoo: Zoo, settings: Settings, in_full: set[tuple[str, str]]) -> None:
        """Answer for a zoo, keeping logits where `in_full` says.

        The store is used where it is mounted; elsewhere this machine indexes for itself.
        """
        store = settings.store if settings.store.is_dir() else Path(tempfile.gettempdir(), "eyechart-store")
        settings = replace(settings, store=store, engine="local")
        self._locator = Locator(Run(zoo, settings, in_full=in_full), Progress(io.StringIO()))
        self._engine = LocalEngine(self._locator.run, Pace(self._locator.run))
        self._jobs: dict[Need, Job] = {}

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Answer a batch of orders: pickled `Order`s in, pickled `Answered` out."""
        orders = [pickle.loads(order) for order in batch["order"]]  # noqa: S301  # from the process that judges
        return {"answered": [pickle.dumps(self.answer(order)) for order in orders]}

    def answer(self, order: Order) -> Answered:
        """Answer one order."""
        run = self._locator.run
        run.cost = Cost()
        return Answered(order, list(self._answers(order)), run.cost)

    def _answers(self, order: Order) -> Iterator[Answer]:
        refused: list[Answer] = []

        def refuse(job: Job, error: BlockedError | NotApplicableError) -> None:
            refused.append((job.need, None, error))

        try:
            jobs = [self._job(need, key) for need, key in order.keys]
            images = self._locator.images(order.image_set)
        except (BlockedError, NotApplicableError) as error:
            yield from ((need, None, error) for need, _ in order.keys)
            return
        lease = Lease(images, order.rows, jobs)
        yield from ((job.need, table, None) for job, _, table in self._engine.answers([lease], refuse))
        yield from refused

    def _job(self, need: Need, key: str) -> Job:
        """Make the job that meets a need. Raises BlockedError where this machine has another checkpoint or images."""
        if need not in self._jobs:
            job = self._locator.job(need)
            if job.key != key:
                raise BlockedError(
                    f"machine {platform.node()} would answer {need.image_set} by other weights, images or code than "
                    f"the machine that judges: its key is {job.key}, not {key}"
                )
            self._jobs[need] = job
        return self._jobs[need]


class RayEngine:
    """The machines of a Ray cluster: that of RAY_ADDRESS, or else this machine's processors and GPUs."""

    def __init__(self, run: Run) -> None:
        """Answer for `run`; its zoo file, weights and images must be at the same paths on all machines."""
        self._run = run

    def answers(self, leases: Iterable[Lease], refuse: Refuse) -> Iterator[tuple[Job, Ints, pa.Table]]:
        """Answer model by model, in whatever order the actors are done."""
        orders: dict[str, list[Order]] = defaultdict(list)
        jobs: dict[Need, Job] = {}
        for lease in leases:
            jobs.update((job.need, job) for job in lease.jobs)
            for model in dict.fromkeys(job.need.model for job in lease.jobs):
                keys = tuple((job.need, job.key) for job in lease.jobs if job.need.model == model)
                images = lease.jobs[0].need.image_set
                orders[model].append(Order(images, lease.rows, keys))
        for model, of_model in orders.items():
            try:
                yield from self._of_model(of_model, jobs, refuse)
            except EyechartError:
                raise
            except Exception as error:  # Ray's own: what is there is kept, and the next model has actors of its own
                blocked = BlockedError(f"ray gave up on {model}: {_first_line(error)}")
                for need in dict.fromkeys(need for order in of_model for need, _ in order.keys):
                    if not self._run.addresses.is_settled(need):
                        refuse(jobs[need], blocked)

    def _of_model(
        self, orders: list[Order], jobs: dict[Need, Job], refuse: Refuse
    ) -> Iterator[tuple[Job, Ints, pa.Table]]:
        run = self._run
        for answered in _answered(run, orders):
            run.cost.forward_seconds += answered.cost.forward_seconds
            run.cost.answers += answered.cost.answers
            run.cost.images_read += answered.cost.images_read
            for need, table, error in answered.answers:
                if error is None:
                    yield jobs[need], answered.order.rows, table
                elif not run.addresses.is_settled(need):
                    refuse(jobs[need], error)


def _answered(run: Run, orders: list[Order]) -> Iterator[Answered]:
    """Send orders through one pool of actors: one to a GPU, or to a processor where there is none to be used."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    _connect()
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    unit = "GPU" if run.settings.device.startswith(("auto", "cuda")) and has.get("GPU", 0) >= 1 else "CPU"
    # Ray's own tasks want a processor too
    most = int(has[unit]) - (unit == "CPU")
    rows = [{"order": pickle.dumps(order)} for order in orders]
    answered = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Answering,
        fn_constructor_args=(run.zoo, run.settings, run.in_full),
        batch_size=1,
        compute=ActorPoolStrategy(size=max(1, min(most, len(rows)))),
        num_cpus=1,
        num_gpus=int(unit == "GPU"),
    )
    for row in answered.iter_rows():
        yield pickle.loads(row["answered"])  # noqa: S301  # from an actor of this run


def _connect() -> None:
    # below that, Ray's core warns of what Ray Data does by design
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
