"""Zoos of recorded models: joined by name, judged without pixels, blocked or not applicable with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.predict.needs import Need
from tests.image_files import put, zoo_of
from tests.recordings import judged, recorded

SURE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
SET = {"pets": {"role": "validation", "label_space": {"names": ["cat", "dog", "fox"]}}}


def pets(tmp_path, *rows: str, name: str = "a.csv"):
    """Write a recording of answers about pets; its entry in `models.yaml`."""
    put(tmp_path / name, ("key,label,predicted\n" + "\n".join(rows) + "\n").encode())
    return recorded(pets=name)


def test_labels_come_with_the_recording(tmp_path):
    """A zoo of recorded models needs no pixels; answers are joined by name, in any order."""
    models = {
        "a": pets(tmp_path, "x,cat,cat", "y,dog,cat"),
        "b": pets(tmp_path, "y,dog,dog", "x,cat,cat", name="b.csv"),
    }
    run = judged(tmp_path, SET, models)
    assert run.predictions(Need("a", "pets")).correct.tolist() == [True, False]
    assert run.predictions(Need("b", "pets")).correct.tolist() == [True, True]


def test_recordings_that_disagree_block_the_set(tmp_path):
    """About an image's label."""
    models = {"a": pets(tmp_path, "x,cat,cat"), "b": pets(tmp_path, "x,dog,dog", name="b.csv")}
    with pytest.raises(BlockedError, match="recordings of 'a' and 'b' give 'x' the labels 0 and 1"):
        judged(tmp_path, SET, models).predictions(Need("a", "pets"))


def test_a_bad_recording_blocks_its_own_model_only(tmp_path):
    """The other one is judged."""
    models = {"a": pets(tmp_path, "x,cat,wolf"), "b": pets(tmp_path, "x,dog,dog", name="b.csv")}
    run = judged(tmp_path, SET, models)
    assert run.predictions(Need("b", "pets")).correct.tolist() == [True]
    with pytest.raises(BlockedError, match="'wolf'"):
        run.predictions(Need("a", "pets"))


def test_a_partial_join_is_blocked_with_both_sides(tmp_path):
    """Unless the share that may be missing is stated; then every verdict tells."""
    rows = [f"k{n},cat,cat" for n in range(9)]
    models = {"whole": pets(tmp_path, *rows, "k9,dog,dog"), "part": pets(tmp_path, *rows, name="b.csv")}
    with pytest.raises(BlockedError, match=r"1 of 10 images have no recorded answer \(such as 'k9'\), and 0 of 9"):
        judged(tmp_path, SET, models).predictions(Need("part", "pets"))
    models["part"]["allow_missing"] = 0.1
    run = judged(tmp_path, SET, models)
    assert len(run.predictions(Need("part", "pets"))) == 9
    assert "1 of 10 images have no recorded answer" in run.notes(Need("part", "pets"))
    assert run.notes(Need("whole", "pets")) == ""


def test_a_lost_recording_says_where_it_was_looked_for(tmp_path):
    """Blocked, not skipped."""
    models = {"a": pets(tmp_path, "x,cat,cat"), "lost": recorded(pets="nowhere.csv")}
    with pytest.raises(BlockedError, match=rf"'nowhere.csv' not found: looked for {tmp_path / 'nowhere.csv'}"):
        judged(tmp_path, SET, models).predictions(Need("lost", "pets"))
    models["lost"] = recorded(pets="x" * 5000)
    with pytest.raises(BlockedError, match="not found: looked for"):
        judged(tmp_path, SET, models).predictions(Need("lost", "pets"))


def test_a_set_that_is_not_recorded_is_not_applicable(tmp_path):
    """The source cannot answer such a question, and it says for which sets it can."""
    sets = {**SET, "more": {"role": "shifted", "label_space": {"names": ["cat", "dog", "fox"]}}}
    models = {"a": pets(tmp_path, "x,cat,cat"), "b": recorded(more="b.csv")}
    pets(tmp_path, "z,dog,dog", name="b.csv")
    with pytest.raises(NotApplicableError, match="'more' are recorded, only for pets"):
        judged(tmp_path, sets, models).predictions(Need("a", "more"))


