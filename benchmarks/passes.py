"""How near a run comes to the bare forward pass of its models, in CPU time."""

from __future__ import annotations

import io
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measuring import LABELS, ROOT, costless, photos, run_of, spread, timed
from eyechart.images.views import ORIGINAL, View
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo

BATCHES = (8, 16, 32, 128)
REPEATS = 3


def forward(folder: Path, count: int, models: list[str]) -> Iterator[str]:
    """End to end over the best bare forward pass, in CPU time, taking turns; with kept crops, too."""
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
        first = {**costless("free"), "version": "first"}
        ratios, whole, bare = [], [], defaultdict(list)
        ratios_next, whole_next = [], []
        for _ in range(REPEATS):
            predictor = Predictor(run_of(folder, {name: spec}), Progress(io.StringIO()))
            checkpoint, images = predictor.locator.checkpoint(name), predictor.locator.images("photos")
            geometry = checkpoint.resolved.geometry(ORIGINAL)
            crops = geometry.apply(images.read(np.arange(min(count, max(BATCHES)))))
            checkpoint.answer(crops[:8])  # pays for what later passes find ready
            best = min(bare_passes(checkpoint.answer, crops, bare))
            took = timed(lambda predictor=predictor, name=name: predictor.prepare({Need(name, "photos")}))
            whole.append(1e3 * took.cpu / count)
            ratios.append(best / whole[-1])
            run = run_of(
                folder, {"first": first, name: spec | {"preprocessing": first["preprocessing"]}}, crop_cache=1.0
            )
            predictor = Predictor(run, Progress(io.StringIO()))
            predictor.prepare({Need("first", "photos")})
            predictor.locator.checkpoint(name).answer(crops[:8])
            took = timed(lambda predictor=predictor, name=name: predictor.prepare({Need(name, "photos")}))
            if predictor.run.cost.images_read > count:
                raise AssertionError(f"{name} does not take the crops that were kept before it")
            whole_next.append(1e3 * took.cpu / count)
            ratios_next.append(best / whole_next[-1])
        passes = ", ".join(f"{np.median(each):.1f} in batches of {batch}" for batch, each in bare.items())
        yield f"forward {name:22} CPU ms an image {spread(whole)}; bare {passes}; ratio {spread(ratios, 2)}"
        yield f"forward {name:22} with kept crops {spread(whole_next)}; ratio {spread(ratios_next, 2)}"
        file.unlink()


ZOO = (
    *(
        ("validation", view)
        for view in ("original", "relative_shift(0.0625)", "scale(1.25)", "relative_resolution(0.75)")
    ),
    *((name, "original") for name in ("sketch", "factors", "corrupted", "cue-conflict")),
)
"""What the miniature zoo is asked: images as they are, changed, and corrupted."""


def zoo(folder: Path, count: int) -> Iterator[str]:
    """End to end over the best bare passes of the four models of the miniature zoo, in CPU time, taking turns."""
    ratios = []
    for repeat in range(REPEATS):
        store = folder / str(repeat)
        rendered = ROOT / ".eyechart/store/images"
        if rendered.is_dir():  # else it takes minutes, which are not counted
            shutil.copytree(rendered, store / "images")
        run = Run(read_zoo(ROOT / "models.yaml", "miniature"), Settings(store, device="cpu", workers=0, limit=count))
        predictor = Predictor(run, Progress(io.StringIO()))
        needs = {Need(model, name, view) for model in run.zoo.models for name, view in ZOO}
        best: dict[tuple[str, str], float] = {}
        for need in sorted(needs):
            job = predictor.locator.job(need)
            crops = job.geometry(View.parse(need.view)).apply(job.images.read(np.arange(max(BATCHES))))
            if (need.model, str(crops.shape)) not in best:
                job.checkpoint.answer(crops[:8])
                best[need.model, str(crops.shape)] = min(bare_passes(job.checkpoint.answer, crops, defaultdict(list)))
            best[need.model, need.image_set + need.view] = best[need.model, str(crops.shape)] * len(job.images)
        bare = sum(best[need.model, need.image_set + need.view] for need in needs)
        took = timed(lambda predictor=predictor, needs=needs: predictor.prepare(needs))
        ratios.append(bare / (1e3 * took.cpu))
        yield (
            f"zoo     {run.cost.answers:,} answers in {took.cpu:.1f} CPU s, {run.cost.forward_seconds / took.wall:.0%} "
            f"of it in forward passes; best bare passes {bare / 1e3:.1f} CPU s: ratio {ratios[-1]:.2f}"
        )
    yield f"zoo     ratio {spread(ratios, 2)}"


def bare_passes(
    ask: Callable[[np.ndarray], object], crops: np.ndarray, into: dict[int, list[float]]
) -> Iterator[float]:
    """CPU milliseconds an image of a pass over all crops, in batches of each size, also noted `into` its list."""
    for batch in BATCHES:
        if batch <= len(crops):
            part = crops[: len(crops) // batch * batch].reshape(-1, batch, *crops.shape[1:])
            took = timed(lambda part=part: [ask(each) for each in part])
            into[batch].append(1e3 * took.cpu / (len(part) * batch))
            yield into[batch][-1]
