"""A claim in words, as the page says them: where it was measured, what was found, what was promised."""

from __future__ import annotations

import math
import shlex
from collections.abc import Container, Mapping
from typing import Any

from eyechart.judge.verdict import Verdict

ORIGINAL = "original"


def place(claim: Verdict) -> str:
    """Name what a claim is about besides its model: `photos-corrupted: fog`, `photos under scale(1.5)`."""
    about = ": ".join(filter(None, [claim.image_set, claim.part])) or "all that it needs"
    return about if claim.view in (None, ORIGINAL) else f"{about} under {claim.view}"


def function_of(claim: Verdict) -> str:
    """The behavior without what it is about: `test_calibration.py::test_it_is_not_overconfident`."""
    return claim.behavior.partition("[")[0]


def is_twin(claim: Verdict, behaviors: Container[str]) -> bool:
    """Whether it compares with a baseline: it has a margin, or the behavior of a claim that compares nothing."""
    return claim.margin is not None or (claim.versus is not None and claim.behavior in behaviors)


def number(value: float | None, claim: Verdict) -> str:
    """A number with as many digits as its interval is worth: two of the interval's width, at least three decimals."""
    if value is None:
        return ""
    if not math.isfinite(value) or abs(value) >= 1e6:
        return f"{value:.4g}"
    width = (claim.high - claim.low) if claim.low is not None and claim.high is not None else 0.0
    digits = 4 if not 0 < width < math.inf else max(3, 1 - math.floor(math.log10(width)))
    return f"{value:.{min(digits, 8)}f}"


def interval(claim: Verdict) -> str:
    """`[0.101, 0.129]`, or nothing."""
    if claim.low is None or claim.high is None:
        return ""
    return f"[{number(claim.low, claim)}, {number(claim.high, claim)}]"


def bound(claim: Verdict) -> str:
    """What was promised: `at most 0.085`, `at most 0.01 worse`."""
    if claim.margin is not None:
        return f"at most {claim.margin:g} worse"
    sides = (("at most", claim.at_most), ("at least", claim.at_least))
    return ", ".join(f"{word} {limit:g}" for word, limit in sides if limit is not None)


def measured(claim: Verdict) -> str:
    """Measure, value, interval and bound on one line; the reason where nothing was measured."""
    if claim.value is None:
        return claim.reason or ""
    return " ".join(filter(None, [claim.measure, number(claim.value, claim), interval(claim)])) + f", {bound(claim)}"


def again(claim: Verdict, run: Mapping[str, Any]) -> str:
    """How to judge this claim alone, as its run was; empty where the report does not say."""
    command = run.get("again")
    return str(command).replace("TEST", shlex.quote(claim.test), 1) if command and claim.test else ""
