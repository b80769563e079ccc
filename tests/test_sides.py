"""Two-sided promises: what the ratchet may propose, and which bounds contradict each other."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from eyechart.errors import SpecError
from eyechart.judge.claims import Claim, Subject
from eyechart.judge.gates.ratchet import proposals
from eyechart.judge.gates.sides import promises, require_consistent
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.zoo.places import SHIPPED_BEHAVIORS
from eyechart.zoo.zoo import Zoo, read_zoo
from tests.harness import ROOT, pytest_run, toy, zoo_file

OVER = "test_calibration.py::test_it_is_not_overconfident"
UNDER = "test_calibration.py::test_it_is_not_underconfident"
DAY = datetime.date(2026, 11, 27)


def zoo(folder: Path, *models: str, **bounds: dict) -> Zoo:
    """A zoo of these models with bounds of its own."""
    named = {name: {**entry, "reason": "Ours."} for name, entry in bounds.get("bounds", {}).items()}
    return read_zoo(zoo_file(folder / "models.yaml", {name: toy("saint") for name in models}, bounds=named))


def sides(
    model: str, value: float, reach: float = 0.01, *, at_most: float = 0.05, at_least: float = -0.1
) -> list[Verdict]:
    """The two claims about the confidence gap of one model, each decided by its interval alone."""
    low, high, at_least = value - reach, value + reach, -0.1
    blank = Verdict("miniature", model, "calibration", OVER, "sketch", "original", "confidence_gap", Outcome.PASS,
                    value=value, low=low, high=high, count=1000)  # fmt: skip
    over = Outcome.PASS if high <= at_most else Outcome.FAIL if low > at_most else Outcome.INCONCLUSIVE
    under = Outcome.PASS if low >= at_least else Outcome.FAIL
    known = "It boasts." if over is Outcome.FAIL else None
    return [
        replace(blank, verdict=over, at_most=at_most, known_failure=known),
        replace(blank, behavior=UNDER, verdict=under, at_least=at_least),
    ]


def proposed(zoo: Zoo, *claims: list[Verdict]) -> dict[str, float]:
    """Behavior → bound that the ratchet proposes."""
    return {each.behavior: each.bound for each in proposals(zoo, itertools.chain(*claims), DAY)}


def test_a_model_that_fails_on_the_other_side_is_no_example(tmp_path):
    """0.12 is no reason to promise at least 0.1 where at most 0.05 is promised; another model's 0.02 is one for -0."""
    one, two = zoo(tmp_path, "boastful"), tmp_path / "two"
    assert proposed(one, sides("boastful", 0.12)) == {}
    two.mkdir()
    both = zoo(two, "boastful", "honest")
    assert proposed(both, sides("boastful", 0.12), sides("honest", 0.02)) == {OVER: 0.04, UNDER: 0.0}


def test_no_bound_is_proposed_past_one_that_is_undecided_on_the_other_side(tmp_path):
    """At most 0.05 is open at 0.08; at least 0.06 would be past it."""
    one = zoo(tmp_path, "open")
    assert proposed(one, sides("open", 0.08, 0.04)) == {UNDER: 0.0}
    assert proposed(one, sides("open", 0.058, 0.002, at_most=0.057)) == {UNDER: 0.054}
    assert proposed(one, sides("open", 0.058, 0.002, at_most=0.054)) == {}


@pytest.mark.parametrize("value", [-0.09, -0.05, 0.0, 0.039])
def test_what_is_proposed_on_both_sides_leaves_room(tmp_path, value):
    """The value lies between the two, and both keep their distance from it."""
    bounds = proposed(zoo(tmp_path, "net"), sides("net", value, 0.001))
    assert bounds[UNDER] == pytest.approx(value - 0.002, abs=2e-4)
    assert bounds[OVER] == pytest.approx(value + 0.002, abs=2e-4)


def test_the_sides_are_read_in_the_source_of_behaviors():
    """The measurement as it is written, its side, and its bound where that is a number."""
    over, under = (
        promises(SHIPPED_BEHAVIORS / "test_calibration.py")[name.rpartition("::")[2]] for name in (OVER, UNDER)
    )
    assert (over.measurement, over.side, over.limit) == ("confidence_gap(predictions)", "at_most", 0.05)
    assert (under.measurement, under.side, under.limit) == ("confidence_gap(predictions)", "at_least", -0.1)
    varying = promises(SHIPPED_BEHAVIORS / "test_accuracy.py")
    assert [promise.limit for promise in varying.values()] == [0.6, None]


@pytest.mark.parametrize(
    ("bounds", "refused"),
    [
        (
            {UNDER: {"at_least": 0.1}},
            f"[sketch]' is at_least 0.1, and '{OVER}[sketch]' is at_most 0.05 by itself",
        ),
        ({f"{UNDER}[sketch]": {"at_least": 0.05}}, "is at_least 0.05, and"),
        ({UNDER: {"at_least": 0.1}, OVER: {"at_most": 0.1}}, f"'{OVER}[sketch]' is at_most 0.1: no confidence_gap"),
        ({UNDER: {"at_least": 0.1}, OVER: {"at_most": 0.2}}, ""),
        ({f"{UNDER}[validation]": {"at_least": 0.1}}, ""),
        ({}, ""),
    ],
)
def test_bounds_that_no_value_keeps_are_refused(tmp_path, bounds, refused):
    """Between two of models.yaml, and between one of it and a behavior's own; other image sets do not matter."""
    own = zoo(tmp_path, "net", bounds=bounds)
    file = SHIPPED_BEHAVIORS / "test_calibration.py"
    claims = [(Claim("net", f"{name}[sketch]", Subject("sketch")), file) for name in (OVER, UNDER)]
    if not refused:
        require_consistent(claims, own)
        return
    with pytest.raises(SpecError, match=r"models.yaml: bounds: 'test_calibration") as error:
        require_consistent(claims, own)
    assert refused in str(error.value)


def test_a_run_with_contradictory_bounds_ends_before_it_predicts(tmp_path):
    """Whatever part of the behaviors it selects."""
    zoo(tmp_path, "net", bounds={UNDER: {"at_least": 0.1}})
    run = pytest_run("behaviors/", "--models", tmp_path / "models.yaml", "--store", tmp_path / "store",
                     "--reports", tmp_path / "reports", "-k", "names_what", root=ROOT)  # fmt: skip
    assert run.returncode == 4
    assert "no confidence_gap(predictions) is shown to keep both" in run.stdout + run.stderr
    assert not (tmp_path / "store").exists()
