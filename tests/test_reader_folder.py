"""Layouts `folder` and `corruption-folders`: every published way to name classes, and everything that can be wrong."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError, SpecError
from tests.image_files import encoded, folder, index, pixels, put, zoo_of

NAMES = {"names": ["bolt", "nut", "washer"]}


def of(path: str = "images", **more):
    """Entry of an image set in this layout."""
    return {"reader": "folder", "path": path, "label_space": NAMES, **more}


def test_class_folders_by_name(tmp_path):
    """Keys are paths, labels follow the declared order of classes, pixels come back as they were drawn."""
    folder(tmp_path / "images", ["washer/b.png", "bolt/a.png", "nut/c.png"])
    images = index(tmp_path, of())
    assert images.keys.tolist() == ["bolt/a.png", "nut/c.png", "washer/b.png"]
    assert images.labels.tolist() == [0, 1, 2]
    read = images.read(np.array([2, 0]))
    assert np.array_equal(read[0], pixels(0))
    assert np.array_equal(read[1], pixels(1))


def test_integers_are_read_as_integers(tmp_path):
    """ImageNet-V2's folders 0 to 999: sorted as text, 10 would come before 2 and nearly all labels were wrong."""
    folder(tmp_path / "images", [f"{label}/x.png" for label in range(12)])
    images = index(tmp_path, of(label_space="imagenet-1k"))
    assert {key: int(label) for key, label in zip(images.keys, images.labels, strict=True)} == {
        f"{label}/x.png": label for label in range(12)
    }


def test_zero_padded_integers_are_the_same_numbers(tmp_path):
    """A renamed copy of ImageNet-V2 has folders 0000 to 0999."""
    folder(tmp_path / "images", ["0010/x.png", "0002/x.png"])
    assert index(tmp_path, of(label_space="imagenet-1k")).labels.tolist() == [2, 10]


def test_wnids_of_a_subset(tmp_path):
    """The labels of a subset are those of its whole label space, not of the folders that happen to be there."""
    folder(tmp_path / "images", ["n01443537/x.png", "n01484850/x.png"])
    images = index(tmp_path, of(label_space="imagenet-1k"))
    assert images.labels.tolist() == [1, 2]
    assert images.label_space == "imagenet-1k"


def test_imagenet_a_and_r_have_200_classes(tmp_path):
    """Labels of ImageNet-R count within its own 200 classes."""
    folder(tmp_path / "images", ["n01443537/x.png"])
    assert index(tmp_path, of(label_space="imagenet-r-200")).labels.tolist() == [0]


def test_a_class_outside_the_label_space_is_an_error(tmp_path):
    """It is named, with the nearest class that exists."""
    folder(tmp_path / "images", ["bolt/a.png", "washers/b.png"])
    with pytest.raises(BlockedError, match=r"1 of 2 classes are outside.*'washers'.*did you mean 'washer'"):
        index(tmp_path, of())


def test_an_integer_beyond_the_classes_is_an_error(tmp_path):
    """1000 is no class of 1,000."""
    folder(tmp_path / "images", ["999/a.png", "1000/b.png"])
    with pytest.raises(BlockedError, match="'1000'"):
        index(tmp_path, of(label_space="imagenet-1k"))


def test_a_missing_folder_says_where_it_was_looked_for(tmp_path):
    """And which option says where it is."""
    with pytest.raises(BlockedError, match=rf"{tmp_path / 'images'}.*--data"):
        index(tmp_path, of())


def test_data_is_where_relative_paths_start(tmp_path):
    """`--data` comes first; a set that is beside models.yaml is found there all the same."""
    folder(tmp_path / "elsewhere" / "images", ["bolt/a.png"])
    folder(tmp_path / "own", ["nut/a.png"])
    assert index(tmp_path, of(), data=tmp_path / "elsewhere").labels.tolist() == [0]
    assert index(tmp_path, of("own"), data=tmp_path / "elsewhere").labels.tolist() == [1]


def test_an_empty_folder_is_blocked(tmp_path):
    """No data is not green."""
    (tmp_path / "images" / "bolt").mkdir(parents=True)
    told = "empty: .* in the layout 'folder', CLASS/IMAGE: it holds no files at all, and 1 folders"
    with pytest.raises(BlockedError, match=told):
        index(tmp_path, of())
    put(tmp_path / "images/bolt/a.heic", b"another kind")
    with pytest.raises(BlockedError, match=r"1 files are no images of a kind that is read \(1 \.heic\): bolt/a\.heic"):
        index(tmp_path, of())


