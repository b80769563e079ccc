"""Outcomes and the exit code: what a verdict is in pytest, what excuses it, what cannot."""

from __future__ import annotations

import pytest

from tests.harness import LIMIT, Judged, run_pytest, toy, zoo_file

CALIBRATION = "test_calibration.py::test_confidence_matches_accuracy"
pytestmark = pytest.mark.slow


@pytest.fixture
def judge(warm, judged, tmp_path):
    """Judge a zoo of toy models by the calibration behavior, on predictions that are there."""

    def run(models: dict, *arguments: object, **more) -> Judged:
        zoo = zoo_file(tmp_path / "models.yaml", models, **more)
        arguments = arguments or ("-k", "confidence_matches")
        return run_pytest("behaviors/", "--models", zoo, "--store", warm, "--limit", LIMIT, *arguments,
                          reports=tmp_path / "reports")  # fmt: skip

    return run


def excused(sets: list[str], **entry: str) -> dict:
    """Known failures of the calibration behavior on these sets."""
    return {f"{CALIBRATION}[{name}]": entry for name in sets}


def test_all_kept_is_success(judge):
    """Exit code 0, and no claim but passes."""
    run = judge({"saint": toy("saint")})
    assert run.code == 0
    assert "3 passed" in run.text


def test_a_broken_contract_is_a_failure_and_no_error(judge):
    """A contract is judged before its test's body runs; it still counts as failed, with its counter-example."""
    run = judge({"sociable": toy("sociable")}, "-k", "batch_mates")
    assert run.code == 1
    assert "1 failed" in run.text
    assert "error" not in run.text.splitlines()[-1]
    assert "a logit differs by" in run.claims[0]["reason"]


def test_undecided_claims_have_a_code_of_their_own(store, tmp_path):
    """Too few images for a claim: `?`, exit code 10, what would settle it, and neither passed nor failed."""
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, "-k", "confidence_matches",
                     reports=tmp_path)  # fmt: skip
    assert run.code == 10
    assert set(run.verdicts("saint").values()) == {"inconclusive"}
    assert "3 inconclusive" in run.text
    assert all(record["reason"].startswith("40 images leave both open") for record in run.claims)


def test_nothing_judged_is_no_success(judge):
    """A selection that selects nothing ends with 5."""
    assert judge({"saint": toy("saint")}, "-k", "no_such_behavior").code == 5


def test_failure_outweighs_indecision(store, tmp_path):
    """One fails, others are undecided: 1, not 10."""
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint"), "timid": toy("timid")})
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40, "-k", "confidence_matches",
                     reports=tmp_path)  # fmt: skip
    assert {r["verdict"] for r in run.claims} == {"inconclusive", "fail"}
    assert run.code == 1


def test_a_blocked_claim_fails_the_run_and_is_its_own_outcome(judge):
    """A model that cannot be loaded blocks its own claims with the reason; the others are judged."""
    run = judge({"saint": toy("saint"), "gone": toy("no_such_factory")})
    assert run.code == 1
    assert set(run.verdicts("gone").values()) == {"blocked"}
    assert set(run.verdicts("saint").values()) == {"pass"}
    assert "3 passed" in run.text
    assert "3 blocked" in run.text
    reasons = {record["reason"] for record in run.claims if record["model"] == "gone"}
    assert len(reasons) == 1
    assert "factory 'tests.villains:no_such_factory' failed: AttributeError" in reasons.pop()
    assert run.run["models"]["gone"] is None


def test_a_model_whose_code_fails_is_blocked_and_the_others_go_on(judge):
    """An exception or a wrong shape inside a forward pass is a reason in the report, never a crash of the run."""
    run = judge({"crashing": toy("crashing"), "misshapen": toy("misshapen"), "saint": toy("saint")})
    reasons = {record["model"]: record["reason"] for record in run.claims if record["verdict"] == "blocked"}
    assert "its forward pass failed: ZeroDivisionError: no luck" in reasons["crashing"]
    assert "its label space needs (128, 12)" in reasons["misshapen"]
    assert set(run.verdicts("saint").values()) == {"pass"}
    assert run.code == 1


def test_a_known_failure_excuses_a_failure_and_stays_a_failure(judge):
    """The record keeps `fail` and the reason, pytest shows xfailed, the run is green; other sets are not excused."""
    known = excused(["validation", "sketch", "rendition"], reason="It was trained to boast.", until="2999-01-01")
    run = judge({"boastful": toy("boastful", known_failures=known)})
    assert run.code == 0
    assert "3 xfailed" in run.text
    assert {(r["verdict"], r["known_failure"]) for r in run.claims} == {("fail", "It was trained to boast.")}
    assert "0/3 3 known" in run.text


def test_a_known_failure_excuses_nothing_else(judge):
    """It names one set: the other two fail. Its contract's excuse works the same."""
    contract = {"test_contract.py::test_batch_mates_do_not_matter[validation]": "Batch statistics are its design."}
    known = excused(["sketch"], reason="Outlines.")
    models = {"boastful": toy("boastful", known_failures=known), "sociable": toy("sociable", known_failures=contract)}
    run = judge(models, "-k", "confidence_matches or batch_mates")
    failed = {r["behavior"]: r["known_failure"] for r in run.claims if r["verdict"] == "fail"}
    assert failed.pop(f"{CALIBRATION}[sketch]") == "Outlines."
    assert (
        failed.pop("test_contract.py::test_batch_mates_do_not_matter[validation]") == "Batch statistics are its design."
    )
    assert failed == dict.fromkeys([f"{CALIBRATION}[validation]", f"{CALIBRATION}[rendition]"])
    assert run.code == 1
    assert "2 failed" in run.text
    assert "2 xfailed" in run.text


