"""No input is dropped without a word, and none ends a run: it is judged, or named with the reason."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError
from eyechart.images import decoding
from tests.image_files import encoded, folder, index, pixels, put, shard

NAMES = {"names": ["bolt", "nut", "washer"]}
FOLDER = {"reader": "folder", "path": "images", "label_space": NAMES}
SHARDS = {"reader": "shards", "path": "shards", "label_space": {"classes": 3}}
PARQUET = {"reader": "parquet", "path": "tables", "label_space": {"classes": 3}}


class TestFolders:
    """What a folder of class folders may hold."""

    def test_linked_class_folders_are_followed(self, tmp_path):
        """Of three classes two are links, as where one disk was too small."""
        folder(tmp_path / "disk", ["nut/b.png", "other/c.png"])
        folder(tmp_path / "images", ["bolt/a.png"])
        (tmp_path / "images/nut").symlink_to(tmp_path / "disk/nut")
        (tmp_path / "images/washer").symlink_to("../disk/other")
        images = index(tmp_path, FOLDER)
        assert images.keys.tolist() == ["bolt/a.png", "nut/b.png", "washer/c.png"]
        assert np.array_equal(images.read(np.array([2]))[0], pixels(1))

    @pytest.mark.parametrize("link", ["images/nut", "images/bolt/more", "images/bolt/deep/down"])
    def test_a_circle_of_links_is_named(self, tmp_path, link):
        """Directly, or by way of another link."""
        folder(tmp_path / "images", ["bolt/a.png"])
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / "around").symlink_to("images")
        (tmp_path / link).symlink_to(tmp_path / "around")
        with pytest.raises(BlockedError, match=f"image set 'set': .*{link} is a link to .*/images, and so in itself"):
            index(tmp_path, FOLDER)

    def test_a_linked_corruption_has_its_images(self, tmp_path):
        """Below a link class folders may be links again."""
        folder(tmp_path / "disk", ["fog/bolt/a.png"])
        (tmp_path / "images/fog").mkdir(parents=True)
        (tmp_path / "images/fog/1").symlink_to(tmp_path / "disk/fog")
        spec = {**FOLDER, "role": "corrupted", "reader": "corruption-folders", "severities": [1]}
        assert index(tmp_path, spec).keys.tolist() == ["fog/1/bolt/a.png"]

    def test_copies_are_judged_and_named(self, tmp_path):
        """One file under two names, or two equal files: the same image counts twice, and the verdict says so."""
        folder(tmp_path / "images", ["bolt/a.png", "nut/b.png"])
        os.link(tmp_path / "images/bolt/a.png", tmp_path / "images/washer.png")
        (tmp_path / "images/washer").mkdir()
        (tmp_path / "images/washer.png").rename(tmp_path / "images/washer/c.png")
        put(tmp_path / "images/washer/d.png", encoded(1))
        images = index(tmp_path, FOLDER)
        assert len(images) == 4
        assert images.notes == ("2 images are copies of others by content, such as washer/c.png of bolt/a.png",)

    def test_images_without_a_place_are_named(self, tmp_path):
        """Too high, too deep, hidden, or of a kind that is not read."""
        folder(tmp_path / "images", ["bolt/a.png", "b.png", "bolt/deep/c.png", "bolt/d.heic", "nut/.e.png"])
        put(tmp_path / "images/bolt/readme.txt", b"hello")
        images = index(tmp_path, FOLDER)
        assert images.keys.tolist() == ["bolt/a.png"]
        assert images.notes == (
            "3 image files are left out by their place: b.png, bolt/deep/c.png, nut/.e.png",
            "2 files are no images of a kind that is read (1 .heic, 1 .txt): bolt/d.heic, bolt/readme.txt",
            "2 of 3 classes have no image: nut, washer",
        )

    def test_images_are_known_by_what_the_installed_pillow_calls_them(self, tmp_path):
        """`.jfif` and `.avif` are images like any other; what Pillow would draw by another program is none."""
        kinds = {"jfif": "JPEG", "jpe": "JPEG", "avif": "AVIF", "jp2": "JPEG2000", "tga": "TGA", "pnm": "PPM"}
        for kind, name in kinds.items():
            put(tmp_path / f"images/bolt/a.{kind}", encoded(1, name))
        put(tmp_path / "images/bolt/drawn.eps", encoded(1, "EPS"))
        images = index(tmp_path, FOLDER)
        assert {key.split(".")[1] for key in images.keys.tolist()} == kinds.keys()
        assert all(image.shape == pixels(1).shape for image in images.read(np.arange(len(images))))
        assert "1 files are no images of a kind that is read (1 .eps): bolt/drawn.eps" in images.notes
        put(tmp_path / "images/bolt/drawn.png", encoded(1, "EPS"))
        with pytest.raises(BlockedError, match=r"bolt/drawn\.png \(it is no image that Pillow knows\)"):
            index(tmp_path, FOLDER)

    def test_what_is_no_file_is_named_and_not_waited_for(self, tmp_path):
        """A pipe would never end; a link may lead nowhere."""
        folder(tmp_path / "images", ["bolt/a.png"])
        os.mkfifo(tmp_path / "images/bolt/pipe.png")
        (tmp_path / "images/bolt/lost.png").symlink_to("nowhere.png")
        with pytest.raises(BlockedError, match="2 of 3 images cannot be read: ") as error:
            index(tmp_path, FOLDER)
        assert "bolt/lost.png (No such file or directory)" in str(error.value)
        assert "bolt/pipe.png is no regular file" in str(error.value)
        assert len(index(tmp_path, {**FOLDER, "allow_unreadable": 2})) == 1

    def test_a_file_of_another_size_than_images_have_is_refused_by_it(self, tmp_path):
        """40 GiB of zeros that take no space on the disk would take it in memory."""
        folder(tmp_path / "images", ["bolt/a.png"])
        with (tmp_path / "images/bolt/b.png").open("wb") as stream:
            stream.truncate(40 << 30)
        with pytest.raises(BlockedError, match=r"b\.png \(it takes 42,949,672,960 bytes, an image at most 1,073,741,8"):
            index(tmp_path, FOLDER)

    def test_names_that_are_no_text_are_named(self, tmp_path):
        """A disk of other days holds names in other encodings, which no table of predictions could hold."""
        folder(tmp_path / "images", ["bolt/a.png", "bolt/größe.png"])
        assert len(index(tmp_path, FOLDER)) == 2
        put(Path(os.fsdecode(bytes(tmp_path) + b"/images/bolt/gr\xf6\xdfe.png")), encoded(7))
        with pytest.raises(BlockedError, match="1 file names are no UTF-8 text, rename them: bolt/gr"):
            index(tmp_path, FOLDER)


class TestShards:
    """What a tar file may hold."""

    @pytest.fixture
    def sample(self):
        """An image and its class."""
        return {"png": encoded(1), "cls": b"1"}

    def test_files_that_are_no_shards_are_named(self, tmp_path, sample):
        """A packed shard is none; the count of shards is known, and so is what systems leave."""
        shard(tmp_path / "shards/0.tar", {"a": sample})
        put(tmp_path / "shards/nshards.txt", b"1")
        for name in ("1.tar.gz", "README.md", ".DS_Store"):
            put(tmp_path / "shards" / name, b"x")
        notes = index(tmp_path, SHARDS).notes
        assert notes[0] == "2 files are no .tar, and not read (1 .gz, 1 .md): 1.tar.gz, README.md"

    def test_a_member_that_is_there_twice_is_named(self, tmp_path, sample):
        """The last one would count, and the first be lost."""
        path = shard(tmp_path / "shards/0.tar", {"a": sample})
        with tarfile.open(path, "a") as tar:
            again = tarfile.TarInfo("a.png")
            again.size = len(encoded(2))
            tar.addfile(again, io.BytesIO(encoded(2)))
        with pytest.raises(BlockedError, match=r"shard .*0.tar cannot be read: it holds a.png more than once"):
            index(tmp_path, SHARDS)

    def test_a_sample_has_one_image(self, tmp_path, sample):
        """Of two the first by name would count, and a class without an image would be dropped."""
        shard(tmp_path / "shards/0.tar", {"a": {**sample, "jpg": encoded(2, "JPEG")}})
        with pytest.raises(BlockedError, match="sample a has jpg and png images"):
            index(tmp_path, SHARDS)
        shard(tmp_path / "shards/0.tar", {"a": sample, "b": {"cls": b"1", "heic": b""}})
        with pytest.raises(BlockedError, match="sample b has no images, only cls, heic"):
            index(tmp_path, SHARDS)

    @pytest.mark.parametrize("count", [b"two", b"", b"9" * 5000, b"\xff\xfe", b"-1"])
    def test_a_bad_count_of_shards_is_named(self, tmp_path, sample, count):
        """`nshards.txt` holds a number, or says what it holds."""
        shard(tmp_path / "shards/0.tar", {"a": sample})
        put(tmp_path / "shards/nshards.txt", count)
        with pytest.raises(BlockedError, match=r"holds 1 shards, its nshards\.txt says .{1,20}$"):
            index(tmp_path, SHARDS)

    @pytest.mark.parametrize(
        ("label", "reason"),
        [
            ({"npy": b"no array"}, "magic string"),
            ({"npy": np.zeros(3, dtype=np.int64)}, r"is int64 \(3,\), expected one whole number"),
            ({"npy": np.float64(1.5)}, "is float64"),
            ({"npy": np.array([None])}, "allow_pickle"),
            ({"npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }"
                     + b" " * 48 + b"\n"}, r"promises int64 \(1000000000000,\), 8,000,000,000,000 bytes, and holds 0"),
            ({"cls": b"1" * 2000}, "takes 2,000 bytes, expected a number"),
            ({"cls": b"\xff"}, "utf-8"),
        ],
        ids=["text", "three", "fraction", "object", "promise", "long", "bytes"],
    )  # fmt: skip
    def test_a_bad_class_is_named(self, tmp_path, label, reason):
        """Whatever a class is written as, it blocks its set by name."""
        contents = {}
        for kind, value in label.items():
            stream = io.BytesIO()
            np.save(stream, value) if not isinstance(value, bytes) else stream.write(value)
            contents[kind] = stream.getvalue()
        shard(tmp_path / "shards/0.tar", {"a": {"png": encoded(1), **contents}})
        with pytest.raises(BlockedError, match=f"shard .*0.tar cannot be read: .*{reason}"):
            index(tmp_path, SHARDS)

    def test_a_class_of_very_many_digits_is_outside(self, tmp_path, sample):
        """Python makes no number of it."""
        table = pa.table({"path": ["a.png"], "label": ["1" * 5000]})
        put(tmp_path / "a.png", encoded(1))
        pq.write_table(table, tmp_path / "list.parquet")
        with pytest.raises(BlockedError, match="1 of 1 classes are outside label space") as error:
            index(tmp_path, {"reader": "manifest", "path": "list.parquet", "label_space": {"classes": 3}})
        assert len(str(error.value)) < 600

    def test_a_member_with_holes_is_unreadable(self, tmp_path, sample):
        """40 GiB by its header, and nothing in the file."""
        path = shard(tmp_path / "shards/0.tar", {"a": sample, "b": {"cls": b"1"}})
        header = bytearray(tarfile.TarInfo("b.png").tobuf(tarfile.GNU_FORMAT))
        header[156:157] = b"S"
        header[386:410] = b"00000000000\0" * 2
        header[483:495] = b"500000000000"
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        content = path.read_bytes()
        end = content.rstrip(b"\0")
        start = -(-len(end) // 512) * 512
        path.write_bytes(content[:start] + bytes(header) + b"\0" * 1024)
        with pytest.raises(BlockedError, match=r"0/b \(it takes 42,949,672,960 bytes with holes"):
            index(tmp_path, SHARDS)
        assert index(tmp_path, {**SHARDS, "allow_unreadable": 1}).keys.tolist() == ["0/a"]

    def test_a_huge_member_is_unreadable(self, tmp_path, sample, monkeypatch):
        """By the size that its header tells."""
        monkeypatch.setattr(decoding, "LARGEST_FILE", 1000)
        shard(tmp_path / "shards/0.tar", {"a": sample, "b": {"cls": b"1", "png": encoded(1) + bytes(2000)}})
        with pytest.raises(BlockedError, match=r"1 of 2 images cannot be read: 0/b \(it takes 2,\d+ bytes"):
            index(tmp_path, SHARDS)

    def test_a_shard_that_is_a_pipe_is_named(self, tmp_path, sample):
        """It would be waited for without end."""
        shard(tmp_path / "shards/0.tar", {"a": sample})
        os.mkfifo(tmp_path / "shards/1.tar")
        with pytest.raises(BlockedError, match=r"image set 'set': .*1.tar is no regular file"):
            index(tmp_path, SHARDS)


class TestTables:
    """What a Parquet file or a table may hold."""

    def test_linked_folders_of_tables_are_followed(self, tmp_path):
        """As folders of images are."""
        put(tmp_path / "disk/.keep", b"")
        table = pa.table({"image": [encoded(1), encoded(2)], "label": [0, 1]})
        pq.write_table(table, tmp_path / "disk/a.parquet")
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables/more").symlink_to(tmp_path / "disk")
        put(tmp_path / "tables/b.parquet.part", b"")
        images = index(tmp_path, PARQUET)
        assert len(images) == 2
        assert images.notes[0] == "1 files are no .parquet, and not read (1 .part): b.parquet.part"

    def test_images_are_read_a_few_at_a_time(self, tmp_path, monkeypatch):
        """In any order, over row groups of any size."""
        monkeypatch.setattr("eyechart.images.readers.parquet.AT_A_TIME", 3)
        (tmp_path / "tables").mkdir()
        table = pa.table({"image": [encoded(n) for n in range(23)], "label": [0] * 23})
        pq.write_table(table, tmp_path / "tables/a.parquet", row_group_size=8)
        images = index(tmp_path, PARQUET)
        for order in (np.arange(23), np.array([22, 0, 7, 8, 15, 16, 3, 2]), np.arange(23)[::-1]):
            shown = images.read(order)
            assert all(np.array_equal(image, pixels(row)) for image, row in zip(shown, order, strict=True))

    @pytest.mark.parametrize("column", [[1, 2], ["a", "b"], [{"path": "a"}, {"path": "b"}], [[1], [2]]], ids=str)
    def test_a_column_without_images_is_named(self, tmp_path, column):
        """Numbers, text, paths alone."""
        (tmp_path / "tables").mkdir()
        pq.write_table(pa.table({"image": column, "label": [0, 1]}), tmp_path / "tables/a.parquet")
        with pytest.raises(BlockedError, match=r"image set 'set': .*a.parquet cannot be read"):
            index(tmp_path, PARQUET)

    def test_a_column_that_is_there_twice_is_named(self, tmp_path):
        """Which one is meant cannot be told."""
        folder(tmp_path, ["a.png"])
        put(tmp_path / "list.csv", b"path,label,label\na.png,bolt,nut\n")
        with pytest.raises(BlockedError, match=r"list\.csv cannot be read: it has the column 'label' more than once"):
            index(tmp_path, {"reader": "manifest", "path": "list.csv", "label_space": NAMES})

    def test_a_table_that_would_fill_the_memory_is_refused_by_its_size(self, tmp_path, monkeypatch):
        """A value that is repeated takes no space in the file."""
        monkeypatch.setattr("eyechart.images.arrays.EXPANDED", 1 << 20)
        count = 1 << 14
        columns = {f"c{number}": pa.repeat(1.0, count) for number in range(9)}
        table = pa.table({"path": pa.repeat("a.png", count).dictionary_encode(), **columns})
        pq.write_table(table, tmp_path / "list.parquet")
        with pytest.raises(BlockedError, match=r"its [\d,]+ bytes expand to 1,310,720, more than 1,048,576"):
            index(tmp_path, {"reader": "manifest", "path": "list.parquet", "label_space": NAMES})
