"""The one place where a measurement meets its bound and becomes a verdict. The interval decides, never the value."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeAlias

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.measures.intervals import images_to_decide
from eyechart.measures.measurement import Limits, Measurement
from eyechart.zoo.levels import Levels, percent


class Outcome(StrEnum):
    """What a verdict can be."""

    PASS = "pass"  # noqa: S105  # an outcome, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not_applicable"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a claim promises of a measurement: at most or at least so much, and why just that."""

    at_most: float | None = None
    at_least: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        """Raise SpecError unless there is exactly one side, and it is a number."""
        if (self.at_most is None) == (self.at_least is None):
            raise SpecError("a bound has exactly one of at_most and at_least")
        if not math.isfinite(self.limit):
            raise SpecError(f"a bound is a number, found {self}")

    def __str__(self) -> str:
        """`at most 0.05`."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"

    @property
    def limit(self) -> float:
        """The number that is compared with."""
        return float(self.at_most if self.at_most is not None else self.at_least or 0.0)

    def kept_by(self, value: float) -> bool:
        """Whether a value, taken by itself, is on the right side."""
        return value <= self.limit if self.at_most is not None else value >= self.limit

    def is_open(self, low: float, high: float) -> bool:
        """Whether some values from `low` to `high` keep the bound, and some do not."""
        return self.kept_by(low) != self.kept_by(high)


def require_possible(measurement: Measurement, bound: Bound) -> None:
    """Refuse a bound that every value keeps, or none can.

    Raises BlockedError where that is so whatever the images: the bound is a mistake, such as 5 where 5 points are
    meant. Raises NotApplicableError where these images make it so: a factor of most images cannot double the errors.
    """
    low, high = measurement.conceivable or measurement.possible
    points = bound.limit / 100
    if not bound.is_open(low, high):
        in_points = high <= 1 < abs(bound.limit) <= 100
        meant = f" (is {points:g} meant, which is {bound.limit:g} points?)" if in_points else ""
        raise BlockedError(f"{measurement.measure} is between {low:g} and {high:g}, so {bound} promises nothing{meant}")
    low, high = measurement.possible
    if not bound.is_open(low, high):
        kept = "kept" if bound.kept_by(low) and bound.kept_by(high) else "broken"
        raise NotApplicableError(
            f"on these images {measurement.measure} is between {low:g} and {high:g} whatever the answers, so {bound} "
            f"is {kept} by definition and tells nothing"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """One record of `reports/verdicts.json`; what does not apply is None.

    claims         how many claims share the error of *fail*
    p_fail         smallest error at which it would fail by itself, where that is below the error of *fail*
    holm           `p_fail` adjusted for all claims by Holm's method, for the report only
    images_needed  about how many images would decide an inconclusive claim, or None where no number would
    look           at which look a sequential judgment stopped, `look 2 of 5: 3,000 of 50,000 images`
    promise        the behavior's own sentence, what the report says was promised
    part           the factor, category, corruption or group of tasks that the claim is about
    bound_reason   why the bound, or the margin, is what it is
    test           the test that pytest judges it by, as one types it where the run was started
    """

    zoo: str
    model: str
    property: str
    behavior: str
    image_set: str | None
    view: str | None
    measure: str | None
    verdict: Outcome
    reason: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    count: int | None = None
    at_most: float | None = None
    at_least: float | None = None
    versus: str | None = None
    margin: float | None = None
    known_failure: str | None = None
    method: str | None = None
    limit: int | None = None
    claims: int | None = None
    p_fail: float | None = None
    holm: float | None = None
    images_needed: int | None = None
    look: str | None = None
    promise: str | None = None
    part: str | None = None
    bound_reason: str | None = None
    test: str | None = None


def measured(verdict: Verdict) -> str:
    """Say the measured value with its interval, bound and count, or why there is none, on one line."""
    if verdict.value is None:
        return verdict.reason or ""
    between = "" if verdict.low is None else f" [{verdict.low:.3f}, {verdict.high:.3f}]"
    sides = (("at most", verdict.at_most), ("at least", verdict.at_least))
    bound = "".join(f", {word} {limit:g}" for word, limit in sides if limit is not None)
    if verdict.margin is not None:
        bound = f", at most {verdict.margin:g} worse than {verdict.versus}"
    return f"{verdict.measure} {verdict.value:.3f}{between}{bound}, {verdict.count:,} images"


def is_open(measurement: Measurement, bound: Bound, levels: Levels) -> bool:
    """Whether a bound would be left undecided: what `decide` says, without the time that its reasons take."""
    return measurement.limits is not None and _outcome(measurement.limits, bound, levels)[0] is Outcome.INCONCLUSIVE


def decide(measurement: Measurement, bound: Bound, levels: Levels | None = None) -> tuple[Outcome, str]:
    """Decide a bound by two one-sided limits, each with its own error rate, and say why.

    Raises ValueError for a measurement without an interval, which can only be reported.
    """
    if measurement.limits is None:
        raise ValueError(f"{measurement.measure} has no interval, so no bound can be decided on it")
    levels = levels or Levels()
    outcome, passing, failing = _outcome(measurement.limits, bound, levels)
    sides = ("upper", "lower") if bound.at_most is not None else ("lower", "upper")
    sure = f"{percent(levels.pass_alpha)} {sides[0]} limit {passing:.4f}"
    certain = f"{percent(levels.fail_alpha)} {sides[1]} limit {failing:.4f}"
    if outcome is Outcome.PASS:
        return outcome, f"its {sure} is {bound}"
    if outcome is Outcome.FAIL:
        return outcome, f"even its {certain} is not {bound}"
    return outcome, (
        f"{measurement.count:,} images leave both open: its {sure} and its {certain} "
        f"are on different sides of {bound}; {decidable(measurement, bound, levels)}; "
        f"{would_decide(images_needed(measurement, bound, levels))}"
    )


def _outcome(limits: Limits, bound: Bound, levels: Levels) -> tuple[Outcome, float, float]:
    """The outcome, the limit that *pass* is decided by and the one that *fail* is decided by."""
    low, high = limits(levels.pass_alpha)
    far_low, far_high = limits(levels.fail_alpha)
    passing, failing = (high, far_low) if bound.at_most is not None else (low, far_high)
    if bound.kept_by(passing):
        return Outcome.PASS, passing, failing
    return Outcome.INCONCLUSIVE if bound.kept_by(failing) else Outcome.FAIL, passing, failing


def decidable(measurement: Measurement, bound: Bound, levels: Levels) -> str:
    """Say which values so many images would decide: `with 44 images only values up to 0.62 or from 2.1 would be …`.

    Exact where the measurement is a matter of one count. Else about as far from the bound as the limit that would
    decide is from the value now, which says little about the ends of what is possible: there it offers nothing.
    """
    lower, upper = levels.pass_alpha, levels.fail_alpha
    if bound.at_most is not None:
        lower, upper = upper, lower
    exact = measurement.had_it_been is not None
    ends = _exact_ends(measurement, bound, lower, upper) if exact else _rough_ends(measurement, bound, lower, upper)
    words = [
        f"{word} {'' if exact else 'about '}{_beside(bound.limit, end)}"
        for word, end in zip(("up to", "from"), ends, strict=True)
        if end is not None
    ]
    only = "only " if exact or len(words) == 2 else ""
    values = f"{only}values {' or '.join(words)}" if words else "no value" if exact else "hardly any value"
    return f"with {measurement.count:,} images {values} would be decided"


Ends: TypeAlias = tuple[float | None, float | None]
"""The largest value that is decided below a bound, and the smallest above it; None for none."""


def _exact_ends(measurement: Measurement, bound: Bound, lower: float, upper: float) -> Ends:
    had_it_been = measurement.had_it_been
    if had_it_been is None:
        return None, None

    def is_above(count: int) -> bool:
        low = had_it_been(count)[1](lower)[0]
        return low > bound.limit if bound.at_most is not None else low >= bound.limit

    def is_not_below(count: int) -> bool:
        high = had_it_been(count)[1](upper)[1]
        return high > bound.limit if bound.at_most is not None else high >= bound.limit

    counts = range(measurement.count + 1)
    below = bisect.bisect_left(counts, True, key=is_not_below) - 1
    above = bisect.bisect_left(counts, True, key=is_above)
    return (
        had_it_been(below)[0] if below >= 0 else None,
        had_it_been(above)[0] if above <= measurement.count else None,
    )


def _rough_ends(measurement: Measurement, bound: Bound, lower: float, upper: float) -> Ends:
    if measurement.limits is None:
        return None, None
    below = bound.limit - (measurement.limits(upper)[1] - measurement.value)
    above = bound.limit + (measurement.value - measurement.limits(lower)[0])
    bottom, top = measurement.possible
    return below if below > bottom else None, above if above < top else None


def _beside(limit: float, value: float) -> str:
    """A value to two decimals, or to two digits of its distance from a limit where that is smaller."""
    distance = abs(value - limit)
    decimals = 1 - math.floor(math.log10(distance)) if 0.0 < distance < math.inf else 2
    return f"{value:.{min(max(decimals, 2), 12)}f}"


def images_needed(measurement: Measurement, bound: Bound, levels: Levels) -> int | None:
    """About how many images would decide an inconclusive claim, if the measured value is the true one; None for never.

    One significant digit: the number rests on the value, which is what the images leave open.
    """
    if measurement.limits is None:
        return None
    alpha = levels.pass_alpha if bound.kept_by(measurement.value) else levels.fail_alpha
    return images_to_decide(measurement.value, measurement.limits, measurement.count, bound=bound.limit, alpha=alpha)


def would_decide(images: int | None) -> str:
    """Say how many images would settle a claim."""
    if images is None:
        return "no number of images would decide it, since the measured value is on the bound or next to it"
    return f"about {images:,} images would decide it, if the measured value is right"


def as_record(verdict: Verdict) -> dict[str, Any]:
    """Turn a verdict into plain JSON types, in the documented order of keys; JSON knows no infinite number: null."""
    order = (
        "zoo", "model", "versus", "property", "behavior", "image_set", "view", "measure", "value", "low", "high",
        "count", "at_most", "at_least", "margin", "verdict", "known_failure", "reason", "method", "limit",
        "claims", "p_fail", "holm", "images_needed", "look",
        "promise", "part", "bound_reason", "test",
    )  # fmt: skip
    values = {key: getattr(verdict, key) if key != "verdict" else str(verdict.verdict) for key in order}
    infinite = [key for key, value in values.items() if isinstance(value, float) and not math.isfinite(value)]
    if "value" in infinite:
        values["reason"] = "; ".join(filter(None, [values["reason"], f"the value is {verdict.value}"]))
    return {**values, **dict.fromkeys(infinite)}


def from_record(record: dict[str, Any]) -> Verdict:
    """Rebuild what `as_record` made; keys that this version does not know are left out.

    Raises KeyError, TypeError or ValueError for a record that is none.
    """
    known = {field.name for field in fields(Verdict)}
    return Verdict(**{key: value for key, value in record.items() if key in known and key != "verdict"},
                   verdict=Outcome(record["verdict"]))  # fmt: skip
