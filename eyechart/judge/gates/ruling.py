"""One verdict: all images at once, or in looks that stop as soon as it is certain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eyechart.errors import NotApplicableError
from eyechart.images.ordering import declared_order
from eyechart.judge.verdict import Bound, Outcome, decide, images_needed, is_open
from eyechart.measures.awaiting import AwaitedError
from eyechart.measures.intervals import p_value
from eyechart.measures.measurement import Measurement, Recipe
from eyechart.measures.predictions import Ints
from eyechart.zoo.levels import Levels

LOOKS = (1_000, 3_000, 10_000, 25_000)
"""Images after which a sequential judgment looks, before it has looked at all of them."""

EARLY = 0.05
"""Share of both error rates that each look but the last may spend; the last spends what is left.

The errors of the looks add up to at most the whole, whatever the measure and however the looks depend on each other.
Rules that use the dependence (Lan & DeMets 1983) need a normal estimate with independent increments, which calibration
error does not have, and would save little: with four early looks the last limit is 5 % further out than without.
"""


UNREMEMBERED = "all images at once: its measure has no `@remembered` (from eyechart.measures) above it"
"""Why a claim is not decided in looks."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided, on which measurement, at which error rates, and how.

    `looked_at` is how many images the look was at; the first table of the measurement's recipe has more.
    """

    outcome: Outcome
    reason: str
    measurement: Measurement
    levels: Levels
    look: str | None = None
    p_fail: float | None = None
    images_needed: int | None = None
    looked_at: int | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval that *pass* is decided by: 95 %, or wider at a look that may spend less."""
        limits = self.measurement.limits
        return None if limits is None else limits(self.levels.pass_alpha)


@dataclass(frozen=True, slots=True)
class Look:
    """So many images, in the declared order, and the share of the error that may be spent on them."""

    images: int
    part: float


def looks(count: int) -> list[Look]:
    """Looks at a set of `count` images: those of `LOOKS` that are smaller, then all."""
    early = [images for images in LOOKS if images < count]
    return [*(Look(images, EARLY) for images in early), Look(count, 1.0 - EARLY * len(early))]


def rule(measurement: Measurement, bound: Bound, levels: Levels, *, sequential: bool = False) -> Ruling:
    """Decide one claim. Raises ValueError for a measurement without an interval.

    With `sequential`, the images come in one order that only their keys decide, and the claim is decided at the first
    look that leaves no doubt. A measurement without a recipe is decided on all images, at the full error rates.
    Raises AwaitedError where answers of a look are not there yet, for no more than that look.
    """
    if not sequential:
        return _ruling(measurement, bound, levels)
    if measurement.recipe is None or not measurement.recipe.tables():
        ruling = _ruling(measurement, bound, levels)
        return replace(ruling, reason=f"{ruling.reason} ({UNREMEMBERED})")
    try:
        return _in_looks(measurement, measurement.recipe, bound, levels)
    except AwaitedError as error:
        raise AwaitedError(error.wanted, at_look=True) from error


def _in_looks(measurement: Measurement, recipe: Recipe, bound: Bound, levels: Levels) -> Ruling:
    total = len(recipe.tables()[0])
    plan = looks(total)
    order = declared_order(recipe.tables()[0].keys) if len(plan) > 1 else None
    for look in plan:
        measured = measurement if order is None or look.images == total else _on(measurement, order[: look.images])
        at_look = levels.at_look(look.part)
        if measured is not None and (look.images == total or not is_open(measured, bound, at_look)):
            ruling = _ruling(measured, bound, at_look)
            break
    text = f"look {plan.index(look) + 1} of {len(plan)}: {look.images:,} of {total:,} images"
    return replace(ruling, reason=f"{ruling.reason} ({text})", look=text, looked_at=look.images)


def _ruling(measurement: Measurement, bound: Bound, levels: Levels) -> Ruling:
    outcome, reason = decide(measurement, bound, levels)
    needed = images_needed(measurement, bound, levels) if outcome is Outcome.INCONCLUSIVE else None
    return Ruling(outcome, reason, measurement, levels, None, p_fail(measurement, bound, levels), needed)


def p_fail(measurement: Measurement, bound: Bound, levels: Levels) -> float | None:
    """Smallest error rate at which the claim fails by itself; None above `false_fail`, where Holm never rejects.

    At a look it is divided by the share of the error that the look may spend.
    """
    limits = measurement.limits
    if limits is None or bound.kept_by(measurement.value):
        return None
    low, high = limits(levels.false_fail * levels.part)
    if low <= bound.limit <= high:
        return None
    return p_value(limits, measurement.value, bound.limit) / levels.part


def _on(measurement: Measurement, rows: Ints) -> Measurement | None:
    """Measure on these rows only; None where they lack a part that the claim is about, or nothing can be measured."""
    if measurement.recipe is None:
        return None
    try:
        in_order = np.sort(rows)
        at_look = measurement.recipe.on_rows(lambda _: in_order).measure()
    except (
        ValueError,
        NotApplicableError,
    ):  # a factor, a level or a category without an image among the first thousand
        return None
    return at_look if at_look.limits is not None else None
