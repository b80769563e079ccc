"""The sentence that decides: whether a model may ship, and why not, counted over its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.report import Report, kind

STOPPED = (2, 3, 4)
"""Exit codes of pytest under which a run judged a part of what it was asked, or nothing."""


def deciding_sentence(records: Iterable[Verdict], run: Mapping[str, Any] | None = None) -> str:
    """Say of one model whether it may ship: `candidate may not ship: 2 of 46 promises broken, 3 undecided`.

    records  the verdicts of one model; numbers that are only reported count as nothing
    run      the `run` part of the report. It knows what claims do not tell: an exit code of 0 means that undecided or
             blocked claims were allowed, 1 that they were not; tests that ended without a verdict; an early stop.

    Claims that are not applicable are no promises. A known failure is broken and excused, so it keeps nothing back.
    """
    claims = [record for record in records if record.verdict is not Outcome.REPORTED]
    count = Counter(kind(claim) for claim in claims)
    total = len(claims) - count["n/a"]
    model = " ".join(dict.fromkeys(claim.model for claim in claims))
    if not total:
        return f"{model or 'this run'} may not ship: nothing was judged"
    run = run or {}
    parts = [(count["F"], "broken"), (count["B"], "could not be measured"), (count["?"], "undecided")]
    holds_back = [f"{number} {words}" for number, words in parts if number]
    unfinished = _unfinished(run)
    excused = [f"{count['known']} broken for a known reason"] if count["known"] else []
    if holds_back:
        number, _, words = holds_back[0].partition(" ")
        said = [f"{number} of {_promises(total)} {words}", *holds_back[1:], *excused]
    else:
        kept = (
            f"all {_promises(total)} kept"
            if count["pass"] == total > 1
            else f"{count['pass']} of {_promises(total)} kept"
        )
        said = [kept, *excused]
    return f"{model} {_ruling(count, run, unfinished)}: {', '.join([*said, *unfinished])}"


def deciding_sentences(report: Report) -> dict[str, str]:
    """Model → its sentence, in the order of the zoo."""
    return {
        model: deciding_sentence((record for record in report.verdicts if record.model == model), report.run)
        for model in models_of(report)
    }


def headline(sentences: Mapping[str, str]) -> str:
    """One line for a page or a message: the sentence of the only model, or how many of several may ship."""
    if len(sentences) == 1:
        return next(iter(sentences.values()))
    if not sentences:
        return deciding_sentence(())
    ships = sum(sentence.startswith(f"{model} may ship: ") for model, sentence in sentences.items())
    return f"{ships} of {len(sentences)} models may ship"


def models_of(report: Report) -> list[str]:
    """Models that have a claim, in the order of the zoo."""
    judged = {claim.model for claim in report.claims}
    named = [str(name) for name in report.run.get("models", {}) if name in judged]
    return named + sorted(judged - set(named))


def _ruling(count: Counter[str], run: Mapping[str, Any], unfinished: list[str]) -> str:
    if count["F"] or unfinished:
        return "may not ship"
    if run.get("exit_code") == 0:
        return "may ship"
    if count["B"] or (count["?"] and run.get("exit_code") == 1 and not run.get("troubles")):
        return "may not ship"
    return "may not ship yet" if count["?"] else "may ship"


def _unfinished(run: Mapping[str, Any]) -> list[str]:
    """What makes a run no decision, whatever its claims say."""
    troubles = len(run.get("troubles", ()))
    words = [f"{troubles} {'test' if troubles == 1 else 'tests'} ended without a verdict"] if troubles else []
    stopped = run.get("stopped_early") or run.get("exit_code") in STOPPED
    return words + (["the run was stopped early"] if stopped else [])


def _promises(number: int) -> str:
    return f"{number:,} promise{'' if number == 1 else 's'}"
