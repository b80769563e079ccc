"""How near a run comes to the bare forward pass, and what its input takes: one table, ratios within one run.

    OMP_NUM_THREADS=1 python -m benchmarks.feeding [PART ...] [--images N] [--workers 0 1 2] [--models A,B]

input    images a second, and CPU time an image, against torchvision's ImageFolder with timm's transform
device   how much of a device's time is hidden behind reading, both simulated: they wait without the processor
forward  end to end over the best bare forward pass, of networks of timm
zoo      the same of the miniature zoo, with at most N images of a set
loops    the same answers by a plain loop over conditions, and by timm's validation loop
crops    what predicting takes without kept crops, when they are kept, and of the next checkpoint, which takes them
memory   peak for photographs of 12 megapixels; `small` for 50,000 small images

Draws its own JPEGs (500 x 375) and weights. CPU time is that of this process and all under it: where others work on the
machine, wall time tells little, and the best of several repeats most.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loops import loops
from benchmarks.measuring import RATES, ROOT, costless, machine, photos, run_of, spread, timed
from benchmarks.passes import forward, zoo
from eyechart.checkpoints.preprocessing import Geometry
from eyechart.predict.chunk import Chunk
from eyechart.predict.engine import Lease, LocalEngine
from eyechart.predict.feeding import Feed, Order, Reader
from eyechart.predict.needs import Need
from eyechart.predict.pace import Pace
from eyechart.predict.predictor import CHUNK, Predictor
from eyechart.predict.run import Run, Settings
from eyechart.predict.seeing import Seen, see_one_by_one
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo

READING = 0.004
"""Seconds that reading an image is simulated to take, as one of 500 x 375 does."""

MODELS = ("tf_efficientnet_lite0", "resnet50", "convnext_base", "vit_base_patch16_224")
REPEATS = 5


class Asked:
    """As much of a job as its input needs."""

    key, need = "key", Need("free", "photos")

    def geometry(self, view: object) -> Geometry:  # noqa: ARG002  # as a job's
        """The usual crop."""
        return Geometry((224, 224), (256, 256))


def seen_by(run: Run, images: Any, feed: Feed | None) -> None:
    """See all images in chunks as a run has them."""
    starts = range(0, len(images), CHUNK)
    chunks = [
        Chunk(images, np.arange(at, min(at + CHUNK, len(images))), [Asked()], None, run.cost, None) for at in starts
    ]
    if feed is None:
        for chunk in chunks:
            for _ in see_one_by_one(images, chunk.rows, chunk.looks):
                pass
        return
    for _, seen in feed.through(chunks):
        for _ in seen:
            pass


def theirs(folder: Path, workers: int) -> Any:
    """An ImageFolder of torchvision with timm's own transform, in torch's DataLoader."""
    from timm.data import create_transform
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder

    transform = create_transform(224, interpolation="bicubic", crop_pct=0.875)
    more = {"persistent_workers": True, "multiprocessing_context": "forkserver"} if workers else {}
    return DataLoader(ImageFolder(str(folder), transform), batch_size=32, num_workers=workers, **more)


def input_path(folder: Path, count: int, workers_tried: list[int]) -> Iterator[str]:
    """Images a second and CPU milliseconds an image, workers started and warm, taking turns."""
    photos(folder / "photos/0", count)
    run = run_of(folder, {"free": costless("free")})
    images = Predictor(run, Progress(io.StringIO())).locator.images("photos")
    for workers in workers_tried:
        feed = Feed(Reader(run.zoo, run.settings), workers) if workers else None
        loader = theirs(folder / "photos", workers)
        took: dict[str, list[Any]] = {"eyechart": [], "ImageFolder + timm": []}
        for repeat in range(REPEATS + 1):
            own = timed(lambda feed=feed: seen_by(run, images, feed))
            other = timed(lambda loader=loader: [None for _ in loader])
            if repeat:
                took["eyechart"].append(own)
                took["ImageFolder + timm"].append(other)
        for name, each in took.items():
            cpu = spread([1e3 * one.cpu / count for one in each])
            best = max(count / one.wall for one in each)
            yield f"input   {workers} workers  {name:20} CPU ms an image {cpu}; at best {best:.0f} images/s"
        if feed:
            feed.close()


class Sleeping(Reader):
    """Takes its time to read an image, without the processor: what is hidden shows on a busy machine, too."""

    def __getitem__(self, order: Order) -> Seen:
        """Black crops, after a while."""
        time.sleep(READING * len(order.rows))
        crops = [[np.zeros((224, 224, 3), np.uint8)] * len(order.rows) for _ in order.looks]
        return Seen([(375, 500)] * len(order.rows), crops, ["" for _ in order.looks])


def device(folder: Path, count: int, workers_tried: list[int]) -> Iterator[str]:
    """How much of the shorter of two, reading and the device's time, is hidden behind the longer."""
    photos(folder / "photos/0", count)
    for workers in filter(None, workers_tried):
        run = run_of(folder, {name: costless(name) for name in RATES}, workers=workers)
        predictor = Predictor(run, Progress(io.StringIO()))
        feed = Feed(Sleeping(run.zoo, run.settings), workers)
        engine = LocalEngine(run, Pace(run), feed)
        for name, rate in RATES.items():
            job = predictor.locator.job(Need(name, "photos"))
            leases = [Lease(job.images, np.arange(at, min(at + CHUNK, count)), [job]) for at in range(0, count, CHUNK)]
            work = partial(lambda engine, leases: list(engine.answers(leases, _raised)), engine, leases)
            walls = [timed(work).wall for _ in range(REPEATS + 1)][1:]  # workers are started, and warm
            read, best = workers / READING, count / min(walls)
            hidden = [(count / read + count / rate - wall) / (count / max(read, rate)) for wall in walls]
            yield (
                f"device  {workers} workers read {read:.0f} images/s, the device answers {rate}: at best {best:.0f}, "
                f"{best / min(read, rate):.2f} of what is possible; {1 / (1 / read + 1 / rate):.0f} in turns; "
                f"hidden {spread(hidden, 2)}"
            )
        feed.close()


