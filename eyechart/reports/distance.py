"""How far a claim is from its bound, in units of its own interval: what breaks next."""

from __future__ import annotations

import math
from collections.abc import Iterable

from eyechart.judge.verdict import Outcome, Verdict


def limit_of(claim: Verdict) -> float | None:
    """The number that a claim is held to: its margin, or its bound; None for a claim without one."""
    return next((limit for limit in (claim.margin, claim.at_most, claim.at_least) if limit is not None), None)


def distance(claim: Verdict) -> float | None:
    """Distance from the value to the bound in half intervals, negative on the wrong side.

    The half is the one that points at the bound, so a value whose interval just touches the bound is 1 away on the
    right side and -1 on the wrong one. None where there is no bound, no interval, or one without width.
    """
    limit, half = limit_of(claim), half_interval(claim)
    if limit is None or half is None or claim.value is None:
        return None
    far = (claim.value - limit if claim.at_least is not None else limit - claim.value) / half
    return far if math.isfinite(far) else None


def half_interval(claim: Verdict) -> float | None:
    """Width of the half of a claim's interval that points at its bound; None where there is none to measure with."""
    limit = limit_of(claim)
    if limit is None or claim.value is None or claim.low is None or claim.high is None:
        return None
    half = claim.high - claim.value if claim.value <= limit else claim.value - claim.low
    return half if 0 < half < math.inf else None


def nearest_first(claims: Iterable[Verdict]) -> list[tuple[float, Verdict]]:
    """Kept promises with their distances, the one that breaks next first."""
    kept = [(distance(claim), claim) for claim in claims if claim.verdict is Outcome.PASS]
    measured = [(far, claim) for far, claim in kept if far is not None]
    return sorted(measured, key=lambda each: (each[0], each[1].model, each[1].behavior, each[1].versus or ""))