def test_views_and_contracts_need_a_live_model(tmp_path):
    """Not applicable, and why."""
    import io

    from eyechart.predict.predictor import Predictor
    from eyechart.progress import Progress

    run = judged(tmp_path, SET, {"a": pets(tmp_path, "x,cat,cat")})
    asked = {Need("a", "pets", "scale(1.5)"), Need("a", "pets", contract="finite")}
    Predictor(run, Progress(io.StringIO())).prepare(asked)
    with pytest.raises(NotApplicableError, match=r"view scale\(1.5\) needs a live model"):
        run.predictions(Need("a", "pets", "scale(1.5)"))
    with pytest.raises(NotApplicableError, match="contract 'finite' needs a live model"):
        run.finding(Need("a", "pets", contract="finite"))


def test_other_labels_than_the_image_sets_are_blocked(tmp_path):
    """A recording made with another order of classes would be judged wrong throughout."""
    from tests.image_files import folder

    folder(tmp_path / "images", ["cat/x.png", "dog/y.png"])
    sets = {"pets": {**SET["pets"], "reader": "folder", "path": "images"}}
    models = {
        "a": pets(tmp_path, "x.png,dog,dog", "y.png,cat,cat"),
        "b": pets(tmp_path, "x,cat,fox", "y,dog,dog", name="b.csv"),
    }
    run = judged(tmp_path, sets, models)
    assert run.predictions(Need("b", "pets")).correct.tolist() == [False, True]
    with pytest.raises(BlockedError, match=r"2 of 2 images another label, the first 'cat/x.png' \(1 and 0\)"):
        run.predictions(Need("a", "pets"))


def test_a_changed_recording_is_read_again_and_a_renamed_one_is_not(tmp_path):
    """Predictions are kept by content."""
    models = {"a": pets(tmp_path, "x,cat,dog")}
    first = judged(tmp_path, SET, models).addresses[Need("a", "pets")].key
    renamed = judged(tmp_path, SET, {"b": models["a"]}).addresses[Need("b", "pets")].key
    assert renamed == first
    pets(tmp_path, "x,cat,cat")
    run = judged(tmp_path, SET, models)
    assert run.addresses[Need("a", "pets")].key != first
    assert run.predictions(Need("a", "pets")).correct.tolist() == [True]


def test_a_part_of_an_unknown_set_is_an_error(tmp_path):
    """With the nearest one."""
    sets = {**SET, "real": {"role": "relabeled", "of": "pest", "annotations": "real"}}
    with pytest.raises(SpecError, match="did you mean 'pets'"):
        zoo_of(tmp_path, sets, {"a": recorded(pets="a.csv")})


@pytest.mark.parametrize("returns", ["logits", "probabilities"])
def test_npy_with_labels_in_a_file_of_their_own(tmp_path, returns):
    """A .npy holds one array; `labels` names that of the labels, and a change of either is another recording."""
    np.save(tmp_path / "matrix.npy", SURE * 9 if returns == "logits" else SURE)
    np.save(tmp_path / "labels.npy", np.array([0, 2]))
    entry = {"file": "matrix.npy", "labels": "labels.npy", "returns": returns}
    first = judged(tmp_path, SET, {"a": recorded(pets=entry)})
    assert first.predictions(Need("a", "pets")).correct.tolist() == [True, False]
    np.save(tmp_path / "labels.npy", np.array([0, 1]))
    again = judged(tmp_path, SET, {"a": recorded(pets=entry)})
    assert again.predictions(Need("a", "pets")).correct.tolist() == [True, True]
    np.savez(tmp_path / "two.npz", a=np.array([0]), b=np.array([0]))
    lost = judged(tmp_path, SET, {"a": recorded(pets={**entry, "labels": "two.npz"})})
    with pytest.raises(BlockedError, match=r"two.npz: expected one array, found 2"):
        lost.predictions(Need("a", "pets"))
