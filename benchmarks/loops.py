"""The same answers by a plain loop, as published code has it, and by timm's validation loop."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import LABELS, costless, photos, run_of, spread, timed
from eyechart.images.views import ORIGINAL, View
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.progress import Progress

CONDITIONS = ("original", "shift(10)", "shift(30)", "shift(50)", "black_shift(30)", "brightness(1.5)",
              "corrupt(contrast, 3)", "corrupt(brightness, 3)")  # fmt: skip
"""What the same images are shown under."""

TOGETHER = 128
"""Images in a batch of the loops, as many as such scripts take."""

FREE = "a model that costs nothing"
REPEATS = 3

Answers = list[np.ndarray]
"""Condition → (n,) the classes that were named."""


def loops(folder: Path, count: int, architecture: str) -> Iterator[str]:
    """CPU milliseconds an answer of each, in processes of their own that take turns."""
    photos(folder / "photos/0", count)
    for model in (architecture, FREE):
        for name, other, conditions in (
            ("a plain loop over conditions", plain, CONDITIONS),
            ("timm's validation loop", validate, CONDITIONS[:1]),
        ):
            took: dict[str, list[float]] = {"own": [], "other": []}
            same = []
            for _ in range(REPEATS):
                own, answers = _alone(eyechart, folder, model, conditions)
                theirs, named = _alone(other, folder, model, conditions)
                per = 1e3 / (count * len(conditions))
                took["own"].append(per * own)
                took["other"].append(per * theirs)
                same.append(np.mean([a == b for a, b in zip(answers, named, strict=True)]))
            ratios = [theirs / own for own, theirs in zip(took["own"], took["other"], strict=True)]
            yield (
                f"loops   {model}, {len(conditions)} conditions: CPU ms an answer {spread(took['own'])}; {name} "
                f"{spread(took['other'])}, {spread(ratios, 2)} times as much; {min(same):.1%} of answers the same"
            )


def _alone(work: Callable[..., tuple[float, Answers]], *arguments: Any) -> tuple[float, Answers]:
    """Do it in a process of its own, which none of the others has changed."""
    with ProcessPoolExecutor(1, get_context("spawn")) as anew:
        return anew.submit(work, *arguments).result()


def eyechart(folder: Path, model: str, conditions: tuple[str, ...]) -> tuple[float, Answers]:
    """CPU seconds of the predict phase once the model is loaded and the images are indexed, and the answers."""
    spec = costless("free")
    if model != FREE:
        from safetensors.torch import save_file

        file = folder / "weights.safetensors"
        if not file.exists():
            save_file(_module(model).state_dict(), file)
        spec = {"source": "timm", "architecture": model, "weights": str(file), "label_space": LABELS}
    run = run_of(folder, {"it": spec})
    predictor = Predictor(run, Progress(io.StringIO()))
    images, checkpoint = predictor.locator.images("photos"), predictor.locator.checkpoint("it")
    checkpoint.answer(checkpoint.resolved.geometry(ORIGINAL).apply(images.read(np.arange(8))))
    needs = [Need("it", "photos", view) for view in conditions]
    took = timed(lambda: predictor.prepare(set(needs)))
    return took.cpu, [run.predictions(need).predicted for need in needs]


def plain(folder: Path, model: str, conditions: tuple[str, ...]) -> tuple[float, Answers]:
    """The same of a loop that reads all images once for each condition."""
    from PIL import Image
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import Compose

    module, transform = _module(model), _transform(model)

    def changed(view: View) -> Callable[[Any], Any]:
        return lambda image: Image.fromarray(view.of_image(np.asarray(image)))

    def answers() -> Iterator[np.ndarray]:
        for condition in conditions:
            view = View.parse(condition)
            seen = transform if view == ORIGINAL else Compose([changed(view), transform])
            yield _named(module, DataLoader(ImageFolder(str(folder / "photos"), seen), batch_size=TOGETHER))

    return _timed(answers)


def validate(folder: Path, model: str, conditions: tuple[str, ...]) -> tuple[float, Answers]:  # noqa: ARG001  # one
    """The same of timm's own data set and loader, as its validate.py puts them together, without its metrics."""
    from timm.data import create_dataset, create_loader, resolve_data_config

    module = _module(model)
    config = resolve_data_config({}, model=module) if module else {"interpolation": "bicubic", "crop_pct": 0.875}
    how = {key: config[key] for key in ("interpolation", "mean", "std", "crop_pct", "crop_mode") if key in config}

    def answers() -> Iterator[np.ndarray]:
        dataset = create_dataset("", root=str(folder / "photos"))
        yield _named(module, create_loader(
            dataset, (3, 224, 224), batch_size=TOGETHER, use_prefetcher=False, num_workers=0, **how,
        ))  # fmt: skip

    return _timed(answers)


def _timed(answers: Callable[[], Iterator[np.ndarray]]) -> tuple[float, Answers]:
    named: Answers = []
    return timed(lambda: named.extend(answers())).cpu, named


def _module(model: str) -> Any:
    import timm
    import torch

    torch.manual_seed(0)
    return None if model == FREE else timm.create_model(model).eval()


def _transform(model: str) -> Any:
    from timm.data import create_transform, resolve_data_config

    if model == FREE:
        return create_transform(224, interpolation="bicubic", crop_pct=0.875)
    return create_transform(**resolve_data_config({}, model=_module(model)), is_training=False)


def _named(module: Any, batches: Any) -> np.ndarray:
    import torch

    with torch.no_grad():
        named = [module(pixels).argmax(1) if module else torch.zeros(len(pixels)) for pixels, _ in batches]
    return torch.cat(named).numpy().astype(np.int64)