def _raised(job: object, error: Exception) -> None:  # noqa: ARG001  # as an engine calls it
    raise error


def crops(folder: Path, count: int) -> Iterator[str]:
    """CPU milliseconds an image of a run that answers with a model that costs nothing."""
    photos(folder / "photos/0", count)
    models = {name: {**costless("free"), "version": name} for name in ("first", "next")}
    cases = {"without": ("first", 0.0), "kept": ("first", 1.0), "taken": ("next", 1.0)}
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(REPEATS):
        store: dict[float, Path] = {}
        for name, (model, limit) in cases.items():
            run = run_of(folder, models, crop_cache=limit)
            run = Run(run.zoo, replace(run.settings, store=store.setdefault(limit, run.settings.store)))
            predictor = Predictor(run, Progress(io.StringIO()))
            need = Need(model, "photos")
            predictor.locator.job(need)
            took[name].append(1e3 * timed(partial(predictor.prepare, {need})).cpu / count)
    yield from (f"crops   {name:8} CPU ms an image {spread(each)}" for name, each in took.items())


def memory(folder: Path, count: int) -> Iterator[str]:
    """Peak of a process that answers photographs of 12 megapixels, under two views, with a model that costs nothing."""
    photos(folder / "photos/0", count, 4000, 3000, distinct=3)
    run_of(folder, {"free": costless("free")})
    few, every = (peak_of(folder, limit, "original", "shift(30)") for limit in (5, None))
    yield f"memory  {count:,} photos of 12 megapixels, two views: {every} MB at the peak, {few} MB for 5 of them"


def small(folder: Path, count: int) -> Iterator[str]:
    """The same of small images."""
    photos(folder / "photos/0", count, 64, 48)
    run_of(folder, {"free": costless("free", 32, 32)})
    few, every = (peak_of(folder, limit, "original") for limit in (5, None))
    yield f"small   {count:,} images of 64 x 48: {every} MB at the peak, {few} MB for 5 of them"


def peak_of(folder: Path, limit: int | None, *views: str) -> int:
    """MB that another process takes at most to answer."""
    code = (
        "import sys; from pathlib import Path; from benchmarks.feeding import peak; "
        f"print(peak(Path(sys.argv[1]), {limit}, {views}))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # its own code
    return int(done.stdout)


def peak(folder: Path, limit: int | None, views: tuple[str, ...]) -> int:
    """Answer, and say how much memory that took at most, in MB."""
    settings = Settings(folder / f"peak-{limit}", device="cpu", workers=0, limit=limit)
    run = Run(read_zoo(folder / "models.yaml", "mine"), settings)
    Predictor(run, Progress(io.StringIO())).prepare({Need("free", "photos", view) for view in views})
    # getrusage's maximum begins with that of whoever started this process
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1000


def main() -> None:
    """Print a line as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["input", "device", "forward", "zoo", "loops"])
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--models", default=",".join(MODELS), help="of timm, for `forward` and `loops`")
    given = parser.parse_args()
    models = given.models.split(",")
    parts = {
        "input": lambda folder: input_path(folder, given.images, given.workers),
        "device": lambda folder: device(folder, given.images, given.workers),
        "forward": lambda folder: forward(folder, given.images, models),
        "zoo": lambda folder: zoo(folder, given.images),
        "loops": lambda folder: loops(folder, given.images, models[0]),
        "crops": lambda folder: crops(folder, given.images),
        "memory": lambda folder: memory(folder, given.images),
        "small": lambda folder: small(folder, given.images),
    }
    for part in given.parts:
        print(f"{part:7} {machine()}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for line in parts[part](Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
