"""Baselines as their users meet them: another model, a pinned run, a folder; and what is refused."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from pathlib import Path

import pytest

from eyechart.commands import main as cli
from tests.gate_project import Judged, Project, Toy, project


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """A project with a good checkpoint, one that is as good, and one that lost eight points."""
    made = project(tmp_path / "project")
    made.fill({"old": Toy(0.85), "same": Toy(0.85, seed=1), "worse": Toy(0.77, seed=2)})
    return made


def outcomes(run: Judged, model: str, versus: str) -> Counter[str]:
    """Verdicts of a model's twins."""
    return Counter(record["verdict"] for record in run.claims(model, versus).values())


def test_every_measured_behavior_gets_its_twin(made: Project):
    """Six claims, six twins; none of a model with itself; own claims are judged as without a baseline."""
    alone = made.pytest("behaviors/", reports="alone").claims()
    run = made.pytest("behaviors/", "--baseline", "old")
    assert run.claims() == alone
    assert not run.claims("old", "old")
    twins = run.claims("worse", "old")
    assert len(twins) == 6
    accuracy = twins["test_accuracy.py::test_names_images[validation]"]
    assert accuracy["verdict"] == "fail"
    assert accuracy["margin"] == 0.01
    assert accuracy["at_most"] is accuracy["at_least"] is None
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert 0.06 < accuracy["value"] < 0.10
    assert "fail" not in outcomes(run, "same", "old")
    assert run.code == 1
    assert "No worse than old by more than 0.01" in run.text


def test_what_the_images_cannot_show_of_the_baseline_is_not_promised(tmp_path: Path):
    """400 images show no calibration error within a point, be it of the same weights: exit 0; a large loss is told."""
    few = project(tmp_path / "few")
    few.fill({"old": Toy(0.85), "same": Toy(0.85), "worse": Toy(0.75, overstates=0.2, seed=2)}, images=400)
    green = few.pytest("behaviors/", "--baseline", "old", "--model", "same", "-k", "vs-old", reports="same")
    assert green.code == 0, green.text
    assert outcomes(green, "same", "old") == {"pass": 3, "not_applicable": 3}
    record = green.claims("same", "old")["test_calibration.py::test_confidence[validation]"]
    assert (record["measure"], record["value"], record["margin"]) == ("ece_15_equal_mass_debiased", 0.0, 0.01)
    assert record["reason"].startswith("400 images cannot show of any checkpoint that it lost at most 0.01")
    red = few.pytest("behaviors/test_calibration.py", "--baseline", "old", "--model", "worse", "-k", "vs-old")
    assert red.code == 1
    assert outcomes(red, "worse", "old") == {"fail": 1}


def test_workers_and_selections_agree_on_twins(made: Project):
    """Bit for bit, as for any claim."""
    whole = made.pytest("behaviors/", "--baseline", "old", reports="whole").claims("worse", "old")
    parts = {
        "workers": ["behaviors/", "-n", "2"],
        "node": ["behaviors/test_accuracy.py::test_names_images[worse-sketch-vs-old]"],
        "twins": ["behaviors/", "-k", "vs-old and worse"],
    }
    for name, arguments in parts.items():
        part = made.pytest(*arguments, "--baseline", "old", reports=name).claims("worse", "old")
        assert part
        assert part == {key: whole[key] for key in part}, name


def test_a_margin_of_the_zoo_replaces_the_default(made: Project):
    """Ten points are allowed here, so eight are fine."""
    margins = {"top1": {"margin": 0.12, "reason": "A smaller network, on purpose."}}
    made.declare({"old": {}, "same": {}, "worse": {}}, margins=margins)
    run = made.pytest("behaviors/test_accuracy.py", "--baseline", "old", "--model", "worse")
    assert outcomes(run, "worse", "old") == {"pass": 2}
    assert {record["margin"] for record in run.claims("worse", "old").values()} == {0.12}


def test_a_margin_that_decides_nothing_is_told(made: Project):
    """A name nearly like a measure's ends the run; another one may be a measure of the project's own, or a mistake."""
    margins = {"top_1": {"margin": 0.001, "reason": "Tight."}}
    made.declare({"old": {}, "same": {}}, margins=margins)
    misspelled = made.pytest("behaviors/", "--baseline", "old")
    assert misspelled.code == 4
    assert "no measure is called 'top_1'; did you mean 'top1'?" in misspelled.text
    made.declare({"old": {}, "same": {}}, margins={"mine": margins["top_1"], "top1": margins["top_1"]})
    run = made.pytest("behaviors/", "--baseline", "old")
    assert "'mine' in" in run.text
    assert "is the measure of no claim" in run.text
    assert "'top1' in" not in run.text
    assert "is the measure of no claim" not in made.pytest("behaviors/", "--baseline", "old", "-k", "kept").text


def test_a_baseline_that_nothing_is_compared_with_is_refused(made: Project):
    """The one model that is judged cannot be its own baseline: such a run would be green for any change."""
    run = made.pytest("behaviors/", "--model", "old", "--baseline", "old")
    assert run.code == 4
    assert "--baseline 'old' is the only model judged" in run.text


@pytest.mark.parametrize(
    ("margin", "text"), [(-0.01, "how much worse"), (3, "is a share"), (math.inf, "a finite number")]
)
def test_a_wrong_margin_ends_the_run_with_its_place(made: Project, margin: float, text: str):
    """Pytest's usage error, which names the file."""
    made.declare({"old": {}}, margins={"top1": {"margin": margin, "reason": "A mistake."}})
    run = made.pytest("behaviors/", "--baseline", "old")
    assert run.code == 4
    assert text in run.text
    assert "models.yaml" in run.text


