"""Gates as their users meet them: outcomes, exit codes, reports, whatever part of the claims is run."""

from __future__ import annotations

import datetime
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from eyechart.judge.verdict import Outcome
from tests.gate_project import Project, Toy, project

TOYS = {
    "solid": Toy(0.9),
    "narrow": Toy(0.602),  # 60 % is promised: 3,000 images cannot tell
    "boastful": Toy(0.75, overstates=0.15),
}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three checkpoints."""
    made = project(tmp_path_factory.mktemp("gates") / "project")
    made.fill(TOYS)
    return made


def test_a_claim_decides_the_same_however_it_is_run(ready: Project):
    """Whole run, one file, one claim, -k, reversed order, two workers: the same record, bit for bit.

    The whole run is a new process and the others are forks of one that has imported, so those are held to it too.
    """
    whole = ready.pytest("behaviors/", reports="whole", new_process=True).claims()
    assert len(whole) == 18
    assert {record["claims"] for record in whole.values()} == {6}
    ways = {
        "file": ["behaviors/test_calibration.py"],
        "node": ["behaviors/test_accuracy.py::test_names_images[narrow-validation]"],
        "chosen": ["behaviors/", "-k", "drop and boastful", "-m", "invariance"],
        "backwards": ["behaviors/test_invariance.py", "behaviors/test_accuracy.py"],
        "workers": ["behaviors/", "-n", "2"],
        "model": ["behaviors/", "--model", "boastful"],
    }
    for name, arguments in ways.items():
        part = ready.pytest(*arguments, reports=name).claims()
        assert part
        assert part == {key: whole[key] for key in part}, name


def test_a_claim_is_run_again_whatever_else_its_file_has_keys_for(ready: Project):
    """The line that a failure prints is taken, and `--last-failed` shares the error as the whole run does."""
    ready.declare(
        {name: {"known_failures": {"test_calibration.py::test_confidence[validation]": "Why."}} for name in TOYS},
        bounds={"test_accuracy.py::test_names_images[sketch]": {"at_least": 0.7, "reason": "Sketches matter."}},
    )
    whole = ready.pytest("behaviors/", reports="keyed", cache=True)
    (line,) = {line.split("again", 1)[1].strip() for line in whole.text.splitlines() if line.startswith("  again")} & {
        f"pytest 'behaviors/test_accuracy.py::test_names_images[narrow-sketch]' --store {ready.store}"
    }
    arguments = shlex.split(line)[1:2]
    one = ready.pytest(*arguments, reports="again")
    assert one.code == 1, one.text
    failed = ready.pytest("behaviors/", "--last-failed", reports="failed", cache=True)
    for part in (one, failed):
        assert part.claims()
        assert part.claims() == {key: whole.claims()[key] for key in part.claims()}
    typo = {"test_calibration.py::test_confidense[validation]": "Why."}
    ready.declare({name: {"known_failures": typo} for name in TOYS})
    assert ready.pytest(*arguments).code == 4
    ready.declare({name: {} for name in TOYS})


MODES = [("report", 10, "failure"), ("fail", 1, "failure"), ("skip", 0, "skipped")]


@pytest.mark.parametrize(("mode", "code", "tag"), MODES)
def test_an_undecided_claim_does_to_the_run_what_was_asked(ready: Project, mode: str, code: int, tag: str):
    """The record is the same; the exit code and JUnit follow the option."""
    file = ready.root / f"{mode}.xml"
    run = ready.pytest("behaviors/", "--model", "narrow", "--inconclusive", mode, "--junitxml", file, reports=mode)
    assert run.code == code, run.text
    open_claims = [record for record in run.records if record["verdict"] == "inconclusive"]
    assert len(open_claims) == 2
    assert all("images would decide it" in record["reason"] and record["images_needed"] for record in open_claims)
    found = [case for case in ET.parse(file).iter("testcase") if case.find(tag) is not None]  # noqa: S314  # our own
    assert len(found) == 2
    assert all("undecided" in case.find(tag).get("message") for case in found)
    assert (
        "coverage: 6 claims made, 6 judged, 2 inconclusive, 0 blocked, 0 not applicable, 0 known failures" in run.text
    )


def test_a_run_that_judged_nothing_is_never_green(tmp_path: Path):
    """Blocked is red; blocked and allowed is 'nothing judged'; one judged claim beside it is green."""
    made = project(tmp_path / "project")
    made.fill({"solid": Toy(0.9)})
    made.declare({"solid": {}, "lost": {}})
    assert made.pytest("behaviors/", "--model", "lost").code == 1
    assert made.pytest("behaviors/", "--model", "lost", "--allow-blocked").code == 5
    both = made.pytest("behaviors/", "--allow-blocked")
    assert both.code == 0, both.text
    assert "6 blocked" in both.text
    assert made.pytest("behaviors/").code == 1


BEHAVIOR = "test_calibration.py::test_confidence[validation]"


@pytest.mark.parametrize(
    ("model", "until", "code", "text"),
    [
        ("boastful", 30, 0, "1 known failure"),
        ("boastful", -1, 1, "expired"),
        ("solid", 30, 1, "still excuses it"),
        ("narrow", -1, 1, "expired"),
    ],
)
def test_known_failures_end(ready: Project, model: str, until: int, code: int, text: str):
    """They excuse a failure until their day; then, or once the promise is kept, the run is red."""
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=until)
    known = {BEHAVIOR: {"reason": "Trained to boast.", "until": str(day), "owner": "the vision team"}}
    if model == "narrow":
        known = {"test_accuracy.py::test_names_images[sketch]": known[BEHAVIOR]}
    ready.declare({name: {"known_failures": known if name == model else {}} for name in TOYS})
    try:
        run = ready.pytest("behaviors/", "--model", model, "-rx", reports=f"known{until}")
    finally:
        ready.declare({name: {} for name in TOYS})
    assert run.code == code, run.text
    assert text in run.text
    if code == 0:
        assert f"Trained to boast. (until {day}, the vision team)" in run.text
        assert run.claims(model)[BEHAVIOR]["known_failure"] == "Trained to boast."


def test_holm_is_reported_and_decides_nothing(ready: Project):
    """Every failure has its adjusted p-value, below the error of fail."""
    failed = [r for r in ready.pytest("behaviors/", reports="holm").records if r["verdict"] == "fail"]
    assert failed
    assert all(record["p_fail"] <= record["holm"] <= 0.01 for record in failed)


def test_a_plan_predicts_nothing_and_names_what_it_cannot_decide(ready: Project, tmp_path: Path):
    """Undecidable claims and the cost are printed, no report is written, and the exit code is 0."""
    run = ready.pytest("behaviors/", "--plan", "--baseline", "solid", "-n", "2", reports="plan")
    assert run.code == 0, run.text
    behavior = "test_accuracy.py::test_names_images[validation]"
    assert f"cannot be decided  narrow  {behavior}: 3,000 images decide only" in run.text
    assert "at least 0.6; with 3,000 images only values up to" in run.text
    assert not run.reports.exists()
    assert "no tests ran" in run.text
    shutil.copytree(ready.store / "images", tmp_path / "images")
    told = ready.pytest("behaviors/", "--plan", "--model", "solid", reports="plan", store=tmp_path)
    assert "4 tables at a default accuracy of 0.8" in told.text, told.text
    assert "sketch: 3,000 images x 1 model x 1 view, 3,000 answers" in told.text
    assert "solid: 12,000 answers, an unknown time (blocked: factory 'nowhere:load' failed" in told.text


YAML = """# the zoo of this project
zoos:
  miniature:
    image_sets:
      validation: {role: validation, reader: rendered, label_space: miniature}   # three thousand
      sketch:     {role: shifted, reader: rendered, label_space: miniature}
    bounds:
      # agreed with the operators
      "test_calibration.py::test_confidence[validation]": {at_most: 0.2, reason: "Operators check every alarm."}
      "test_accuracy.py::test_names_images[sketch]":
        at_least: 0.88
        reason: Close to what it reaches.
    # the one we ship
    models:
      solid: {source: python, factory: "nowhere:load", version: solid, label_space: miniature}
