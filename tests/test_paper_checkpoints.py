"""The paper's zoo as it ships, judged on the paper's own checkpoints, drawn as published: what fails has a reason."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from eyechart.zoo.zoo import read_zoo
from tests import paper_numbers as paper
from tests.harness import ROOT, Judged, run_pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("imagenet_x") is None, reason="the package imagenet-x is not installed"
    ),
]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run over everything that the zoo claims."""
    folder = tmp_path_factory.mktemp("paper")
    mapping = folder / "data" / "PUG_IMAGENET" / "class_to_imagenet_idx.json"
    mapping.parent.mkdir(parents=True)
    mapping.write_text(json.dumps({f"Class{number:03}": [number] for number in range(151)}))
    named = ["--zoo", "paper", "--data", folder / "data", "--store", folder / "store"]
    return run_pytest("behaviors/", *named, "-p", "tests.paper_checkpoints", reports=folder / "reports")


def value(judged: Judged, model: str, behavior: str, measure: str = "") -> float:
    """What was measured for a claim, or beside it."""
    records = judged.data["verdicts"] if measure else judged.claims
    (record,) = [
        each
        for each in records
        if each["model"] == model
        and each["behavior"].endswith(f"::{behavior}")
        and (not measure or each["measure"] == measure)
    ]
    return float(record["value"])


def test_the_paper_zoo_passes_on_the_papers_checkpoints(judged: Judged):
    """Nothing fails without a reason, is blocked, or is excused although it holds; only open questions are left."""
    unexcused = [
        (each["model"], each["behavior"], each["value"], each["reason"])
        for each in judged.claims
        if each["verdict"] in ("fail", "blocked") and not each["known_failure"]
    ]
    assert unexcused == []
    assert judged.run["troubles"] == []
    assert judged.code in (0, 10), judged.text[-2000:]


def test_every_excuse_names_the_published_number(judged: Judged):
    """By its section; and none is for a promise that the published numbers keep."""
    zoo = read_zoo(ROOT / "models.yaml", "paper")
    verdicts = {(each["model"], each["behavior"]): each["verdict"] for each in judged.claims}
    for model, spec in zoo.models.items():
        for behavior, known in spec.known_failures.items():
            assert "(§3." in known.reason, behavior
            assert verdicts[model, behavior] in ("fail", "inconclusive", "not_applicable"), (model, behavior)


def test_only_untold_levels_and_the_leaked_task_are_not_judged(judged: Judged):
    """All 108,754 test images of SUN397 are training images; its group is judged without it."""
    reasons = {each["behavior"]: each["reason"] for each in judged.claims if each["verdict"] == "not_applicable"}
    leaked = reasons.pop("test_transferability.py::test_features_serve_another_task[sun397]")
    assert "all 108,754 images of 'sun397' are training images too, byte for byte" in leaked
    assert len(reasons) == len(paper.RENDERED)
    assert all("nothing tells levels of the factor apart" in reason for reason in reasons.values())
    natural = ("caltech101", "cifar100", "dtd", "flowers", "pets", "svhn")
    for model in paper.MODELS:
        mean = sum(paper.of(model, paper.TASKS[name]) for name in natural) / len(natural)
        assert value(judged, model, "test_features_serve_a_group_of_tasks[natural]") == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize("model", paper.MODELS)
def test_the_published_numbers_come_out(judged: Judged, model: str):
    """Of every kind, through the measures that judge: what is drawn is what was published."""

    def near(behavior: str, row: tuple[Any, ...], error: float, measure: str = "") -> None:
        assert value(judged, model, behavior, measure) == pytest.approx(paper.of(model, row), abs=error), behavior

    near("test_names_what_images_show[imagenet-1k]", paper.ACCURACY["imagenet-1k"], 1e-4)
    for name in ("imagenet-v2", "imagenet-a", "imagenet-r", "imagenet-sketch", "imagenet-hard", "imagenet-real"):
        near(f"test_images_of_another_source_are_named[{name}]", paper.ACCURACY[name], 1e-4)
    for name, row in paper.CALIBRATION.items():
        near(f"test_confidence_matches_accuracy[{name}]", row, 0.003, "ece_15_equal_width")
    for factor, row in paper.ERROR_RATIOS.items():
        near(f"test_a_factor_costs_at_most_twice_the_usual_errors[imagenet-x-{factor}]", row, 0.03)
    for factor, row in paper.RENDERED.items():
        near(f"test_objects_are_named_along_a_sweep[pug-imagenet-{factor}]", row, 1e-3)
    missed = tuple(1 - share for share in paper.ACCURACY["imagenet-c"])
    near("test_corruptions_leave_a_third_of_the_answers[imagenet-c]", missed, 2e-3)
    shapes, textures = (sum(paper.of(model, row)[cue] for row in paper.CUE_DECISIONS.values()) for cue in (0, 1))
    assert value(judged, model, "test_shape_counts_beside_texture[cue-conflict]") == shapes / (shapes + textures)


def test_the_papers_own_views_keep_bounds_that_its_checkpoints_keep(judged: Judged, tmp_path: Path):
    """`protocol: {views: paper}`: three times as large costs a third of the images, 640 pixels up to half."""
    text = (ROOT / "models.yaml").read_text()
    own = "    findings: arxiv-2311.09215\n"
    assert text.count(own) == 1
    (tmp_path / "models.yaml").write_text(text.replace(own, f"{own}    protocol: {{views: paper}}\n"))
    store = judged.reports.parent / "store"
    named = ["--models", tmp_path / "models.yaml", "--zoo", "paper", "--data", store.parent / "data", "--store", store]
    run = run_pytest("behaviors/test_invariance.py", *named, "-p", "tests.paper_checkpoints", reports=tmp_path / "out")
    assert run.code == 0, run.text[-2000:]
    scaled = "test_accuracy_survives_enlargement[imagenet-1k-scale(3)]"
    assert value(run, "convnext-clip", scaled) == pytest.approx(0.662 - 0.330, abs=1e-4)
    resized = "test_accuracy_survives_another_resolution[imagenet-1k-resolution(640)]"
    assert value(run, "convnext-clip", resized) == pytest.approx(0.662 - 0.189, abs=1e-4)
