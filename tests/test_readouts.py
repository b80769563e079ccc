"""Label spaces and readouts: what an answer means where the images have other classes than the model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eyechart.checkpoints import heads
from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.checkpoints.readouts import readout, softmax
from eyechart.errors import BlockedError, SpecError
from eyechart.images.cue_conflict import CATEGORIES
from eyechart.images.entries import NamedLabels, labels_of
from eyechart.images.labels import counted_space, label_space, mapped_space, named_space
from eyechart.predict.needs import Need
from tests.image_files import folder, put, zoo_of
from tests.recordings import judged

IMAGENET = label_space("imagenet-1k")


def logits(seed: int = 0, n: int = 50) -> np.ndarray:
    """Random answers about ImageNet's classes."""
    return np.random.default_rng(seed).normal(0, 3, (n, 1000)).astype(np.float32)


@pytest.mark.parametrize(("name", "shared"), [("imagenet-a-200", 86), ("imagenet-r-200", 86)])
def test_masks_come_before_the_softmax(name, shared):
    """Column k is the k-th wnid in sorted order, as folders sort; the other 800 classes take no probability."""
    space = label_space(name)
    assert len(space) == 200
    assert list(space.names) == sorted(space.names)
    masked = readout(IMAGENET, space).apply(logits())
    chosen = [IMAGENET.names.index(wnid) for wnid in space.names]
    assert np.array_equal(masked, logits()[:, chosen])
    both = set(label_space("imagenet-a-200").names) & set(label_space("imagenet-r-200").names)
    assert len(both) == shared


def test_sixteen_categories_by_mean_probability():
    """Sums would favor the category with 109 classes."""
    assert sum(map(len, CATEGORIES.values())) == 207
    read = softmax(readout(IMAGENET, label_space("cue-conflict-16")).apply(logits()))
    means = np.stack([softmax(logits())[:, list(members)].mean(axis=1) for members in CATEGORIES.values()], axis=1)
    assert np.allclose(read, means / means.sum(axis=1, keepdims=True), atol=1e-12)
    one = np.full((1, 1000), -50.0)
    one[0, 499] = 0.0
    assert readout(IMAGENET, label_space("cue-conflict-16")).apply(one).argmax() == list(CATEGORIES).index("knife")


@pytest.fixture
def clothes(tmp_path):
    """PUG-ImageNet's fault in small: one ImageNet class under two names."""
    mapping = {"Sweatshirt": [841], "Shirt": [841], "Wolf": [269, 270]}
    return put(tmp_path / "map.json", json.dumps(mapping).encode())


def test_a_class_under_two_names_is_right_under_both(clothes):
    """The published rule, in which Shirt can never be right, is an option."""
    both, last = mapped_space(clothes, "both"), mapped_space(clothes, "last")
    assert both.names == ("Shirt", "Sweatshirt", "Wolf")
    assert both.also == ((0, 1),)
    assert last.also == ()
    assert both.name != last.name


def test_mapped_answers_are_the_best_of_all_classes(clothes):
    """An answer that maps to no name is none of them."""
    answers = np.zeros((4, 1000))
    answers[[0, 1, 2, 3], [841, 270, 269, 5]] = 9.0
    read = readout(IMAGENET, mapped_space(clothes, "both")).apply(answers)
    assert read.shape == (4, 4)
    assert read.argmax(axis=1).tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize("content", ['["a"]', "no json", '{"a": [1000]}', "{}"])
def test_a_bad_mapping_is_blocked(tmp_path, content):
    """By its file."""
    with pytest.raises(BlockedError, match=r"bad\.json"):
        mapped_space(put(tmp_path / "bad.json", content.encode()), "both")


def test_the_same_names_need_no_readout():
    """And add nothing to an identity; other rules and other masks do, each its own."""
    assert readout(named_space("ab"), named_space("ab")).identity == ""
    found = {readout(IMAGENET, label_space(name)).identity for name in ("imagenet-a-200", "imagenet-r-200")}
    found |= {readout(IMAGENET, label_space("cue-conflict-16")).identity}
    assert len(found) == 3
    assert "" not in found


def test_spaces_that_do_not_fit_are_blocked():
    """With both sides' size."""
    with pytest.raises(BlockedError, match=r"'imagenet-1k' \(1000 classes\) cannot be read as 'classes-10' \(10"):
        readout(IMAGENET, counted_space(10))


def test_two_spaces_of_ones_own_are_two():
    """Unless their classes are the same, in the same order."""
    assert named_space(["a", "b"]).name == named_space(("a", "b")).name
    assert named_space(["a", "b"]).name != named_space(["b", "a"]).name


def all_knives(batch: np.ndarray) -> np.ndarray:
    """Answer 499, or 841 for dark images."""
    answers = np.zeros((len(batch), 1000), dtype=np.float32)
    dark = batch.reshape(len(batch), -1).mean(axis=1) < 100
    answers[np.arange(len(batch)), np.where(dark, 841, 499)] = 9.0
    return answers