def test_a_pinned_run_stays_what_it_was(made: Project, capsys: pytest.CaptureFixture[str]):
    """`save` copies what the last run judged; `list` shows it; `--baseline NAME` compares with it."""
    made.pytest("behaviors/", "--model", "old")
    place = ["--store", str(made.store)]
    saving = ["baseline", "save", "release-3", *place, "--reports", str(made.root / "reports")]
    assert cli.main(saving) == 0
    assert cli.main(saving) == 2
    assert cli.main(["baseline", "list", *place]) == 0
    said = capsys.readouterr()
    assert "release-3  pinned" in said.out
    assert "4 tables, fp32" in said.out
    assert "is pinned already" in said.err
    shutil.rmtree(made.store / "predictions")
    made.answer("worse", Toy(0.77, seed=2))
    run = made.pytest("behaviors/", "--model", "worse", "--baseline", "release-3")
    assert outcomes(run, "worse", "release-3")["fail"] >= 2, run.text
    assert run.claims("worse", "release-3").keys() == run.claims("worse").keys()


def test_a_name_that_could_mean_two_things_is_refused(made: Project, capsys: pytest.CaptureFixture[str]):
    """A pin may not be called like a model; a name that means nothing gets its nearest match."""
    made.pytest("behaviors/", "--model", "old")
    place = ["--store", str(made.store), "--reports", str(made.root / "reports")]
    assert cli.main(["baseline", "save", "old", *place]) == 2
    assert "a model of zoo miniature has this name" in capsys.readouterr().err
    assert cli.main(["baseline", "save", "../out", *place]) == 2
    run = made.pytest("behaviors/", "--baseline", "wors")
    assert run.code == 4
    assert "did you mean 'worse'?" in run.text


def blocked_reasons(run: Judged, model: str, versus: str) -> set[str]:
    """Why a model's twins are blocked; all of them must be."""
    twins = run.claims(model, versus).values()
    assert {record["verdict"] for record in twins} == {"blocked"}, run.text
    return {record["reason"] for record in twins}


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (Toy(0.85, precision="bf16"), "other precision (fp32 and bf16)"),
        (Toy(0.85, resize=80), "other preprocessing, resize (None and [80, 80])"),
    ],
)
def test_what_was_predicted_otherwise_is_not_compared(made: Project, tmp_path: Path, other: Toy, text: str):
    """Another precision or preprocessing is no change of the checkpoint: the twins are blocked, the claims judged."""
    elsewhere = project(tmp_path / "elsewhere")
    elsewhere.fill({"old": other})
    run = made.pytest("behaviors/", "--model", "same", f"--baseline={elsewhere.store}")
    assert run.code == 1
    assert {record["verdict"] for record in run.claims("same").values()} == {"pass"}
    assert all(text in reason for reason in blocked_reasons(run, "same", "store"))


def test_other_images_and_missing_views_are_named(made: Project, tmp_path: Path):
    """Fewer images, and a baseline that never saw a view."""
    elsewhere = project(tmp_path / "elsewhere")
    elsewhere.fill({"old": Toy(0.85)}, images=2000)
    run = made.pytest("behaviors/", "--model", "same", f"--baseline={elsewhere.store}")
    reasons = blocked_reasons(run, "same", "store")
    assert all("other images (3,000 of" in reason and "and 2,000 of" in reason for reason in reasons)
    for table in (elsewhere.store / "predictions").glob("*.parquet"):
        shutil.copy(table, tmp_path / "one.parquet")
    single = made.pytest("behaviors/", "--model", "same", "--baseline", tmp_path / "one.parquet", reports="single")
    assert all("other images" in reason for reason in blocked_reasons(single, "same", "one"))
    shutil.rmtree(elsewhere.store)
    nothing = made.pytest("behaviors/", f"--baseline={made.root / 'models.yaml'}")
    assert nothing.code == 4
    assert "cannot be read as a table of predictions" in nothing.text


def test_a_known_failure_excuses_no_twin(made: Project):
    """What a model is known to fail, it must still not do worse than before."""
    behavior = "test_accuracy.py::test_names_images[validation]"
    known = {behavior: "It never learned them."}
    bounds = {behavior: {"at_least": 0.9, "reason": "High."}}
    made.declare({"old": {}, "worse": {"known_failures": known}}, bounds=bounds)
    run = made.pytest("behaviors/test_accuracy.py", "--model", "worse", "--baseline", "old")
    assert run.claims("worse")[behavior]["known_failure"] == "It never learned them."
    twin = run.claims("worse", "old")[behavior]
    assert (twin["verdict"], twin["known_failure"]) == ("fail", None)
    assert run.code == 1


def test_records_keep_every_documented_key(made: Project):
    """The keys of `verdicts.json` that others rely on are there, with the baseline's name in `versus`."""
    run = made.pytest("behaviors/test_accuracy.py", "--model", "same", "--baseline", "old", "--sequential")
    keys = {"zoo", "model", "versus", "property", "behavior", "image_set", "view", "measure", "value", "low", "high",
            "count", "at_most", "at_least", "margin", "verdict", "known_failure", "reason"}  # fmt: skip
    assert all(keys <= record.keys() for record in run.records)
    assert {record["versus"] for record in run.records} == {None, "old"}
    assert all(record["look"].startswith("look ") for record in run.records)
    json.dumps(run.records)
