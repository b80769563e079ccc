"""What is held while predicting: bounded by bytes, and without a trace in any answer."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eyechart.checkpoints.checkpoint import GRAPHICS, PROCESSOR, Checkpoint
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.checkpoints.sources.base import TorchAnswers
from eyechart.checkpoints.sources.timm import own_size, resizing
from eyechart.errors import BlockedError
from eyechart.images.image_set import RawImages
from eyechart.predict.needs import Need
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from tests.image_files import encoded, predicted, put, zoo_of

TOY = {"source": "python", "factory": "tests.image_files:toy", "version": "1"}
AB = {"names": ["a", "b"]}
SIDE, COUNT = 400, 60
PHOTO = SIDE * SIDE * 3
"""Bytes of a decoded photograph here; a set of them takes 29 MB."""


def mean_and_company():
    """A model whose answers give away which images shared their batch."""

    def answer(batch: np.ndarray) -> np.ndarray:
        means = batch.mean(axis=(1, 2), dtype=np.float64)
        return (means - means.mean(axis=0) * np.arange(1, 4)).astype(np.float32)

    return answer


@pytest.fixture
def photos(tmp_path: Path):
    """A zoo of photographs and two models that see them in two geometries."""
    for number in range(COUNT):
        side = np.full((SIDE, SIDE + number % 7, 3), number * 4, dtype=np.uint8)
        (tmp_path / "photos/a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(side).save(tmp_path / f"photos/a/{number:03d}.png")
    labels = {"names": ["a", "b", "c"]}
    model = {"source": "python", "factory": "tests.test_memory:mean_and_company", "version": "1"}
    models = {
        "whole": {**model, "preprocessing": {"resize": 16, "crop": 16}},
        "center": {**model, "preprocessing": {"resize": 24, "crop": 16}},
    }
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": labels}}
    return zoo_of(tmp_path, sets, models)


NEEDS = {Need(model, "photos", view) for model in ("whole", "center") for view in ("original", "shift(30)")}


def test_what_is_held_is_bounded(photos, tmp_path):
    """Of 60 photographs that take 29 MB one is decoded at a time, with and without a view."""
    predicted(photos, tmp_path / "store", {Need("whole", "photos", "scale(1.5)")})  # what is imported once is no image
    tracemalloc.start()
    predicted(photos, tmp_path / "store", NEEDS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * PHOTO


@pytest.mark.parametrize(
    ("height", "width", "images", "size"),
    [(224, 224, 50_000, 32), (224, 224, 5, 8), (224, 224, 9, 16), (384, 384, 50_000, 8), (32, 32, 50_000, 128),
     (32, 32, 129, 128), (2000, 3000, 40, 8)],
)  # fmt: skip
def test_a_batch_is_as_large_as_pays(height, width, images, size):
    """Fewer of large images, and no more than a small set has: five images cost eight."""
    assert PROCESSOR.size(height, width, images) == size


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 10**7), st.sampled_from([PROCESSOR, GRAPHICS]))
def test_any_batch_is_a_power_of_two_within_its_limits(height, width, images, batching):
    """And wastes less than half of itself on a set that it holds whole."""
    size = batching.size(height, width, images)
    assert size & (size - 1) == 0
    assert batching.fewest <= size <= batching.most
    assert size == batching.fewest or size < 2 * images
    assert size == batching.fewest or size * height * width <= batching.pixels


def test_a_few_images_cost_a_few_answers(photos, tmp_path, monkeypatch):
    """The model is shown what a small set has, filled up to the smallest batch."""
    shown = []
    real = Checkpoint.answer
    monkeypatch.setattr(Checkpoint, "answer", lambda self, batch: shown.append(len(batch)) or real(self, batch))
    predicted(photos, tmp_path / "store", {Need("whole", "photos")}, limit=5)
    assert shown == [8]


def test_a_device_without_enough_memory_gets_smaller_batches():
    """Halved until they fit, and from then on; the answers are the same."""
    import torch

    asked = []

    class Small(torch.nn.Module):
        def forward(self, pixels):
            asked.append(len(pixels))
            if len(pixels) > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return pixels.mean(dim=(2, 3))

    around = SimpleNamespace(device="cpu", precision="fp32")
    seen = Preprocessing(Geometry(8, 8), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    answers = TorchAnswers(Small(), seen, around, None, None, embedded=lambda module, x: module(x))
    batch = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), dtype=np.uint8)
    expected = batch.mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(answers(batch), expected, rtol=1e-5)
    np.testing.assert_allclose(answers(batch), expected, rtol=1e-5)
    assert asked == [32, 16, 8, *[4] * 16]


def test_weights_lie_in_memory_once_where_any_size_will_do(monkeypatch):
    """A convolutional network answers images of every size itself; only one with positions is copied."""
    import timm

    around = SimpleNamespace(device="cpu", precision="fp32")
    seen = Preprocessing(Geometry((32, 32), (32, 32)), (0.5,) * 3, (0.5,) * 3)
    copied = []
    copying = SimpleNamespace(deepcopy=lambda module: copied.append(module) or module)
    monkeypatch.setattr("eyechart.checkpoints.sources.base.copy", copying)
    for name in ("test_resnet", "test_vit"):
        module = timm.create_model(name, num_classes=3)
        answers = TorchAnswers(module, seen, around, own_size(module), resizing(module), embedded=None)
        for side in (160, 64, 96, 64):
            assert answers(np.zeros((1, side, side, 3), dtype=np.uint8)).shape == (1, 3)
    assert [type(module).__name__ for module in copied] == ["VisionTransformer"] * 2


def test_what_is_looked_at_again_is_kept_as_far_as_it_fits(photos, tmp_path, monkeypatch):
    """A search reads its images for every change it tries; a few large ones are decoded anew."""
    images = read_image_set(photos, "photos", Store(tmp_path / "store"), None)
    monkeypatch.setattr("eyechart.images.image_set.HELD", 3 * PHOTO + 99)
    asked: list[int] = []

    def read(rows):
        asked.extend(rows.tolist())
        return images.read(rows)

    raw = RawImages(replace(images, read=read), np.array([7, 14, 21, 28, 35]))
    first, second = list(raw), list(raw)
    assert asked == [7, 14, 21, 28, 35, 28, 35]
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert [int(image[0, 0, 0]) for image in first] == [28, 56, 84, 112, 140]


def test_images_of_several_sizes_need_an_input_size(tmp_path):
    """A model that takes images as they are is blocked on them, with the line that would help."""
    put(tmp_path / "photos/a/1.png", encoded(1))
    Image.new("RGB", (9, 8)).save(tmp_path / "photos/a/2.png")
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": AB}}
    zoo = zoo_of(tmp_path, sets, {"toy": {**TOY, "label_space": AB}})
    run = predicted(zoo, tmp_path / "store", {Need("toy", "photos")})
    with pytest.raises(BlockedError, match=r"8 × 8 and 9 × 8 pixels cannot be answered together .* state `preproc"):
        run.address(Need("toy", "photos"))
