"""Small image sets in the published layouts, drawn by the tests; and the zoos that declare them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eyechart.images.image_set import ImageSet
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from eyechart.zoo.zoo import Zoo, read_zoo

SIDE = 8


def pixels(seed: int, side: int = SIDE) -> np.ndarray:
    """A picture of its own for each number: coarse blocks, so that a JPEG stays close to it."""
    blocks = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((side // 2, side // 2, 1), dtype=np.uint8))


def encoded(seed: int, kind: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    stream = io.BytesIO()
    Image.fromarray(pixels(seed)).save(stream, kind, **options)
    return stream.getvalue()


def put(path: Path, content: bytes) -> Path:
    """Write a file, and the folders it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def folder(root: Path, files: Sequence[str]) -> Path:
    """Write one picture a file, numbered in this order."""
    for number, file in enumerate(files):
        put(root / file, encoded(number))
    return root


def shard(path: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Path:
    """Write a tar file: sample → suffix → content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for key, members in samples.items():
            for suffix, content in members.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def zoo_of(
    folder: Path, image_sets: Mapping[str, Any], models: Mapping[str, Any] | None = None, data: Path | None = None
) -> Zoo:
    """Write a `models.yaml` with one zoo, `mine`, and read it as a run does."""
    usual = {"toy": {"source": "python", "factory": "tests.image_files:toy", "version": "1"}}
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"mine": {"image_sets": image_sets, "models": models or usual}}}))
    return Run(read_zoo(file, "mine"), Settings(folder / "store", data)).zoo


def index(folder: Path, spec: Mapping[str, Any], limit: int | None = None, data: Path | None = None) -> ImageSet:
    """Index the one image set of a zoo, under the name `set`."""
    whole = {"role": "validation", **spec}
    return read_image_set(zoo_of(folder, {"set": whole}, data=data), "set", Store(folder / "store"), limit)


def toy():
    """The model of such a zoo: as sure of a class as its picture is red, green or blue."""
    return lambda batch: batch.mean(axis=(1, 2))[:, :2].astype(np.float32)


def predicted(zoo: Zoo, store: Path, needs: set[Need], **settings: Any) -> Run:
    """Run the predict phase alone, in this process."""
    run = Run(zoo, Settings(store, device="cpu", **settings))
    Predictor(run, Progress(io.StringIO())).prepare(needs)
    return run
