"""How many images are answered at once: few, always as many, and what a run of few images costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.checkpoints.checkpoint import GPU_BATCH, batch_size
from eyechart.predict.answering import forward
from eyechart.predict.needs import Need
from eyechart.predict.pace import Pace, filled
from eyechart.predict.run import Cost
from tests.image_files import encoded, predicted, put, zoo_of

SHAPES: list[tuple[int, ...]] = []


def noting():
    """A model that notes the shapes of its batches."""

    def answer(batch: np.ndarray) -> np.ndarray:
        SHAPES.append(batch.shape)
        return batch.mean(axis=(1, 2), dtype=np.float32)

    return answer


@pytest.mark.parametrize(
    ("height", "width", "size"), [(64, 64, 32), (158, 158, 32), (159, 159, 16), (224, 224, 16), (224, 225, 8), (640, 640, 8)]
)  # fmt: skip
def test_larger_images_come_in_smaller_batches(height, width, size):
    """16 images of 224 x 224 pixels hold 802,816; no batch has fewer than 8, whatever they hold."""
    assert batch_size(height, width) == size
    assert batch_size(height, width, accelerated=True) == GPU_BATCH


@given(images=st.integers(1, 70), size=st.sampled_from([8, 16, 32]))
def test_every_batch_has_one_size_and_every_image_its_answer(images, size):
    """The last batch is filled up, and what fills it is no answer."""
    sizes = []

    def ask(batch):
        sizes.append(len(batch))
        return batch[:, 0, 0, :1].astype(np.float32)

    batch = np.arange(images, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    cost = Cost()
    assert forward(ask, batch, cost, size)[:, 0].tolist() == list(range(images))
    assert set(sizes) == {size}
    assert sum(sizes) == filled(images, size)
    assert cost.answers == images


def test_few_images_cost_one_small_batch(tmp_path: Path):
    """Five images are asked for once, in one batch; the pace that is kept is of a batch, filled up or not."""
    for number in range(5):
        put(tmp_path / f"photos/a/{number}.png", encoded(number))
    labels = {"names": ["a", "b", "c"]}
    sets = {"photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": labels}}
    model = {"source": "python", "factory": "tests.test_batches:noting", "version": "1", "label_space": labels}
    zoo = zoo_of(tmp_path, sets, {"noting": {**model, "preprocessing": {"resize": 200, "crop": 200}}})
    SHAPES.clear()
    run = predicted(zoo, tmp_path / "store", {Need("noting", "photos")})
    assert SHAPES == [(16, 200, 200, 3)]
    assert run.cost.answers == 5
    pace = Pace(run)
    assert pace.batch(("model", "noting")) == 16
    assert pace.stored(("model", "noting")) < run.cost.seconds / 16
