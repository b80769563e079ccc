"""Lists of classes under `labels`: every form that people have is read as it is meant, or refused in words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat

from eyechart.errors import BlockedError, SpecError
from eyechart.images.ground_truth import read_ground_truth
from eyechart.images.labels import label_space
from eyechart.images.published import imagenet_labels, real
from tests.image_files import folder, index, put

NAMES = {"names": ["bolt", "nut", "washer"]}

VALIDATION = {1: 65, 2: 970, 3: 230, 4: 809, 5: 516, 6: 57, 7: 334, 8: 415, 9: 674, 10: 332}
"""Number of a validation image → its class, 0 to 999 by sorted wnid: the first lines of Caffe's `val.txt`."""

ILSVRC = {"n02119789": (1, 278), "n02100735": (2, 212), "n02110185": (3, 250)}
"""wnid → ILSVRC's number and its place among the sorted wnids: kit fox, English setter, Siberian husky."""


def listed(tmp_path: Path, text: str, name: str = "val.csv", **more):
    """Index three flat images by a list."""
    if not (tmp_path / "val").exists():
        folder(tmp_path / "val", ["a.png", "b.png", "c.png"])
    put(tmp_path / name, text.encode())
    return index(tmp_path, {"reader": "folder", "path": "val", "labels": name, "label_space": NAMES, **more})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val.csv", "file,label\nc.png,washer\na.png,bolt\nb.png,nut\n"),
        ("val.csv", "\ufefffile;label\r\nc;2\r\na;0\r\nb;1\r\n"),
        ("val.csv", "split,Filename,Class\nx,val/c.png,washer\nx,val/a.png,bolt\nx,val/b.png,nut\n"),
        ("val.csv", 'image_id,target\n"a",0\n"b",1\n"c",2\n'),
        ("val.csv", "a.png,0\nb.png,1\nc.png,2\n"),
        ("val.txt", "a.png 0\nb.png 1\n\nc.png 002\n"),
        ("val.txt", "val/a.png bolt\nval/b.png nut\nval/c.png washer"),
        ("val_annotations.txt", "a.png\tbolt\t0\t32\t44\t62\nb.png\tnut\t0\t1\t2\t3\nc.png\twasher\t0\t1\t2\t3\n"),
    ],
    ids=["csv", "semicolons", "other columns", "kaggle's ids", "no header", "caffe", "names", "tiny-imagenet"],
)
def test_every_form_of_a_list_tells_the_same(tmp_path, name, text):
    """By class name or number, whole path, file name or without its suffix."""
    images = listed(tmp_path, text, name)
    assert images.keys.tolist() == ["a.png", "b.png", "c.png"]
    assert images.labels.tolist() == [0, 1, 2]
    assert images.notes == ()


def test_a_table_and_a_list_in_the_folder_itself_are_read(tmp_path):
    """A list that lies among the images is none of the files that are left out."""
    folder(tmp_path / "val", ["a.png", "b.png", "c.png"])
    pq.write_table(pa.table({"image": ["a", "b", "c"], "label": [0, 1, 2]}), tmp_path / "val/list.parquet")
    spec = {"reader": "folder", "path": "val", "labels": "val/list.parquet", "label_space": NAMES}
    images = index(tmp_path, spec)
    assert (images.labels.tolist(), images.notes) == ([0, 1, 2], ())


