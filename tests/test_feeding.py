"""Images that worker processes read: the same bits, each read once, whatever happens to a worker."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from eyechart.checkpoints.checkpoint import Checkpoint
from eyechart.checkpoints.preprocessing import Geometry
from eyechart.images.views import ORIGINAL
from eyechart.predict.chunk import Chunk
from eyechart.predict.feeding import GROUP, Feed, Order, Reader
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Cost, Run, Settings
from eyechart.predict.seeing import Seen, see
from eyechart.progress import Progress
from eyechart.store import Store
from eyechart.zoo.indexing import read_image_set
from tests.image_files import predicted
from tests.test_memory import COUNT, NEEDS, photos  # noqa: F401  # a fixture


def tables(run, needs) -> dict[Need, object]:
    """All columns of what was predicted."""
    names = {need: sorted(run.store.columns(run.address(need))) for need in needs}
    return {need: run.store.read_table(run.address(need), columns).to_pydict() for need, columns in names.items()}


@pytest.fixture
def read_here(photos, tmp_path):  # noqa: F811
    """The answers of one process."""
    run = predicted(photos, tmp_path / "here", NEEDS, workers=0)
    assert (run.cost.images_read, run.cost.answers) == (COUNT, COUNT * len(NEEDS))
    return tables(run, NEEDS)


def test_no_answer_depends_on_how_many_images_come_at_once(photos, tmp_path, monkeypatch, read_here):  # noqa: F811
    """Batches are cut at the same images whether they come one by one or all together."""
    for at_once in (5, 18, COUNT):

        def together(images, rows, looks, crops, at_once=at_once) -> Iterator[Seen]:
            for start in range(0, len(rows), at_once):
                yield see(images, rows[start : start + at_once], looks, crops)

        monkeypatch.setattr("eyechart.predict.chunk.see_one_by_one", together)
        assert tables(predicted(photos, tmp_path / f"{at_once}", NEEDS, workers=0), NEEDS) == read_here


def test_workers_give_the_same_bits(photos, tmp_path, read_here):  # noqa: F811
    """Two processes read each image once, for two models and two views."""
    run = predicted(photos, tmp_path / "workers", NEEDS, workers=2)
    assert tables(run, NEEDS) == read_here
    assert (run.cost.images_read, run.cost.answers) == (COUNT, COUNT * len(NEEDS))


class Deadly(Reader):
    """Dies of two images, as a decoder may: of one whenever it sees it, of the other in a worker only."""

    def __getitem__(self, order: Order) -> Seen:
        """See it, or die."""
        if {21, 33} & set(order.rows.tolist()) and (len(order.rows) > 1 or 33 in order.rows):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(order)


class Job:
    """As much of a job as its images need."""

    key = "key"
    need = Need("whole", "photos")

    def geometry(self, view):
        """See all of it, small."""
        return Geometry((16, 16), (16, 16))


def test_what_a_worker_dies_of_is_named_and_the_rest_goes_on(photos, tmp_path):  # noqa: F811
    """Images before it are seen, in order; one that is sound after all is seen too; the next chunk goes on."""
    images = read_image_set(photos, "photos", Store(tmp_path / "store"), None)
    feed = Feed(Deadly(photos, Settings(tmp_path / "store")), 1)
    chunks = [Chunk(images, np.arange(*rows), [Job()], None, None, None) for rows in ((0, 16), (16, 40), (40, COUNT))]
    seen = {id(chunk): list(each) for chunk, each in feed.through(chunks)}
    feed.close()
    first, second, third = (seen[id(chunk)] for chunk in chunks)
    assert [len(each.sizes) for each in first] == [GROUP, GROUP]
    assert [len(each.sizes) for each in second] == [GROUP, GROUP, 1]
    assert f"a process that reads {images.keys[33]} dies of it" in second[2].fault
    assert [len(each.sizes) for each in third] == [GROUP, GROUP, COUNT - 40 - 2 * GROUP]
    for each, rows in ((second[0], range(16, 24)), (third[0], range(40, 48))):
        expected = see(images, np.array(rows), chunks[0].looks)
        assert np.array_equal(each.crops, expected.crops)


def test_what_changed_is_named(photos, tmp_path):  # noqa: F811
    """A file that is another one, and a set that is another one, as a worker finds them."""
    images = read_image_set(photos, "photos", Store(tmp_path / "store"), None)
    reader = Reader(photos, Settings(tmp_path / "store"))
    rows, looks = np.arange(5, 10), ((ORIGINAL, Geometry((16, 16), (16, 16))),)
    assert not reader[Order("photos", images.fingerprint, rows, looks)].fault
    (tmp_path / "photos/a/007.png").write_bytes(b"no image")
    seen = reader[Order("photos", images.fingerprint, rows, looks)]
    assert (len(seen.sizes), images.keys[7] in seen.fault) == (2, True)
    assert "'photos' changed" in reader[Order("photos", "another", rows, looks)].fault


def test_a_batch_is_answered_while_the_next_comes_in(photos, tmp_path):  # noqa: F811
    """A device that answers only once more images are asked for would wait forever, were they not taken meanwhile."""
    images = read_image_set(photos, "photos", Store(tmp_path / "store"), None)
    taken = threading.Event()

    class Waiting(Job):
        """Answers eight images with their first pixels."""

        def batch_size(self, crop):
            return 8

        def asked(self, batch):
            assert taken.wait(60)
            return batch[:, 0, 0]

    def coming(chunk):
        yield see(images, np.arange(8), chunk.looks)
        taken.set()
        yield see(images, np.arange(8, 16), chunk.looks)

    pace = SimpleNamespace(reading=lambda *_: None, answering=lambda *_: None)
    with ThreadPoolExecutor(1) as beside:
        chunk = Chunk(images, np.arange(16), [Waiting()], pace, Cost(), None, beside)
        chunk.see(coming(chunk))
        ((_, answers, _),) = chunk.answers()
    (crops,) = see(images, np.arange(16), chunk.looks).crops
    assert np.array_equal(answers, [crop[0, 0] for crop in crops])


@pytest.mark.parametrize("case", [("auto", 4, 1), ("cuda:1", 4, 0), ("auto", 1, 0)], ids=str)
def test_gpus_that_nobody_uses_are_told_once(photos, tmp_path, monkeypatch, case):  # noqa: F811
    """With what uses all of them; who names one means that one."""
    device, count, told = case
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    monkeypatch.setattr(Checkpoint, "accelerated", True)
    said = io.StringIO()
    run = Run(photos, Settings(tmp_path / "store", device=device, workers=0, crop_cache=0.0))
    predictor = Predictor(run, Progress(said))
    for need in sorted(NEEDS):
        predictor.prepare({need})
    assert said.getvalue().count(f"one of {count} GPUs answers: with --engine ray") == told
