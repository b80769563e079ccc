"""Published recordings give the published numbers: counts exactly, float64 numbers within 1e-9."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from eyechart.measures import Cues, accuracy, calibration_error, error_ratio, mean_error_ratio, only, shape_bias
from eyechart.measures.intervals import clopper_pearson
from eyechart.predict.needs import Need
from eyechart.predict.run import Run
from eyechart.reports.figures.figure import number, read_csv
from tests.harness import ROOT, Judged, run_pytest
from tests.published import BINS, ERRORS, RATIOS, RIGHT
from tests.recordings import PUBLISHED, REAL, judged, needs_data, recorded

pytestmark = needs_data

MODELS = {
    "resnet50": recorded(imagenet_1k="imagenet-x-predictions/ResNet50.csv"),
    "vit": recorded(imagenet_1k="imagenet-x-predictions/ViT.csv"),
    "vit-sup": recorded(cue_conflict="cue-conflict-decisions/cue-conflict_deit3-21k_session-1.csv"),
    "tv-resnet50": recorded(
        cue_conflict="cue-conflict-decisions/cue-conflict_tv-resnet50_session-1.csv",
        imagenet_1k="top5/resnet50-val.parquet",
        imagenet_v2="top5/resnet50-v2-matched-frequency.parquet",
    ),
    "tv-resnet18": recorded(
        imagenet_1k="top5/resnet18-val.parquet", imagenet_v2="top5/resnet18-v2-matched-frequency.parquet"
    ),
    "wide-resnet": recorded(cifar_10="softmax/wideresnet-16-4-cifar-10.npz"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Everything that is recorded, joined and stored."""
    return judged(tmp_path_factory.mktemp("published"), PUBLISHED, MODELS, images=REAL)


@pytest.mark.parametrize(
    ("model", "right", "relabeled", "ece"),
    [("resnet50", 38065, 38855, 0.03730791263658202), ("vit", 39003, 39337, 0.014125384529544056)],
)
def test_imagenet_accuracy_real_and_calibration(run, model, right, relabeled, ece):
    """Top-1 of 50,000, ReaL of 46,837, and the paper's calibration error."""
    answers = run.predictions(Need(model, "imagenet-1k"))
    assert accuracy(answers).value == right / 50_000
    assert (len(answers), int(answers.correct.sum())) == (50_000, right)
    again = run.predictions(Need(model, "imagenet-real"))
    assert (len(again), int(again.correct.sum())) == (46_837, relabeled)
    (found,) = [each for each in calibration_error(answers).companions if each.measure == "ece_15_equal_width"]
    assert found.value == pytest.approx(ece, abs=1e-9)


@pytest.mark.parametrize(("model", "column", "right"), [("resnet50", 1, 34430), ("vit", 2, 35394)])
def test_imagenet_x_errors_of_each_factor(run, model, column, right):
    """All 16 factors, without prototypes; their ratios to the error on all annotated images."""
    answers, index = run.predictions(Need(model, "imagenet-x")), run.index("imagenet-x")
    assert index["key"].to_pylist() == answers.keys.tolist()
    assert (len(answers), int(answers.correct.sum())) == (46_110, right)
    wrong = ~answers.correct
    found = {factor: index[factor].to_numpy() for factor in ERRORS}
    assert {factor: (int(inside.sum()), int(wrong[inside].sum())) for factor, inside in found.items()} == {
        factor: (row[0], row[column]) for factor, row in ERRORS.items()
    }
    for factor, ratio in RATIOS[model].items():
        assert wrong[found[factor]].mean() / wrong.mean() == pytest.approx(ratio, abs=1e-12)


