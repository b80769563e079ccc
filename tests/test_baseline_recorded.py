"""Baselines of recorded predictions: compared as far as they go, pinned like others, read as the candidate is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyechart.commands import main as cli
from eyechart.errors import NotApplicableError
from eyechart.judge.gates.baseline import StoredTables, ZooModel, compare, differences, stored_tables
from eyechart.judge.verdict import Bound
from eyechart.measures import accuracy, calibration_error
from eyechart.measures.measurement import take
from eyechart.predict.needs import Need
from eyechart.predict.run import Run
from tests.gate_project import project
from tests.image_files import put
from tests.recordings import PUBLISHED, REAL, judged, needs_data, recorded

SPACE = {"label_space": {"names": ["cat", "dog", "fox"]}}
PETS = {"pets": {"role": "validation", **SPACE}}
RIGHT = Bound(at_least=0.5)
COUNT = 40


def pets(folder: Path, name: str, right: int, *, sure: bool = False, image_set: str = "pets") -> dict[str, object]:
    """Record answers to 40 images of cats of which the first `right` are named; its entry in `models.yaml`."""
    rows = [f"k{n:02},cat,{'cat' if n < right else 'dog'}" + ",0.9" * sure for n in range(COUNT)]
    head = "key,label,predicted" + ",confidence" * sure
    put(folder / f"{name}.csv", ("\n".join([head, *rows]) + "\n").encode())
    return recorded(**{image_set: f"{name}.csv"})


def both(folder: Path, **more: bool) -> Run:
    """A run over a candidate that names 30 of 40 and a baseline that names 35."""
    return judged(folder, PETS, {"new": pets(folder, "new", 30, **more), "old": pets(folder, "old", 35)})


def test_recorded_models_are_compared_and_what_nobody_recorded_is_said(tmp_path: Path):
    """Neither tells its precision or preprocessing: no reason to refuse, and none to be silent."""
    run = both(tmp_path)
    compared = compare(accuracy(run.predictions(Need("new", "pets"))), RIGHT, run, ZooModel("old", run))
    lost, unknown = compared.loss, compared.not_known
    assert (lost.measure, lost.value, lost.count) == ("top1", 5 / COUNT, COUNT)
    assert unknown == "nobody recorded at which precision and preprocessing new and old answered"


def test_what_is_not_known_differs_from_nothing():
    """A live model and a recording can be compared; two live ones at two precisions cannot."""
    about = {"model": "toy", "image_set": "pets", "view": "original", "images": {"count": 2, "fingerprint": "ab"}}
    live = {**about, "views_version": 1, "checkpoint": {"precision": "fp32"}}
    assert differences(live, about) == differences(about, live) == []
    assert differences(live, {**live, "checkpoint": {"precision": "bf16"}}) == ["other precision (fp32 and bf16)"]
    assert differences(live, {**about, "view": "shift(8)"}) == ["other view (original and shift(8))"]


def test_what_a_baseline_does_not_tell_is_not_applicable(tmp_path: Path):
    """A baseline without confidence is no reason to call the candidate's calibration worse, or the run blocked."""
    run = both(tmp_path, sure=True)
    measured = calibration_error(run.predictions(Need("new", "pets")))
    for baseline in (ZooModel("old", run), stored_tables("old", _only(run, "old", tmp_path))):
        with pytest.raises(NotApplicableError, match="without the probability of its answers"):
            compare(measured, Bound(at_most=0.5), run, baseline)


def test_a_set_under_another_name_is_the_same_set(tmp_path: Path):
    """Its tables are found by content; the first run's name in them confuses nobody."""
    both(tmp_path)
    animals = {"animals": {"role": "validation", **SPACE}}
    models = {name: pets(tmp_path, name, right, image_set="animals") for name, right in (("new", 30), ("old", 35))}
    run = judged(tmp_path, animals, models)
    own = run.predictions(Need("new", "animals"))
    assert run.store.read_meta(run.address(Need("new", "animals")))["image_set"] == "pets"
    assert compare(accuracy(own), RIGHT, run, ZooModel("old", run)).loss.value == 5 / COUNT


def test_further_right_labels_are_right_for_the_baseline_too(tmp_path: Path):
    """An image that shows a cat and a dog: whoever names either is right."""
    run = both(tmp_path)
    own = run.predictions(Need("new", "pets"))
    several = replace(own, also=dict.fromkeys(own.keys[32:].tolist(), (1,)))
    assert compare(accuracy(several), RIGHT, run, ZooModel("old", run)).loss.value == 2 / COUNT
    stored = stored_tables("old", _only(run, "old", tmp_path))
    assert compare(accuracy(several), RIGHT, run, stored).loss.value == 2 / COUNT


