"""Data of the curves of invariance: accuracy and answers kept against shift, scale and resolution (paper, Fig. 8)."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.views import View
from eyechart.judge.evidence import Evidence
from eyechart.judge.verdict import Verdict
from eyechart.measures.intervals import simultaneous_band
from eyechart.measures.measurement import HALF
from eyechart.measures.predictions import Bools, Predictions
from eyechart.predict.needs import Need
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged
from eyechart.reports.figures.sweeps import DRAWN, point

MEASURES = ("top1_drop", "agreement", "worst_top1_drop", "least_agreement")

KINDS: Mapping[str, tuple[str, float | None]] = {
    "relative_shift": ("shift, share of a side", 0.0),
    "shift": ("shift, pixels", 0.0),
    "black_shift": ("black shift, pixels", 0.0),
    "scale": ("enlargement", 1.0),
    "relative_resolution": ("input size, times", 1.0),
    "resolution": ("input size, pixels", None),
    "brightness": ("light", 1.0),
}
"""Kind of view, in the order of panels → what its axis is called, and where the unchanged images stand on it."""


def invariances(judged: Judged) -> Iterator[Figure]:
    """Accuracy above and answers kept below, a column a kind of change; breaks that a search found are stars."""
    for name, claims in judged.by_set([v for v in judged.measured(*MEASURES) if v.measure in MEASURES]):
        panels: dict[tuple[int, str], list[Row]] = defaultdict(list)
        about: list[Verdict] = []
        shown: set[str] = set()
        for model in dict.fromkeys(claim.model for claim in claims):
            own = [claim for claim in claims if claim.model == model]
            before = judged.evidence(own[0]).predictions
            under = {view: each for claim in own for view, each in judged.evidence(claim).under.items()}
            kinds: set[str] = {View.parse(view).kind for view in under}
            starts = {kind: _start(judged, before, kind) for kind in kinds}
            for place, rows in _curves(before, under, own, starts):
                panels[place] += rows
            for place, rows in _of_baseline(judged, own, starts, shown):
                panels[place] += rows
            for claim in own:
                for kind, star in _break(judged, claim):
                    panels[0, kind].append(star)
            about += own
        columns = [kind for kind in KINDS if (0, kind) in panels]
        rows = [
            {**row, "panel": KINDS[kind][0] if not across else "", "row": across, "column": columns.index(kind),
             "measure": ("accuracy", "answers kept")[across]}
            for (across, kind), own_rows in sorted(panels.items(), key=lambda item: item[0][0]) for row in own_rows
        ]  # fmt: skip
        if rows:
            yield judged.figure(
                "curves", ("invariance", name), f"Accuracy and answers kept under change, {name}",
                "Accuracy, and below it the share of answers that stay, under growing changes, with bands that hold "
                "for a whole curve at 95 %; a star is the smallest change that the search found to break its bound. "
                + DRAWN, rows=rows, about=about,
            )  # fmt: skip


Place: TypeAlias = tuple[int, str]
"""Of a panel: accuracy above (0) or answers kept below (1), and the kind of change."""


def _curves(
    before: Predictions, under: Mapping[str, Predictions], claims: Sequence[Verdict], starts: Mapping[str, float | None]
) -> Iterator[tuple[Place, list[Row]]]:
    """Both curves of each kind of change; `starts` says where the unchanged images stand on its axis."""
    for kind in KINDS:
        views = sorted((view for view in map(View.parse, under) if view.kind == kind), key=lambda v: v.amount)
        for row, which in enumerate(("top1_drop", "agreement") if views else ()):
            judging = {claim.view: claim for claim in claims if claim.measure == which}
            changed = [(view, under[str(view)], judging.get(str(view))) for view in views]
            yield (row, kind), _curve(before, changed, starts[kind], kept=bool(row))


def _of_baseline(
    judged: Judged, claims: Sequence[Verdict], starts: Mapping[str, float | None], shown: set[str]
) -> Iterator[tuple[Place, list[Row]]]:
    """The baseline's curves under the views of claims, unless they are `shown`."""
    answers: dict[str, tuple[Predictions, dict[str, Predictions]]] = {}

    def note(named: str, _: Verdict, answered: Evidence) -> list[Row]:
        answers.setdefault(named, (answered.predictions, {}))[1].update(answered.under)
        return []

    judged.of_baseline(claims, note)
    for named, (before, under) in answers.items():
        if named not in shown:
            shown.add(named)
            for place, rows in _curves(before, under, (), starts):
                yield place, [{**row, "baseline": "yes"} for row in rows]


def _curve(
    before: Predictions, changed: Sequence[tuple[View, Predictions, Verdict | None]], start: float | None, *, kept: bool
) -> list[Row]:
    """Points of one curve: the unchanged images, where they have a place on the axis, then each view."""
    values = [each.predicted == before.predicted if kept else each.correct for _, each, _ in changed]
    places = [view.amount for view, _, _ in changed]
    claims = [claim for _, _, claim in changed]
    if start is not None and start not in places:
        values, places, claims = (
            [before.predicted == before.predicted if kept else before.correct, *values],
            [start, *places],
            [None, *claims],
        )
    order = np.argsort(places, kind="stable")
    band = simultaneous_band(_columns([values[at] for at in order]), HALF, possible=(0.0, 1.0))
    accuracy = float(before.correct.mean())
    rows = []
    for at, value, low, high in zip(order.tolist(), band.values, band.lows, band.highs, strict=True):
        claim, place = claims[at], (places[at], f"{places[at]:.3g}")
        bound = None if claim is None else claim.at_least if kept else accuracy - (claim.at_most or 0.0)
        ends = (1.0, 1.0) if kept and places[at] == start else (float(low), float(high))
        rows.append(
            point("band", before.model, place, float(value), ends, count=len(before), bound=bound,
                  own_bound="" if kept else "yes", verdict=str(claim.verdict) if claim else "")
        )  # fmt: skip
    return rows


def _columns(values: Sequence[Bools]) -> np.ndarray:
    return np.column_stack([each.astype(np.float64) for each in values])


def _start(judged: Judged, before: Predictions, kind: str) -> float | None:
    """Where the unchanged images stand on the axis of a kind of change; of sizes in pixels, at the model's own."""
    start = KINDS[kind][1]
    if start is not None:
        return start
    with contextlib.suppress(BlockedError, NotApplicableError, KeyError):
        meta = judged.run.store.read_meta(judged.run.address(Need(before.model, before.image_set)))
        return float(meta["checkpoint"]["preprocessing"]["geometry"]["size"][0])
    return None


def _break(judged: Judged, verdict: Verdict) -> Iterator[tuple[str, Row]]:
    """The star of a search that found a break, and what was before it: accuracy on the images that judge it."""
    claim = judged.claim(verdict)
    if not claim.search:
        return
    with contextlib.suppress(BlockedError, NotApplicableError):
        outcome = judged.run.found(Need(verdict.model, claim.image_set or "", search=claim.search))
        if outcome.breaks:
            view = View.parse(outcome.view)
            before, (after,) = judged.evidence(verdict).found
            start = KINDS[view.kind][1]
            if view.kind == "brightness" and start is not None:  # no curve of fixed amounts: the star stands alone
                place = (start, f"{start:g}")
                yield view.kind, point("point", verdict.model, place, float(before.correct.mean()), count=len(before))
            place = (view.amount, f"{view.amount:.3g}")
            right = float(after.correct.mean())
            verdict_on_it = str(verdict.verdict)
            yield view.kind, point("break", verdict.model, place, right, count=len(after), verdict=verdict_on_it)