def make_knives():
    """Factory of the checkpoint above."""
    return all_knives


def test_a_live_model_is_read_out_for_every_set(tmp_path, clothes):
    """One checkpoint, three label spaces: masks, categories and a mapping, each stored under its own key."""
    knife = IMAGENET.names[499]
    folder(tmp_path / "a", [f"{label_space('imagenet-r-200').names[0]}/x.png"])
    folder(tmp_path / "cues", ["knife/knife1-dog2.png"])
    folder(tmp_path / "pug", ["Shirt/x.png"])
    sets = {
        "knives": {"role": "validation", "reader": "folder", "path": "k", "label_space": {"names": [knife]}},
        "cues": {"role": "cue-conflict", "reader": "folder", "path": "cues", "label_space": "cue-conflict-16"},
        "pug": {"role": "synthetic", "reader": "folder", "path": "pug", "label_space": {"mapping": str(clothes)},
                "factors": ["Worlds"]},
    }  # fmt: skip
    folder(tmp_path / "k", [f"{knife}/x.png"])
    models = {"knives": {"source": "python", "factory": "tests.test_readouts:make_knives", "version": "1"}}
    run = judged(tmp_path, sets, models)
    assert run.predictions(Need("knives", "knives")).correct.all()
    assert run.predictions(Need("knives", "cues")).correct.all()
    answers = run.predictions(Need("knives", "pug"))
    assert answers.also == {"Shirt/x.png": (1,)}
    assert answers.predicted.tolist() in ([1], [3])
    assert answers.correct.tolist() == [answers.predicted[0] == 1]


PARTS = {"role": "validation", "reader": "folder", "path": "parts", "label_space": {"names": ["bolt", "nut"]}}
ADVERSARIAL = {"role": "shifted", "reader": "folder", "path": "a", "label_space": "imagenet-a-200"}
CUES = {"role": "cue-conflict", "label_space": "cue-conflict-16"}
MAPPED = {"role": "shifted", "reader": "folder", "path": "p", "label_space": {"mapping": "p.json"}}
PROBED = {"role": "transfer", "reader": "shards", "path": "t", "label_space": {"classes": 10}}
LIVE = {"source": "python", "factory": "a:b", "version": "1"}


@pytest.mark.parametrize(
    ("sets", "name"),
    [
        ({"parts": PARTS}, named_space(["bolt", "nut"]).name),
        ({"parts": PARTS, "more": {**PARTS, "role": "shifted"}, "probed": PROBED}, named_space(["bolt", "nut"]).name),
        ({"a": ADVERSARIAL, "cues": CUES, "mapped": MAPPED}, "imagenet-1k"),
        ({"parts": PARTS, "a": ADVERSARIAL}, "imagenet-1k"),
        ({"rendered": {"role": "validation", "reader": "rendered"}}, "miniature"),
    ],
    ids=["own", "own twice", "read out of imagenet", "several", "rendered"],
)
def test_a_model_that_states_no_label_space_has_that_of_the_images(tmp_path, sets, name):
    """Where they all have one; where they have several it is ImageNet's, and what it states itself always counts."""
    recorded = {"source": "recorded", "predictions": {"parts": "x.csv"}}
    models = {"silent": LIVE, "told": {**LIVE, "label_space": {"classes": 7}}, "recorded": recorded}
    found = zoo_of(tmp_path, sets, models).models
    assert labels_of(found["silent"].label_space).name == name
    assert labels_of(found["told"].label_space).name == "classes-7"
    assert found["recorded"].label_space is None


@pytest.mark.parametrize(
    ("name", "classes", "row_of_goldfish", "absent"),
    [
        ("imagenet-1k-background", 1_001, 2, 0),
        ("imagenet-12k", 11_821, 220, 7),
        ("imagenet-21k", 21_843, 368, 1),
        ("imagenet-22k", 21_841, 368, 1),
        ("imagenet-22k-ms", 21_842, 1, 0),
        ("imagenet-21k-miil", 11_221, 213, 9),
        ("imagenet-21k-miil-w21", 10_450, 213, 9),
    ],
)
def test_wider_heads_are_read_out_by_wnid(name, classes, row_of_goldfish, absent):
    """The logit of n01443537 (goldfish, ImageNet's class 1) lands in column 1, wherever the head has it."""
    space = label_space(name)
    assert len(space) == classes
    assert space.names[row_of_goldfish] == "n01443537"
    answers = np.zeros((1, classes), dtype=np.float32)
    answers[0, row_of_goldfish] = 7.0
    read = readout(space, IMAGENET)
    logits = read.apply(answers)
    assert (logits.shape, logits.dtype) == ((1, 1000), np.float32)
    assert (logits[0, 1], logits.argmax()) == (7.0, 1)
    assert np.isneginf(logits).sum() == absent
    assert (f"no output for {absent} of the 1,000" in read.note) == bool(absent)
    assert ("a softmax for each level of WordNet" in read.note) == ("miil" in name)
    names = set(space.names)
    assert [w for w, value in zip(IMAGENET.names, logits[0], strict=True) if np.isneginf(value)] == [
        w for w in IMAGENET.names if w not in names
    ]