@pytest.mark.parametrize(
    ("model", "times", "texture", "mean"),
    [("resnet50", 1.06120, 2.540356, 1.553988363), ("vit", 1.05666, 2.160486, 1.440695166)],
)
def test_ratios_to_the_error_on_all_validation_images(run, model, times, texture, mean):
    """The denominator of the paper's text: all 50,000 images, easier than the annotated ones, so every ratio grows."""
    answers, index = run.predictions(Need(model, "imagenet-x")), run.index("imagenet-x")
    overall = run.predictions(Need(model, "imagenet-1k"))
    factors = {factor: index[factor].to_numpy() for factor in ERRORS}
    for factor, inside in factors.items():
        annotated, everywhere = error_ratio(answers, inside), error_ratio(answers, inside, overall)
        assert everywhere.value / annotated.value == pytest.approx(times, abs=5e-6), factor
        assert everywhere.count == annotated.count == ERRORS[factor][0]
        low, high = everywhere.interval
        assert low < everywhere.value < high
    assert error_ratio(answers, factors["texture"], overall).value == pytest.approx(texture, abs=1e-6)
    averaged = mean_error_ratio(answers, factors)
    ratios = [error_ratio(answers, inside).value for inside in factors.values()]
    assert averaged.value == pytest.approx(np.mean(ratios), abs=1e-12)
    assert averaged.value == pytest.approx(mean, abs=2e-9)


CATEGORIES = {
    "vit-sup": {"airplane": (4, 48), "bicycle": (32, 21), "clock": (55, 11), "knife": (14, 39)},
    "tv-resnet50": {"airplane": (1, 42), "bird": (0, 50), "clock": (37, 20), "knife": (0, 45)},
}
"""Category of the shape → decisions by shape and by texture, as published."""


@pytest.mark.parametrize("model", CATEGORIES)
def test_shape_bias_of_a_category(run, model):
    """Seventy-five images of ten shapes each: known less well than so many images would be, never better."""
    answers, index = run.predictions(Need(model, "cue-conflict")), run.index("cue-conflict")
    columns = ("shape", "texture", "content_image", "texture_image")
    cues = Cues(*(index[column].to_numpy(zero_copy_only=False) for column in columns))
    names = sorted({str(name).rstrip("0123456789") for name in cues.content_images})
    for category, (by_shape, by_texture) in CATEGORIES[model].items():
        inside = cues.shapes == names.index(category)
        assert len(set(cues.content_images[inside])) == 10
        found = shape_bias(only(answers, inside), cues.where(inside))
        assert (found.value, found.count) == (by_shape / (by_shape + by_texture), by_shape + by_texture)
        (low, high), alone = found.interval, clopper_pearson(by_shape, by_shape + by_texture, 0.025)
        assert low <= alone[0] < alone[1] <= high
        assert high > 0.3 or by_shape


@pytest.mark.parametrize(
    ("model", "by_shape", "by_texture", "right"), [("vit-sup", 340, 513, 415), ("tv-resnet50", 170, 621, 234)]
)
def test_cue_conflict_decisions(run, model, by_shape, by_texture, right):
    """Decisions for the shape and for the texture where they differ, and the accuracy on all 1,280 images."""
    answers, index = run.predictions(Need(model, "cue-conflict")), run.index("cue-conflict")
    shapes, textures = index["shape"].to_numpy(), index["texture"].to_numpy()
    conflict = shapes != textures
    assert (len(answers), int(conflict.sum()), int(answers.correct.sum())) == (1280, 1200, right)
    assert int((conflict & (answers.predicted == shapes)).sum()) == by_shape
    assert int((conflict & (answers.predicted == textures)).sum()) == by_texture


@pytest.mark.parametrize(
    ("model", "name", "first", "five"),
    [
        ("tv-resnet50", "imagenet-1k", 0.7613, 0.92862),
        ("tv-resnet18", "imagenet-1k", 0.69758, 0.89076),
        ("tv-resnet50", "imagenet-v2", 0.6333, 0.8465),
        ("tv-resnet18", "imagenet-v2", 0.5718, 0.8019),
    ],
)
def test_top_five(run, model, name, first, five):
    """Top-1 and top-5; a table of classes has no probabilities, and says so when asked."""
    answers = run.predictions(Need(model, name))
    assert accuracy(answers).value == first
    among = (answers.ranked(5) == answers.labels[:, None]).any(axis=1)
    assert among.mean() == five
    with pytest.raises(LookupError, match="recorded without the probability"):
        calibration_error(answers)
    with pytest.raises(LookupError, match="tells its 5 best answers, not 6"):
        answers.ranked(6)


