"""The nouns `Measurement` and `Recipe`: a number with its uncertainty, and what its measure was called with.

A measure can be called again for other predictions. Two things need that: a baseline is measured exactly as the
candidate was, and a sequential judgment measures on the first thousand images what was measured on all.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NoReturn, ParamSpec, TypeAlias

import numpy as np

from eyechart.errors import NothingToMeasureError
from eyechart.measures.awaiting import AwaitedError, Pending, Wanted, asked_of
from eyechart.measures.predictions import Bools, Ints, Predictions

P = ParamSpec("P")
PARTS = ("levels",)
"""Arguments of measures that name each image's part, where every part counts: a mean or a worst over all of them."""

Change = Callable[[Any], Any]
"""Predictions or array → what stands in its place."""

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
    `possible` is the smallest and the largest value there can be on these images, and `conceivable` on any, where that
    differs. `had_it_been` tells what as many images could have
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
    conceivable: tuple[float, float] | None = None
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


@dataclass(frozen=True)
class Recipe:
    """A measure and its arguments."""

    function: Callable[..., Measurement]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]

    def tables(self) -> list[Predictions]:
        """List the predictions among the arguments, however deep."""
        return list(_tables((self.arguments, dict(self.named))))

    def with_changed(self, change: Change) -> Recipe:
        """Replace each predictions and each array among the arguments by what `change` makes of it."""
        return Recipe(self.function, mapped(self.arguments, change), mapped(dict(self.named), change))

    def on_rows(self, rows_of: Callable[[Predictions], Ints]) -> Recipe:
        """Keep some images only: `rows_of` chooses those of the first predictions, and the others follow.

        An array with one entry an image follows too. Raises NothingToMeasureError where one of the `PARTS` that a
        measure is about would have no image left, which would make it another measure.
        """
        first = self.tables()[0]
        rows = rows_of(first)
        for name in PARTS:
            values = self.given().get(name)
            if isinstance(values, np.ndarray) and np.unique(values[rows]).size < np.unique(values).size:
                raise NothingToMeasureError(f"some {name} have no image among these {len(rows):,}")

        def change(value: Any) -> Any:
            if isinstance(value, Predictions) and len(value) == len(first):
                return take(value, rows)
            if isinstance(value, Pending) and len(value) == len(first):
                return value[rows]
            if isinstance(value, np.ndarray) and value.shape[:1] == (len(first),):
                return value[rows]
            return value

        return self.with_changed(change)

    def given(self) -> dict[str, Any]:
        """The arguments by the names of the measure's parameters, however they were passed; defaults are left out."""
        return dict(inspect.signature(self.function).bind(*self.arguments, **self.named).arguments)

    def measure(self) -> Measurement:
        """Measure again, with the arguments as they are now."""
        return self.function(*self.arguments, **self.named)

    def asked(self) -> Wanted:
        """The answers among the arguments that are not there yet."""
        return asked_of(column for each in self.tables() for column in (each.predicted, each.confidence))


class Unmeasured(Measurement):
    """A measurement of which some answers are not there yet: only its recipe can be read."""

    __slots__ = ()

    def __init__(self, recipe: Recipe) -> None:
        """Stand for what the recipe will measure."""
        object.__setattr__(self, "recipe", recipe)

    def __getattr__(self, name: str) -> NoReturn:
        """Raise AwaitedError for what is not measured."""
        if name.startswith("__") or self.recipe is None:
            raise AttributeError(name)
        raise AwaitedError(self.recipe.asked())


def remembered(measure: Callable[P, Measurement]) -> Callable[P, Measurement]:
    """Let a measure note in its result what it was called with; nothing else changes.

    Of answers that are not there yet it makes a measurement that knows no more than that.
    """

    @functools.wraps(measure)
    def remembering(*arguments: P.args, **named: P.kwargs) -> Measurement:
        recipe = Recipe(remembering, arguments, named)
        try:
            return replace(measure(*arguments, **named), recipe=recipe)
        except AwaitedError as error:
            if not error.wanted.keys() <= recipe.asked().keys():
                raise  # it reads what it was not given: no look knows of it
            return Unmeasured(recipe)

    return remembering


def take(predictions: Predictions, rows: Ints | Bools) -> Predictions:
    """Keep these rows, in this order, or those that are true."""
    return replace(
        predictions,
        keys=predictions.keys[rows],
        labels=predictions.labels[rows],
        predicted=predictions.predicted[rows],
        confidence=predictions.confidence[rows],
        logits_of=lambda: predictions.logits_of()[rows],
        kept=predictions.kept.take(rows),
    )


def mapped(value: Any, change: Change) -> Any:
    """Apply `change` to every predictions and array in a value, and to those that a measurement in it was made of."""
    if isinstance(value, (Predictions, Pending, np.ndarray)):
        return change(value)
    if isinstance(value, Measurement):
        return value if value.recipe is None else value.recipe.with_changed(change).measure()
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(part, change) for part in value)
    if isinstance(value, Mapping):
        return {name: mapped(part, change) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: mapped(getattr(value, field.name), change) for field in fields(value)}
        return replace(value, **parts)
    return value


def _tables(value: Any) -> Iterator[Predictions]:
    if isinstance(value, Predictions):
        yield value
    elif isinstance(value, Measurement):
        yield from value.recipe.tables() if value.recipe is not None else ()
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tables(part)
    elif isinstance(value, Mapping):
        yield from _tables(list(value.values()))