def test_a_wider_head_is_read_out_as_categories_too():
    """First as ImageNet's classes, then as the 16 categories: the same as both steps by hand; a mapping likewise."""
    space = label_space("imagenet-21k")
    answers = np.random.default_rng(0).normal(0, 3, (20, len(space))).astype(np.float32)
    by_hand = readout(IMAGENET, label_space("cue-conflict-16")).apply(readout(space, IMAGENET).apply(answers))
    read = readout(space, label_space("cue-conflict-16"))
    assert np.array_equal(read.apply(answers), by_hand)
    assert "n04399382" in read.note
    assert read.identity != readout(IMAGENET, label_space("cue-conflict-16")).identity


def test_a_typing_error_is_no_class_that_a_head_lacks():
    """Names of one's own must all be there, also of a wider head; and a few classes that lack one are too few."""
    with pytest.raises(BlockedError, match=r"cannot be read as .*it lacks 'n0144353'\."):
        readout(label_space("imagenet-21k"), named_space(["n01443537", "n0144353"]))


def test_a_run_says_which_classes_a_head_never_names(tmp_path):
    """In the note of what was predicted, so that every verdict has it; and the answer is the right class."""
    folder(tmp_path / "k", ["n01443537/x.png"])
    sets = {"fish": {"role": "validation", "reader": "folder", "path": "k", "label_space": "imagenet-1k"}}
    wide = {"source": "python", "factory": "tests.test_readouts:make_goldfish", "label_space": "imagenet-12k"}
    run = judged(tmp_path, sets, {"wide": wide})
    assert run.predictions(Need("wide", "fish")).predicted.tolist() == [1]
    assert "has no output for 7 of the 1,000 (n02085782, " in run.notes(Need("wide", "fish"))


def make_goldfish():
    """Factory of a head for 11,821 classes that always names the goldfish."""
    return lambda batch: np.tile(np.arange(11_821) == 220, (len(batch), 1)) * np.float32(7)


def test_class_names_may_be_numbered():
    """As `id2label` has them, in any order; a number that is left out is told as no list."""
    assert NamedLabels(names={1: "nut", 0: "bolt"}).names == ("bolt", "nut")
    assert NamedLabels(names={"0": "bolt"}).names == ("bolt",)
    with pytest.raises(ValueError, match="valid tuple"):
        NamedLabels(names={0: "bolt", 2: "nut"})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"names": ["a", 7]}, r"NamedLabels\.names\.1: found 7"),
        ({"classes": "ten"}, r"CountedLabels\.classes: found 'ten'"),
        (["a", "b"], r"label_space: found \['a', 'b'\]: expected a name, \{names: \[\.\.\.\]\}, \{classes: N\}"),
    ],
)
def test_a_label_space_is_told_its_own_faults(tmp_path, labels, said):
    """In one line: not those that it would have as one of another kind."""
    with pytest.raises(SpecError, match=said) as refused:
        zoo_of(tmp_path, {"parts": {**PARTS, "label_space": labels}})
    assert "\n" not in str(refused.value).strip()


@pytest.mark.parametrize(
    ("outputs", "classes", "said"),
    [
        (1_001, 1_000, "label_space: imagenet-1k-background"),
        (21_843, 1_000, "label_space: imagenet-21k"),
        (11_221, 1_000, "label_space: imagenet-21k-miil`"),
        (19_168, 1_000, "no list of the classes"),
        (1_000, 1_000, ""),
        (3, 2, "names: [background"),
        (7, 2, ""),
    ],
)
def test_heads_are_known_by_their_size(outputs, classes, said):
    """The one key that maps them, or why none does."""
    assert said in heads.advice(outputs, classes)
    assert bool(said) == bool(heads.advice(outputs, classes))


def test_a_background_class_is_told_where_answers_have_one_too_many():
    """The message of an answer of another shape ends in the key."""
    preprocessing = Preprocessing(Geometry((8, 8), (8, 8)), (), ())
    resolved = Resolved("onnx", "", "", "", preprocessing, 1, 1000, "fp32")
    checkpoint = Checkpoint(resolved, lambda batch: np.zeros((len(batch), 1001), dtype=np.float32))
    with pytest.raises(BlockedError, match=r"\(2, 1000\); 1,001 outputs .*imagenet-1k-background"):
        checkpoint.answer(np.zeros((2, 8, 8, 3), dtype=np.uint8))
