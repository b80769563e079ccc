"""What the benchmarks share: photographs and models that cost nothing, the time that work takes, and how it spreads."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from eyechart.predict.run import Run, Settings
from eyechart.zoo.zoo import read_zoo

ROOT = Path(__file__).parents[1]
RATES = {"fast": 2500, "slow": 250}
"""Images a second of simulated devices: a GPU with a large network, and one that is about as fast as reading."""

LABELS = {"classes": 1000}
DISTINCT = 50
"""Photographs that are drawn; further ones are the same pixels in other bytes."""


def fast() -> Callable[[np.ndarray], np.ndarray]:
    """A model that takes its time without using the processor."""
    return _answering(1 / RATES["fast"])


def slow() -> Callable[[np.ndarray], np.ndarray]:
    """The same, for longer."""
    return _answering(1 / RATES["slow"])


def free() -> Callable[[np.ndarray], np.ndarray]:
    """A model that costs nothing."""
    return _answering(0.0)


def _answering(seconds: float) -> Callable[[np.ndarray], np.ndarray]:
    def answer(batch: np.ndarray) -> np.ndarray:
        if seconds:
            time.sleep(seconds * len(batch))
        return np.zeros((len(batch), LABELS["classes"]), dtype=np.float32)

    return answer


def costless(factory: str, resize: int = 256, crop: int = 224) -> dict[str, Any]:
    """What `models.yaml` says of `fast`, `slow`, or `free`."""
    return {
        "source": "python", "factory": f"benchmarks.measuring:{factory}", "version": "1", "label_space": LABELS,
        "preprocessing": {"resize": resize, "crop": crop, "interpolation": "bicubic"},
    }  # fmt: skip


def photos(folder: Path, count: int, width: int = 500, height: int = 375, distinct: int = DISTINCT) -> None:
    """Write JPEGs at quality 92: smooth, with some noise, about as large as a photograph's."""
    folder.mkdir(parents=True)
    drawn = []
    for number in range(min(count, distinct)):
        rng, file = np.random.default_rng(number), folder / f"{number:06d}.jpg"
        noise = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(noise).resize((width, height)).filter(ImageFilter.GaussianBlur(2))
        grain = rng.normal(0, 6, (height, width, 3)).astype(np.float32)
        Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)).save(file, quality=92)
        drawn.append(file.read_bytes())
    for number in range(len(drawn), count):
        comment = b"\xff\xfe" + (8).to_bytes(2, "big") + f"{number:06d}".encode()
        start, rest = drawn[number % distinct][:2], drawn[number % distinct][2:]
        (folder / f"{number:06d}.jpg").write_bytes(start + comment + rest)


def run_of(folder: Path, models: dict[str, Any], **settings: Any) -> Run:
    """A zoo of one set of photographs, `folder/photos`, in a store of its own."""
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": LABELS}}
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"mine": {"image_sets": sets, "models": models}}}))
    store = Path(tempfile.mkdtemp(dir=folder))
    return Run(read_zoo(file, "mine"), Settings(store, **{"device": "cpu", "workers": 0, **settings}))


@dataclass(frozen=True)
class Took:
    """Seconds of the wall's clock, and of this process and all under it on processors."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    """Do it once."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return Took(time.perf_counter() - wall, _cpu() - cpu)


def _cpu() -> float:
    """CPU seconds of this process, and where Linux tells, of those it started and those that they started."""
    processes = defaultdict(list)
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        processes[int(fields[1])].append((int(file.parent.name), sum(map(int, fields[11:15]))))
    ticks, under = 0, [os.getpid()]
    while under:
        for process, spent in processes[under.pop()]:
            ticks += spent
            under.append(process)
    return time.process_time() + ticks / (os.sysconf("SC_CLK_TCK") if ticks else 1)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and from the least to the most."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine() -> str:
    """What it runs on, and how busy that is: jobs that want a processor, on average over the last minute."""
    return f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