def test_softmax_of_cifar_10(run):
    """Accuracy, calibration error, likelihood and Brier score of a full softmax that brings its own labels."""
    answers = run.predictions(Need("wide-resnet", "cifar-10"))
    found = {each.measure: each.value for each in calibration_error(answers).companions}
    assert accuracy(answers).value == 0.9109
    assert found["ece_15_equal_width"] == pytest.approx(0.05371629542112352, abs=1e-9)
    assert found["nll"] == pytest.approx(0.37816958639618814, abs=1e-9)
    assert found["brier"] == pytest.approx(0.14387109174081647, abs=1e-9)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Judged:
    """What `pytest behaviors/` leaves about the zoo of all recordings, figures too."""
    folder = tmp_path_factory.mktemp("judged")
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"published": {"image_sets": PUBLISHED, "models": MODELS}}}))
    made = run_pytest(
        ROOT / "behaviors", f"--models={file}", "--zoo=published", f"--data={REAL}", f"--store={folder / 'store'}",
        reports=folder / "reports", EYECHART_FIGURES="",
    )  # fmt: skip
    assert made.code in (0, 10), made.text
    return made


@pytest.fixture(scope="module")
def verdicts(made) -> list[dict]:
    """The records of that run."""
    return list(made.data["verdicts"])


CUES = "test_shape_bias.py::test_shape_counts_beside_texture[cue-conflict]"
"""The claim about the shape bias of all images, beside those of each category."""

MEASURED = {
    ("resnet50", "imagenet-1k", "top1"): 0.76130,
    ("vit", "imagenet-1k", "top1"): 0.78006,
    ("resnet50", "imagenet-real", "top1"): 38_855 / 46_837,
    ("vit", "imagenet-real", "top1"): 39_337 / 46_837,
    ("resnet50", "imagenet-1k", "ece_15_equal_width"): 0.03730791263658202,
    ("vit", "imagenet-1k", "ece_15_equal_width"): 0.014125384529544056,
    ("vit-sup", "cue-conflict", "top1"): 0.32421875,
    ("tv-resnet50", "cue-conflict", "top1"): 0.18281250,
    ("tv-resnet50", "imagenet-1k", "top1"): 0.7613,
    ("tv-resnet50", "imagenet-1k", "top5"): 0.92862,
    ("tv-resnet18", "imagenet-1k", "top1"): 0.69758,
    ("tv-resnet18", "imagenet-1k", "top5"): 0.89076,
    ("tv-resnet50", "imagenet-v2", "top1"): 0.6333,
    ("tv-resnet50", "imagenet-v2", "top5"): 0.8465,
    ("tv-resnet18", "imagenet-v2", "top1"): 0.5718,
    ("tv-resnet18", "imagenet-v2", "top5"): 0.8019,
    ("wide-resnet", "cifar-10", "top1"): 0.9109,
    ("wide-resnet", "cifar-10", "ece_15_equal_width"): 0.05371629542112352,
    ("wide-resnet", "cifar-10", "nll"): 0.37816958639618814,
    ("wide-resnet", "cifar-10", "brier"): 0.14387109174081647,
}  # fmt: skip
"""(model, image set, measure) → the value, computed independently."""