def test_a_known_failure_that_is_none_any_more_turns_the_run_red(judge):
    """Stale: the claim passes, and the message says which entry of which file to remove."""
    run = judge({"saint": toy("saint", known_failures=excused(["sketch"], reason="Outlines."))})
    assert run.code == 1
    assert set(run.verdicts("saint").values()) == {"pass"}
    assert "saint keeps test_calibration.py::test_confidence_matches_accuracy[sketch] now" in run.text
    assert "Remove the entry under known_failures of saint in" in run.text


def test_an_expired_known_failure_excuses_nothing(judge):
    """Its day is over: the failure counts, and the message says since when."""
    known = excused(["validation"], reason="Until the retraining.", until="2020-02-02")
    run = judge({"boastful": toy("boastful", known_failures=known)}, "-k", "confidence_matches and validation")
    assert run.code == 1
    assert "its known failure has expired: Until the retraining. (until 2020-02-02)" in run.text
    assert run.claims[0]["known_failure"] is None


def test_a_known_failure_excuses_neither_blocked_nor_undecided(store, tmp_path):
    """Only *fail* is excused: what could not be measured or decided stays what it is."""
    known = excused(["validation"], reason="Because.")
    models = {"gone": toy("no_such_factory", known_failures=known), "saint": toy("saint", known_failures=known)}
    zoo = zoo_file(tmp_path / "models.yaml", models)
    run = run_pytest("behaviors/", "--models", zoo, "--store", store, "--limit", 40,
                     "-k", "confidence_matches and validation", reports=tmp_path)  # fmt: skip
    assert {r["model"]: (r["verdict"], r["known_failure"]) for r in run.claims} == {
        "gone": ("blocked", None),
        "saint": ("inconclusive", None),
    }
    assert run.code == 1


@pytest.mark.parametrize(
    ("key", "offered"),
    [
        ("test_calibration.py::test_confidence_matches_acuracy[sketch]", f"did you mean '{CALIBRATION}[sketch]'?"),
        (f"{CALIBRATION}[sketches]", f"did you mean '{CALIBRATION}[sketch]'?"),
        ("test_calibrations.py::test_confidence_matches_accuracy[sketch]", f"did you mean '{CALIBRATION}[sketch]'?"),
        (CALIBRATION, "names no behavior"),
    ],
)
def test_a_known_failure_of_no_behavior_is_an_error(judge, key, offered):
    """A misspelled function, set or file excuses nothing in silence: exit code 4, file, model, key, nearest match."""
    run = judge({"boastful": toy("boastful", known_failures={key: "Because."})}, "-q")
    assert run.code == 4
    assert f"models.yaml: known_failures of boastful: {key!r} names no behavior" in run.text
    assert offered in run.text


def test_a_project_has_bounds_of_its_own(judge):
    """A bound for a whole behavior, and a tighter one for one set; both stand in the verdicts."""
    bounds = {
        CALIBRATION: {"at_most": 0.5, "reason": "Nobody reads the confidence here."},
        f"{CALIBRATION}[sketch]": {"at_most": 0.01, "reason": "But on sketches they do."},
    }
    run = judge({"boastful": toy("boastful")}, bounds=bounds)
    found = {r["behavior"]: (r["verdict"], r["at_most"]) for r in run.claims}
    assert found == {
        f"{CALIBRATION}[validation]": ("pass", 0.5),
        f"{CALIBRATION}[sketch]": ("fail", 0.01),
        f"{CALIBRATION}[rendition]": ("pass", 0.5),
    }


def test_a_projects_reason_stands_in_the_verdict(judge):
    """Who reads that a claim failed reads whose bound it broke, and why it is there."""
    run = judge({"boastful": toy("boastful")}, bounds={CALIBRATION: {"at_most": 0.01, "reason": "Alarms cost."}})
    assert all(r["reason"].endswith("; the bound is the project's own") for r in run.claims)
    assert {r["bound_reason"] for r in run.claims} == {"Alarms cost."}
    assert "  bound      Alarms cost." in run.text


def test_a_bound_on_the_other_side_is_refused(judge):
    """It would promise the opposite of what the behavior says."""
    run = judge({"saint": toy("saint")}, bounds={CALIBRATION: {"at_least": 0.5, "reason": "Mistaken."}})
    assert run.code == 1
    assert {r["verdict"] for r in run.claims} == {"blocked"}
    assert "this claim is at most 0.05, so its bound must be given as at_most" in run.text


def test_a_bound_of_no_behavior_is_an_error(judge):
    """Bounds are checked like known failures."""
    run = judge({"saint": toy("saint")}, bounds={f"{CALIBRATION}x": {"at_most": 0.5, "reason": "No."}})
    assert run.code == 4
    assert f"bounds: '{CALIBRATION}x' names no behavior; did you mean '{CALIBRATION}'?" in run.text
