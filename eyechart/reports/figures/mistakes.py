"""Data of the figures about parts of image sets: errors by factor, shape bias by category (paper, Fig. 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eyechart.judge.evidence import Evidence
from eyechart.judge.verdict import Verdict
from eyechart.measures import error_ratio, mean_error_ratio, only, shape_bias
from eyechart.measures.measurement import Measurement
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged

PEOPLE, RESNET_50 = 0.9587, 0.2149
"""Shape bias of ten people, and of torchvision's ResNet-50, on the 1,280 published images (docs/protocol.md)."""

MARK = "A hollow mark is a promise that is broken or undecided; the short dashes are its bound."
"""How a claim's state is drawn."""


COLUMNS = (
    "panel", "part", "model", "measure", "value", "low", "high", "count", "other", "at_most", "at_least", "verdict",
    "line", "published", "baseline",
)  # fmt: skip
"""Of the figures about parts."""


def part_row(panel: str, part: str, verdict: Verdict, *, line: str = "", other: float | None = None) -> Row:
    """Make the row of a claim about a part; `line` is where the axis has one, `other` a second value beside it."""
    return _row(
        panel=panel, part=part, model=verdict.model, measure=verdict.measure, value=verdict.value, low=verdict.low,
        high=verdict.high, count=verdict.count, other=other, at_most=verdict.at_most, at_least=verdict.at_least,
        verdict=str(verdict.verdict), line=line,
    )  # fmt: skip


def measured_row(
    panel: str, part: str, model: str, measurement: Measurement, *, line: str = "", other: float | None = None
) -> Row:
    """Make the row of a number that was not judged."""
    low, high = measurement.interval or (None, None)
    return _row(
        panel=panel, part=part, model=model, measure=measurement.measure, value=measurement.value, low=low, high=high,
        count=measurement.count, other=other, line=line,
    )  # fmt: skip


def published_row(panel: str, name: str, value: float) -> Row:
    """Make the row of a number that others published."""
    return _row(panel=panel, part="", model=name, value=value, published="yes")


def _row(**cells: Any) -> Row:
    return {**dict.fromkeys(COLUMNS), **cells}


def error_ratios(judged: Judged) -> Iterator[Figure]:
    """Error ratio by factor, a figure an image set; the mean over factors is one more row."""
    panel = "error ratio (1: as often wrong as on all images)"
    for name, claims in judged.by_set([v for v in judged.measured("error_ratio") if v.part]):
        rows = [part_row(panel, claim.part or "", claim, line="1") for claim in claims]
        for model in dict.fromkeys(claim.model for claim in claims):
            evidence = judged.evidence(next(claim for claim in claims if claim.model == model))
            if evidence.overall is None:  # the mean over factors is defined over the annotated images
                mean = mean_error_ratio(evidence.predictions, evidence.factors)
                rows.append(measured_row(panel, "mean of factors", model, mean, line="1"))
        rows += judged.of_baseline(claims, lambda named, claim, answered: [
            measured_row(panel, claim.part or "", named,
                         error_ratio(answered.predictions, answered.part, overall=answered.overall), line="1")
        ])  # fmt: skip
        yield judged.figure(
            "parts", ("error-ratio", name), f"Error ratio by factor, {name}",
            f"Error rate on images with a factor over that on all images of {name}, with 95 % intervals. {MARK}",
            rows=rows, about=claims,
        )  # fmt: skip


def shape_biases(judged: Judged) -> Iterator[Figure]:
    """Shape bias by category, and each model's own as a line."""
    panel = "share of decisions by shape (the others go by texture)"
    for name, claims in judged.by_set(judged.measured("shape_bias")):
        by_category = [claim for claim in claims if claim.part]
        if not by_category:
            continue
        rows = [part_row(panel, claim.part or "", claim) for claim in claims]
        rows += judged.of_baseline(
            claims,
            lambda named, claim, answered: [measured_row(panel, claim.part or "", named, _bias(claim, answered))],
        )
        published = ""
        if judged.run.zoo.space_name(name) == "cue-conflict-16":
            rows += [published_row(panel, "ResNet-50", RESNET_50), published_row(panel, "people", PEOPLE)]
            published = "Dotted: people and a ResNet-50 on the 1,280 published images. "
        yield judged.figure(
            "parts", ("shape-bias", name), f"Shape or texture by category, {name}",
            f"Of the decisions that name the shape's or the texture's class, the share that names the shape's, with "
            f"95 % intervals; long dashes: over all categories. {published}{MARK}",
            rows=rows, about=claims,
        )  # fmt: skip


def _bias(claim: Verdict, answered: Evidence) -> Measurement:
    """Measure the shape bias that a claim is about: over all categories, or in one."""
    if not claim.part:
        return shape_bias(answered.predictions, answered.cues)
    return shape_bias(only(answered.predictions, answered.part), answered.cues.where(answered.part))
