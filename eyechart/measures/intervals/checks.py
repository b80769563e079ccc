"""What every interval shares: which arguments are refused, and how close a limit may come to its value."""

from __future__ import annotations

import math


def check_alpha(alpha: float) -> None:
    """Refuse a one-sided error rate outside (0, 0.5); at .5 and beyond the two limits would cross."""
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha is the one-sided error of a limit: expected 0 < alpha < 0.5, found {alpha!r}")


def check_counts(count: int, **parts: int) -> None:
    """Refuse a count below one, and parts that are negative or add up to more than the count."""
    if count < 1:
        raise ValueError(f"nothing was counted (n = {count}), so there is nothing to measure")
    if min(parts.values()) < 0 or sum(parts.values()) > count:
        stated = ", ".join(f"{name} = {part}" for name, part in parts.items())
        raise ValueError(f"expected counts from 0 to n = {count}, together at most n; found {stated}")


def widen_for_unseen(
    value: float, limits: tuple[float, float], units: int, alpha: float, possible: tuple[float, float]
) -> tuple[float, float]:
    """Keep limits as far from `value` as `units` independent observations can ever justify.

    A sample of `units` misses a group of share 1 - alpha^(1/units) with probability alpha, and nothing is known of
    that group but the `possible` range: so no limit may be closer to the value than that share of the way to the end
    of the range. This is the "rule of three" (Hanley & Lippman-Hand 1983) and equals Clopper-Pearson where
    all observations agree at an end of the range. An infinite end of the range leaves the limit on its side alone.
    The result lies inside the range and holds the value.
    """
    unseen = -math.expm1(math.log(alpha) / units)
    bottom, top = possible
    low = value - unseen * (value - bottom) if math.isfinite(bottom) else value
    high = value + unseen * (top - value) if math.isfinite(top) else value
    return max(bottom, min(limits[0], low)), min(top, max(limits[1], high))
