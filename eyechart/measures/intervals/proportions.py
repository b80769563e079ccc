"""The interval for one share: how many of n images."""

from __future__ import annotations

from scipy import special

from eyechart.measures.intervals.checks import check_alpha, check_counts


def clopper_pearson(successes: int, count: int, alpha: float) -> tuple[float, float]:
    """Exact interval of a share (Clopper & Pearson 1934): each end is wrong with probability of at most `alpha`.

    Wilson's score interval is a little shorter and good on average over both ends; but here each end decides a verdict
    by itself, at an `alpha` that many claims share, and there its end towards 0 or 1 is wrong up to 170 times too often
    (100 images, a share of .998, alpha = .0001). The exact one costs half an image at each end.
    Raises ValueError for count < 1, successes outside 0..count, alpha outside (0, 0.5).
    """
    check_alpha(alpha)
    check_counts(count, successes=successes)
    failures = count - successes
    low = float(special.betaincinv(successes, failures + 1, alpha)) if successes else 0.0
    high = float(special.betainccinv(successes + 1, failures, alpha)) if failures else 1.0
    return low, high
