"""Layout `parquet`: images in tables as Hugging Face publishes them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError
from tests.image_files import encoded, index, pixels, put

REVISION = "0123456789abcdef0123456789abcdef01234567"


def write(path, labels, first: int = 0, **more):
    """Write one table of pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": encoded(first + n), "path": None} for n in range(len(labels))]
    pq.write_table(pa.table({"image": images, "label": labels, **more}), path, row_group_size=2)


def of(**more):
    """Entry of an image set in this layout."""
    return {"reader": "parquet", "path": "hard", "label_space": "imagenet-1k", "role": "shifted", **more}


def test_lists_of_labels_as_imagenet_hard_has_them(tmp_path):
    """Any label of an image is right; -1 only fills lists up."""
    write(tmp_path / "hard/data/validation-00000-of-00002.parquet", [[5, 7, -1], [3, -1, -1], [9, 1, 2]])
    write(tmp_path / "hard/data/validation-00001-of-00002.parquet", [[4], [8]], first=3)
    images = index(tmp_path, of(count=5))
    assert images.labels.tolist() == [5, 3, 9, 4, 8]
    assert images.also == {
        "validation-00000-of-00002/000000": (7,),
        "validation-00000-of-00002/000002": (1, 2),
    }
    assert np.array_equal(images.read(np.array([2, 4]))[1], pixels(4))


def test_single_labels_plain_bytes_and_own_keys(tmp_path):
    """Columns by other names; whatever is plain becomes an annotation."""
    (tmp_path / "hard").mkdir()
    table = pa.table({"picture": [encoded(0), encoded(1)], "y": [4, 2], "id": ["b", "a"], "origin": ["x", "z"]})
    pq.write_table(table, tmp_path / "hard/all.parquet")
    images = index(tmp_path, of(image_column="picture", label_column="y", key_column="id"))
    assert images.keys.tolist() == ["a", "b"]
    assert images.labels.tolist() == [2, 4]
    assert images.annotations["origin"].tolist() == ["z", "x"]


def test_another_number_of_rows_is_blocked(tmp_path):
    """ImageNet-Hard has had six published sizes."""
    write(tmp_path / "hard/a.parquet", [[1], [2]])
    with pytest.raises(BlockedError, match="2 images, expected 10,980"):
        index(tmp_path, of(count=10_980))


def test_the_revision_is_read_from_the_hubs_cache(tmp_path):
    """Its folders are named by it."""
    write(tmp_path / f"hard/snapshots/{REVISION}/data/a.parquet", [[1]])
    assert len(index(tmp_path, of(revision=REVISION[:8]))) == 1
    with pytest.raises(BlockedError, match=f"is revision {REVISION}, expected ffffffff"):
        index(tmp_path, of(revision="ffffffff"))


def test_the_revision_is_read_beside_a_local_copy(tmp_path):
    """The hub's tool notes it there."""
    write(tmp_path / "hard/data/a.parquet", [[1]])
    note = tmp_path / "hard/.cache/huggingface/download/data/a.parquet.metadata"
    put(note, f"{REVISION}\netag\n1700000000\n".encode())
    assert len(index(tmp_path, of(revision=REVISION))) == 1


def test_an_unknown_revision_is_blocked(tmp_path):
    """Rather than assumed to be the right one."""
    write(tmp_path / "hard/data/a.parquet", [[1]])
    with pytest.raises(BlockedError, match="nothing says which one"):
        index(tmp_path, of(revision=REVISION))


def test_a_missing_column_is_blocked(tmp_path):
    """With the keys that read the columns that are there, as the hub's image data sets name them."""
    write(tmp_path / "hard/a.parquet", [[1]])
    with pytest.raises(BlockedError, match=r"no column 'labels': say `image_column: image` and `label_column: label`$"):
        index(tmp_path, of(label_column="labels"))
    with pytest.raises(BlockedError, match=r"no column 'file': Allowed: image, label"):
        index(tmp_path, of(key_column="file"))
    image = {"bytes": encoded(0), "path": "a.png"}
    table = pa.table({"caption": ["a"], "img": [image], "coarse": [7], "fine_label": [3], "coarse_label": [1]})
    put(tmp_path / "cifar/a", b"")
    pq.write_table(table, tmp_path / "cifar/train.parquet")
    told = "say `image_column: img` and `label_column: fine_label` .there are also caption, coarse, coarse_label.$"
    with pytest.raises(BlockedError, match=f"no column 'image': {told}"):
        index(tmp_path, of(path="cifar"))
    with pytest.raises(BlockedError, match=f"no column 'label': {told}"):
        index(tmp_path, of(path="cifar", image_column="img"))
    assert index(tmp_path, of(path="cifar", image_column="img", label_column="fine_label")).labels.tolist() == [3]


def test_an_image_without_a_label_is_blocked(tmp_path):
    """By its row."""
    write(tmp_path / "hard/a.parquet", [[1], [-1]])
    with pytest.raises(BlockedError, match=r"row 1 of .* has no label"):
        index(tmp_path, of())


def test_a_class_outside_is_blocked(tmp_path):
    """ImageNet has no class 1000."""
    write(tmp_path / "hard/a.parquet", [[1], [1000]])
    with pytest.raises(BlockedError, match="'1000'"):
        index(tmp_path, of())


def test_a_file_that_is_no_parquet_is_blocked(tmp_path):
    """By name."""
    put(tmp_path / "hard/a.parquet", b"PAR1 or not")
    with pytest.raises(BlockedError, match=r"a.parquet cannot be read as Parquet"):
        index(tmp_path, of())


def test_unreadable_images_are_listed(tmp_path):
    """As in a folder."""
    (tmp_path / "hard").mkdir()
    pq.write_table(pa.table({"image": [b"no", encoded(1)], "label": [1, 2]}), tmp_path / "hard/a.parquet")
    with pytest.raises(BlockedError, match="1 of 2 images cannot be read: a/000000"):
        index(tmp_path, of())
