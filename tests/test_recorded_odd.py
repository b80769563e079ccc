"""An odd recorded file blocks its own model, by name, and no other; it says nothing of which images there are."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest

from eyechart.errors import BlockedError
from eyechart.predict.needs import Need
from tests.image_files import put
from tests.recordings import judged, recorded

SET = {"pets": {"role": "validation", "label_space": {"names": ["cat", "dog", "fox"]}}}
KEYS = np.array(["x", "y"])
SOFTMAX = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
GOOD = {"keys": KEYS, "labels": np.array([0, 1]), "probabilities": SOFTMAX}
ROWS = [f"k{number},cat,cat" for number in range(9)]


def written(folder, name: str, *rows: str, head: str = "key,label,predicted"):
    """Write a recording as CSV; its entry in `models.yaml`."""
    put(folder / name, "\n".join([head, *rows, ""]).encode())
    return recorded(pets=name)


def saved(folder, name: str, **arrays: np.ndarray):
    """Write a recording as `.npz`."""
    np.savez(folder / name, **{**GOOD, **arrays})
    return recorded(pets=name)


ODD_TABLES = {
    "confidence as text": ("key,label,predicted,confidence", "x,cat,cat,sure", "expected a confidence .* 'sure'"),
    "a column twice": ("key,label,label,predicted", "x,cat,dog,cat", "the column 'label' more than once"),
    "no confidence": ("key,label,predicted,confidence", "x,cat,cat,1.5", "no probabilities"),
    "a class of 5,000 digits": ("key,label,predicted", f"x,cat,{'1' * 5000}", "expected a class in row 0"),
}


@pytest.mark.parametrize("what", ODD_TABLES)
def test_an_odd_table_blocks_its_own_model(tmp_path, what):
    """And the other is judged on all images."""
    head, row, reason = ODD_TABLES[what]
    models = {
        "odd": written(tmp_path, "odd.csv", row, head=head),
        "good": written(tmp_path, "good.csv", "x,cat,cat", "y,dog,cat"),
    }
    run = judged(tmp_path, SET, models)
    assert run.predictions(Need("good", "pets")).correct.tolist() == [True, False]
    with pytest.raises(BlockedError, match=f"recording .*odd.csv.*{reason}"):
        run.predictions(Need("odd", "pets"))


@pytest.mark.parametrize(
    "kind", [">f8", ">f4", np.longdouble, np.float16, np.dtype(np.longdouble).newbyteorder()], ids=str
)
def test_numbers_of_any_order_and_precision_are_read(tmp_path, kind):
    """Another machine's order of bytes, and more or less precision than tables know."""
    models = {
        "odd": saved(tmp_path, "odd.npz", probabilities=SOFTMAX.astype(kind), labels=np.array([0, 1], dtype=">i2"))
    }
    predictions = judged(tmp_path, SET, models).predictions(Need("odd", "pets"))
    assert predictions.labels.tolist() == [0, 1]
    assert predictions.confidence == pytest.approx([0.7, 0.8], abs=1e-3)


ODD_ARRAYS = {
    "complex": {"probabilities": SOFTMAX.astype(complex)},
    "a name": {"keys": np.array("x")},
    "names in a table": {"keys": np.array([["x", "y"], ["z", "w"]])},
    "no rows": {"probabilities": np.float64(3.0)},
    "records": {"labels": np.array([(0, 1), (1, 0)], dtype=[("a", int), ("b", int)])},
    "objects": {"labels": np.array([None, 1])},
    "dates": {"labels": np.array(["2027-01-01", "2027-01-02"], dtype="datetime64[D]")},
}


@pytest.mark.parametrize("what", ODD_ARRAYS)
def test_an_odd_array_blocks_its_own_model(tmp_path, what):
    """And the other is judged."""
    models = {"odd": saved(tmp_path, "odd.npz", **ODD_ARRAYS[what]), "good": saved(tmp_path, "good.npz")}
    run = judged(tmp_path, SET, models)
    assert run.predictions(Need("good", "pets")).correct.tolist() == [True, True]
    with pytest.raises(BlockedError, match=r"odd\.npz"):
        run.predictions(Need("odd", "pets"))