@pytest.mark.parametrize(
    ("path", "files", "more", "told"),
    [
        ("val", ["v/1.png", "v/2.png"], {"path": "v"},
         "2 images directly in it, such as 1.png; 0 folders: say `labels: FILE`, a list of file names and classes"),
        ("a class", ["val/bolt/1.png", "val/nut/2.png"], {"path": "val/bolt"},
         "1 images directly in it, such as 1.png; 0 folders: it is a class folder itself: say `path: val`"),
        ("too high", ["data/train/bolt/1.png", "data/val/nut/2.png"], {"path": "data"},
         "2 images 2 folders down, such as train/bolt/1.png; 2 folders (train, val): say `path: data/train`, or say "
         "`levels: [NAME]`, which makes annotations of the folders above the classes"),
        ("far too high", ["data/a/train/bolt/1.png"], {"path": "data", "levels": ["split"]},
         "say `path: data/a`, or say `levels: [NAME1, NAME2]`"),
        ("below its class", ["data/bolt/images/1.png"], {"path": "data"},
         "class folders hold the images themselves: move them up, or say `labels: FILE`"),
        ("levels that are not there", ["data/bolt/1.png"], {"path": "data", "levels": ["factor"]},
         "in the layout 'folder', FACTOR/CLASS/IMAGE. It holds 1 images 1 folders down"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)  # fmt: skip
def test_images_at_another_depth_are_found_and_the_key_that_reads_them_told(tmp_path, path, files, more, told):
    """A folder that is one level off says where its images are."""
    folder(tmp_path, files)
    with pytest.raises(BlockedError) as error:
        index(tmp_path, of(**more))
    assert told in str(error.value)


def test_class_folders_in_another_form_of_unicode_are_the_same(tmp_path):
    """A Mac writes ü as u and two dots; both read alike. Names that only look alike are told apart in words."""
    names = {"names": ["gr\u00fcn", "sea lion"]}
    folder(tmp_path / "images", ["gru\u0308n/a.png", "sea lion/b.png"])
    assert index(tmp_path, of(label_space=names)).labels.tolist() == [0, 1]
    for number, written in enumerate(["Gr\u00fcn", "sea_lion", "sea lion ", "Sea  Lion"]):
        folder(tmp_path / f"other{number}", [f"{written}/a.png"])
        with pytest.raises(BlockedError, match=r"did you mean '(gr.n|sea lion)'\? The two differ in case, spaces or"):
            index(tmp_path, of(f"other{number}", label_space=names))
    folder(tmp_path / "from one", ["1/a.png", "2/b.png"])
    with pytest.raises(BlockedError, match="such as '2': classes are numbered from 0, so that the last is 1"):
        index(tmp_path, of("from one", label_space=names))


def test_an_incomplete_set_is_blocked(tmp_path):
    """The published count is declared, and another one is told."""
    folder(tmp_path / "images", ["bolt/a.png", "nut/b.png"])
    with pytest.raises(BlockedError, match="incomplete: 2 images, expected 3"):
        index(tmp_path, of(count=3))


def test_unreadable_files_block_the_set_and_are_listed(tmp_path):
    """A truncated and a corrupt file; a tolerance leaves them out, and says so."""
    folder(tmp_path / "images", [f"bolt/{number}.png" for number in range(4)])
    put(tmp_path / "images/nut/cut.jpeg", encoded(9, "JPEG", quality=95)[:-40])
    put(tmp_path / "images/nut/text.png", b"this is no image")
    with pytest.raises(BlockedError, match=r"2 of 6 images cannot be read: nut/cut.jpeg .*, nut/text.png .*: 2"):
        index(tmp_path, of())
    with pytest.raises(BlockedError):
        index(tmp_path, of(allow_unreadable=1))
    images = index(tmp_path, of(allow_unreadable=2))
    assert len(images) == 4
    assert images.notes == (
        "2 unreadable images left out (allow_unreadable: 2)",
        "2 of 3 classes have no image: nut, washer",
    )


def test_files_that_are_no_images_are_passed_over(tmp_path):
    """A README, hidden files, what systems leave, and images outside the class folders."""
    folder(tmp_path / "images", ["bolt/a.png", "bolt/deeper/b.png", "c.png", "bolt/.d.png"])
    put(tmp_path / "images/bolt/readme.txt", b"hello")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "bolt/._a.png", "__MACOSX/bolt/a.png", ".cache/bolt/a.png"):
        put(tmp_path / "images" / name, encoded(1))
    images = index(tmp_path, of())
    assert images.keys.tolist() == ["bolt/a.png"]
    assert images.notes == (
        "3 image files are left out by their place: bolt/.d.png, bolt/deeper/b.png, c.png",
        "1 files are no images of a kind that is read (1 .txt): bolt/readme.txt",
        "2 of 3 classes have no image: nut, washer",
    )


def test_levels_above_the_classes_become_annotations(tmp_path):
    """PUG-ImageNet: `<factor>/<class>/<file>`."""
    folder(tmp_path / "images", ["Worlds/bolt/a.png", "Scene_Light/nut/b.png"])
    images = index(tmp_path, of(levels=["factor"]))
    assert images.annotations["factor"].tolist() == ["Scene_Light", "Worlds"]
    assert images.labels.tolist() == [1, 0]


class TestAnnotations:
    """A table beside the folders, joined by file name (PUG-ImageNet: `labels_pug_imagenet.csv`)."""

    FILES = ("Worlds/bolt/a.png", "Worlds/nut/b.png", "Scene_Light/nut/c.png")
    TABLE = b"filename,character_name,light\nc.png,Nut_2,0.5\nb.png,Nut_1,1\na.png,Bolt_1,1\nd.png,Bolt_2,2\n"

    def spec(self, **more):
        """Entry of an image set with a table."""
        return of(levels=["factor"], annotations="images/labels.csv", **more)

    def test_columns_become_annotations(self, tmp_path):
        """In the order of the images, whatever else the table knows; the folders keep their say."""
        folder(tmp_path / "images", self.FILES)
        put(tmp_path / "images/labels.csv", self.TABLE)
        images = index(tmp_path, self.spec())
        assert images.keys.tolist() == ["Scene_Light/nut/c.png", "Worlds/bolt/a.png", "Worlds/nut/b.png"]
        assert images.annotations["character_name"].tolist() == ["Nut_2", "Bolt_1", "Nut_1"]
        assert images.annotations["light"].tolist() == [0.5, 1.0, 1.0]
        assert images.annotations["factor"].tolist() == ["Scene_Light", "Worlds", "Worlds"]
        assert "filename" not in images.annotations

    @pytest.mark.parametrize("column", ["file_name", "key"])
    def test_parquet_and_other_names(self, tmp_path, column):
        """Whole paths name images too."""
        folder(tmp_path / "images", self.FILES)
        table = pa.table({column: list(self.FILES), "camera": [1, 2, 3]})
        pq.write_table(table, tmp_path / "table.parquet")
        images = index(tmp_path, of(levels=["factor"], annotations="table.parquet"))
        assert images.annotations["camera"].tolist() == [3, 1, 2]

    def test_an_image_without_a_row_blocks_the_set(self, tmp_path):
        """It is named, and so is what the table calls its images."""
        folder(tmp_path / "images", [*self.FILES, "Worlds/nut/e.png"])
        put(tmp_path / "images/labels.csv", self.TABLE)
        told = "labels.csv lacks 1 of 4 images, such as Worlds/nut/e.png; its first 'filename' is 'c.png'"
        with pytest.raises(BlockedError, match=told):
            index(tmp_path, self.spec())

    def test_a_table_that_cannot_be_used_blocks_the_set(self, tmp_path):
        """A missing one, one of another kind, and one that names no images."""
        folder(tmp_path / "images", self.FILES)
        with pytest.raises(BlockedError, match=r"labels\.csv"):
            index(tmp_path, self.spec())
        put(tmp_path / "images/labels.txt", self.TABLE)
        with pytest.raises(BlockedError, match=r"expected a table as \.parquet or \.csv"):
            index(tmp_path, of(levels=["factor"], annotations="images/labels.txt"))
        put(tmp_path / "images/labels.csv", b"image,light\na.png,1\n")
        with pytest.raises(BlockedError, match=r"a column 'filename' or 'file_name' or 'key', found image, light"):
            index(tmp_path, self.spec())

    def test_an_edited_table_is_another_index_of_the_same_images(self, tmp_path):
        """Predictions of the images stay; what is known of them must not be yesterday's."""
        folder(tmp_path / "images", self.FILES)
        put(tmp_path / "images/labels.csv", self.TABLE)
        first = index(tmp_path, self.spec())
        put(tmp_path / "images/labels.csv", self.TABLE.replace(b"c.png,Nut_2", b"c.png,Nut_3"))
        edited = index(tmp_path, self.spec())
        assert edited.fingerprint == first.fingerprint
        assert edited.index != first.index


def test_crops_say_so(tmp_path):
    """`cropped: true` reaches whoever decides how a model sees the images, subsets included."""
    folder(tmp_path / "images", ["bolt/a.png", "nut/b.png"])
    assert not index(tmp_path, of()).cropped
    assert index(tmp_path, of(cropped=True), limit=1).cropped


def test_cue_conflict_names_tell_both_cues(tmp_path):
    """Shape and texture are classes, the photographs that gave them are names."""
    folder(tmp_path / "images", ["cat/cat7-dog2.png", "cat/cat1-cat3.png"])
    spec = {"role": "cue-conflict", "reader": "folder", "path": "images", "label_space": "cue-conflict-16"}
    images = index(tmp_path, spec)
    assert images.labels.tolist() == [7, 7]
    assert images.annotations["shape"].tolist() == [7, 7]
    assert images.annotations["texture"].tolist() == [7, 10]
    assert images.annotations["texture_image"].tolist() == ["cat3", "dog2"]


def test_a_cue_conflict_name_of_another_form_is_blocked(tmp_path):
    """Rather than guessed at."""
    folder(tmp_path / "images", ["cat/cat-7.png"])
    spec = {"role": "cue-conflict", "reader": "folder", "path": "images", "label_space": "cue-conflict-16"}
    with pytest.raises(BlockedError, match="does not name two cues"):
        index(tmp_path, spec)


def test_a_limit_keeps_the_same_images_wherever_they_come_in_the_listing(tmp_path):
    """The subset follows from the keys."""
    folder(tmp_path / "images", [f"bolt/{number}.png" for number in range(20)])
    few = index(tmp_path, of(), limit=5)
    assert len(few) == 5
    assert few.limit == 5
    assert index(tmp_path, of(), limit=5).keys.tolist() == few.keys.tolist()


def test_unknown_keys_of_a_reader_are_errors(tmp_path):
    """With file, line and the nearest key."""
    with pytest.raises(SpecError, match=r"models.yaml:\d+: zoos.mine.image_sets.set.*'pth'.*did you mean 'path'"):
        zoo_of(tmp_path, {"set": {"role": "validation", "reader": "folder", "pth": "x", "label_space": NAMES}})


def test_an_unknown_reader_is_an_error(tmp_path):
    """With those there are."""
    with pytest.raises(SpecError, match=r"reader: 'foldr' is unknown: did you mean 'folder'"):
        zoo_of(tmp_path, {"set": {"role": "validation", "reader": "foldr", "path": "x"}})


class TestCorruptionFolders:
    """ImageNet-C: `<corruption>/<severity>/<class>/<file>`."""

    FILES = tuple(f"{c}/{s}/{k}.png" for c in ("fog", "snow") for s in (1, 2) for k in ("bolt/a", "nut/b"))

    def spec(self, **more):
        """Entry of an image set in this layout."""
        return {"role": "corrupted", "reader": "corruption-folders", "path": "images", "label_space": NAMES,
                "severities": [1, 2], **more}  # fmt: skip

    def test_corruption_and_severity_are_annotations(self, tmp_path):
        """With the image they corrupt, so that severities can be paired."""
        folder(tmp_path / "images", self.FILES)
        images = index(tmp_path, self.spec())
        assert len(images) == 8
        assert set(zip(images.annotations["corruption"], images.annotations["severity"].tolist(), strict=True)) == {
            ("fog", 1), ("fog", 2), ("snow", 1), ("snow", 2),
        }  # fmt: skip
        assert set(images.annotations["image"]) == {"bolt/a.png", "nut/b.png"}

    def test_some_corruptions_can_be_chosen(self, tmp_path):
        """The whole is 3.75 million images."""
        folder(tmp_path / "images", self.FILES)
        assert len(index(tmp_path, self.spec(corruptions=["snow"], severities=[2]))) == 2

    def test_a_missing_severity_is_blocked(self, tmp_path):
        """It is named."""
        folder(tmp_path / "images", self.FILES)
        with pytest.raises(BlockedError, match="fog/3"):
            index(tmp_path, self.spec(severities=[1, 2, 3]))

    def test_a_lost_image_is_blocked(self, tmp_path):
        """Severities that show different images cannot be compared."""
        folder(tmp_path / "images", self.FILES)
        (tmp_path / "images/snow/2/nut/b.png").unlink()
        with pytest.raises(BlockedError, match=r"snow/2 lacks 1 of 2 images.*nut/b.png"):
            index(tmp_path, self.spec())

    def test_an_unknown_corruption_is_blocked(self, tmp_path):
        """With the nearest one."""
        folder(tmp_path / "images", self.FILES)
        with pytest.raises(BlockedError, match="did you mean 'snow'"):
            index(tmp_path, self.spec(corruptions=["snoww"]))
