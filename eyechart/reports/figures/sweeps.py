"""Data of the curves: corruptions by severity, swept factors by level, invariance (paper, Fig. 7 and 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eyechart.judge.verdict import Verdict
from eyechart.measures import ALEXNET_ERRORS, accuracy, clustered_accuracy, mean_corruption_error, only
from eyechart.measures.measurement import Measurement
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged

ACROSS = 3
"""Panels beside each other."""

DRAWN = "Hollow marks are promises that are broken or undecided; a short bar is the bound."


def point(
    style: str, model: str, place: tuple[float, str], value: float, ends: tuple[float, float] | None = None, **more: Any
) -> Row:
    """Make the row of one point of a curve: at `place`, which is called so on the axis. Its panel is set later."""
    low, high = ends or (None, None)
    usual = {
        "row": 0, "column": 0, "panel": "", "measure": "accuracy", "style": style, "model": model, "x": place[0],
        "tick": place[1], "value": value, "low": low, "high": high, "count": None, "bound": None,
        "own_bound": "", "verdict": "",
    }  # fmt: skip
    return {**usual, **more}


def corruptions(judged: Judged) -> Iterator[Figure]:
    """Accuracy by corruption and severity, and the mean over severities that is judged."""
    for name, claims in judged.by_set(judged.measured("mean_corruption_error")):
        severities = [float(each) for each in np.unique(judged.run.index(name)["severity"].to_numpy())]
        beyond = _beyond(severities)
        panels: dict[str, list[Row]] = defaultdict(list)
        for model in dict.fromkeys(claim.model for claim in claims):
            own = [claim for claim in claims if claim.model == model]
            grid = judged.evidence(own[0]).grid if not own[0].part else _every(judged, own)
            for claim in own:
                panels[claim.part or "all corruptions"].append(_kept(claim, beyond))
            for at, severity in enumerate(severities):
                place = (severity, f"{severity:g}")
                level = {corruption: [levels[at]] for corruption, levels in grid.items() if at < len(levels)}
                if any(not claim.part for claim in own):
                    mean = mean_corruption_error(level)
                    panels["all corruptions"].append(_right("point", model, place, mean))
                for corruption, (predictions,) in level.items():
                    panels[corruption].append(_measured(model, place, accuracy(predictions)))
        if judged.run.zoo.space_name(name) == "imagenet-1k":
            for corruption in set(panels) & set(ALEXNET_ERRORS):
                panels[corruption].append(
                    point("published", "AlexNet, mean of severities", beyond, 1 - ALEXNET_ERRORS[corruption])
                )
        yield judged.figure(
            "curves", ("corruptions", name), f"Accuracy by corruption and severity, {name}",
            "Accuracy at each severity and, at the right, the mean over severities that is judged, with 95 % "
            "intervals. " + DRAWN, rows=placed(panels), about=claims,
        )  # fmt: skip


def factor_sweeps(judged: Judged) -> Iterator[Figure]:
    """Accuracy at each level of each swept factor, and the mean over levels that is judged."""
    for name, claims in judged.by_set(judged.measured("top1_by_level", "worst_level_top1")):
        panels: dict[str, list[Row]] = defaultdict(list)
        for claim in claims:
            if claim.measure != "top1_by_level":
                continue
            predictions, levels, assets = judged.evidence(claim).sweep
            places = _places(np.unique(levels).tolist())
            rows = panels[claim.part or name]
            for level, place in places.items():
                at = np.equal(levels, level)
                if len(places) > 1:
                    measured = clustered_accuracy(only(predictions, at), assets[at])
                    rows.append(_measured(claim.model, place, measured))
            rows.append(_judged(claim, _beyond([x for x, _ in places.values()])))
        yield judged.figure(
            "curves", ("sweep", name), f"Accuracy along each swept factor, {name}",
            "Accuracy at each level of a factor and, at the right, the mean over levels that is judged, with 95 % "
            f"intervals over the assets that are seen. {DRAWN}",
            rows=placed(panels), about=claims,
        )  # fmt: skip


def placed(panels: Mapping[str, Sequence[Row]], across: int = ACROSS) -> list[Row]:
    """Give panels their places, from left to right and top to bottom."""
    across = min(across, len(panels))
    return [
        {**row, "panel": name, "row": at // across, "column": at % across}
        for at, (name, rows) in enumerate(panels.items())
        for row in rows
    ]


def _beyond(places: Sequence[float]) -> tuple[float, str]:
    """Where the judged mean stands: beyond the last place of a curve."""
    reach = max(places) - min(places)
    return max(places) + (0.28 * reach or 1.0), "mean"


def _every(judged: Judged, claims: Sequence[Verdict]) -> dict[str, Any]:
    grids = [judged.evidence(claim).grid for claim in claims]
    return {name: levels for grid in grids for name, levels in grid.items()}


def _kept(claim: Verdict, place: tuple[float, str]) -> Row:
    """Make the row of a judged error rate, as the accuracy that it leaves."""
    ends = None if claim.low is None or claim.high is None else (1 - claim.high, 1 - claim.low)
    bound = None if claim.at_most is None else 1 - claim.at_most
    return point("mean", claim.model, place, 1 - (claim.value or 0.0), ends, count=claim.count, bound=bound,
                 verdict=str(claim.verdict))  # fmt: skip


def _judged(claim: Verdict, place: tuple[float, str]) -> Row:
    ends = None if claim.low is None or claim.high is None else (claim.low, claim.high)
    return point("mean", claim.model, place, claim.value or 0.0, ends, count=claim.count, bound=claim.at_least,
                 verdict=str(claim.verdict))  # fmt: skip


def _measured(model: str, place: tuple[float, str], measured: Measurement) -> Row:
    return point("point", model, place, measured.value, measured.interval, count=measured.count)


def _right(style: str, model: str, place: tuple[float, str], wrong: Measurement) -> Row:
    low, high = wrong.interval or (float("nan"), float("nan"))
    return point(style, model, place, 1 - wrong.value, (1 - high, 1 - low), count=wrong.count)


def _places(levels: Sequence[Any]) -> dict[Any, tuple[float, str]]:
    """Level → where it stands on an axis, and what it is called: a number where all are, else one by one."""
    try:
        numbers = {level: float(level) for level in levels}
    except ValueError:
        return {level: (float(at), str(level)) for at, level in enumerate(levels)}
    ordered = sorted(levels, key=lambda level: numbers[level])
    return {level: (numbers[level], f"{numbers[level]:.3g}") for level in ordered}
