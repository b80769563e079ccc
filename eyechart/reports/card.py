"""A run as a section of a model card: the Hub's `model-index` in YAML, and in Markdown what was promised and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eyechart.errors import SpecError, nearest
from eyechart.judge.verdict import Verdict
from eyechart.reports.markdown import code, table, text
from eyechart.reports.pages import words
from eyechart.reports.report import Report, kind, properties
from eyechart.reports.sentence import deciding_sentence, models_of

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

HUB_NAMES = {"top1": "accuracy", "top5": "top_5_accuracy"}
"""Measures that the Hub knows by another name."""

_KINDS = {"pass": "kept", "known": "broken, known", "F": "broken", "?": "undecided", "B": "could not be measured",
          "n/a": "not applicable"}  # fmt: skip


def model_of(report: Report, named: str = "") -> str:
    """The model that a card is about. Raises SpecError where the run has several and none is named, or not this one."""
    models = models_of(report)
    if not named and len(models) == 1:
        return models[0]
    if named not in models:
        said = (
            f"--model {named!r} was not judged in this run" if named else "the run judged several models: --model NAME"
        )
        raise SpecError(f"{said}: {nearest(named, models)}")
    return named


def card(report: Report, model: str) -> str:
    """Write the card: its metadata between `---`, as the Hub reads it, then the section."""
    return f"---\n{card_data(report, model).to_yaml()}\n---\n\n{section(report, model)}"


def card_data(report: Report, model: str) -> ModelCardData:
    """The metadata of a card: one result for each thing that was measured, with its interval and count."""
    from huggingface_hub import ModelCardData

    return ModelCardData(model_name=model, eval_results=_results(report, model))


def _results(report: Report, model: str) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    measured: dict[tuple[object, ...], EvalResult] = {}
    for claim in report.verdicts:
        if claim.model != model or claim.versus or not _is_number(claim):
            continue
        about = report.run.get("image_sets", {}).get(claim.image_set) or {}
        interval = {} if claim.low is None else {"low": claim.low, "high": claim.high, "confidence": 0.95}
        key = (claim.image_set, claim.part, claim.view, claim.measure)
        measured.setdefault(
            key,
            EvalResult(
                task_type="image-classification",
                dataset_type=claim.image_set or "group",
                dataset_name=words.place(claim),
                dataset_config=" ".join(filter(None, [claim.part, claim.view])) or None,
                dataset_args={"fingerprint": about["fingerprint"]} if about.get("fingerprint") else None,
                metric_type=HUB_NAMES.get(str(claim.measure), str(claim.measure)),
                metric_name=f"{claim.measure} {words.interval(claim)}, {claim.count:,} images".replace(" ,", ","),
                metric_value=claim.value,
                metric_args={**interval, "images": claim.count, "method": claim.method},
            ),
        )
    return list(measured.values())


def _is_number(claim: Verdict) -> bool:
    """Whether it has a number that YAML and the Hub can hold, with the count it rests on."""
    numbers = [each for each in (claim.value, claim.low, claim.high) if each is not None]
    return claim.value is not None and claim.count is not None and all(map(math.isfinite, numbers))


def section(report: Report, model: str) -> str:
    """The Markdown of a card: the deciding sentence, and every promise with its measurement, bound and verdict."""
    claims = [claim for claim in report.claims if claim.model == model]
    lines = ["## What was promised and kept", "", text(deciding_sentence(claims, report.run), 400) + ".", ""]
    limit = report.run.get("limit")
    lines += [
        "Decided by Eyechart from intervals of 95 %"
        + (f", on at most {limit:,} images of each set" if limit else "")
        + (f", checkpoint {code(fingerprint)}" if (fingerprint := report.run.get("models", {}).get(model)) else "")
        + ".",
        "",
    ]
    for name in properties(claims):
        lines += [
            f"### {text(name.replace('_', ' '))}",
            "",
            *table(_rows([c for c in claims if c.property == name])),
            "",
        ]
    return "\n".join(lines)


def _rows(claims: Sequence[Verdict]) -> list[list[str]]:
    rows = [["promise", "on", "measured", "images", "promised", "verdict"]]
    for claim in claims:
        beside = f" (no worse than {claim.versus})" if claim.versus else ""
        value = " ".join(filter(None, [words.number(claim.value, claim), words.interval(claim)]))
        excuse = f": {text(claim.known_failure)}" if kind(claim) == "known" else ""
        measured = text(f"{claim.measure} {value}") if claim.value is not None else ""
        count = "" if claim.count is None else f"{claim.count:,}"
        promise = text(f"{claim.promise or claim.behavior}{beside}")
        verdict = f"{_KINDS[kind(claim)]}{excuse}"
        rows.append([promise, text(words.place(claim)), measured, count, text(words.bound(claim)), verdict])
    return rows
