"""Before anything is predicted: which claims the images at hand cannot decide, and what the run will cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eyechart.digest import digest
from eyechart.errors import EyechartError, NothingToMeasureError
from eyechart.images.ordering import declared_order
from eyechart.judge.claims import Claim
from eyechart.judge.gates.paired import cannot_show, loss, unremembered
from eyechart.judge.verdict import Bound, decidable
from eyechart.measures.awaiting import AwaitedError, Pending, Source, Wanted
from eyechart.measures.measurement import Limits, Measurement, Unmeasured, take
from eyechart.measures.predictions import BEST, Columns, Floats, Ints, Predictions
from eyechart.predict.needs import Need
from eyechart.predict.searches import Found, Search
from eyechart.zoo.levels import Levels
from eyechart.zoo.margins import is_share

DEFAULT_RATE = 0.8
"""Accuracy that is assumed of a checkpoint nothing is known of."""

CHANGED = 0.04
"""Share of answers that a view, or another checkpoint, is assumed to make wrong, and the same share right."""

POWER = 0.9
"""Probability with which a claim should be decided."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the images can decide of one claim.

    value   what the claim would measure, if the checkpoint were like the one that is assumed
    reach   how far from its bound the value must be, to be decided 9 times of 10
    least   of a comparison, the loss that the images leave open even for the baseline itself
    decided which values would be decided, in words, where that is a matter of one count
    first   which answers its first look would ask for, where they are not there yet
    likely  which it would ask for until it is decided
    """

    claim: Claim
    measure: str
    value: float
    bound: Bound
    reach: float
    images: int
    least: float | None = None
    decided: str = ""
    first: Wanted = field(default_factory=dict, compare=False, repr=False)
    likely: Wanted = field(default_factory=dict, compare=False, repr=False)

    @property
    def shown(self) -> bool:
        """Whether the images could keep the bound for any checkpoint; else a comparison is not applicable."""
        return self.least is None or self.bound.kept_by(self.least)

    @property
    def decidable(self) -> bool:
        """Whether the value is far enough from the bound."""
        return abs(self.value - self.bound.limit) >= self.reach

    def __str__(self) -> str:
        """`44 images decide only differences beyond ±19 points`; of a measure that is no share, `beyond ±0.98`."""
        points = is_share(self.measure)
        reach = float(f"{self.reach * 100 if points else self.reach:.2g}")
        return f"{self.images:,} images decide only differences beyond ±{reach:g}{' points' if points else ''}"


def forecast(
    claim: Claim, measurement: Measurement, bound: Bound, levels: Levels, *, at_best: Measurement | None = None
) -> Forecast:
    """Say what a measurement on assumed predictions can decide. Raises ValueError for one without an interval.

    The distance is that of the limit that the value leans to, and as much again as luck may take away. `at_best` is
    the comparison of the baseline with itself, which no candidate can do better than.
    """
    if measurement.limits is None:
        raise ValueError(f"{measurement.measure} has no interval")
    passing = bound.kept_by(measurement.value)
    alpha = levels.pass_alpha if passing else levels.fail_alpha
    low, high = measurement.limits(alpha)
    towards_high = bound.limit > measurement.value
    distance = high - measurement.value if towards_high else measurement.value - low
    luck = 1.0 + float(special.ndtri(POWER)) / -float(special.ndtri(alpha))
    least = at_best.limits(levels.pass_alpha)[1] if at_best is not None and at_best.limits is not None else None
    decided = decidable(measurement, bound, levels) if measurement.had_it_been else ""
    return Forecast(
        claim, measurement.measure, measurement.value, bound, distance * luck, measurement.count, least, decided
    )


def against_itself(measurement: Measurement, bound: Bound) -> Measurement:
    """Measure the loss against a baseline that is as good and errs on other images, as often as `CHANGED` says.

    The value is 0, as the assumption says, and not what the few images that change sides make of it.
    Raises ValueError for a measurement that does not say what it was measured on.
    """
    if measurement.recipe is None:
        raise ValueError(unremembered(measurement, "planned"))

    def change(value: object) -> object:
        return disturbed(value, "baseline") if isinstance(value, Predictions) else value

    other = measurement.recipe.with_changed(change).measure()
    lost = loss(measurement, other, more_is_worse=bound.at_most is not None)
    limits = None if lost.limits is None else partial(_moved, lost.limits, -lost.value)
    return replace(lost, value=0.0, limits=limits, had_it_been=None)


Like: TypeAlias = Mapping[Source, tuple[Predictions, Ints]]
"""What answers are assumed to be: predictions of a set, and the row of each of its images in the table."""


def outlined(measurement: Measurement, like: Like = MappingProxyType({})) -> Measurement:
    """What is known of a measurement whatever the answers, where some are not there yet: its name, what is possible.

    Its value and its limits are those of assumed answers, `like` these. Raises AwaitedError where answers must tell.
    """
    if not isinstance(measurement, Unmeasured) or measurement.recipe is None:
        return measurement

    def fill(value: object) -> object:
        if not isinstance(value, Predictions) or not isinstance(value.predicted, Pending):
            return value
        known, at = like.get(value.predicted.source, (None, np.zeros(0, np.int64)))
        rows = np.searchsorted(at, value.predicted.rows)
        if known is None or not np.array_equal(known.labels[rows], value.labels):  # read out as other classes
            need = Need(value.model, value.image_set, value.view)
            known, rows = assumed(need, value.keys, value.labels, max(int(value.labels.max(initial=0)) + 1, 2)), None
        filled = known if rows is None else take(known, rows)
        return replace(filled, keys=value.keys, also=value.also, derive=value.derive)

    try:
        return measurement.recipe.with_changed(fill).measure()
    except (EyechartError, ValueError) as error:
        raise AwaitedError(measurement.recipe.asked()) from error


def asked(measurement: Measurement, images: int) -> Wanted:
    """The answers that a look at so many images of a measurement asks for, and that are not there."""
    if not isinstance(measurement, Unmeasured) or measurement.recipe is None:
        return {}
    order = declared_order(measurement.recipe.tables()[0].keys)[:images]
    try:
        return measurement.recipe.on_rows(lambda _: np.sort(order)).asked()
    except NothingToMeasureError:  # a part has no image among them: the next look is the first
        return {}


def _moved(limits: Limits, by: float, alpha: float) -> tuple[float, float]:
    low, high = limits(alpha)
    return low + by, high + by


def assumed(need: Need, keys: NDArray[np.str_], labels: Ints, classes: int, rate: float = DEFAULT_RATE) -> Predictions:
    """Predictions of a calibrated checkpoint that is right at this rate; under a view, `disturbed`.

    Confidence spreads over (0, 1) with the rate as its mean, and is right as often as it says.
    """
    rng = np.random.default_rng(int(digest("assumed", need.image_set, len(keys))[:16], 16))
    confidence = np.clip(rng.beta(4 * rate, 4 * (1 - rate), len(keys)), 1.0 / classes, 1.0)
    right = rng.uniform(size=len(keys)) < confidence
    predicted = np.where(right, labels, (labels + 1) % classes).astype(np.int64)
    predictions = Predictions(
        need.model, need.image_set, need.view, keys, labels, predicted, confidence,
        lambda: logits_like(predicted, confidence, classes), kept=_condensed(labels, predicted, confidence, classes),
    )  # fmt: skip
    return predictions if need.view == "original" else disturbed(predictions, need.view)


def _condensed(labels: Ints, predicted: Ints, confidence: Floats, classes: int) -> Columns:
    """What a table would keep of `logits_like`, without them: of 50,000 images of 1,000 classes they take 400 MB."""
    rest = partial(_left_over, confidence, classes)

    def best() -> Ints:
        others = np.broadcast_to(np.arange(min(BEST, classes) - 1), (len(predicted), min(BEST, classes) - 1))
        return np.column_stack([predicted, others + (others >= predicted[:, None])])

    return Columns(
        {
            "label": lambda: labels,
            "true_probability": lambda: np.where(predicted == labels, confidence, rest()),
            "sum_of_squares": lambda: confidence**2 + (classes - 1) * rest() ** 2,
            "best": best,
        }
    )


def _left_over(confidence: Floats, classes: int) -> Floats:
    """(n,) probability of each class but the answer."""
    return np.asarray(np.maximum(1 - confidence, 1e-12) / max(classes - 1, 1))


def logits_like(predicted: Ints, confidence: Floats, classes: int) -> Floats:
    """(n, classes) logits of a checkpoint that spreads what confidence it has left over all other classes alike."""
    rest = np.log(_left_over(confidence, classes))
    logits = np.repeat(rest[:, None], classes, axis=1)
    logits[np.arange(len(predicted)), predicted] = np.log(confidence)
    return logits


def assumed_found(text: str) -> Found:
    """What a search is assumed to find: that its largest change costs most, and breaks nothing."""
    view = str(Search.parse(text).views[-1])
    return Found(view, False, CHANGED, 0.0, 0, 0, 0, {}, "nothing was searched: this is a rehearsal", [], [view])


def disturbed(predictions: Predictions, why: str) -> Predictions:
    """The same predictions, but for a share of images that change sides: as many each way, chosen by a hash."""
    count = len(predictions)
    rng = np.random.default_rng(int(digest("disturbed", why, count)[:16], 16))
    predicted = predictions.predicted.copy()
    right, wrong = np.flatnonzero(predictions.correct), np.flatnonzero(~predictions.correct)
    share = min(math.ceil(CHANGED * count), len(right), len(wrong))
    lost, won = rng.permutation(right)[:share], rng.permutation(wrong)[:share]
    predicted[lost], predicted[won] = predictions.predicted[lost] + 1, predictions.labels[won]
    return replace(predictions, predicted=predicted)


@dataclass(frozen=True, slots=True)
class Load:
    """What must be predicted of one image set: so many answers of models under views (searches count as one)."""

    image_set: str
    images: int
    models: int
    views: int
    answers: int

    def __str__(self) -> str:
        """`validation: 3,000 images x 4 models x 11 views, 132,000 answers`; a search asks about some images again."""
        sizes = [(self.images, "image"), (self.models, "model"), (self.views, "view")]
        product = " x ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in sizes)
        return f"{self.image_set}: {product}, {self.answers:,} answers"


@dataclass(frozen=True, slots=True)
class Cost:
    """What predicting for one model costs: images that are not answered yet, over all its sets and views."""

    model: str
    answers: int
    seconds: float | None
    note: str


def table(
    forecasts: Sequence[Forecast], blocked: Sequence[tuple[Claim, str]], unplanned: Sequence[tuple[Claim, str]],
    loads: Iterable[Load], costs: Iterable[Cost],
) -> list[str]:  # fmt: skip
    """Lines of the plan: what cannot be decided first, then the cost."""
    shown = [each for each in forecasts if each.shown]
    weak = [each for each in shown if not each.decidable]
    lines = [f"{len(shown) - len(weak)} of {len(shown)} claims can be decided (9 times of 10, if the"
             " checkpoint is like the one assumed)"]  # fmt: skip
    lines += [
        f"  cannot be decided  {each.claim.model}  {_name(each.claim)}: {each}; "
        f"assumed {each.measure} {each.value:.3f}, {each.bound}{f'; {each.decided}' if each.decided else ''}"
        for each in sorted(weak, key=lambda one: (one.claim.model, one.claim.behavior, one.claim.versus or ""))
    ]
    lines += [
        f"  not applicable     {each.claim.model}  {_name(each.claim)}: "
        f"{cannot_show(each.images, each.least or 0.0, each.bound.limit)}"
        for each in sorted(forecasts, key=lambda one: (one.claim.model, one.claim.behavior))
        if not each.shown
    ]
    lines += [f"  not applicable     {claim.model}  {_name(claim)}: {reason}" for claim, reason in unplanned]
    lines += [f"  cannot be planned  {claim.model}  {_name(claim)}: {reason}" for claim, reason in blocked]
    lines += [f"  {load}" for load in loads]
    total = 0.0
    for cost in costs:
        time = duration(math.nan if cost.seconds is None else cost.seconds)
        total += math.nan if cost.seconds is None else cost.seconds
        lines.append(f"  {cost.model}: {cost.answers:,} answers, {time} ({cost.note})")
    return [*lines, f"predicting takes {duration(total)} in all"]


def warnings(forecasts: Sequence[Forecast], assumption: str) -> list[str]:
    """Lines before a run that must predict: what the images would leave open. Nothing where they can decide all."""
    shown = [each for each in forecasts if each.shown]
    weak = [each for each in shown if not each.decidable]
    if not weak:
        return []
    said = f"{len(weak)} of {len(shown)} claims about a model like the one assumed ({assumption}) would stay open:"
    return [said, *(f"  {_name(each.claim)}: {each}" for each in weak)]


def _name(claim: Claim) -> str:
    return f"{claim.behavior} vs {claim.versus}" if claim.twin else claim.behavior


def duration(seconds: float) -> str:
    """`about 12 s`, `about 3 min`, or an unknown time."""
    if math.isnan(seconds):
        return "an unknown time"
    if seconds < 1:
        return "less than a second"
    return f"about {seconds:.0f} s" if seconds < 120 else f"about {seconds / 60:.0f} min"
