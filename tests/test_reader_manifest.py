"""Layout `manifest`: a table of paths, labels and factors."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError
from tests.image_files import folder, index, put


def of(path: str = "list.csv", **more):
    """Entry of an image set in this layout."""
    return {"reader": "manifest", "path": path, "label_space": {"names": ["bolt", "nut"]}, **more}


def test_csv_with_names_and_factors(tmp_path):
    """Paths start at the table's folder; other columns become annotations."""
    folder(tmp_path, ["line-1/a.png", "line-2/b.png"])
    put(tmp_path / "list.csv", b"path,label,light,camera\nline-2/b.png,nut,0.5,left\nline-1/a.png,bolt,1,right\n")
    images = index(tmp_path, of())
    assert images.keys.tolist() == ["line-1/a.png", "line-2/b.png"]
    assert images.labels.tolist() == [0, 1]
    assert images.annotations["light"].tolist() == [1.0, 0.5]
    assert images.annotations["camera"].tolist() == ["right", "left"]


def test_parquet_with_numbers(tmp_path):
    """Labels as numbers, columns by other names, images elsewhere."""
    folder(tmp_path / "pictures", ["a.png"])
    (tmp_path / "lists").mkdir()
    pq.write_table(pa.table({"file": ["../pictures/a.png"], "class": [1]}), tmp_path / "lists/all.parquet")
    images = index(tmp_path, of("lists/all.parquet", path_column="file", label_column="class"))
    assert images.labels.tolist() == [1]


def test_names_that_look_like_numbers_stay_names(tmp_path):
    """Class 01 is not class 1, though a CSV does not tell text from numbers."""
    folder(tmp_path, ["0001.png", "0002.png"])
    put(tmp_path / "list.csv", b"path,label\n0001.png,01\n0002.png,02\n")
    assert index(tmp_path, of(label_space={"names": ["01", "02"]})).labels.tolist() == [0, 1]


def test_missing_images_block(tmp_path):
    """Counted, with one of them."""
    folder(tmp_path, ["a.png"])
    put(tmp_path / "list.csv", b"path,label\na.png,bolt\nb.png,nut\n")
    with pytest.raises(BlockedError, match=r"1 of 2 images of .*list.csv are missing: .*b.png"):
        index(tmp_path, of())


def test_a_path_twice_blocks(tmp_path):
    """A key names one image."""
    folder(tmp_path, ["a.png"])
    put(tmp_path / "list.csv", b"path,label\na.png,bolt\na.png,nut\n")
    with pytest.raises(BlockedError, match=r"more than one image: a\.png"):
        index(tmp_path, of())


def test_a_missing_column_blocks(tmp_path):
    """With the nearest one."""
    put(tmp_path / "list.csv", b"path,lable\na.png,bolt\n")
    with pytest.raises(BlockedError, match="no column 'label': did you mean 'lable'"):
        index(tmp_path, of())


def test_another_kind_of_file_blocks(tmp_path):
    """Only tables are tables."""
    put(tmp_path / "list.xlsx", b"PK")
    with pytest.raises(BlockedError, match=r"expected a table as .parquet or .csv"):
        index(tmp_path, of("list.xlsx"))


def test_a_class_outside_blocks(tmp_path):
    """As in a folder."""
    folder(tmp_path, ["a.png"])
    put(tmp_path / "list.csv", b"path,label\na.png,screw\n")
    with pytest.raises(BlockedError, match="'screw'"):
        index(tmp_path, of())
