"""How near a run comes to the bare forward pass, and what its input takes: one table, ratios within one run.

    python -m benchmarks.feeding [input] [device] [forward] [memory] [--images N] [--workers 0 1 2] [--models A,B]

Draws its own JPEGs (500 x 375) and weights. CPU time is this process's; where others work on the machine, wall time is
not. `forward` judges by CPU time in one thread where OMP_NUM_THREADS=1 is set.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from eyechart.checkpoints.preprocessing import Geometry
from eyechart.images.views import ORIGINAL
from eyechart.predict.chunk import Chunk
from eyechart.predict.feeding import Feed, Reader
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.predict.seeing import see_one_by_one
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo

ROOT = Path(__file__).parents[1]
MODELS = ("tf_efficientnet_lite0", "resnet50", "convnext_base", "vit_base_patch16_224")
BATCHES = (8, 32, 128)
RATE = 2500
"""Images a second of the device that is simulated."""

LABELS = {"classes": 1000}
REPEATS = 3


def waits() -> Callable[[np.ndarray], np.ndarray]:
    """A model that takes its time without using the processor."""

    def answer(batch: np.ndarray) -> np.ndarray:
        time.sleep(len(batch) / RATE)
        return np.zeros((len(batch), 1000), dtype=np.float32)

    return answer


def photos(folder: Path, count: int, width: int = 500, height: int = 375) -> None:
    """Write JPEGs at quality 92: smooth, with some noise, about as large as a photograph's."""
    folder.mkdir(parents=True)
    for number in range(min(count, 50)):
        noise = np.random.default_rng(number).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(noise).resize((width, height)).filter(ImageFilter.GaussianBlur(2))
        grain = np.random.default_rng(number).normal(0, 6, (height, width, 3))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.jpg", quality=92)
    for number in range(50, count):
        shutil.copy(folder / f"{number % 50:05d}.jpg", folder / f"{number:05d}.jpg")


def run_of(folder: Path, models: dict[str, Any], workers: int) -> Run:
    """A zoo of one set of photographs, in a store of its own."""
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": {"classes": 1000}}}
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"mine": {"image_sets": sets, "models": models}}}))
    store = Path(tempfile.mkdtemp(dir=folder))
    return Run(read_zoo(file, "mine"), Settings(store, device="cpu", workers=workers))


def waiting_model() -> dict[str, Any]:
    """What `models.yaml` says of the simulated device."""
    geometry = {"resize": 256, "crop": 224, "interpolation": "bicubic"}
    return {
        "source": "python", "factory": "benchmarks.feeding:waits", "version": "1", "label_space": LABELS,
        "preprocessing": geometry,
    }  # fmt: skip


@dataclass
class Took:
    """Seconds of the wall's clock, and of this process on processors."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    """Do it once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def spread(values: list[float]) -> str:
    """Median, and from the least to the most."""
    return f"{np.median(values):8.1f}  ({min(values):.1f} to {max(values):.1f})"


class Asked:
    """As much of a job as its input needs."""

    key, need = "key", Need("waits", "photos")

    def geometry(self, view: object) -> Geometry:  # noqa: ARG002  # as a job's
        """The usual crop."""
        return Geometry((224, 224), (256, 256))


