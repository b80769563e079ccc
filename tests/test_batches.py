"""How many images are answered at once: few, always as many, and what a run of few images costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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


@given(images=st.integers(1, 70), size=st.sampled_from([8, 16, 32]))
def test_every_batch_has_one_size_and_every_image_its_answer(images, size):
    """The last batch is filled up, and what fills it is no answer."""
    sizes = []

    def ask(batch):
        sizes.append(len(batch))
        return batch[:, 0, 0, :1].astype(np.float32)

    batch = np.arange(images, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    cost = Cost()
    assert forward(ask, batch, size, cost)[:, 0].tolist() == list(range(images))
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
    assert SHAPES == [(8, 200, 200, 3)]
    assert run.cost.answers == 5
    pace = Pace(run)
    assert pace.batch(("model", "noting")) == 8
    assert pace.stored(("model", "noting")) < run.cost.seconds / 8