"""


def test_the_ratchet_proposes_tighter_bounds_only_and_writes_nothing(tmp_path: Path):
    """The diff applies, touches nothing else, loosens nothing; the tightened zoo still passes."""
    made = project(tmp_path / "project")
    made.fill({"solid": TOYS["solid"]})
    (made.root / "models.yaml").write_text(YAML)
    run = made.pytest("behaviors/", "--ratchet")
    assert run.code == 0, run.text
    assert (made.root / "models.yaml").read_text() == YAML
    diff = (run.reports / "ratchet.diff").read_text()
    assert diff.strip() in run.text
    removed = [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert removed == [f"-{YAML.splitlines()[8]}"]
    assert "test_names_images[sketch]" not in "".join(line for line in diff.splitlines() if line[0] in "+-")
    subprocess.run(["patch", "-p1", "-i", run.reports / "ratchet.diff"], cwd=made.root, check=True, capture_output=True)
    before = run.claims("solid")
    again = made.pytest("behaviors/", reports="again")
    assert again.code == 0, again.text
    for behavior, record in again.claims("solid").items():
        assert record["verdict"] == Outcome.PASS
        assert (record["at_most"] or 0) <= (before[behavior]["at_most"] or 0)
        assert (record["at_least"] or 1) >= (before[behavior]["at_least"] or 1)
    assert "ratchet: no bound can be tightened" in made.pytest("behaviors/", "--ratchet", reports="third").text


def test_a_ratchet_over_part_of_a_zoo_proposes_nothing(ready: Project):
    """A bound binds all models, so all must have been judged."""
    run = ready.pytest("behaviors/", "--ratchet", "--model", "solid", reports="part")
    assert "ratchet: no bound can be tightened" in run.text


def test_a_run_that_stops_early_says_what_it_left(ready: Project):
    """All claims of the run were made, and some of them judged."""
    run = ready.pytest("behaviors/", "--model", "boastful", "-x", reports="stopped")
    assert run.code == 1
    assert "coverage: 6 claims made, 3 judged" in run.text


def test_a_behavior_that_judges_nothing_is_no_success(tmp_path: Path):
    """Its claim was made: to pass, it must be judged. It fails with a record that says so."""
    made = project(tmp_path / "project", {"test_odd.py": NOTHING})
    made.fill({"solid": TOYS["solid"]}, images=60)
    run = made.pytest("behaviors/")
    assert run.code == 1
    (record,) = run.records
    assert record["verdict"] == "fail"
    assert "test_odd.py::test_forgets[validation] judged nothing" in record["reason"]
    assert record["reason"] in run.text


NOTHING = '''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy

@needs(validation)
def test_forgets(predictions, require):
    """Most images are named."""
    accuracy(predictions)
'''


def test_a_projects_bound_in_points_is_blocked(ready: Project):
    """60 instead of 0.6 is told, and not judged."""
    bounds = {"test_accuracy.py::test_names_images": {"at_least": 60, "reason": "Customers."}}
    ready.declare({name: {} for name in TOYS}, bounds=bounds)
    try:
        run = ready.pytest("behaviors/test_accuracy.py", "--model", "solid", reports="points")
    finally:
        ready.declare({name: {} for name in TOYS})
    assert run.code == 1
    assert {record["verdict"] for record in run.claims("solid").values()} == {"blocked"}
    assert "is 0.6 meant, which is 60 points?" in run.text