def seen_by(run: Run, images: Any, feed: Feed | None) -> None:
    """See all images in chunks as a run has them."""
    starts = range(0, len(images), 512)
    chunks = [
        Chunk(images, np.arange(at, min(at + 512, len(images))), [Asked()], None, run.cost, None) for at in starts
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
    """Images a second, workers started and warm; without workers also CPU milliseconds an image."""
    photos(folder / "photos/0", count)
    run = run_of(folder, {"waits": waiting_model()}, 0)
    images = Predictor(run, Progress(io.StringIO())).locator.images("photos")
    for workers in workers_tried:
        feed = Feed(Reader(run.zoo, run.settings), workers) if workers else None
        loader = None
        try:
            loader = theirs(folder / "photos", workers)
        except ImportError:
            yield "torchvision is not installed: nothing to compare with"
        rates: dict[str, list[Took]] = {"eyechart": [], "ImageFolder + timm": []}
        for repeat in range(REPEATS + 1):
            own = timed(lambda feed=feed: seen_by(run, images, feed))
            other = timed(lambda loader=loader: [None for _ in loader]) if loader else None
            if repeat:
                rates["eyechart"].append(own)
                if other:
                    rates["ImageFolder + timm"].append(other)
        for name, each in rates.items():
            if each:
                cpu = "" if workers else f"   CPU ms an image {spread([1e3 * took.cpu / count for took in each])}"
                wall = spread([count / took.wall for took in each])
                yield f"input   {workers} workers  {name:20} images/s {wall}{cpu}"
        if feed:
            feed.close()


def device(folder: Path, count: int, workers_tried: list[int]) -> Iterator[str]:
    """How much of a device's wait is hidden behind reading."""
    photos(folder / "photos/0", count)
    for workers in workers_tried:
        run = run_of(folder, {"waits": waiting_model()}, workers)
        predictor = Predictor(run, Progress(io.StringIO()))
        predictor.locator.images("photos")
        if workers:  # started and warm
            predictor.prepare({Need("waits", "photos", "scale(1.1)")})
        took = timed(lambda predictor=predictor: predictor.prepare({Need("waits", "photos")}))
        yield f"device  {workers} workers  {count / took.wall:8.1f} images/s of {RATE} at most, {took.wall:.1f} s"


def forward(folder: Path, count: int, models: list[str]) -> Iterator[str]:
    """End to end over the best bare forward pass, in CPU time."""
    import timm
    import torch
    from safetensors.torch import save_file

    photos(folder / "photos/0", count)
    for name in models:
        torch.manual_seed(0)
        module = timm.create_model(name).eval()
        file = folder / f"{name}.safetensors"
        save_file(module.state_dict(), file)
        spec = {"source": "timm", "architecture": name, "weights": str(file), "label_space": LABELS}
        run = run_of(folder, {name: spec}, 0)
        predictor = Predictor(run, Progress(io.StringIO()))
        checkpoint, images = predictor.locator.checkpoint(name), predictor.locator.images("photos")
        geometry = checkpoint.resolved.geometry(ORIGINAL)
        crops = geometry.apply(images.read(np.arange(min(count, max(BATCHES)))))
        checkpoint.answer(crops[:8])  # pays for what later passes find ready
        bare = {}
        for batch in BATCHES:
            if batch <= len(crops):
                part = crops[: len(crops) // batch * batch].reshape(-1, batch, *crops.shape[1:])
                took = timed(lambda ask=checkpoint.answer, part=part: [ask(each) for each in part])
                bare[batch] = 1e3 * took.cpu / (len(part) * batch)
        took = timed(lambda predictor=predictor, name=name: predictor.prepare({Need(name, "photos")}))
        whole = 1e3 * took.cpu / count
        passes = ", ".join(f"{ms:.1f} in batches of {batch}" for batch, ms in bare.items())
        yield f"forward {name:22} {whole:7.1f} CPU ms an image; bare {passes}: ratio {min(bare.values()) / whole:.2f}"
        file.unlink()


def memory(folder: Path, count: int) -> Iterator[str]:
    """Peak of a process that answers photographs of 12 megapixels with a model that costs nothing."""
    photos(folder / "photos/0", count, 4000, 3000)
    run_of(folder, {"waits": waiting_model()}, 0)
    code = (
        "import sys; from pathlib import Path; from benchmarks.feeding import peak; "
        "print(peak(Path(sys.argv[1])))"
    )  # fmt: skip
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  # its own code
    yield f"memory  {count} photos of 12 megapixels, under two views: {done.stdout.strip()} MB at the peak"


def peak(folder: Path) -> int:
    """Answer, and say how much memory that took at most, in MB."""
    settings = Settings(folder / "peak", device="cpu", workers=0)
    run = Run(read_zoo(folder / "models.yaml", "mine"), settings)
    needs = {Need("waits", "photos"), Need("waits", "photos", "shift(30)")}
    Predictor(run, Progress(io.StringIO())).prepare(needs)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def main() -> None:
    """Print a line as it is measured."""
    parser = argparse.ArgumentParser(description="How near a run comes to the bare forward pass.")
    parser.add_argument("parts", nargs="*", default=["input", "device", "forward", "memory"])
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--models", default=",".join(MODELS), help="of timm, for `forward`")
    given = parser.parse_args()
    parts = {
        "input": lambda folder: input_path(folder, given.images, given.workers),
        "device": lambda folder: device(folder, given.images, given.workers),
        "forward": lambda folder: forward(folder, given.images, given.models.split(",")),
        "memory": lambda folder: memory(folder, given.images),
    }
    for part in given.parts:
        with tempfile.TemporaryDirectory() as folder:
            for line in parts[part](Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