def test_a_baseline_is_read_out_as_the_candidate_is(tmp_path: Path):
    """Other names of the images, other classes: what was made of its table is made of the baseline's."""
    run = both(tmp_path)
    rows = np.arange(COUNT - 1, 19, -1)

    def half(whole):
        kept = take(whole, rows)
        return replace(kept, keys=np.char.add("half/", kept.keys), labels=kept.labels + 1, predicted=kept.predicted + 1)

    own = replace(half(run.predictions(Need("new", "pets"))), derive=half)
    lost = compare(accuracy(own), RIGHT, run, ZooModel("old", run)).loss
    assert (lost.value, lost.count) == (5 / 20, 20)
    lost = compare(accuracy(take(own, np.arange(10))), RIGHT, run, ZooModel("old", run)).loss
    assert (lost.value, lost.count) == (5 / 10, 10)


def _only(run: Run, model: str, folder: Path) -> Path:
    """A copy of the one table of a model."""
    key = run.address(Need(model, "pets"))
    copy = folder / f"only-{model}.parquet"
    copy.write_bytes(run.store.table_path(key).read_bytes())
    return copy


BEHAVIOR = {
    "test_accuracy.py": '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy

@needs(validation)
def test_names_images(predictions, require):
    """Some images are named."""
    require(accuracy(predictions), at_least=0.30)
'''
}


def test_a_recording_is_pinned_and_compared_like_any_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The run says which tables it judged, so that exactly these are pinned, whatever else the store holds."""
    made = project(tmp_path / "project", BEHAVIOR)
    models = {name: pets(made.root, name, right) for name, right in (("new", 20), ("old", 40))}
    zoo = {"image_sets": PETS, "models": models}
    (made.root / "models.yaml").write_text(json.dumps({"zoos": {"miniature": zoo}}))
    assert made.pytest("behaviors/", "--model", "new", reports="other").code == 0
    assert made.pytest("behaviors/", "--model", "old").code == 0
    place = ["--store", str(made.store), "--reports", str(made.root / "reports")]
    assert cli.main(["baseline", "save", "shipped", *place]) == 0
    assert "pinned shipped: 1 table of old at fp32" in capsys.readouterr().out
    run = made.pytest("behaviors/", "--model", "new", "--baseline", "shipped", reports="compared")
    assert run.code == 1
    (twin,) = run.claims("new", "shipped").values()
    assert (twin["verdict"], twin["value"]) == ("fail", 0.5)
    assert "nobody recorded at which precision and preprocessing new and shipped answered" in twin["reason"]


def test_a_pin_of_what_is_gone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Half a baseline would leave claims without their twin."""
    reports = tmp_path / "reports"
    put(tmp_path / "store" / "predictions" / "there.parquet", b"")
    told = {"zoo": "mine", "models": {"old": "ab"}, "tables": {"old": ["gone", "there"]}, "precision": "fp32"}
    put(reports / "verdicts.json", json.dumps({"run": told}).encode())
    command = ["baseline", "save", "pin", "--store", str(tmp_path / "store"), "--reports", str(reports)]
    assert cli.main(command) == 2
    assert "1 of the 2 tables that the last run judged are gone" in capsys.readouterr().err


@needs_data
def test_the_published_recordings_through_the_gate(tmp_path: Path):
    """ViT loses nothing to ResNet-50, by one right label an image and by several."""
    files = {"resnet50": "ResNet50.csv", "vit": "ViT.csv"}
    models = {name: recorded(imagenet_1k=f"imagenet-x-predictions/{file}") for name, file in files.items()}
    sets = {name: PUBLISHED[name] for name in ("imagenet-1k", "imagenet-real")}
    run = judged(tmp_path, sets, models, images=REAL)
    for name, lost in (("imagenet-1k", (38065 - 39003) / 50_000), ("imagenet-real", (38855 - 39337) / 46_837)):
        measured = accuracy(run.predictions(Need("vit", name)))
        found = compare(measured, RIGHT, run, ZooModel("resnet50", run)).loss
        assert found.value == pytest.approx(lost, abs=1e-12)
        assert found.limits(0.025)[1] < 0.01
    assert isinstance(stored_tables("all", tmp_path / "store"), StoredTables)
