"""Data of the reliability diagrams (paper, Fig. 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import stats

from eyechart.judge.evidence import Evidence
from eyechart.judge.verdict import Verdict
from eyechart.measures.calibration import BINS, calibration_error, confidence_gap
from eyechart.measures.intervals import clopper_pearson
from eyechart.measures.measurement import HALF
from eyechart.measures.predictions import Predictions
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged

MEASURES = ("ece_", "confidence_gap")


def reliabilities(judged: Judged) -> Iterator[Figure]:
    """A figure for each image set on which calibration is claimed, a panel a model."""
    for name, claims in judged.by_set([v for v in judged.measured(*MEASURES) if v.view == "original"]):
        rows: list[Row] = []
        for model in dict.fromkeys(claim.model for claim in claims):
            own = [claim for claim in claims if claim.model == model]
            rows += _rows(judged.evidence(own[0]).predictions, _judged(judged, own))
            rows += [{**row, "beside": model} for row in judged.of_baseline(own[:1], _of_baseline)]
        about = "out of distribution" if judged.run.zoo.image_sets[name].role == "shifted" else "in distribution"
        yield judged.figure(
            "reliability", ("reliability", name), f"Confidence and reliability, {name} ({about})",
            f"Above, how sure the answers to {name} are. Below, how many of those are right: a mark with its 95 % "
            f"interval for each of {BINS} bins, at the bin's mean confidence; the broad line is the signed gap "
            "to the diagonal, dark where it says more than it keeps; the gray band is where 95 % of such marks of a "
            "calibrated model would be.",
            rows=rows, about=claims,
        )  # fmt: skip


def bins_of(predictions: Predictions, bins: int = BINS) -> list[Row]:
    """Equal-width bins of confidence, each `from < confidence <= to`: images, mean confidence, accuracy and limits.

    `calibrated_low` and `calibrated_high` hold the accuracy of 95 % of such bins of a model that is right as often as
    it says: quantiles of a binomial, which vary a little more than its own confidences would have them.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    members = np.clip(np.searchsorted(edges, predictions.confidence, side="left") - 1, 0, bins - 1)
    rows: list[Row] = []
    for each in range(bins):
        inside = members == each
        count, right = int(np.count_nonzero(inside)), int(np.count_nonzero(predictions.correct[inside]))
        row: dict[str, str | int | float | None] = {
            "bin": each + 1, "from": float(edges[each]), "to": float(edges[each + 1]), "images": count,
            "share": count / len(predictions), "confidence": None, "accuracy": None, "low": None, "high": None,
            "gap_of_bin": None, "calibrated_low": None, "calibrated_high": None,
        }  # fmt: skip
        if count:
            sure = float(predictions.confidence[inside].mean())
            row["confidence"], row["accuracy"] = sure, right / count
            row["gap_of_bin"] = sure - right / count
            row["low"], row["high"] = clopper_pearson(right, count, HALF)
            row["calibrated_low"], row["calibrated_high"] = (
                float(stats.binom.ppf(share, count, min(sure, 1.0))) / count for share in (HALF, 1 - HALF)
            )
        rows.append(row)
    return rows


def _of_baseline(_: str, __: Verdict, answered: Evidence) -> list[Row]:
    """Bins of the baseline, with the numbers that are judged of others."""
    predictions = answered.predictions
    error, gap = calibration_error(predictions), confidence_gap(predictions)
    numbers: dict[str, float | None] = {}
    for column, measured in (("ece", error), ("gap", gap)):
        low, high = measured.interval or (None, None)
        numbers |= {column: measured.value, f"{column}_low": low, f"{column}_high": high}
    plain = next(each.value for each in error.companions if each.measure == f"ece_{BINS}_equal_width")
    return _rows(predictions, {**numbers, "ece_equal_width": plain})


def _judged(judged: Judged, claims: Sequence[Verdict]) -> dict[str, float | None]:
    """What was judged of a model's calibration, as the columns of a row."""
    numbers: dict[str, float | None] = {}
    for column, measure in (("ece", "ece_"), ("gap", "confidence_gap")):
        claim = next((claim for claim in claims if (claim.measure or "").startswith(measure)), None)
        for end, value in (("", "value"), ("_low", "low"), ("_high", "high")):
            numbers[f"{column}{end}"] = getattr(claim, value) if claim else None
        if column == "ece":
            plain = judged.beside(claim, f"ece_{BINS}_equal_width") if claim else None
            numbers["ece_equal_width"] = plain.value if plain else None
    return numbers


def _rows(predictions: Predictions, numbers: Mapping[str, float | None]) -> list[Row]:
    start = {"model": predictions.model, "image_set": predictions.image_set}
    means = {"top1": float(predictions.correct.mean()), "mean_confidence": float(predictions.confidence.mean())}
    names = ("ece", "ece_low", "ece_high", "ece_equal_width", "gap", "gap_low", "gap_high")
    told = {name: numbers.get(name) for name in names}
    return [{**start, **row, **means, **told, "baseline": "", "beside": ""} for row in bins_of(predictions)]
