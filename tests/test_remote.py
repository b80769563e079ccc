"""Image sets at a URL: the same images, copied once, and again when they change there."""

from __future__ import annotations

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from eyechart.errors import BlockedError
from eyechart.images.remote import local_copy
from eyechart.store import Store
from eyechart.zoo.places import images_at
from tests.image_files import encoded, folder, index

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
