"""The matrix of the harness itself: every behavior passes the saint and fails its villain, and nothing else does."""

from fnmatch import fnmatchcase

import pytest

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
