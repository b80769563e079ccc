"""Data of the figures about accuracy: on shifted sets beside clean images, and of transfer tasks (paper, Fig. 6)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.judge.evidence import Evidence
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.measures import accuracy, lead
from eyechart.measures.predictions import Predictions
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged
from eyechart.reports.figures.mistakes import MARK, measured_row, part_row

Answers: TypeAlias = dict[tuple[str, str], Predictions]
"""Model or baseline, image set → answers."""

ROLES = ("validation", "relabeled", "shifted")


def shifted_accuracies(judged: Judged) -> Iterator[Figure]:
    """Accuracy on every validation, relabeled and shifted set; that on unchanged images of the same classes beside it.

    The second panel has how far each model is ahead of the first one, paired by image.
    """
    sets = judged.run.zoo.image_sets
    claims = [v for v in judged.measured("top1") if v.measure in ("top1", "top1_drop_between_sets")
              and v.image_set and sets[v.image_set].role in ROLES and not v.part]  # fmt: skip
    if not any(sets[claim.image_set or ""].role in ROLES[1:] for claim in claims):
        return
    rows: list[Row] = []
    answers: Answers = {}
    beside: Answers = {}
    for name, about in judged.by_set(claims):
        for model in dict.fromkeys(claim.model for claim in about):
            own = [claim for claim in about if claim.model == model and claim.measure == "top1"]
            drops = [claim for claim in about if claim.model == model and claim.measure != "top1"]
            if own:
                strictest = max(own, key=lambda claim: (claim.verdict is not Outcome.PASS, claim.at_least or 0.0))
                answers[model, name] = judged.evidence(own[0]).predictions
                rows.append(part_row("accuracy", name, strictest, other=_clean(judged, drops)))
        rows += _of_baseline(judged, name, [claim for claim in about if claim.measure == "top1"], beside)
    yield judged.figure(
        "parts", ("accuracy", "shifted"), "Accuracy on images of another source",
        "Accuracy with 95 % intervals; the upright bar is that on unchanged images of the same classes. "
        f"{_led(rows, answers, beside, judged.models)}{MARK}",
        rows=rows, about=claims,
    )  # fmt: skip


def transfer_accuracies(judged: Judged) -> Iterator[Figure]:
    """Accuracy of linear probes, task by task and group by group; always naming the commonest class beside it."""
    tasks, groups = judged.measured("top1_over_guessing"), judged.measured("mean_top1")
    zoo = judged.run.zoo
    group_of = {name: zoo.image_sets[name].group or "" for name in zoo.image_sets if zoo.image_sets[name].group}
    rows: list[Row] = []
    answers: Answers = {}
    beside: Answers = {}
    for group in dict.fromkeys([*group_of.values(), "", *(claim.part or "" for claim in groups)]):
        for name, about in judged.by_set(
            [claim for claim in tasks if group_of.get(claim.image_set or "", "") == group]
        ):
            for claim in about:
                predictions = judged.evidence(claim).predictions
                answers[claim.model, name] = predictions
                rows.append(_over_guessing(name, claim, accuracy(predictions).value))
            rows += _of_baseline(judged, name, about, beside)
        if group:
            rows += [part_row("accuracy", f"mean, {group}", claim) for claim in groups if claim.part == group]
    if rows:
        yield judged.figure(
            "parts", ("accuracy", "transfer"), "Linear probes on other tasks, by task and group",
            "Accuracy of linear probes on frozen features with 95 % intervals; the upright bar is always naming the "
            f"commonest class. {_led(rows, answers, beside, judged.models)}{MARK}",
            rows=rows, about=[*tasks, *groups],
        )  # fmt: skip


def _of_baseline(judged: Judged, name: str, claims: Sequence[Verdict], beside: Answers) -> list[Row]:
    """The baseline's accuracy on an image set, once whatever is claimed there; its answers join those `beside`."""

    def rows_of(named: str, _: Verdict, answered: Evidence) -> list[Row]:
        if (named, name) in beside:
            return []
        beside[named, name] = answered.predictions
        return [measured_row("accuracy", name, named, accuracy(answered.predictions))]

    return judged.of_baseline(claims, rows_of)


def _over_guessing(task: str, claim: Verdict, value: float) -> Row:
    """Make a task's row: the interval and the bound of the lead over guessing, from where guessing stands."""
    guessed = value - (claim.value or 0.0)
    row = part_row("accuracy", task, claim, other=guessed)
    ends = {name: None if getattr(claim, name) is None else min(1.0, max(0.0, guessed + getattr(claim, name)))
            for name in ("low", "high", "at_least", "at_most")}  # fmt: skip
    return {**row, "value": value, **ends}


def _clean(judged: Judged, drops: Sequence[Verdict]) -> float | None:
    """Accuracy on unchanged images of the same classes, where a claim compares with it."""
    with contextlib.suppress(BlockedError, NotApplicableError):
        for claim in drops:
            return accuracy(judged.evidence(claim).clean).value
    return None


def _led(rows: list[Row], answers: Answers, beside: Answers, models: Sequence[str]) -> str:
    """Add the second panel: leads over the baseline, or over the first of several models; say so."""
    baselines = list(dict.fromkeys(name for name, _ in beside))
    ordered = [model for model in models if any(key[0] == model for key in answers)]
    if len(baselines) != 1 and len(ordered) < 2:
        return ""
    reference, theirs = (baselines[0], beside) if len(baselines) == 1 else (ordered[0], answers)
    panel = f"lead over {reference}"
    leads = []
    for (model, name), predictions in answers.items():
        first = theirs.get((reference, name))
        with contextlib.suppress(ValueError, BlockedError, NotApplicableError):  # other images: nothing to pair
            if first is not None and first is not predictions:
                ahead = lead(accuracy(predictions), accuracy(first))
                leads.append(measured_row(panel, name, model, ahead, line="0"))
    rows += leads
    who = "the model" if len(ordered) == 1 else "each model"
    return f"Right: how far {who} is ahead of {reference} on the same images, paired. " if leads else ""
