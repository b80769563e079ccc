"""Image sets at a URL: the same images, copied once, and again when they change there."""

from __future__ import annotations

from io import BytesIO

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from eyechart.errors import BlockedError, StoreError
from eyechart.images.remote import local_copy
from eyechart.predict.needs import Need
from eyechart.store import Store
from eyechart.store.mirror import local_folder
from eyechart.zoo.places import images_at, places
from tests.damage import MEANS, keys, rows
from tests.image_files import encoded, folder, index, predicted, zoo_of

FILES = ["bolt/0.png", "bolt/1.png", "nut/0.png"]


class Counting(MemoryFileSystem):
    """Storage that counts what is read from it, and may refuse."""

    protocol = "counting"
    store: dict = {}
    pseudo_dirs = [""]
    got: list[str] = []
    refuses: Exception | None = None

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("counting://", "memory://"))

    def find(self, *given, **named):
        """List, or refuse to."""
        if Counting.refuses:
            raise Counting.refuses
        return super().find(*given, **named)

    def put_file(self, *given, **named):
        """Write, or refuse to."""
        if Counting.refuses:
            raise Counting.refuses
        super().put_file(*given, **named)

    def get_file(self, rpath, *given, **named):
        """Count, and copy."""
        Counting.got.append(rpath)
        super().get_file(rpath, *given, **named)


@pytest.fixture
def bucket():
    """An empty storage that counts."""
    fsspec.register_implementation("counting", Counting, clobber=True)
    Counting.store.clear()
    Counting.got.clear()
    Counting.refuses = None
    storage = fsspec.filesystem("counting")
    for number, file in enumerate(FILES):
        storage.pipe(f"/bucket/parts/{file}", encoded(number))
    return storage


SPEC = {"reader": "folder", "label_space": {"names": ["bolt", "nut"]}}


def test_images_at_a_url_are_those_of_a_folder(bucket, tmp_path):
    """By a set's own path or by `--data`: the same keys, labels, pixels and fingerprint as on disk."""
    folder(tmp_path / "parts", FILES)
    here = index(tmp_path, {**SPEC, "path": "parts"})
    there = index(tmp_path, {**SPEC, "path": "counting://bucket/parts"})
    under = index(tmp_path, {**SPEC, "path": "parts"}, data=images_at("counting://bucket/", tmp_path))
    assert here.fingerprint == there.fingerprint == under.fingerprint
    assert there.keys.tolist() == FILES
    assert (there.read(np.arange(3))[2] == here.read(np.arange(3))[2]).all()
    assert len(Counting.got) == 3


def test_what_has_not_changed_is_copied_once(bucket, tmp_path):
    """One image that is another now, one that is gone and one that is lost here: only what must be is read."""
    store = Store(tmp_path)
    local_copy("counting://bucket/parts", store)
    Counting.got.clear()
    copy = local_copy("counting://bucket/parts", store)
    assert Counting.got == []
    bucket.pipe("/bucket/parts/bolt/1.png", encoded(9))
    bucket.rm("/bucket/parts/nut/0.png")
    (copy / "bolt/0.png").unlink()
    assert local_copy("counting://bucket/parts", store) == copy
    assert sorted(Counting.got) == ["/bucket/parts/bolt/0.png", "/bucket/parts/bolt/1.png"]
    assert (copy / "bolt/1.png").read_bytes() == encoded(9)
    assert not (copy / "nut/0.png").exists()


def test_one_file_is_copied_too(bucket, tmp_path):
    """A table, say."""
    assert local_copy("counting://bucket/parts/bolt/1.png", Store(tmp_path)).read_bytes() == encoded(1)


@pytest.mark.parametrize(
    ("url", "refuses", "says"),
    [
        ("counting://bucket/parts", PermissionError("403"), "PermissionError: 403"),
        ("counting://bucket/parts", TimeoutError("no answer in 60 s"), "TimeoutError: no answer in 60 s"),
        ("counting://bucket/none", None, "no file is there"),
        ("nowhere://bucket/parts", None, "nowhere"),
    ],
)
def test_a_url_that_cannot_be_read_is_named(bucket, tmp_path, url, refuses, says):
    """Whatever its storage says; what an earlier run copied is not judged in its place."""
    Counting.refuses = refuses
    with pytest.raises(BlockedError, match=f"{url} cannot be read: .*{says}"):
        local_copy(url, Store(tmp_path))


def test_a_store_at_a_url_serves_every_machine(bucket, tmp_path):
    """What one predicted the other finds, part by part; only an answer that is nowhere is asked for."""
    folder(tmp_path / "parts", FILES)
    zoo = zoo_of(tmp_path, {"parts": {**SPEC, "role": "validation", "path": "parts"}})
    here, there = (local_folder("counting://bucket/store", tmp_path / name) for name in ("one", "other"))
    need = Need("toy", "parts")
    first = predicted(zoo, here, {need})
    assert first.cost.answers == 3
    assert bucket.find("/bucket/store/partial") == []
    second = predicted(zoo, there, {need})
    assert second.cost.answers == 0
    assert second.predictions(need).predicted.tolist() == first.predictions(need).predicted.tolist()
    assert pq.read_table(BytesIO(bucket.cat(f"/bucket/store/predictions/{first.address(need)}.parquet"))).num_rows == 3
    [name] = (there / "predictions").iterdir()
    name.write_bytes(b"damaged")
    assert predicted(zoo, there, {need}).cost.answers == 0
    assert (there / "damaged" / "predictions" / name.name).read_bytes() == b"damaged"


def test_a_part_is_gone_on_with_by_another_machine(bucket, tmp_path):
    """A run that ended in the middle left its parts where the next one looks."""
    one, other = (Store(places(tmp_path / name, None, "counting://bucket/store").store) for name in ("one", "other"))
    one.write_part("key", 0, rows(0, 16), MEANS)
    assert other.answered("key", 48, MEANS).tolist() == [True] * 16 + [False] * 32
    other.write_part("key", 16, rows(16, 48), MEANS)
    other.finish("key", {}, keys(48), MEANS)
    assert one.has_table("key", keys(48))


@pytest.mark.parametrize("refuses", [PermissionError("403 Forbidden"), TimeoutError("no answer in 60 s")])
def test_a_store_url_that_refuses_is_named(bucket, tmp_path, refuses):
    """What was to be kept there is in the local folder, whole."""
    store = Store(places(tmp_path, None, "counting://bucket/store").store)
    store.write_json("pace", "a", {"seconds": 1})
    Counting.refuses = refuses
    with pytest.raises(StoreError, match=f"counting://bucket/store: cannot be written to .*{refuses}"):
        store.write_json("pace", "b", {"seconds": 2})
    assert store.read_json("pace", "b") == {"seconds": 2}
