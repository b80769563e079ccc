"""The sentence that decides: it counts promises by hand, and never says other than the exit code."""

from __future__ import annotations

import pytest

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.report import Report
from eyechart.reports.sentence import deciding_sentence, deciding_sentences

LETTERS = {
    "p": Outcome.PASS, "F": Outcome.FAIL, "x": Outcome.FAIL, "?": Outcome.INCONCLUSIVE, "B": Outcome.BLOCKED,
    "s": Outcome.NOT_APPLICABLE, "r": Outcome.REPORTED,
}  # fmt: skip


def verdicts(letters: str, model: str = "candidate") -> list[Verdict]:
    """A claim a letter, as pytest prints them; r is a number that is only reported."""
    return [
        Verdict("toys", model, "accuracy", f"test_a.py::test_{number}", None, None, None, LETTERS[letter],
                known_failure="Planned." if letter == "x" else None)
        for number, letter in enumerate(letters)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("letters", "run", "said"),
    [
        ("FF???" + 41 * "p", {"exit_code": 1}, "candidate may not ship: 2 of 46 promises broken, 3 undecided"),
        ("FB?xsr", {"exit_code": 1}, "candidate may not ship: 1 of 4 promises broken, 1 could not be measured, "
                                     "1 undecided, 1 broken for a known reason"),
        ("Bp", {"exit_code": 1}, "candidate may not ship: 1 of 2 promises could not be measured"),
        ("?pp", {"exit_code": 10}, "candidate may not ship yet: 1 of 3 promises undecided"),
        ("?pp", {"exit_code": 1}, "candidate may not ship: 1 of 3 promises undecided"),
        ("?B", {"exit_code": 0}, "candidate may ship: 1 of 2 promises could not be measured, 1 undecided"),
        ("ppss", {"exit_code": 0}, "candidate may ship: all 2 promises kept"),
        ("ppx", {"exit_code": 0}, "candidate may ship: 2 of 3 promises kept, 1 broken for a known reason"),
        ("p", {"exit_code": 0}, "candidate may ship: 1 of 1 promise kept"),
        ("ss", {"exit_code": 5}, "candidate may not ship: nothing was judged"),
        ("rr", {"exit_code": 5}, "this run may not ship: nothing was judged"),
        ("pp", {"exit_code": 1, "troubles": [{"test": "a", "what": "b"}]},
         "candidate may not ship: all 2 promises kept, 1 test ended without a verdict"),
        ("p?", {"exit_code": 2, "stopped_early": True},
         "candidate may not ship: 1 of 2 promises undecided, the run was stopped early"),
    ],
)  # fmt: skip
def test_the_sentence_counts_what_decides(letters, run, said):
    """Broken before not measured before undecided; excused and not applicable keep nothing back."""
    assert deciding_sentence(verdicts(letters), run) == said


@pytest.mark.parametrize("letters", ["FF???ppp", "Bp", "pp", "ppx"])
def test_claims_alone_are_enough(letters):
    """Without the run part, a claim that is broken or blocked holds the model back, and nothing else does."""
    ships = " may ship: " in deciding_sentence(verdicts(letters))
    assert ships == (not {"F", "B"} & set(letters))


def test_each_model_has_its_own():
    """In the order of the zoo; one model's broken promise is not another's."""
    run = {"models": {"b": None, "a": None}, "exit_code": 1}
    sentences = deciding_sentences(Report(run, (*verdicts("F", "a"), *verdicts("p", "b"))))
    assert sentences == {
        "b": "b may ship: 1 of 1 promise kept",
        "a": "a may not ship: 1 of 1 promise broken",
    }