def test_images_without_a_class_block_the_set_and_classes_without_an_image_are_named(tmp_path):
    """Both are counted: no image is left out without a word."""
    with pytest.raises(
        BlockedError, match=r"val\.csv lacks 1 of 3 images, such as c\.png: it lists 2; its first is 'a"
    ):
        listed(tmp_path, "file,label\na.png,bolt\nb.png,nut\n")
    images = listed(tmp_path, "file,label\na.png,bolt\nb.png,nut\nc.png,nut\nd.png,nut\ne.png,nut\n")
    assert images.notes == (
        "2 of the 5 images that val.csv lists are not here, such as d.png, e.png",
        "1 of 3 classes have no image: washer",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file,label\na.png,bolt\nb.png,washr\nc.png,nut\n", r"such as 'washr' \(line 3\): did you mean 'washer'"),
        ("file,label\na.png,1\nb.png,2\nc.png,3\n", r"such as '3' \(line 4\): classes are numbered from 0"),
        ("file,label\na.png,bolt\nb.png\nc.png,nut\n", "line 3 holds 1 values, the first 2"),
        ("file,label\na.png,bolt\nb.png,\nc.png,nut\n", "line 3 has no class"),
        ("file,label\na.png,bolt\na.png,nut\nc.png,nut\n", "line 3 lists 'a.png' again, which line 2 does"),
        ("photo,klass\na.png,bolt\n", r"expected columns of names \(file, .*\) and classes \(label, .*found \['photo'"),
        ("", "it is empty"),
        ("1\n2\n3\n", "it holds 3 numbers and no file names: ILSVRC's list has 50,000, and any other must say"),
    ],
    ids=["unknown", "from one", "short", "no class", "twice", "columns", "empty", "numbers"],
)  # fmt: skip
def test_what_a_list_cannot_mean_is_named_with_its_line(tmp_path, text, told):
    """The list, the line, what is there and what is allowed."""
    with pytest.raises(BlockedError, match=rf"image set 'set': labels .*val\.csv.*{told}"):
        listed(tmp_path, text)


def test_a_list_that_is_not_there_and_class_ids_without_a_list_are_named(tmp_path):
    """Where it was looked for; the key that is missing."""
    folder(tmp_path / "val", ["a.png"])
    with pytest.raises(BlockedError, match=rf"looked for {tmp_path}/imagenet-y"):
        index(tmp_path, {"reader": "folder", "path": "val", "labels": "imagenet-y", "label_space": NAMES})
    with pytest.raises(SpecError, match="'class_ids' explains the numbers of a list under 'labels', and none is given"):
        index(tmp_path, {"reader": "folder", "path": "val", "class_ids": "meta.mat", "label_space": NAMES})


