"""Every form of recorded predictions is read; whatever cannot be meant blocks the model, with its place."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError
from eyechart.images.labels import counted_space, label_space, named_space
from eyechart.recordings.reading import NO_ANSWER, read_recording
from tests.harness import ROOT
from tests.image_files import put

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


@pytest.mark.parametrize(
    "head",
    ["probability_0,probability_1,probability_2", "prob_cat,prob_dog,prob_fox", "cat,dog,fox", "0,1,2", "p0,p1,p2"],
)
def test_a_column_for_each_class(tmp_path, head):
    """By number or by name, in any order of the columns; whole numbers are probabilities too."""
    found = csv(tmp_path, f",image,path,{head},true\n0,1,a,0.7,0.2,0.1,x\n1,2,b,0,1,0,x\n")
    assert found.keys == ("a", "b")
    assert found.probabilities.tolist() == [[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]]
    names = head.split(",")
    other = csv(tmp_path, f"{names[2]},path,{names[0]},{names[1]}\n0.1,a,0.7,0.2\n")
    assert other.probabilities.tolist() == [[0.7, 0.2, 0.1]]
    assert csv(tmp_path, f"filename,{head}\na,1,0,0\n").keys == ("a",)
    logits = csv(tmp_path, "key,logit_0,logit_1,logit_2\na,-5,30,1\n")
    assert (logits.logits.tolist(), logits.probabilities) == ([[-5.0, 30.0, 1.0]], None)


def test_columns_for_other_classes_are_named(tmp_path):
    """Some of the classes, more of them, or numbered from 1: which is which cannot be told."""
    for head, said in [("p_0,p_1", "p_0 to p_1 are for 2 classes"), ("p_1,p_2,p_3", "p_1 to p_3 are for 3 classes"),
                       ("p_0,p_1,p_3", "p_0 to p_3 are for 3 classes")]:  # fmt: skip
        with pytest.raises(BlockedError, match=f"the columns {said}, label space '.*' has 3, numbered from 0 to 2"):
            csv(tmp_path, f"key,{head}\na,{','.join('1' + '0' * len(head[4::4]))}\n")


@pytest.mark.parametrize(
    "row", ["[0.7, 0.2, 0.1]", "(0.7,0.2,0.1)", "[0.7 0.2 0.1]", "[0.7 0.2\n 0.1]", "[7e-1, .2, 0.1]"]
)
def test_lists_as_text(tmp_path, row):
    """As pandas writes lists and arrays into a CSV."""
    found = csv(tmp_path, f'key,label,predictions\na,cat,"{row}"\nb,dog,"[0.1, 0.8, 0.1]"\n')
    assert found.probabilities.tolist() == [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]
    assert csv(tmp_path, f'key,logits\na,"{row}"\n').logits.tolist() == [[0.7, 0.2, 0.1]]


BAD = {
    "a list cut short": (
        'key,probabilities\na,"[0.5, ..., 0.5]"\n',
        r"row 0, found '\[0.5, ..., 0.5\]', shortened where",
    ),
    "a list of text": (
        'key,probabilities\na,"[1, 0, 0]"\nb,"[x, y]"\n',
        r"under 'probabilities' in row 1, found '\[x, y",
    ),
    "shorter lists": ('key,logits\na,"[1, 0, 0]"\nb,"[1, 0]"\n', r"row 1 lists 2 numbers, the first 3"),
    "unknown class": ("key,predicted\na,cat\nb,wolf\n", r"1 of 2 classes are outside.*'wolf'"),
    "unknown number": ("key,predicted\na,1\nb,3\n", r"1 of 2 rows name classes outside.*3 in row 1"),
    "negative number": ("key,predicted\na,-1\n", r"-1 in row 0"),
    "fraction": ("key,predicted\na,1\nb,0.5\n", r"expected a class in row 1, found 0.5"),
    "missing class": ("key,predicted_class\na,1\nb,\n", r"expected a class in row 1, found nothing"),
    "key twice": ("key,predicted\na,cat\na,dog\n", r"1 keys are there more than once, such as 'a'"),
    "beyond one": ("key,predicted,confidence\na,cat,1.5\n", r"no probabilities in \[0, 1\], such as 1.5 in row 0"),
    "below zero": ("key,predicted,confidence\na,cat,0.5\nb,cat,-0.1\n", r"such as -0.1 in row 1"),
    "NaN": ("key,predicted,confidence\na,cat,NaN\n", r"such as nan in row 0"),
    "no predictions": ("key,answer\na,cat\n", r"tells no predictions: it has 'key', 'answer'"),
    "rank twice": ("key,top1,top2\na,cat,dog\nb,fox,fox\n", r"row 1 ranks a class twice: \[2, 2\]"),
    "two answers": ("key,predicted,top1\na,cat,dog\n", r"row 0 answers 0, but ranks 1 first"),
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
        npz(tmp_path, probabilities=SURE[None])
    with pytest.raises(BlockedError, match=r"expected a class in row 0, found 0\.7"):
        npz(tmp_path, predictions=SURE[0])
    with pytest.raises(BlockedError, match="row 1 holds an infinite value"):
        npz(tmp_path, logits=np.array([[0.5, 0.3, -np.inf], [0.5, np.inf, 0.2]]))
    with pytest.raises(BlockedError, match=r"expected one class an image, found float64 \(2, 3\)"):
        npz(tmp_path, predictions=SURE, labels=SURE)


def damaged(content: bytes) -> bytes:
    """One bit of the first array is another one."""
    place = content.index(b"NUMPY") + 200
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "change",
    [damaged, lambda content: content[: len(content) // 2], lambda _: b"hello"],
    ids=["bit", "cut", "other"],
)
@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_damaged_files_block_their_model(tmp_path, suffix, change):
    """Cut short, with another bit, or something else: never a crash of the run."""
    path = tmp_path / f"r{suffix}"
    if suffix == ".npz":
        np.savez(path, predictions=np.repeat(SURE, 50, axis=0), labels=np.arange(100) % 3)
    else:
        pq.write_table(pa.table({"key": list(map(str, range(100))), "predicted": [1] * 100}), path)
        change = change if change is not damaged else lambda content: content[:-8] + b"XXXX" + content[-4:]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BlockedError, match=f"recording {path} cannot be read"):
        read_recording(path, THREE)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    """Image 0001 is not image 1, and class 01 is not class 1, in a CSV as in Parquet."""
    own = named_space(["01", "02"])
    text = csv(tmp_path, "x,predicted,label,key\n1,02,01,0001\n2,02,02,0002\n", own)
    table = parquet(tmp_path, {"key": ["0001", "0002"], "label": ["01", "02"], "predicted": ["02", "02"]}, own)
    for found in (text, table):
        assert found.keys == ("0001", "0002")
        assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1], [1, 1])


def test_numbers_as_other_programs_write_them(tmp_path):
    """3.0 for 3, numbers for names of images, a byte order mark, columns in any order."""
    found = csv(tmp_path, "\ufeffconfidence,key,other,predicted\n0.5,7,x,2.0\n1,8,y,0.0\n")
    assert (found.keys, found.predicted.tolist(), found.confidence.tolist()) == (("7", "8"), [2, 0], [0.5, 1.0])


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float16(), 3)])
def test_every_kind_of_list_in_parquet(tmp_path, kind):
    """Libraries write lists in several ways; rows of different lengths are no matrix."""
    rows = SURE.astype(np.float16).tolist()
    columns = {"key": pa.array(["a", "b"], pa.large_string()), "probabilities": pa.array(rows, kind)}
    assert np.array_equal(parquet(tmp_path, columns).probabilities, rows)
    with pytest.raises(BlockedError, match="expected as many values in every row, found"):
        parquet(tmp_path, {"key": ["a", "b"], "logits": [[0.5, 1.0], [0.5]]})


def test_the_documented_examples_are_read(tmp_path, monkeypatch):
    """Both ways of docs/recorded.md, as they stand there."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "recorded.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    exec(code, {})  # noqa: S102  # the point of this test
    for name in ("phone.parquet", "phone.npz"):
        found = read_recording(tmp_path / name, THREE)
        assert (found.keys, found.labels.tolist()) == (("a.png", "b.png"), [0, 1])
        assert found.probabilities.shape == (2, 3)


def test_pandas_categories(tmp_path):
    """A column of categories is one of names."""
    kind = pa.dictionary(pa.int8(), pa.string())
    found = parquet(tmp_path, {"key": ["a", "b"], "predicted": pa.array(["fox", "cat"]).cast(kind)})
    assert found.predicted.tolist() == [2, 0]


def test_npz_of_classes(tmp_path):
    """Some call the answered classes `predictions`, some give names as bytes or labels as a column."""
    found = npz(tmp_path, predictions=np.array([0, 2]), labels=np.array([[0], [1]]), keys=np.array([b"a", b"b"]))
    assert (found.keys, found.predicted.tolist(), found.labels.tolist()) == (("a", "b"), [0, 2], [0, 1])
    assert found.probabilities is None


def test_a_pickle_is_not_opened(tmp_path):
    """Arrays of objects would run code."""
    np.savez(tmp_path / "r.npz", predictions=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BlockedError, match="cannot be read"):
        read_recording(tmp_path / "r.npz", THREE)


def test_half_precision_sums_are_close_enough(tmp_path):
    """Published softmaxes are not always float64."""
    assert npz(tmp_path, predictions=SURE.astype(np.float16)).predicted.tolist() == [0, 1]
