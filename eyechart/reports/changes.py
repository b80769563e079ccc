"""Two reports beside each other, claim by claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eyechart.errors import SpecError, nearest
from eyechart.judge.verdict import Outcome, Verdict, measured
from eyechart.reports.report import Report

Claim = tuple[str, str, str]
"""Model, behavior, and what it is compared with; the model is empty where two models stand beside each other."""


class Kind(StrEnum):
    """How a claim came out of the two runs."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"
    GONE = "gone"
    NEW = "new"
    SAME = "same"


_RANK = {Outcome.PASS: 2, Outcome.INCONCLUSIVE: 1, Outcome.FAIL: 0}
"""*blocked* and *not applicable* have no rank: nothing was measured, which is neither better nor worse."""


@dataclass(frozen=True, slots=True)
class Change:
    """One claim in both runs, or in one of them."""

    claim: Claim
    kind: Kind
    before: Verdict | None
    after: Verdict | None

    def __str__(self) -> str:
        """`worse  vit-sup  test_x.py::test_y[sketch]: pass → fail`, with both measurements below."""
        model, behavior, versus = self.claim
        name = "  ".join(filter(None, [model, behavior])) + (f" vs {versus}" if versus else "")
        words = [str(each.verdict) if each else "not judged" for each in (self.before, self.after)]
        lines = [f"{self.kind:6} {name}: {words[0]} → {words[1]}"]
        lines += [f"         {word:6} {measured(each)}" for word, each in
                  (("before", self.before), ("after", self.after)) if each]  # fmt: skip
        return "\n".join(lines)


def changes(before: Mapping[Claim, Verdict], after: Mapping[Claim, Verdict]) -> list[Change]:
    """Put every claim of two runs beside itself, the ones that got worse first."""
    changed = [
        Change(claim, _kind(before.get(claim), after.get(claim)), before.get(claim), after.get(claim))
        for claim in sorted({*before, *after})
    ]
    order = list(Kind)
    return sorted(changed, key=lambda change: order.index(change.kind))


def _kind(before: Verdict | None, after: Verdict | None) -> Kind:
    if before is None or after is None:
        return Kind.NEW if before is None else Kind.GONE
    if before.verdict == after.verdict:
        return Kind.SAME
    ranks = _RANK.get(before.verdict), _RANK.get(after.verdict)
    if ranks[0] is None or ranks[1] is None:
        return Kind.OTHER
    return Kind.WORSE if ranks[1] < ranks[0] else Kind.BETTER


def comparable(before: Report, after: Report) -> tuple[dict[Claim, Verdict], dict[Claim, Verdict]]:
    """Claims of two runs by model, behavior and comparison, under the names that the runs share.

    A run with `--checkpoint` says which model the weights stand for: its claims are that model's. Two runs of one model
    each are compared whatever their names are.
    """
    names = [_names(report) for report in (before, after)]
    alone = [set(each.values()) for each in names]
    if not alone[0] & alone[1] and len(alone[0]) == len(alone[1]) == 1:
        names = [dict.fromkeys(each, "") for each in names]
    claims = [
        {(of[claim.model], claim.behavior, claim.versus or ""): claim for claim in report.claims}
        for of, report in zip(names, (before, after), strict=True)
    ]
    return claims[0], claims[1]


def _names(report: Report) -> dict[str, str]:
    """Model of a run → the name that its claims go by: of weights given by `--checkpoint`, what they stand for."""
    models = {claim.model for claim in report.claims}
    stands_for = report.run.get("stands_for") or {}
    return {model: old if (old := stands_for.get(model, model)) not in models else model for model in models}


def claims_of_model(report: Report, model: str | None) -> dict[Claim, Verdict]:
    """Claims about one model, without its name; None stands for the only one.

    Raises SpecError where the run did not judge it, or judged several and none is named.
    """
    models = {claim.model for claim in report.claims}
    if model is None and len(models) != 1:
        raise SpecError(f"which model is compared? that run judged {', '.join(sorted(models)) or 'none'}")
    model = model or next(iter(models))
    if model not in models:
        raise SpecError(f"that run judged no model {model!r}: {nearest(model, models)}")
    return {("", claim.behavior, claim.versus or ""): claim for claim in report.claims if claim.model == model}


def is_worse(changed: Sequence[Change]) -> bool:
    """Whether a change keeps the later run back: a claim is worse, gone or no longer measured, or none is in both."""
    in_both = [change for change in changed if change.before and change.after]
    lost = [change for change in changed if change.kind is Kind.OTHER and change.before
            and change.before.verdict in _RANK]  # fmt: skip
    return not in_both or bool(lost) or any(change.kind in (Kind.WORSE, Kind.GONE) for change in changed)


def differences(before: Report, after: Report) -> list[str]:
    """Say what else differs between two runs, since verdicts may differ for that alone."""
    one, two = before.run, after.run
    settings = ("zoo", "precision", "device", "limit")
    lines = [f"{key}: {one.get(key)} → {two.get(key)}" for key in settings if one.get(key) != two.get(key)]
    for key in ("models", "predicted_with", "versions", "image_sets"):
        lines += _differing(key, one.get(key) or {}, two.get(key) or {})
    return lines


def _differing(key: str, before: Mapping[str, object], after: Mapping[str, object]) -> Sequence[str]:
    """Names that both runs have with another value."""
    words = {
        "models": "another checkpoint", "predicted_with": "predicted with other library versions",
        "image_sets": "other images",
    }  # fmt: skip
    names = [name for name in before if name in after and before[name] != after[name]]
    return [f"{name}: {words.get(key) or f'{before[name]} → {after[name]}'}" for name in names]
