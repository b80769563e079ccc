"""What limits say about a bound: how strong the evidence is, how many claims share an error, what would settle it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from scipy import special

Limits: TypeAlias = Callable[[float], tuple[float, float]]

MOST = 10_000_000
"""More images than this and the answer is that no number of images would do."""

SMALLEST = 1e-12
"""P-values below this are reported as this."""


def images_to_decide(
    value: float, limits: Limits, count: int, *, bound: float, alpha: float, power: float = 0.9
) -> int | None:
    """How many images would decide an inconclusive claim with probability `power`, to one significant digit.

    value, limits  the measurement on `count` images; clusters are counted as so many images
    bound, alpha   what it is compared with, and the one-sided error of the verdict that the value leans to

    Assumes that the value is right, and that limits draw together as one over the root of the count: a rough number.
    None where no image set would do: the value lies on the bound, or so close that more than `MOST` were needed.
    """
    low, high = limits(alpha)
    reach, distance = (high - value, bound - value) if bound > value else (value - low, value - bound)
    if not (distance > 0.0 and math.isfinite(reach)):
        return None
    z_verdict, z_power = -float(special.ndtri(alpha)), float(special.ndtri(power))
    needed = count * (reach * (1 + z_power / z_verdict) / distance) ** 2
    if needed > MOST:
        return None
    digit = int(10 ** math.floor(math.log10(max(needed, 1.0))))
    nearest = round(needed / digit) * digit
    return nearest if nearest > count else (count // digit + 1) * digit


def p_value(limits: Limits, value: float, bound: float) -> float:
    """Smallest one-sided error at which the limits leave out `bound`, from `SMALLEST` to .5."""
    side = 1 if bound > value else 0

    def leaves_out(exponent: float) -> bool:
        limit = limits(math.exp(exponent))[side]
        return limit < bound if side else limit > bound

    inside, left_out = math.log(SMALLEST), math.log(0.5) - 1e-9
    if leaves_out(inside):
        return SMALLEST
    if not leaves_out(left_out):
        return 0.5
    while left_out - inside > 1e-6:
        middle = (inside + left_out) / 2
        if leaves_out(middle):
            left_out = middle
        else:
            inside = middle
    return math.exp(left_out)


def bonferroni(alpha: float, claims: int) -> float:
    """Error rate of each of `claims` claims, so that any of them errs with probability of at most `alpha`."""
    if claims < 1:
        raise ValueError(f"expected at least one claim, found {claims}")
    return alpha / claims


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979), in the order given: those at most alpha are rejected together at alpha."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
