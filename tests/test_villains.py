"""The matrix of the harness itself: every behavior passes the saint and fails its villain, and nothing else does."""

import pytest

from tests.gallery import behaviors
from tests.harness import Judged
from tests.villains import VILLAINS


def function(behavior: str) -> str:
    """`test_a.py::test_b[c]` → `test_b`."""
    return behavior.partition("::")[2].partition("[")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VILLAINS))
def test_each_villain_fails_its_behavior_and_nothing_else(judged: Judged, name: str):
    """A fault is found by the behavior that is about it, on every image set and view, and no other behavior minds."""
    found = judged.verdicts(name)
    expected = {behavior: "fail" if function(behavior) in VILLAINS[name] else "pass" for behavior in found}
    assert found == expected
    assert set(VILLAINS[name]) <= {function(behavior) for behavior in found}


def test_every_behavior_has_a_villain():
    """A behavior that no bad model can fail proves nothing."""
    caught = {behavior for faults in VILLAINS.values() for behavior in faults}
    assert set(behaviors()) == caught


@pytest.mark.slow
def test_the_saint_is_judged_on_everything(judged: Judged):
    """The saint passes because it was judged: each behavior made at least one claim about it."""
    assert {function(behavior) for behavior in judged.verdicts("saint")} == set(behaviors())


@pytest.mark.slow
def test_answers_that_are_no_numbers_block_what_they_would_decide(judged: Judged):
    """NaN at one class fails the contract, and every measured claim is blocked, never judged on the rest."""
    found = judged.verdicts("nan_at_one_class")
    contracts = {behavior: verdict for behavior, verdict in found.items() if behavior.startswith("test_contract")}
    assert contracts.pop("test_contract.py::test_every_answer_is_a_number[validation]") == "fail"
    assert set(contracts.values()) == {"pass"}
    measured = {verdict for behavior, verdict in found.items() if not behavior.startswith("test_contract")}
    assert measured == {"blocked"}
    reasons = [r["reason"] for r in judged.claims if r["model"] == "nan_at_one_class" and r["verdict"] == "blocked"]
    assert all("no finite answer for" in reason and "first '" in reason for reason in reasons)
