"""What makes a prediction another one, and what does not: only its content, and all of its content."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

import eyechart.checkpoints.sources.python
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources.open_clip import OpenClipSpec
from eyechart.images.image_set import ImageSet
from eyechart.predict.needs import Need
from tests.harness import predict, toy, zoo_file

VALIDATION = Need("it", "validation")
CONTRACT = Need("it", "validation", contract="finite")


@pytest.fixture
def answers(store, tmp_path):
    """Predict with one toy model, changed as asked; returns how many answers that took."""

    def run(needs=(VALIDATION,), settings=None, **entry) -> int:
        zoo = zoo_file(tmp_path / "models.yaml", {"it": toy("probable", **{"returns": "probabilities"} | entry)})
        return predict(zoo, store, set(needs), **(settings or {})).cost.answers

    assert run() == 40
    assert run() == 0
    return run


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"factory": "tests.villains:boastful", "returns": "logits"},
        {"returns": "sigmoids"},
        {"preprocessing": {"crop": 64}},
        {"preprocessing": {"interpolation": "bilinear"}},
        {"settings": {"precision": "bf16"}},
        {"settings": {"limit": 41}},
        {"needs": [Need("it", "validation", "scale(1.25)")]},
        {"needs": [Need("it", "sketch")]},
    ],
    ids=repr,
)
def test_what_changes_the_answers_is_computed_anew_and_kept_apart(answers, change):
    """Weights, preprocessing, precision, view, images: each is part of the identity; what was there stays there."""
    assert answers(**change) == change.get("settings", {}).get("limit", 40)
    assert answers(**change) == 0
    assert answers() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"known_failures": {"test_a.py::test_b[c]": "Because."}},
        {"label_space": "miniature"},
        {"settings": {"limit": 40}},
    ],
    ids=["known_failures", "default", "limit"],
)
def test_what_does_not_change_the_answers_computes_nothing(answers, change):
    """An excuse, or a default written out, is no part of an identity."""
    assert answers(**change) == 0


def test_classes_of_another_name_are_other_classes(answers):
    """A label space of the same size is not the same label space."""
    with_own_names = {"names": [f"class {number}" for number in range(12)]}
    assert answers(label_space=with_own_names) == 0, "other classes than the images': blocked, not answered"


def test_more_needs_compute_only_what_is_missing(answers):
    """A second view costs its own answers, and a contract none."""
    assert answers([VALIDATION, Need("it", "validation", "scale(1.25)"), CONTRACT]) == 40
    assert answers([VALIDATION, Need("it", "validation", "scale(1.25)"), CONTRACT]) == 0


def test_models_that_answer_alike_share_and_others_do_not(store, tmp_path):
    """Two names of one checkpoint are answered once; two checkpoints of one class are not confused."""
    zoo = zoo_file(tmp_path / "models.yaml", {"a": toy("saint"), "b": toy("saint"), "c": toy("saint", version="2")})
    needs = {Need(name, "validation", contract=contract) for name in "abc" for contract in ("", "finite")}
    run = predict(zoo, store, needs)
    assert run.addresses[Need("a", "validation")] == run.addresses[Need("b", "validation")]
    assert run.addresses[Need("a", "validation")] != run.addresses[Need("c", "validation")]
    finite = [run.addresses[Need(name, "validation", contract="finite")] for name in "ab"]
    assert finite[0] == finite[1]
    assert run.cost.answers == 80


def test_an_edited_contract_is_searched_again(store, tmp_path, monkeypatch):
    """A contract's own text is part of its outcome's identity."""
    zoo = zoo_file(tmp_path / "models.yaml", {"it": toy("saint")})
    before = predict(zoo, store, {CONTRACT}).addresses[CONTRACT]
    assert predict(zoo, store, {CONTRACT}).cost.loads == {}
    monkeypatch.setattr("eyechart.predict.contracts.source_of", lambda name: "edited")
    again = predict(zoo, store, {CONTRACT})
    assert again.cost.loads == {"it": 1}
    assert again.addresses[CONTRACT] != before


def test_other_library_versions_are_resolved_again_and_answer_no_image(store, tmp_path, monkeypatch):
    """After an update of a library the checkpoint is loaded once to see what it is now; it answers nothing anew."""
    zoo = zoo_file(tmp_path / "models.yaml", {"it": toy("saint")})
    assert predict(zoo, store, {VALIDATION}).cost.answers == 40
    monkeypatch.setattr(eyechart.checkpoints.sources.python, "LIBRARIES", ("numpy",))
    again = predict(zoo, store, {VALIDATION})
    assert (again.cost.loads, again.cost.answers) == ({"it": 1}, 0)


def test_merges_and_prompts_count_as_weights(tmp_path):
    """They decide the text classifier: another merges file under the same name, or other prompts, is another model."""
    save_file({}, tmp_path / "w.safetensors")
    merges = tmp_path / "merges.txt"
    merges.write_text("a b\n")

    def identity(prompts) -> str:
        spec = OpenClipSpec(source="open_clip", architecture={}, weights="w.safetensors", merges="merges.txt",
                            prompts=prompts)  # fmt: skip
        return open_clip_source.weights(spec, tmp_path)

    first = identity(["a {}"])
    assert identity(["a {}"]) == first
    assert identity(["the {}"]) != first
    merges.write_text("a c\n")
    assert identity(["a {}"]) != first


def test_a_subset_is_the_same_whatever_else_is_there(store, tmp_path):
    """`--limit` takes the same images each time, a larger one contains a smaller one, and labels stay with images."""
    zoo = zoo_file(tmp_path / "models.yaml", {"it": toy("saint")})
    tables = [predict(zoo, store, {VALIDATION}, limit=limit).predictions(VALIDATION) for limit in (20, 40)]
    labels = [dict(zip(table.keys.tolist(), table.labels.tolist(), strict=True)) for table in tables]
    assert [len(table) for table in tables] == [20, 40]
    assert labels[0].items() <= labels[1].items()


def test_a_subset_does_not_depend_on_the_order_of_files():
    """It is drawn by the names of images: no class is preferred because it comes first."""
    keys = np.array([f"{name}/{number}" for name in ("bolt", "nut") for number in range(200)])

    def subset(order: np.ndarray) -> ImageSet:
        own, labels = keys[order], (order >= 200).astype(np.int64)
        return ImageSet("parts", "own", own, labels, {"key": own}, "f", lambda rows: list(own[rows])).limited(100)

    first, other = subset(np.arange(400)), subset(np.random.default_rng(0).permutation(400))
    assert set(first.keys) == set(other.keys)
    assert 30 < first.labels.sum() < 70
    for each in (first, other):
        assert each.read(np.arange(100)) == each.keys.tolist() == each.annotations["key"].tolist()
        assert (each.labels == [key.startswith("nut") for key in each.keys]).all()
        assert (each.limit, each.fingerprint != "f") == (100, True)
