"""Pairs of checkpoints: which images are hard for both is one claim a pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eyechart.images.cue_conflict import CATEGORIES
from tests.coded import ALONE, model, picture
from tests.harness import ROOT, Judged, collected, run_pytest
from tests.image_files import put

BEHAVIOR = "test_shape_bias.py::test_two_checkpoints_find_the_same_images_hard[cue-conflict-vs-{}]"
MODELS = {
    "early": model("errs_on_ones"),
    "like-early": model("errs_on_ones", version="2"),
    "late": model("errs_on_twos"),
}
IMAGES = 12
"""Of each category: a third is hard for one model, a third for the other, a third for none."""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    """Cue-conflict images in the published layout, and three models."""
    root = tmp_path_factory.mktemp("pairs")
    names = list(CATEGORIES)
    for place, shape in enumerate(names):
        for number in range(1, IMAGES + 1):
            texture = names[(place + number) % len(names)]
            content = picture(CATEGORIES[shape][0], CATEGORIES[texture][0], ALONE + number % 3)
            put(root / "images" / shape / f"{shape}{number}-{texture}{number}.png", content)
    sets = {
        "cue-conflict": {"role": "cue-conflict", "reader": "folder", "path": "images", "label_space": "cue-conflict-16"}
    }
    (root / "models.yaml").write_text(json.dumps({"zoos": {"three": {"image_sets": sets, "models": MODELS}}}))
    return root


def arguments(zoo: Path, *more: str) -> list[object]:
    """Of a run that judges this behavior and no other."""
    named = ["--models", zoo / "models.yaml", "--zoo", "three", "--store", zoo / "store"]
    return [ROOT / "behaviors" / "test_shape_bias.py", *named, "-k", "same_images_hard", *more]


@pytest.fixture(scope="module")
def judged(zoo) -> Judged:
    """All three pairs."""
    return run_pytest(*arguments(zoo), reports=zoo / "reports")


def test_models_that_err_on_the_same_images_pass(judged):
    """Kappa is 1 where the same third is wrong."""
    (found,) = [each for each in judged.claims if each["model"] == "like-early"]
    assert (found["behavior"], found["versus"]) == (BEHAVIOR.format("early"), "early")
    assert (found["verdict"], found["value"], found["count"]) == ("pass", 1.0, 16 * IMAGES)


def test_models_whose_errors_exclude_each_other_fail(judged):
    """Kappa is (1/3 - 5/9) / (4/9) where each is wrong on a third of its own."""
    found = [each for each in judged.claims if each["model"] == "late"]
    assert {each["versus"] for each in found} == {"early", "like-early"}
    for each in found:
        assert each["behavior"] == BEHAVIOR.format(each["versus"])
        assert (each["verdict"], each["at_least"]) == ("fail", 0.0)
        assert each["value"] == pytest.approx(-0.5, abs=1e-12)


def test_one_pair_is_one_claim(zoo, judged):
    """Three models are three pairs; the claim is the later model's, and `versus` names the earlier."""
    pairs = [("like-early", "early"), ("late", "early"), ("late", "like-early")]
    assert sorted((each["model"], each["versus"]) for each in judged.claims) == sorted(pairs)
    assert collected(*arguments(zoo)) == {(first, BEHAVIOR.format(second)) for first, second in pairs}


def test_a_selected_model_is_compared_with_all_before_it(zoo, tmp_path):
    """`--model` selects whose claims are judged; the second model is predicted with though it was not selected."""
    made = run_pytest(*arguments(zoo, "--model", "late", "--store", str(tmp_path / "store")), reports=tmp_path)
    assert [(each["model"], each["versus"], each["verdict"]) for each in made.claims] == [
        ("late", "early", "fail"),
        ("late", "like-early", "fail"),
    ]
    assert set(made.run["models"]) == {"late"}
