"""The matrix of the harness itself: every behavior passes the saint and fails its villain, and nothing else does."""

import json
from fnmatch import fnmatchcase

import pytest

from eyechart.reports.figures.figure import read_csv
from tests.gallery import behaviors
from tests.harness import Judged
from tests.villains import SWEEP_VILLAINS, VILLAINS

ELSEWHERE = {
    "test_two_checkpoints_find_the_same_images_hard": "tests/test_pairs.py",
    "test_it_withstands_corruptions_better_than_alexnet": "tests/test_paper_zoo.py",
}
"""Behaviors whose villain needs another zoo, and where it is; findings are all in tests/test_findings.py."""


def function(behavior: str) -> str:
    """`test_a.py::test_b[c]` → `test_b`."""
    return behavior.partition("::")[2].partition("[")[0]


def matches(behavior: str, pattern: str) -> bool:
    """Whether a pattern of VILLAINS stands for this claim."""
    wanted, _, part = pattern.partition("[")
    inside = behavior.partition("[")[2].removesuffix("]")
    return function(behavior) == wanted and (not part or fnmatchcase(inside, part.removesuffix("]")))


def expected(found: dict[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    """What must become of each claim."""
    return {
        behavior: "fail" if any(matches(behavior, pattern) for pattern in patterns) else "pass" for behavior in found
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VILLAINS))
def test_each_villain_fails_its_behavior_and_nothing_else(judged: Judged, name: str):
    """A fault is found by the behavior that is about it, on every image set and view, and no other behavior minds."""
    found = judged.verdicts(name)
    assert found == expected(found, VILLAINS[name])
    for pattern in VILLAINS[name]:
        assert any(matches(behavior, pattern) for behavior in found), pattern


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saint", *SWEEP_VILLAINS])
def test_each_villain_of_a_sweep_fails_there_and_nowhere_else(judged_sweeps: Judged, name: str):
    """A factor that blinds a checkpoint at one level, or at all, is named; the others pass."""
    found = judged_sweeps.verdicts(name)
    assert found == expected(found, SWEEP_VILLAINS.get(name, ()))
    assert len(found) == 18


def test_every_behavior_has_a_villain():
    """A behavior that no bad model can fail proves nothing."""
    faults = [*VILLAINS.values(), *SWEEP_VILLAINS.values()]
    caught = {pattern.partition("[")[0] for patterns in faults for pattern in patterns}
    declared = {name for name, needs in behaviors().items() if not needs.finding}
    assert declared == caught | set(ELSEWHERE)


@pytest.mark.slow
def test_the_saint_is_judged_on_everything(judged: Judged, judged_sweeps: Judged):
    """The saint passes because it was judged: each behavior made at least one claim about it."""
    made = {**judged.verdicts("saint"), **judged_sweeps.verdicts("saint")}
    declared = {name for name, needs in behaviors().items() if not needs.finding}
    assert {function(behavior) for behavior in made} == declared - set(ELSEWHERE)


@pytest.mark.slow
def test_answers_that_are_no_numbers_block_what_they_would_decide(judged: Judged):
    """NaN at one class fails the contract, and every measured claim is blocked, never judged on the rest."""
    found = judged.verdicts("nan_at_one_class")
    contracts = {behavior: verdict for behavior, verdict in found.items() if behavior.startswith("test_contract")}
    assert contracts.pop("test_contract.py::test_every_answer_is_a_number[validation]") == "fail"
    assert set(contracts.values()) == {"pass"}
    measured = {b: verdict for b, verdict in found.items() if not b.startswith(("test_contract", "test_transfer"))}
    assert set(measured.values()) == {"blocked"}
    reasons = [r["reason"] for r in judged.claims if r["model"] == "nan_at_one_class" and r["verdict"] == "blocked"]
    assert all("no finite answer for" in reason and "first '" in reason for reason in reasons)


def pictures(judged: Judged, claim: str) -> list[dict]:
    """The images that a run shows of one claim."""
    return json.loads((judged.reports / "figures" / "index.json").read_text())["pictures"][claim]


@pytest.mark.slow
def test_a_broken_promise_shows_its_images(judged: Judged):
    """Every failing claim that was measured on images has up to eight, each with a thumbnail that is small."""
    shown = json.loads((judged.reports / "figures" / "index.json").read_text())["pictures"]
    fails = [r for r in judged.claims if r["verdict"] == "fail" and r["image_set"] and r["value"] is not None]
    assert len(fails) > 50
    for record in fails:
        entries = shown[f"{record['model']}|{record['behavior']}"]
        assert 1 <= len(entries) <= 8
        for entry in entries:
            content = (judged.reports / "figures" / entry["thumbnail"]).read_bytes()
            assert content[:2] == b"\xff\xd8"
            assert len(content) <= 20_000
            assert entry["label"] in entry["sentence"]


@pytest.mark.slow
def test_images_under_a_view_stand_beside_the_unchanged_ones(judged: Judged):
    """Right before, wrong under the view, and two different pictures."""
    for name, function in (("shift_fragile", "test_no_small_shift_breaks_it[validation]"),
                           ("zoom_fragile", "test_accuracy_survives_enlargement[validation-scale(1.5)]")):  # fmt: skip
        for entry in pictures(judged, f"{name}|test_invariance.py::{function}"):
            assert entry["before"]["answer"] == entry["label"] != entry["answer"]
            assert entry["changed"] not in (None, entry["thumbnail"])


@pytest.mark.slow
def test_the_most_telling_images_come_first(judged: Judged):
    """Surest wrong answers of the boastful, least sure right ones of the timid, images in fog where fog blinds."""
    wrong = pictures(judged, "boastful|test_calibration.py::test_it_is_not_overconfident[validation]")
    assert all(entry["answer"] != entry["label"] for entry in wrong)
    assert [entry["confidence"] for entry in wrong] == sorted((e["confidence"] for e in wrong), reverse=True)
    doubted = pictures(judged, "timid|test_calibration.py::test_it_is_not_underconfident[validation]")
    assert all(entry["answer"] == entry["label"] for entry in doubted)
    assert [entry["confidence"] for entry in doubted] == sorted(entry["confidence"] for entry in doubted)
    fog = pictures(judged, "lost_in_fog|test_robustness.py::test_no_corruption_blinds_it[corrupted-fog]")
    assert all("fog" in entry["key"] and entry["changed"] for entry in fog)
    by_texture = pictures(judged, "all_texture|test_shape_bias.py::test_shape_counts_beside_texture[cue-conflict]")
    assert all(f"texture of {entry['answer']}" in entry["sentence"] for entry in by_texture)


@pytest.mark.slow
def test_the_smallest_break_is_on_the_curve(judged: Judged):
    """Who breaks under a small shift has a star at that shift, and nobody else has one."""
    rows = read_csv((judged.reports / "figures" / "invariance-validation.csv").read_bytes().decode())
    stars = {(row["model"], row["panel"]) for row in rows if row["style"] == "break"}
    assert ("shift_fragile", "shift, share of a side") in stars
    assert ("night_blind", "light") in stars
    found = {r["model"] for r in judged.claims if r["verdict"] == "fail" and "breaks_it" in r["behavior"]}
    assert {model for model, _ in stars} == found


@pytest.mark.slow
def test_every_property_has_its_figures(judged: Judged, judged_sweeps: Judged):
    """Each kind of figure has data in a whole run."""
    names = {path.stem for run in (judged, judged_sweeps) for path in (run.reports / "figures").glob("*.csv")}
    assert names >= {
        "accuracy-shifted", "accuracy-transfer", "corruptions-corrupted", "error-ratio-factors", "reliability-sketch",
        "shape-bias-cue-conflict", "sweep-synthetic", "invariance-validation",
    }  # fmt: skip
