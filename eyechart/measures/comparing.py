"""How much larger one measurement is than another of the same measure, on the same images.

Two checkpoints find the same images hard, so the difference is known better than either value; a measure that has a
paired interval is compared by it, the worst of several by those of its parts, every other one by the two intervals it
has (as if the images were different, which errs towards *inconclusive*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from eyechart.measures.accuracy import (
    accuracy,
    accuracy_drop,
    accuracy_drop_on_other_images,
    accuracy_over_draws,
    answers_kept,
    clustered_accuracy,
    lead_over_guessing,
    mean_accuracy,
)
from eyechart.measures.by_level import accuracy_by_level, accuracy_by_level_lead
from eyechart.measures.calibration import calibration_error, calibration_error_lead, confidence_gap
from eyechart.measures.combining import average, closer, difference
from eyechart.measures.intervals import mean_of, mean_over_draws, tango
from eyechart.measures.measurement import Limits, Measurement, Recipe, remembered
from eyechart.measures.mistakes import error_ratio, mean_error_ratio, ratio_of, ratios_of
from eyechart.measures.pairing import require_same_images
from eyechart.measures.predictions import Floats, Predictions
from eyechart.measures.ratios import mean_of_ratios, ratio_difference
from eyechart.measures.robustness import mean_corruption_error, mean_corruption_error_rise
from eyechart.measures.shape_bias import shape_bias, shape_bias_drop

Compare = Callable[[Recipe, Recipe], Measurement]
"""(how the first was measured, how the second was) → first less second."""


@remembered
def lead(first: Measurement, second: Measurement, measure: str = "") -> Measurement:
    """How much larger `first` is than `second`, by the paired interval where their measure has one, else by MOVER.

    Both must come from one measure with the same arguments, but for the predictions. It is named `measure`, or after
    what it compares: `top1_lead`. Raises ValueError where the two are of different measures, or not about the same
    images, or one has no interval.
    """
    difference = compared(first, second, PAIRED)
    return replace(difference, measure=measure or f"{first.measure}_lead")


def compared(
    first: Measurement, second: Measurement, paired: Mapping[Callable[..., Measurement], Compare]
) -> Measurement:
    """`first` less `second`, by what `paired` says of their measure, else by `difference`. Raises as `lead`."""
    one, other = first.recipe, second.recipe
    if one is None or other is None:
        return difference(first.measure, first, second)
    if one.function is not other.function or not _alike(one.given(), other.given()):
        raise ValueError(
            f"{first.measure} and {second.measure} cannot be compared: expected one measure with the same arguments, "
            f"but for the predictions; found {one.function.__name__} and {other.function.__name__}"
        )
    if one.function in paired:
        return paired[one.function](one, other)
    if first.parts and second.parts:
        return _worst(first, second, [compared(*pair, paired) for pair in zip(first.parts, second.parts, strict=True)])
    return difference(first.measure, first, second)


def _worst(first: Measurement, second: Measurement, leads: Sequence[Measurement]) -> Measurement:
    """Worst of several less the worst of the same ones of another checkpoint.

    Between the smallest and the largest of the `leads` part by part, whichever parts are the worst: so the limits are
    the lowest and the highest of theirs, without correction, since one of them is where the worst is. Where other
    parts are the worst for either, that says less than both intervals apart.
    """
    limits = [lead.limits for lead in leads if lead.limits is not None]
    if len(limits) < len(leads) or first.limits is None or second.limits is None:
        raise ValueError(f"{first.measure} has no interval, so it cannot be compared")
    return replace(
        difference(first.measure, first, second),
        limits=partial(closer, partial(_around, limits), partial(_apart, first.limits, second.limits)),
        method=f"{leads[0].method}, worst of {len(leads)}",
    )


def _around(parts: Sequence[Limits], alpha: float) -> tuple[float, float]:
    """The lowest and the highest limit."""
    ends = [part(alpha) for part in parts]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _apart(first: Limits, second: Limits, alpha: float) -> tuple[float, float]:
    """Limits of a difference from those of both, each at half of the error (Bonferroni)."""
    (low_1, high_1), (low_2, high_2) = first(alpha / 2), second(alpha / 2)
    return low_1 - high_2, high_1 - low_2


def _alike(one: Any, other: Any) -> bool:
    """Whether two arguments are the same but for the predictions in them."""
    settings, others = list(_settings(one)), list(_settings(other))
    return len(settings) == len(others) and all(
        a is b or np.array_equal(a, b) for a, b in zip(settings, others, strict=True)
    )


def _settings(value: Any) -> Iterator[Any]:
    """Everything in an argument that is no predictions, however deep."""
    if isinstance(value, Predictions):
        return
    if isinstance(value, Measurement):
        if value.recipe is None:
            yield value.measure
        else:
            yield value.recipe.function
            yield from _settings(value.recipe.given())
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield name
            yield from _settings(value[name])
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _settings(part)
    elif is_dataclass(value):
        yield from _settings({field.name: getattr(value, field.name) for field in fields(value)})
    else:
        yield value


def _tables(first: Recipe, second: Recipe) -> tuple[list[Predictions], list[Predictions]]:
    """What both were measured on, once it is certain that it can be paired."""
    one, other = first.tables(), second.tables()
    for table, counterpart in zip(one, other, strict=True):
        require_same_images(table, counterpart)
    return one, other


def _accuracy(measure: str, first: Recipe, second: Recipe) -> Measurement:
    (one,), (other,) = first.tables(), second.tables()
    return replace(accuracy_drop(one, other), measure=measure)


def _clustered(first: Recipe, second: Recipe) -> Measurement:
    (one,), (other,) = _tables(first, second)
    ahead = one.correct.astype(np.float64) - other.correct
    mean = mean_of(ahead, first.given()["clusters"], (-1.0, 1.0))
    method = "Student's t, paired, clustered"
    return Measurement("top1", mean.value, len(one), mean.limits, method, possible=(-1.0, 1.0))


def _by_level(first: Recipe, second: Recipe) -> Measurement:
    (one,), (other,) = _tables(first, second)
    arguments = first.given()
    return accuracy_by_level_lead(one, other, arguments["levels"], arguments["clusters"])


def _draws(first: Recipe, second: Recipe) -> Measurement:
    if len(first.tables()) != len(second.tables()):
        return difference("top1", first.measure(), second.measure())
    one, other = _tables(first, second)
    ahead = np.column_stack([a.correct.astype(np.float64) - b.correct for a, b in zip(one, other, strict=True)])
    mean = mean_over_draws(ahead, (-1.0, 1.0))
    method = "analysis of variance, paired, images x draws"
    return Measurement("top1", mean.value, len(one[0]), mean.limits, method, possible=(-1.0, 1.0))


def _kept(first: Recipe, second: Recipe) -> Measurement:
    same = [np.equal(*(table.predicted for table in tables)) for tables in _tables(first, second)]
    gained, lost = (int(np.count_nonzero(a & ~b)) for a, b in (same, same[::-1]))
    count = len(same[0])
    limits = partial(tango, gained, lost, count)
    value = (gained - lost) / count
    return Measurement("agreement", value, count, limits, "Tango score, paired", possible=(-1.0, 1.0))


def _drop(first: Recipe, second: Recipe) -> Measurement:
    drops = []
    for original, changed in _tables(first, second):
        drops.append(original.correct.astype(np.float64) - changed.correct)
    return _mean("top1_drop", drops[0] - drops[1], (-2.0, 2.0))


def _drop_between_sets(first: Recipe, second: Recipe) -> Measurement:
    """What is gained on the clean images, paired, less what is gained on the others, paired."""
    clean, shifted = (accuracy_drop(a, b) for a, b in zip(first.tables(), second.tables(), strict=True))
    return difference("top1_drop_between_sets", clean, shifted)


def _tasks(first: Recipe, second: Recipe) -> Measurement:
    return average("mean_top1", [accuracy_drop(a, b) for a, b in zip(first.tables(), second.tables(), strict=True)])


def _gap(first: Recipe, second: Recipe) -> Measurement:
    (one,), (other,) = _tables(first, second)
    return _mean("confidence_gap", (one.confidence - one.correct) - (other.confidence - other.correct), (-2.0, 2.0))


def _calibration(first: Recipe, second: Recipe) -> Measurement:
    arguments = first.given()
    return calibration_error_lead(arguments.pop("predictions"), second.given()["predictions"], **arguments)


def _ratio(first: Recipe, second: Recipe) -> Measurement:
    _tables(first, second)
    return ratio_difference(*(ratio_of(**recipe.given()) for recipe in (first, second)))


def _ratios(first: Recipe, second: Recipe) -> Measurement:
    _tables(first, second)
    return mean_of_ratios(*(list(ratios_of(**recipe.given()).values()) for recipe in (first, second)))


def _corruption(first: Recipe, second: Recipe) -> Measurement:
    grids = second.given()["grid"], first.given()["grid"]
    rise = mean_corruption_error_rise(*grids, first.given().get("reference"))
    return replace(rise, measure=rise.measure.removesuffix("_rise"))


def _shape_bias(first: Recipe, second: Recipe) -> Measurement:
    (one,), (other,) = first.tables(), second.tables()
    return replace(shape_bias_drop(one, other, first.given()["cues"]), measure="shape_bias")


def _mean(measure: str, values: Floats, possible: tuple[float, float]) -> Measurement:
    mean = mean_of(values, possible=possible)
    return Measurement(measure, mean.value, mean.units, mean.limits, "Student's t, paired", possible=possible)


PAIRED: Mapping[Callable[..., Measurement], Compare] = {
    accuracy: partial(_accuracy, "top1"),
    accuracy_by_level: _by_level,
    accuracy_drop: _drop,
    accuracy_drop_on_other_images: _drop_between_sets,
    accuracy_over_draws: _draws,
    answers_kept: _kept,
    calibration_error: _calibration,
    clustered_accuracy: _clustered,
    confidence_gap: _gap,
    error_ratio: _ratio,
    lead_over_guessing: partial(_accuracy, "top1_over_guessing"),
    mean_accuracy: _tasks,
    mean_corruption_error: _corruption,
    mean_error_ratio: _ratios,
    shape_bias: _shape_bias,
}
"""How the results of each measure are compared; a measure that is not here is compared by its two intervals."""