def test_every_value_comes_out_of_a_run(verdicts):
    """Counts and their ratios exactly, the others within 1e-9; nothing is blocked."""
    records = {(r["model"], r["image_set"], r["measure"]): r["value"] for r in verdicts if r["measure"]}
    assert {key: records.get(key) for key in MEASURED} == {
        key: pytest.approx(value, abs=1e-9 if key[2][:3] in ("ece", "nll", "bri") else 0.0)
        for key, value in MEASURED.items()
    }
    biases = {r["model"]: r["value"] for r in verdicts if r["behavior"] == CUES and r["measure"] == "shape_bias"}
    assert biases == {"vit-sup": 340 / (340 + 513), "tv-resnet50": 170 / (170 + 621)}
    assert not [r for r in verdicts if r["verdict"] in ("blocked", "fail")]


@pytest.mark.parametrize(("model", "column", "right"), [("resnet50", 1, 34430), ("vit", 2, 35394)])
def test_every_error_ratio_comes_out_of_a_run(verdicts, model, column, right):
    """All 16, to the last digit."""
    found = {
        r["behavior"].partition("[imagenet-x-")[2].rstrip("]"): r["value"]
        for r in verdicts
        if r["measure"] == "error_ratio" and r["model"] == model
    }
    usual = (46_110 - right) / 46_110
    assert found == {factor: pytest.approx(row[column] / row[0] / usual, rel=1e-14) for factor, row in ERRORS.items()}
    assert {factor: found[factor] for factor in RATIOS[model]} == pytest.approx(RATIOS[model], abs=1e-14)


def test_what_a_recording_cannot_answer_is_not_applicable(verdicts):
    """Calibration without probabilities, contracts, views and searches without a model; each with the reason."""
    reasons = {(r["model"], r["behavior"]): r["reason"] for r in verdicts if r["verdict"] == "not_applicable"}
    calibration = "test_calibration.py::test_confidence_matches_accuracy[imagenet-v2]"
    assert "recorded without the probability of its answers" in reasons["tv-resnet18", calibration]
    contract = "test_contract.py::test_an_answer_repeats[imagenet-1k]"
    assert "contract 'repeatable' needs a live model" in reasons["resnet50", contract]
    searched = [reason for (_, behavior), reason in reasons.items() if "search '" in reason]
    assert searched
    assert all("needs a live model" in reason for reason in searched)


def test_a_limit_keeps_the_join_whole(tmp_path):
    """A recording of all images serves a subset of them; parts of the set are those of the subset."""
    run = judged(tmp_path, PUBLISHED, {"vit": MODELS["vit"]}, images=REAL, limit=500)
    assert len(run.predictions(Need("vit", "imagenet-1k"))) == 500
    part = run.predictions(Need("vit", "imagenet-real"))
    assert 400 < len(part) < 500
    assert np.isin(part.keys, run.predictions(Need("vit", "imagenet-1k")).keys).all()


def rows_of(made: Judged, figure: str) -> list[dict[str, str]]:
    """The data of one figure of the run."""
    return read_csv((made.reports / "figures" / f"{figure}.csv").read_bytes().decode())


@pytest.mark.parametrize("model", BINS)
def test_the_reliability_diagram_shows_the_published_bins(made, model):
    """Counts exactly, accuracies to six digits; each interval holds its accuracy, and the gaps add up to the ECE."""
    rows = [row for row in rows_of(made, "reliability-imagenet-1k") if row["model"] == model]
    assert tuple(int(row["images"]) for row in rows) == BINS[model]
    assert [number(row, "accuracy") for row in rows] == pytest.approx(RIGHT[model], abs=5e-7)
    assert all(number(row, "low") <= number(row, "accuracy") <= number(row, "high") for row in rows)
    added = sum(number(row, "share") * abs(number(row, "gap_of_bin")) for row in rows)
    assert added == pytest.approx(MEASURED[model, "imagenet-1k", "ece_15_equal_width"], abs=1e-12)
    assert number(rows[0], "ece_equal_width") == pytest.approx(added, abs=1e-12)


