"""The one place where a measurement meets its bound and becomes a verdict. The interval decides, never the value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eyechart.errors import SpecError
from eyechart.measurement import HALF, Measurement

FALSE_PASS = HALF
"""One-sided error of *pass*: the whole 95 % interval is on the right side."""

FALSE_FAIL = 0.01
"""One-sided error of *fail*."""


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
    """What a claim promises of a measurement: at most or at least so much. `why` is set by a project's own bound."""

    at_most: float | None = None
    at_least: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        """Raise SpecError unless there is exactly one side."""
        if (self.at_most is None) == (self.at_least is None):
            raise SpecError("a bound has exactly one of at_most and at_least")

    def __str__(self) -> str:
        """`at most 0.05`."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One record of `reports/verdicts.json`; what does not apply is None."""

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


def measured(verdict: Verdict) -> str:
    """Say the measured value with its interval, bound and count, or why there is none, on one line."""
    if verdict.value is None:
        return verdict.reason or ""
    between = "" if verdict.low is None else f" [{verdict.low:.3f}, {verdict.high:.3f}]"
    sides = (("at most", verdict.at_most), ("at least", verdict.at_least))
    bound = "".join(f", {word} {limit:g}" for word, limit in sides if limit is not None)
    return f"{verdict.measure} {verdict.value:.3f}{between}{bound}, {verdict.count:,} images"


def decide(measurement: Measurement, bound: Bound) -> tuple[Outcome, str]:
    """Decide a bound by one-sided limits: pass at 97.5 %, fail at 99 %, else inconclusive; and say why.

    Raises ValueError for a measurement without an interval, which can only be reported.
    """
    if measurement.limits is None:
        raise ValueError(f"{measurement.measure} has no interval, so no bound can be decided on it")
    pass_low, pass_high = measurement.limits(FALSE_PASS)
    fail_low, fail_high = measurement.limits(FALSE_FAIL)
    if bound.at_most is not None:
        passes, fails = pass_high <= bound.at_most, fail_low > bound.at_most
        sure, certain = f"upper limit {pass_high:.4f}", f"lower limit {fail_low:.4f}"
    else:
        least = float(bound.at_least or 0.0)
        passes, fails = pass_low >= least, fail_high < least
        sure, certain = f"lower limit {pass_low:.4f}", f"upper limit {fail_high:.4f}"
    if passes:
        return Outcome.PASS, f"its 97.5 % {sure} is {bound}"
    if fails:
        return Outcome.FAIL, f"even its 99 % {certain} is not {bound}"
    return Outcome.INCONCLUSIVE, (
        f"{measurement.count:,} images leave both open: its 97.5 % {sure} and its 99 % {certain} "
        f"are on different sides of {bound}"
    )


def as_record(verdict: Verdict) -> dict[str, Any]:
    """Turn a verdict into plain JSON types, in the documented order of keys."""
    order = (
        "zoo", "model", "versus", "property", "behavior", "image_set", "view", "measure", "value", "low", "high",
        "count", "at_most", "at_least", "margin", "verdict", "known_failure", "reason", "method", "limit",
    )  # fmt: skip
    return {key: getattr(verdict, key) if key != "verdict" else str(verdict.verdict) for key in order}


def from_record(record: dict[str, Any]) -> Verdict:
    """Rebuild what `as_record` made."""
    return Verdict(**{**record, "verdict": Outcome(record["verdict"])})