class TestSizes:
    """A few bytes may promise more than memory has."""

    def blocked(self, folder, name: str) -> str:
        """Why a recording is blocked."""
        run = judged(folder, SET, {"odd": recorded(pets=name), "good": saved(folder, "good.npz")})
        assert len(run.predictions(Need("good", "pets"))) == 2
        with pytest.raises(BlockedError) as error:
            run.predictions(Need("odd", "pets"))
        return str(error.value)

    def test_an_array_that_unpacks_to_more_than_is_meant_is_refused(self, tmp_path, monkeypatch):
        """By what it says it unpacks to, before it is unpacked."""
        monkeypatch.setattr("eyechart.images.arrays.EXPANDED", 1 << 20)
        np.savez_compressed(tmp_path / "odd.npz", **{**GOOD, "probabilities": np.zeros((100_000, 3))})
        assert re.search(
            r"its \d,\d{3} bytes expand to 2,400,\d{3}, more than 1,048,576", self.blocked(tmp_path, "odd.npz")
        )
        np.savez(tmp_path / "odd.npz", **{**GOOD, "probabilities": np.zeros((100_000, 3))})
        assert "do not sum to 1" in self.blocked(tmp_path, "odd.npz")

    @pytest.mark.parametrize("shape", [(10**12, 3), (2**40,)], ids=str)
    def test_a_header_that_promises_more_than_is_there_is_refused(self, tmp_path, shape):
        """A `.npy` of 128 bytes, alone or in a `.npz`."""
        with (tmp_path / "odd.npy").open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
        assert "bytes, and holds 0" in self.blocked(tmp_path, "odd.npy")
        with zipfile.ZipFile(tmp_path / "odd.npz", "w") as members:
            members.write(tmp_path / "odd.npy", "probabilities.npy")
        assert "bytes, and holds 0" in self.blocked(tmp_path, "odd.npz")

    def test_members_of_one_name_are_refused(self, tmp_path):
        """Which one is meant cannot be told."""
        np.savez(tmp_path / "odd.npz", **GOOD)
        with zipfile.ZipFile(tmp_path / "odd.npz", "a") as members, pytest.warns(UserWarning, match="Duplicate"):
            members.writestr("labels.npy", members.read("labels.npy"))
        assert "it holds 'labels.npy' more than once" in self.blocked(tmp_path, "odd.npz")


@pytest.mark.parametrize("first", ["a", "odd"])
def test_rows_of_its_own_enlarge_no_set(tmp_path, first):
    """A recording that names an image more than the others blocks its own model; where it stands does not matter."""
    models = {name: written(tmp_path, f"{name}.csv", *ROWS) for name in ("a", "b")}
    models["odd"] = written(tmp_path, "odd.csv", *ROWS, "stray,dog,dog")
    run = judged(tmp_path, SET, {name: models[name] for name in (first, *sorted(set(models) - {first}))})
    assert len(run.predictions(Need("a", "pets"))) == len(run.predictions(Need("b", "pets"))) == 9
    with pytest.raises(BlockedError, match=r"odd.csv .* 1 of 10 recorded answers are about no image of it .*'stray'"):
        run.predictions(Need("odd", "pets"))


def test_of_two_the_first_says_which_images_there_are(tmp_path):
    """Two recordings cannot outvote each other."""
    models = {"good": written(tmp_path, "good.csv", *ROWS), "odd": written(tmp_path, "odd.csv", *ROWS, "stray,dog,dog")}
    run = judged(tmp_path, SET, models)
    assert len(run.predictions(Need("good", "pets"))) == 9
    with pytest.raises(BlockedError, match=r"odd.csv .*about no image of it"):
        run.predictions(Need("odd", "pets"))


def test_a_label_that_most_give_is_right(tmp_path):
    """A recording whose classes are in another order blocks its own model."""
    models = {name: written(tmp_path, f"{name}.csv", *ROWS) for name in ("a", "b")}
    models["odd"] = written(tmp_path, "odd.csv", *(row.replace("cat", "dog") for row in ROWS))
    run = judged(tmp_path, SET, models)
    assert run.predictions(Need("a", "pets")).correct.all()
    with pytest.raises(BlockedError, match=r"odd.csv and image set 'pets' give 9 of 9 images another label"):
        run.predictions(Need("odd", "pets"))


def test_recordings_that_name_nothing_alike_say_so(tmp_path):
    """With what each of them names."""
    models = {name: written(tmp_path, f"{name}.csv", f"{name},cat,cat") for name in ("a", "b", "c")}
    with pytest.raises(
        BlockedError, match=r"no image is named by most of its recordings .'a' names 'a', 'b' names 'b'"
    ):
        judged(tmp_path, SET, models).predictions(Need("a", "pets"))
