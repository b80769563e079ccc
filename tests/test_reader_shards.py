"""Layout `shards`: WebDataset tar files as CLIP_benchmark publishes them."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.errors import BlockedError
from tests.image_files import encoded, index, pixels, put, shard


def samples(first: int, count: int):
    """Members of samples, numbered from `first`."""
    return {
        f"s{n:07d}": {"webp": encoded(n, "WEBP", lossless=True), "cls": str(n % 3).encode()}
        for n in range(first, first + count)
    }


def of(path: str = "test", **more):
    """Entry of an image set in this layout."""
    return {"role": "transfer", "reader": "shards", "path": path, "label_space": {"classes": 3}, **more}


def publish(root, counts=(3, 2)):
    """Write shards with so many samples each."""
    first = 0
    for number, count in enumerate(counts):
        shard(root / f"{number}.tar", samples(first, count))
        first += count
    put(root / "nshards.txt", str(len(counts)).encode())


def test_a_split_in_several_shards(tmp_path):
    """Labels are the numbers in `.cls`, pixels those of the image member."""
    publish(tmp_path / "test")
    images = index(tmp_path, of(count=5))
    assert images.labels.tolist() == [0, 1, 2, 0, 1]
    assert images.keys[0] == "0/s0000000"
    assert np.array_equal(images.read(np.array([4]))[0], pixels(4))


def test_shards_count_by_number(tmp_path):
    """Ten shards are in one order whatever text sorting says; keys stay unique though sample names restart."""
    for number in range(11):
        shard(tmp_path / "test" / f"{number}.tar", samples(0, 1))
    assert len(index(tmp_path, of())) == 11


def test_labels_in_npy_members(tmp_path):
    """Some sets write classes as numpy scalars."""
    import io

    stream = io.BytesIO()
    np.save(stream, np.int64(2))
    shard(tmp_path / "test" / "0.tar", {"a": {"png": encoded(1), "npy": stream.getvalue()}})
    assert index(tmp_path, of()).labels.tolist() == [2]


def test_a_shard_cut_in_a_member_is_blocked(tmp_path):
    """By name."""
    publish(tmp_path / "test")
    whole = (tmp_path / "test/1.tar").read_bytes()
    put(tmp_path / "test/1.tar", whole[:700])
    with pytest.raises(BlockedError, match=r"1.tar cannot be read"):
        index(tmp_path, of())


def test_a_shard_cut_between_members_is_blocked(tmp_path):
    """Where what is there looks complete: only the archive's end is missing."""
    publish(tmp_path / "test")
    whole = (tmp_path / "test/0.tar").read_bytes()
    put(tmp_path / "test/0.tar", whole[: 4 * 512])
    with pytest.raises(BlockedError, match="cut short"):
        index(tmp_path, of())


def test_a_lost_shard_is_blocked(tmp_path):
    """`nshards.txt` says how many there are."""
    publish(tmp_path / "test")
    (tmp_path / "test/1.tar").unlink()
    with pytest.raises(BlockedError, match=r"1 shards, its nshards\.txt says 2"):
        index(tmp_path, of())


def test_a_sample_without_a_class_is_blocked(tmp_path):
    """By its name."""
    shard(tmp_path / "test/0.tar", {"lonely": {"png": encoded(1)}})
    with pytest.raises(BlockedError, match="lonely has no class"):
        index(tmp_path, of())


def test_a_class_outside_is_blocked(tmp_path):
    """The number of classes is declared."""
    shard(tmp_path / "test/0.tar", {"a": {"png": encoded(1), "cls": b"7"}})
    with pytest.raises(BlockedError, match="'7'"):
        index(tmp_path, of())


def test_an_unreadable_image_in_a_shard_is_listed(tmp_path):
    """As in a folder."""
    shard(tmp_path / "test/0.tar", {"a": {"png": b"no", "cls": b"1"}, "b": {"png": encoded(1), "cls": b"1"}})
    with pytest.raises(BlockedError, match=r"1 of 2 images cannot be read: 0/a"):
        index(tmp_path, of())
    assert len(index(tmp_path, of(allow_unreadable=1))) == 1


def test_no_tar_file_is_one(tmp_path):
    """Another file under that name."""
    put(tmp_path / "test/0.tar", b"x" * 4096)
    with pytest.raises(BlockedError, match=r"0.tar cannot be read"):
        index(tmp_path, of())
