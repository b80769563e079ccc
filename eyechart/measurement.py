"""The noun `Measurement`: a number, its uncertainty, its count, and how it was computed. No bare floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from eyechart.recipe import Recipe

Limits: TypeAlias = Callable[[float], tuple[float, float]]
"""One-sided error rate → (lower limit, upper limit): each limit is wrong with at most that probability."""

HALF = 0.025
"""One-sided error of each end of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured on one checkpoint's predictions.

    `measure` is the estimator's name as it appears in `verdicts.json`, `method` names its interval.
    `limits` is None for a number that is only reported (such as the paper's plug-in calibration error).
    `companions` are reported beside it, without a bound. `recipe` says how to measure the same on other predictions.
    `possible` is the smallest and the largest value there can be. `had_it_been` tells what as many images could have
    measured, where that is a matter of one count: from 0 to `count` → the value and its limits; values grow with it.
    `parts` are those that it is the worst of.
    """

    measure: str
    value: float
    count: int
    limits: Limits | None
    method: str
    companions: tuple[Measurement, ...] = ()
    recipe: Recipe | None = field(default=None, compare=False, repr=False)
    possible: tuple[float, float] = (-math.inf, math.inf)
    had_it_been: Callable[[int], tuple[float, Limits]] | None = field(default=None, compare=False, repr=False)
    parts: tuple[Measurement, ...] = field(default=(), compare=False, repr=False)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The two ends of the 95 % interval, or None where the estimator has no honest one."""
        return None if self.limits is None else self.limits(HALF)

    def __str__(self) -> str:
        """`ece 0.031 [0.024, 0.039], n = 3,000`."""
        ends = self.interval
        between = "" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
        return f"{self.measure} {self.value:.3f}{between}, n = {self.count:,}"
