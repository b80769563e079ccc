"""The exit code is the gate: every combination of what can have become of the claims."""

from types import SimpleNamespace

import pytest

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.fixtures.outcomes import exit_code
from eyechart.fixtures.plugin import pytest_runtest_makereport
from eyechart.fixtures.session import CLAIM
from eyechart.judge.verdict import Outcome, Verdict


@pytest.mark.parametrize(
    ("pytests", "outcomes", "lost", "code"),
    [
        (0, ["pass"], [], 0),
        (0, ["pass", "reported"], [], 0),
        (0, ["pass", "inconclusive"], [], 10),
        (0, ["inconclusive"], [], 10),
        (0, ["pass", "blocked"], [], 1),
        (0, ["inconclusive", "blocked"], [], 1),
        (0, ["pass"], ["a test"], 1),
        (0, ["inconclusive"], ["a test"], 1),
        (1, ["fail", "inconclusive"], [], 1),
        (1, ["pass"], [], 1),  # stale, expired, or an exception
        (0, ["fail"], [], 0),  # excused by a known failure
        (0, ["reported"], [], 5),
        (0, ["not_applicable"], [], 5),
        (0, [], [], 5),
        (5, [], [], 5),
        (2, ["pass", "blocked"], ["a test"], 2),
        (3, ["inconclusive"], [], 3),
        (4, [], [], 4),
    ],
)
def test_exit_codes(pytests, outcomes, lost, code):
    """1 if anything failed, was blocked or lost, else 10 if undecided, 5 if nothing was judged; 2 to 4 stay."""
    blank = ("zoo", "model", "property", "behavior", None, None, None)
    verdicts = [Verdict(*blank, Outcome(outcome)) for outcome in outcomes]
    gate = SimpleNamespace(allow_blocked=False, inconclusive="report")
    session = SimpleNamespace(verdicts=verdicts, lost=lambda: lost, expired=list, claims={"a test": None}, gate=gate)
    assert exit_code(session, pytests) == code


@pytest.mark.parametrize(
    ("error", "entries"), [(BlockedError("b"), 1), (NotApplicableError("n"), 1), (KeyError("k"), 3)], ids=repr
)
def test_no_traceback_is_worked_out_for_what_is_told_without_one(error, entries):
    """Pytest would parse every file on its way: of a run over recordings, that was two thirds.

    It sees a failure that asks for none; everybody else sees what was raised.
    """

    def fixture():
        raise error

    def behavior():
        fixture()

    call = pytest.CallInfo.from_call(behavior, "call")
    around_pytest = pytest_runtest_makereport(SimpleNamespace(stash={CLAIM: None}), call)
    next(around_pytest)
    seen = call.excinfo
    around_pytest.close()
    assert len(seen.traceback) == entries
    assert getattr(seen.value, "pytrace", True) == (entries > 1)
    assert str(seen.value) == str(error)
    assert call.excinfo.value is error
    assert len(call.excinfo.traceback) == 3
