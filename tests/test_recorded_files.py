"""Every form of recorded predictions is read; whatever cannot be meant blocks the model, with its place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.labels import counted_space, label_space, named_space
from eyechart.recordings import NO_ANSWER, read_recording
from eyechart.run import Need
from tests.image_files import put, zoo_of
from tests.recordings import judged, recorded

THREE = named_space(["cat", "dog", "fox"])
SURE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])


def csv(tmp_path, text: str, space=THREE):
    """Read a CSV recording."""
    return read_recording(put(tmp_path / "r.csv", text.encode()), space)


def parquet(tmp_path, columns, space=THREE):
    """Read a Parquet recording."""
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    return read_recording(tmp_path / "r.parquet", space)


def npz(tmp_path, returns=None, space=THREE, **arrays):
    """Read a recording of arrays."""
    np.savez(tmp_path / "r.npz", **arrays)
    return read_recording(tmp_path / "r.npz", space, returns)


def test_own_schema_with_probabilities(tmp_path):
    """Names as classes, a list of probabilities an image."""
    found = parquet(tmp_path, {"key": ["a", "b"], "label": ["cat", "fox"], "probabilities": SURE.tolist()})
    assert found.keys == ("a", "b")
    assert found.predicted.tolist() == [0, 1]
    assert found.confidence.tolist() == [0.7, 0.8]
    assert found.labels.tolist() == [0, 2]


def test_own_schema_with_answers_only(tmp_path):
    """Numbers as classes; no confidence is made up."""
    found = parquet(tmp_path, {"key": ["a", "b"], "predicted": [2, 0]})
    assert found.predicted.tolist() == [2, 0]
    assert found.confidence is None
    assert found.probabilities is None


def test_own_schema_with_logits(tmp_path):
    """Whatever their range."""
    found = parquet(tmp_path, {"key": ["a"], "logits": [[-5.0, 30.0, 1.0]]})
    assert found.logits.tolist() == [[-5.0, 30.0, 1.0]]
    assert found.predicted.tolist() == [1]


def test_imagenet_x_csv(tmp_path):
    """`file_name,predicted_class,predicted_probability`."""
    found = csv(tmp_path, "file_name,predicted_class,predicted_probability\na.JPEG,2,0.25\n")
    assert (found.keys, found.predicted.tolist(), found.confidence.tolist()) == (("a.JPEG",), [2], [0.25])


def test_decision_csv(tmp_path):
    """Model and human decisions; "na" is none of the categories, a person's file numbers its trials in the names."""
    head = "subj,session,trial,rt,object_response,category,condition,imagename\n"
    rows = "s,1,1,NaN,dog,cat,0,cat1-dog2.png\ns,1,2,0.9,na,cat,0,0002_s5n_s01_0_cat_00_cat2-dog1.png\n"
    found = csv(tmp_path, head + rows, label_space("cue-conflict-16"))
    assert found.keys == ("cat1-dog2.png", "cat2-dog1.png")
    assert found.predicted.tolist() == [10, NO_ANSWER]
    assert found.labels.tolist() == [7, 7]


def test_top_five_table(tmp_path):
    """As many ranks as there are."""
    found = csv(tmp_path, "file_name,label,top1,top2,top3\na,0,2,0,1\nb,1,1,2,0\n")
    assert found.ranked.tolist() == [[2, 0, 1], [1, 2, 0]]
    assert found.predicted.tolist() == [2, 1]


@pytest.mark.parametrize("name", ["predictions", "softmax", "probabilities"])
def test_npz_with_labels(tmp_path, name):
    """Arrays under their usual names; without names the images are numbered."""
    found = npz(tmp_path, ground_truth=np.array([0, 1]), **{name: SURE})
    assert found.keys == ("00000000", "00000001")
    assert found.labels.tolist() == [0, 1]


def test_npz_with_logits_and_npy(tmp_path):
    """A matrix without a telling name holds probabilities, unless `returns` says logits."""
    assert npz(tmp_path, logits=SURE * 9, labels=np.array([0, 1])).logits is not None
    np.save(tmp_path / "r.npy", SURE * 9)
    assert read_recording(tmp_path / "r.npy", THREE, "logits").predicted.tolist() == [0, 1]
    with pytest.raises(BlockedError, match=r"no probabilities in \[0, 1\].*returns: logits"):
        read_recording(tmp_path / "r.npy", THREE)


BAD = {
    "unknown class": ("key,predicted\na,cat\nb,wolf\n", r"1 of 2 classes are outside.*'wolf'"),
    "unknown number": ("key,predicted\na,1\nb,3\n", r"1 of 2 rows name classes outside.*3 in row 1"),
    "negative number": ("key,predicted\na,-1\n", r"-1 in row 0"),
    "fraction": ("key,predicted\na,1\nb,0.5\n", r"expected a class in row 1, found 0.5"),
    "missing class": ("key,predicted_class\na,1\nb,\n", r"expected a class in row 1, found nan"),
    "key twice": ("key,predicted\na,cat\na,dog\n", r"1 keys are there more than once, such as 'a'"),
    "beyond one": ("key,predicted,confidence\na,cat,1.5\n", r"no probabilities in \[0, 1\], such as 1.5 in row 0"),
    "below zero": ("key,predicted,confidence\na,cat,0.5\nb,cat,-0.1\n", r"such as -0.1 in row 1"),
    "NaN": ("key,predicted,confidence\na,cat,NaN\n", r"such as nan in row 0"),
    "no predictions": ("key,answer\na,cat\n", r"tells no predictions: it has 'key', 'answer'"),
    "no rows": ("key,predicted\n", r"r.csv (is empty|:)"),
    "no table": ("", r"cannot be read"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_bad_tables(tmp_path, kind):
    """Each fault is named with its place."""
    text, message = BAD[kind]
    with pytest.raises(BlockedError, match=message):
        csv(tmp_path, text)


def test_bad_matrices(tmp_path):
    """Rows that sum to something else, NaN, another number of classes or of labels."""
    with pytest.raises(BlockedError, match=r"1 of 2 rows do not sum to 1, such as 0\.9 in row 1"):
        npz(tmp_path, predictions=np.array([[0.5, 0.3, 0.2], [0.5, 0.2, 0.2]]))
    with pytest.raises(BlockedError, match="row 1 holds NaN"):
        npz(tmp_path, logits=np.array([[0.5, 0.3, 0.2], [0.5, np.nan, 0.2]]))
    with pytest.raises(BlockedError, match="3 classes a row, label space 'classes-4' has 4"):
        npz(tmp_path, predictions=SURE, space=counted_space(4))
    with pytest.raises(BlockedError, match="2 predictions, but 1 labels"):
        npz(tmp_path, predictions=SURE, labels=np.array([0]))
    with pytest.raises(BlockedError, match=r"expected numbers \(images, classes\)"):
        npz(tmp_path, predictions=SURE[0])


def test_a_pickle_is_not_opened(tmp_path):
    """Arrays of objects would run code."""
    np.savez(tmp_path / "r.npz", predictions=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BlockedError, match="cannot be read"):
        read_recording(tmp_path / "r.npz", THREE)


def test_half_precision_sums_are_close_enough(tmp_path):
    """Published softmaxes are not always float64."""
    assert npz(tmp_path, predictions=SURE.astype(np.float16)).predicted.tolist() == [0, 1]


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

    from eyechart.predict import Predictor
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