@pytest.mark.parametrize(("model", "column", "mean"), [("resnet50", 1, 1.553988363), ("vit", 2, 1.440695166)])
def test_the_factors_figure_shows_the_published_ratios(made, model, column, mean):
    """Every factor with its images, and their mean."""
    rows = {row["part"]: row for row in rows_of(made, "error-ratio-imagenet-x") if row["model"] == model}
    assert {part: int(row["count"]) for part, row in rows.items() if part in ERRORS} == {
        part: row[0] for part, row in ERRORS.items()
    }
    assert number(rows["mean of factors"], "value") == pytest.approx(mean, abs=2e-9)
    usual = 1 - {1: 34430, 2: 35394}[column] / 46_110
    for part, row in ERRORS.items():
        assert number(rows[part], "value") == pytest.approx(row[column] / row[0] / usual, rel=1e-14)


@pytest.mark.parametrize("model", CATEGORIES)
def test_the_shape_figure_shows_the_published_decisions(made, model):
    """Each category, the line of all, and people's and ResNet-50's marks."""
    every = rows_of(made, "shape-bias-cue-conflict")
    rows = {row["part"]: number(row, "value") for row in every if row["model"] == model}
    for category, (shape, texture) in CATEGORIES[model].items():
        assert rows[category] == pytest.approx(shape / (shape + texture), rel=1e-14)
    assert rows[""] == {"vit-sup": 340 / 853, "tv-resnet50": 170 / 791}[model]
    assert {row["model"]: row["value"] for row in every if row["published"]} == {
        "people": "0.9587",
        "ResNet-50": "0.2149",
    }


def test_the_figure_of_shifted_sets_shows_the_published_accuracies(made):
    """ImageNet-V2 and ReaL beside the accuracy on ImageNet, and how far apart the two ResNets are, paired."""
    rows = {(row["panel"], row["part"], row["model"]): row for row in rows_of(made, "accuracy-shifted")}
    for (model, name, measure), value in MEASURED.items():
        if measure == "top1" and name.startswith("imagenet"):
            assert number(rows["accuracy", name, model], "value") == value
    assert number(rows["accuracy", "imagenet-v2", "tv-resnet50"], "other") == 0.7613
    lead = rows["lead over resnet50", "imagenet-1k", "vit"]
    assert number(lead, "value") == pytest.approx(0.78006 - 0.76130, abs=1e-12)
    assert number(lead, "high") - number(lead, "low") < 0.008, "by what the same images tell of both"


def test_open_claims_of_a_recording_name_their_images(made):
    """There are no pixels: names, labels as words, and how sure."""
    shown = json.loads((made.reports / "figures" / "index.json").read_text())
    claim = "vit|test_mistakes.py::test_a_factor_costs_at_most_twice_the_usual_errors[imagenet-x-texture]"
    entries = shown["pictures"][claim]
    assert len(entries) == 8
    assert all(entry["key"].startswith("ILSVRC2012_val_") and entry["thumbnail"] is None for entry in entries)
    assert not any(re.search(r"n\d{8}", entry["sentence"]) for entry in entries)
    confused = shown["classes"]["vit|imagenet-1k"]["confused"]
    assert [row[2] for row in confused] == sorted((row[2] for row in confused), reverse=True)
    assert all(low <= value <= high for _, value, low, high, _ in shown["classes"]["vit|imagenet-1k"]["accuracy"])


def test_every_figure_is_drawn(made):
    """Each has its drawing, and belongs to claims that were made."""
    figures = json.loads((made.reports / "figures" / "index.json").read_text())["figures"]
    assert {"reliability-imagenet-1k", "error-ratio-imagenet-x", "shape-bias-cue-conflict"} <= {
        figure["name"] for figure in figures
    }
    claims = {"|".join(filter(None, (r["model"], r["behavior"], r["versus"]))) for r in made.claims}
    assert [figure["name"] for figure in figures if figure["kind"] == "table"] == ["checkpoints"]
    for figure in (each for each in figures if each["kind"] != "table"):
        assert (made.reports / "figures" / figure["svg"]).read_text().startswith("<svg ")
        assert set(figure["claims"]) <= claims
        assert figure["claims"]
