"""All of it on a GPU, in one call of at most six minutes: one Markdown table, a row as it is measured.

    python -m benchmarks.gpu [--device cuda] [--seconds 330] [--images 6000]
    python -m benchmarks.gpu --device cpu --quick     # tiny sizes, to see that it runs

Draws its own JPEGs (500 x 375) and weights, and needs nothing but this repository and timm. What the time does not
suffice for is left out, in words. Rates are images a second of the wall's clock: nothing else should run there.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feeding import seen_by
from benchmarks.measuring import LABELS, costless, machine, photos, run_of, timed
from eyechart.checkpoints.checkpoint import Checkpoint
from eyechart.predict.feeding import Feed, Reader, workers_that_pay
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.progress import Progress

MODELS = ("vit_base_patch16_224", "convnext_base", "resnet50")
PRECISIONS = ("bf16", "fp16", "fp32")
BATCHES = (64, 256, 512)
WORKERS = (0, 1, 2, 4, 8, 16)
PASS = 0.5
"""Seconds that passes of one kind are timed for, at least."""

Row = tuple[str, str]
"""What was measured, and its value."""


@dataclass
class Bench:
    """What a call measures, and what it found so far: the rate of the best bare pass, and of reading."""

    device: str
    folder: Path
    images: int
    models: tuple[str, ...]
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    workers: tuple[int, ...]
    compiles: bool
    until: float
    best: dict[tuple[str, str], float] = field(default_factory=dict)
    read: dict[int, float] = field(default_factory=dict)

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU to be asked about its memory."""
        return self.device.startswith("cuda")

    def rows(self) -> Iterator[Row]:
        """Measure what there is time for, the most telling first."""
        parts: list[tuple[str, Callable[[], Iterator[Row]]]] = [("reading", self.reading)]
        for model in self.models:
            each = [(f"forward {model} {kind}", partial(self.forward, model, kind)) for kind in self.precisions]
            parts += [*each, (f"end to end {model}", partial(self.end_to_end, model, self.precisions[0]))]
        parts.append(("out of memory", partial(self.out_of_memory, self.models[-1])))
        if self.compiles:
            parts += [(f"compiled {model}", partial(self.compiled, model, self.precisions[0])) for model in self.models]
        for name, part in parts:
            if time.monotonic() > self.until:
                yield name, "not measured: out of time"
                continue
            try:
                yield from part()
            except Exception as error:  # the other rows are worth having
                yield name, f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"

    def reading(self) -> Iterator[Row]:
        """Images a second that are read and cropped."""
        run = run_of(self.folder, {"free": costless("free")})
        images = Predictor(run, Progress(io.StringIO())).locator.images("photos")
        few = images.rows(np.arange(min(500, len(images))))
        for workers in self.workers:
            feed, part = (Feed(Reader(run.zoo, run.settings), workers), images) if workers else (None, few)
            if feed:
                seen_by(run, images, feed)  # workers are started, and warm
            took = timed(partial(seen_by, run, part, feed))
            self.read[workers] = len(part) / took.wall
            if feed:
                feed.close()
            cpu = f"{1e3 * took.cpu / len(part):.2f} ms of CPU time an image"
            yield f"reading, {workers} workers", f"{self.read[workers]:,.0f} images/s, {cpu}"

    def checkpoint(self, model: str, precision: str, **settings: Any) -> tuple[Predictor, Checkpoint]:
        """A model of random weights, loaded as a run loads it."""
        import timm
        import torch
        from safetensors.torch import save_file

        file = self.folder / f"{model}.safetensors"
        if not file.exists():
            torch.manual_seed(0)
            save_file(timm.create_model(model).state_dict(), file)
        spec = {"source": "timm", "architecture": model, "weights": str(file), "label_space": LABELS}
        run = run_of(self.folder, {model: spec}, device=self.device, precision=precision, **settings)
        predictor = Predictor(run, Progress(io.StringIO()))
        return predictor, predictor.locator.checkpoint(model)

    def forward(self, model: str, precision: str) -> Iterator[Row]:
        """The module alone on pixels that are there, and as Eyechart asks it, from crops to answers."""
        module, pixels, crops, answer = self._bare(model, precision)
        import torch

        rates: dict[str, float] = {}
        for channels_last in (False, True):
            form = torch.channels_last if channels_last else torch.contiguous_format
            module = module.to(memory_format=form)
            for batch in self.batches:
                part = pixels[:batch].contiguous(memory_format=form)
                self._reset()
                rate = self._rate(partial(self._pass, module, part, precision), batch)
                rates[f"batches of {batch}{', channels last' * channels_last}"] = rate
        how = max(rates, key=lambda name: rates[name])
        self.best[model, precision] = rates[how]
        listed = "; ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
        yield f"forward, {model}, {precision}", f"best {rates[how]:,.0f} images/s in {how} ({listed})"
        own = self._rate(partial(answer, crops), len(crops))
        yield (
            f"as Eyechart asks, {model}, {precision}",
            f"{own:,.0f} images/s in batches of {len(crops)}, {own / rates[how]:.2f} of the best{self._peak()}",
        )

    def compiled(self, model: str, precision: str) -> Iterator[Row]:
        """What torch.compile wins, and what it takes first."""
        import torch

        module, pixels, _, _ = self._bare(model, precision)
        batch = self.batches[-2]
        part = pixels[:batch].contiguous(memory_format=torch.channels_last)
        ask = torch.compile(module.to(memory_format=torch.channels_last))
        first = timed(partial(self._pass, ask, part, precision)).wall
        rate = self._rate(partial(self._pass, ask, part, precision), batch)
        times = rate / self.best.get((model, precision), rate)
        yield (
            f"compiled, {model}, {precision}",
            f"{rate:,.0f} images/s, {times:.2f} of the best; {first:.0f} s at first",
        )

    def end_to_end(self, model: str, precision: str) -> Iterator[Row]:
        """Read, crop, answer and store, over the best bare pass, with as many workers as a run takes by itself."""
        workers = workers_that_pay(accelerated=self.cuda) or (0 if self.cuda else self.workers[-1])
        predictor, _ = self.checkpoint(model, precision, workers=workers)
        predictor.prepare({Need(model, "photos", "scale(1.001)")})  # workers are started, and all is warm
        self._reset()
        took = timed(lambda: predictor.prepare({Need(model, "photos")}))
        rate, bare = self.images / took.wall, self.best.get((model, precision), float("nan"))
        read = self.read.get(workers) or max(self.read.values(), default=float("nan"))
        alone = [self.images / read, self.images / bare]
        hidden = (sum(alone) - took.wall) / min(alone)
        yield (
            f"end to end, {model}, {precision}, {workers} workers",
            f"{rate:,.0f} images/s: {rate / bare:.2f} of the best bare pass, {rate / min(read, bare):.2f} of the slower"
            f" of it and reading; hidden of the shorter {hidden:.2f}{self._peak()}",
        )

    def out_of_memory(self, model: str) -> Iterator[Row]:
        """A batch for which there is not enough memory is answered in halves, alike."""
        import torch

        _, checkpoint = self.checkpoint(model, "fp32")
        crops = self._crops(self.batches[-1])
        expected = np.concatenate([checkpoint.answer(part) for part in np.array_split(crops, len(crops) // 8)])
        if self.cuda:
            total = torch.cuda.get_device_properties(self.device).total_memory
            torch.cuda.empty_cache()
            least = torch.cuda.memory_allocated(self.device) + len(crops) * 2**20  # 1 MB an image: too little for all
            torch.cuda.set_per_process_memory_fraction(min(1.0, least / total), self.device)
        else:  # there is no such limit: the module refuses

            def refuse(_: Any, arguments: tuple[Any, ...]) -> None:
                if len(arguments[0]) > len(crops) // 4:
                    raise torch.OutOfMemoryError("simulated")

            checkpoint.forward._at((224, 224)).register_forward_pre_hook(refuse)  # type: ignore[attr-defined]  # TorchAnswers'
        try:
            got = checkpoint.answer(crops)
        finally:
            if self.cuda:
                torch.cuda.set_per_process_memory_fraction(1.0, self.device)
        most = checkpoint.forward._most  # type: ignore[attr-defined]  # TorchAnswers'
        apart = np.abs(got - expected).max()
        yield "out of memory", f"{len(crops)} images at once came down to {most}; logits differ by {apart:.1e} at most"

    def _bare(self, model: str, precision: str) -> tuple[Any, Any, np.ndarray, Callable[[np.ndarray], Any]]:
        """The module, normalized pixels on its device, crops of Eyechart's own batch, and how that asks."""
        import torch

        _, checkpoint = self.checkpoint(model, precision)
        crops = self._crops(max(self.batches))
        pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        size = min(checkpoint.batching.size(224, 224, self.images), len(crops))
        return checkpoint.forward._module, pixels, crops[:size], checkpoint.answer  # type: ignore[attr-defined]

    @staticmethod
    def _crops(count: int) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)

    def _pass(self, module: Any, pixels: Any, precision: str) -> None:
        import torch

        kind = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], kind, enabled=kind is not None):
            module(pixels)

    def _rate(self, work: Callable[[], object], images: int) -> float:
        """Images a second, once warm."""
        work()
        self._wait()
        started, passes = time.perf_counter(), 0
        while (spent := time.perf_counter() - started) < PASS or not passes:
            work()
            self._wait()
            passes += 1
        return passes * images / max(time.perf_counter() - started, spent)

    def _wait(self) -> None:
        if self.cuda:
            import torch

            torch.cuda.synchronize(self.device)

    def _reset(self) -> None:
        if self.cuda:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)

    def _peak(self) -> str:
        if not self.cuda:
            return ""
        import torch

        return f"; {torch.cuda.max_memory_allocated(self.device) / 1e9:.1f} GB of GPU memory at the peak"


def main() -> None:
    """Print the table."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=330)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: it runs, and its numbers mean nothing")
    given = parser.parse_args()
    started = time.monotonic()
    name = torch.cuda.get_device_name(given.device) if given.device.startswith("cuda") else "no GPU"
    print("| measured | value |\n| --- | --- |", flush=True)
    print(f"| machine | {name}, torch {torch.__version__}, {machine()}, {len(os.sched_getaffinity(0))} usable |")
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        sizes = {
            "images": 16 if given.quick else given.images,
            "models": ("resnet18",) if given.quick else MODELS,
            "precisions": PRECISIONS[-1:] if given.quick else PRECISIONS,
            "batches": (8, 16) if given.quick else BATCHES,
            "workers": (0, 1) if given.quick else WORKERS,
        }
        photos(folder / "photos/0", sizes["images"])
        bench = Bench(given.device, folder, **sizes, compiles=not given.quick, until=started + given.seconds)
        for what, value in bench.rows():
            print(f"| {what} | {value} |", flush=True)
    print(f"| all of it | {time.monotonic() - started:.0f} s |")


if __name__ == "__main__":
    main()
