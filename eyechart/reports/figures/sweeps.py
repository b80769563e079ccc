"""Data of the curves: corruptions by severity, swept factors by level, invariance (paper, Fig. 7 and 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from eyechart.judge.evidence import Evidence, Sweep
from eyechart.judge.verdict import Verdict
from eyechart.measures import (
    ALEXNET_ERRORS,
    accuracy,
    accuracy_by_level,
    clustered_accuracy,
    mean_corruption_error,
    only,
)
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
        "own_bound": "", "verdict": "", "baseline": "",
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
        plain = [claim for claim in claims if claim.measure == "mean_corruption_error"]
        for row in judged.of_baseline(plain, partial(_corrupted, severities)):
            panels[str(row["panel"])].append(row)
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
            along, beyond = _along(claim.model, judged.evidence(claim).sweep)
            panels[claim.part or name] += [*along, _judged(claim, beyond)]
        for row in judged.of_baseline([each for each in claims if each.measure == "top1_by_level"], _swept):
            panels[str(row["panel"]) or name].append(row)
        yield judged.figure(
            "curves", ("sweep", name), f"Accuracy along each swept factor, {name}",
            "Accuracy at each level of a factor and, at the right, the mean over levels that is judged, with 95 % "
            f"intervals over the assets that are seen. {DRAWN}",
            rows=placed(panels), about=claims,
        )  # fmt: skip


def _corrupted(severities: Sequence[float], named: str, claim: Verdict, answered: Evidence) -> list[Row]:
    """Points of what a claim is about, a corruption or all of them, at each severity and of their mean."""
    grid, rows = answered.grid, []
    for at, severity in enumerate(severities):
        level = {corruption: [levels[at]] for corruption, levels in grid.items() if at < len(levels)}
        rows.append(_right("point", named, (severity, f"{severity:g}"), mean_corruption_error(level)))
    rows.append(_right("mean", named, _beyond(severities), mean_corruption_error(grid)))
    return [{**row, "panel": claim.part or "all corruptions"} for row in rows]


def _swept(named: str, claim: Verdict, answered: Evidence) -> list[Row]:
    """Points of a factor at each level, and of their mean."""
    along, beyond = _along(named, answered.sweep)
    mean = _measured(named, beyond, accuracy_by_level(*answered.sweep))
    return [{**row, "panel": claim.part or ""} for row in (*along, {**mean, "style": "mean"})]


def _along(model: str, sweep: Sweep) -> tuple[list[Row], tuple[float, str]]:
    """Points of a factor at each of its levels, where there are several; and the place beyond them."""
    predictions, levels, assets = sweep
    places = _places(np.unique(levels).tolist())
    rows: list[Row] = []
    for level, place in places.items() if len(places) > 1 else ():
        at = np.equal(levels, level)
        rows.append(_measured(model, place, clustered_accuracy(only(predictions, at), assets[at])))
    return rows, _beyond([x for x, _ in places.values()])


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
    return max(places) + (0.36 * reach or 1.0), "mean"


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