class TestImageNet:
    """ImageNet's validation images, flat as they are shipped, and the lists that go about."""

    FILES = tuple(f"ILSVRC2012_val_{number:08d}.JPEG" for number in VALIDATION)

    def read(self, tmp_path, text, name, **more):
        """Index the first ten images by a list."""
        folder(tmp_path / "val", self.FILES)
        put(tmp_path / name, text.encode())
        spec = {"reader": "folder", "path": "val", "labels": name, "label_space": "imagenet-1k", **more}
        return index(tmp_path, spec).labels.tolist()

    def test_kaggles_solution(self, tmp_path):
        """A wnid and four numbers for each box; the name has no suffix."""
        wnids = label_space("imagenet-1k").names
        boxes = {number: f"{wnids[label]} 111 108 449 339 " * (1 + number % 2) for number, label in VALIDATION.items()}
        text = "ImageId,PredictionString\n" + "".join(
            f"ILSVRC2012_val_{number:08d},{boxes[number]}\n" for number in reversed(VALIDATION)
        )
        assert self.read(tmp_path, text, "LOC_val_solution.csv") == list(VALIDATION.values())
        two = text.replace("n02119789", "n01751748") + "ILSVRC2012_val_00000011,n02119789 1 2 3 4 n01751748 1 2 3 4\n"
        with pytest.raises(BlockedError, match="line 12 names 2 classes, expected one wnid"):
            self.read(tmp_path, two, "two.csv")

    def test_names_and_numbers(self, tmp_path):
        """As Caffe and PyTorch users write them."""
        text = "".join(f"{file} {label}\n" for file, label in zip(self.FILES, VALIDATION.values(), strict=True))
        assert self.read(tmp_path, text, "val.txt") == list(VALIDATION.values())

    @pytest.mark.parametrize("kind", ["meta.mat", "map_clsloc.txt", "numbers.csv"])
    def test_ilsvrcs_numbers_are_in_an_order_of_their_own(self, tmp_path, kind):
        """One number a line means nothing without a list of what the numbers are; with it, what ILSVRC means."""
        numbers = [1 + row % 3 for row in range(50_000)]  # kit fox, English setter, Siberian husky, kit fox, …
        text = "".join(f"{number}\n" for number in numbers)
        name = "ILSVRC2012_validation_ground_truth.txt"
        with pytest.raises(BlockedError, match=r"1 to 1000 are in an order of their own. Say `class_ids: FILE`"):
            self.read(tmp_path, text, name)
        if kind == "meta.mat":
            fields = [("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)]
            rows = [(number, wnid, 0) for wnid, (number, _) in ILSVRC.items()] + [(1001, "n00001740", 5)]
            savemat(tmp_path / kind, {"synsets": np.array(rows, dtype=fields)})
        elif kind == "map_clsloc.txt":
            put(tmp_path / kind, "".join(f"{wnid} {number} kit_fox\n" for wnid, (number, _) in ILSVRC.items()).encode())
        else:
            put(tmp_path / kind, "".join(f"{number},{wnid}\n" for wnid, (number, _) in ILSVRC.items()).encode())
        places = [place for _, place in ILSVRC.values()]
        expected = [places[row % 3] for row in range(len(self.FILES))]
        assert self.read(tmp_path, text, name, class_ids=kind) == expected
        with pytest.raises(BlockedError, match=f"line 1 says '4', which .*{kind} does not explain"):
            self.read(tmp_path, text.replace("1", "4"), name, class_ids=kind)

    @pytest.mark.parametrize(
        ("content", "told"),
        [(b"kit fox\n", "expected a class and its number in line 1"), (b"a 1\nb 01\n", "gives a number to two classes"),
         (b"\xff\xfe", "cannot be read")],
        ids=["words", "twice", "bytes"],
    )  # fmt: skip
    def test_an_odd_list_of_numbers_is_named(self, tmp_path, content, told):
        """With its line."""
        ids = put(tmp_path / "ids.txt", content)
        with pytest.raises(BlockedError, match=f"class_ids .*ids.txt.* ?{told}"):
            read_ground_truth(put(tmp_path / "val.txt", b"a.png 1\n"), ids)
        with pytest.raises(BlockedError, match=r"class_ids .*ids\.mat cannot be read"):
            read_ground_truth(tmp_path / "val.txt", put(tmp_path / "ids.mat", content))

    def test_a_list_in_another_order_is_found_out_by_what_the_images_show(self, tmp_path):
        """Numbers of a permuted order are the classes of other images; the true ones agree with ReaL's labels."""
        answers = dict(list((real().labels or {}).items())[:40])
        folder(tmp_path / "val", list(answers))
        spec = {"reader": "folder", "path": "val", "labels": "val.txt", "label_space": "imagenet-1k"}
        put(tmp_path / "val.txt", "".join(f"{file} {right[0]}\n" for file, right in answers.items()).encode())
        assert len(index(tmp_path, spec)) == 40
        put(
            tmp_path / "val.txt", "".join(f"{f} {(7 * right[0] + 1) % 1000}\n" for f, right in answers.items()).encode()
        )
        with pytest.raises(BlockedError, match=r"only \d\.\d% of 40 ImageNet validation images show the class"):
            index(tmp_path, spec)

    @pytest.mark.skipif(
        importlib.util.find_spec("imagenet_x") is None, reason="the package imagenet-x is not installed"
    )
    def test_the_published_labels_agree_with_those_written_here(self):
        """The ten of Caffe's list, and about nine in ten of ReaL's: far from what another order would show."""
        labels, right = imagenet_labels(), real().labels or {}
        assert {number: labels[f"ILSVRC2012_val_{number:08d}.JPEG"] for number in VALIDATION} == VALIDATION
        agree = np.mean([labels[file] in answers for file, answers in right.items()])
        assert 0.85 < agree < 0.95
