"""What several measures of error ratios share: one ratio, the mean of several, the difference of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from eyechart.errors import NothingToMeasureError
from eyechart.measures.intervals import Mean, error_ratio, linearized
from eyechart.measures.measurement import Limits, Measurement
from eyechart.measures.predictions import Bools, Floats


@dataclass(frozen=True)
class Ratio:
    """An error rate in a part of some images over that of all of them.

    wrong   (n,) bool  the answer is wrong
    inside  (n,) bool  the image belongs to the part
    """

    wrong: Bools
    inside: Bools

    @cached_property
    def counts(self) -> tuple[int, int, int, int]:
        """Wrong in the part, images of the part, wrong in all, all images."""
        wrong_inside = int(np.count_nonzero(self.wrong & self.inside))
        return wrong_inside, int(np.count_nonzero(self.inside)), int(np.count_nonzero(self.wrong)), self.wrong.size

    @property
    def value(self) -> float:
        """The ratio; 1 where nothing is wrong."""
        wrong_inside, inside, wrong, count = self.counts
        return (wrong_inside / inside) / (wrong / count) if wrong else 1.0

    @property
    def most(self) -> float:
        """Largest value there can be: all mistakes are in the part."""
        return self.counts[3] / self.counts[1]

    @property
    def worth(self) -> float:
        """What a ratio would be if all images were mistakes of the part and the error rate of all stayed as it is."""
        _, inside, wrong, count = self.counts
        return count / inside * count / wrong if wrong else count / inside

    @cached_property
    def influence(self) -> Floats:
        """(n,): what each image adds to the error of the ratio, to first order; zeros where nothing is wrong."""
        wrong_inside, inside, wrong, count = self.counts
        if not wrong:
            return np.zeros(count)
        own = np.where(self.inside, self.wrong - wrong_inside / inside, 0.0) / inside
        return np.asarray((own - self.value * (self.wrong - wrong / count) / count) * count / wrong)

    def measured(self) -> Measurement:
        """The ratio by itself."""
        return Measurement(
            measure="error_ratio",
            value=self.value,
            count=self.counts[1],
            limits=partial(error_ratio, *self.counts),
            method="risk-ratio score, corrected for skewness",
            possible=(0.0, self.most),
            conceivable=(0.0, math.inf),
            had_it_been=partial(_had_it_been, *self.counts),
        )


def ratio_difference(first: Ratio, second: Ratio) -> Measurement:
    """`first` less `second`, of two parts of the same images, or of two checkpoints on the same part."""
    difference = mean_of_ratios([first], [second])
    return replace(difference, measure="error_ratio", count=min(first.counts[1], second.counts[1]))


def mean_of_ratios(ratios: Sequence[Ratio], less: Sequence[Ratio] = ()) -> Measurement:
    """Mean of several ratios on the same images, `less` the mean of others on them.

    Delta method: each image counts with its influence on all the ratios, through the parts and through the error rate
    of all images, so that what they have in common is taken off. The smallest part, on which the error rests most,
    gives the degrees of freedom. Raises NothingToMeasureError for no ratios.
    """
    if not ratios:
        raise NothingToMeasureError("no factors, so there is no ratio to average")
    images = ratios[0].wrong.size
    value = _mean_value(ratios) - (_mean_value(less) if less else 0.0)
    possible = (-_most(less) if less else 0.0, _most(ratios))
    method = "delta method, paired" if less else "delta method"
    influence = _influence(ratios) - (_influence(less) if less else 0.0)
    fewest = min(ratio.counts[1] for ratio in (*ratios, *less))
    mean = Mean(value, math.inf, math.inf, 0.0, images, possible)
    if fewest > 1 and all(ratio.counts[2] for ratio in (*ratios, *less)):
        reach = (-_worth(less) if less else 0.0, _worth(ratios))
        estimate = linearized(value, influence * math.sqrt(fewest / (fewest - 1)), possible=reach)
        mean = replace(estimate, freedom=fewest - 1)
    limits = partial(_within, mean.limits, possible)
    conceivable = (-math.inf if less else 0.0, math.inf)
    return Measurement("mean_error_ratio", value, images, limits, method, possible=possible, conceivable=conceivable)


def _had_it_been(wrong_inside: int, inside: int, wrong: int, count: int, other: int) -> tuple[float, Limits]:
    """What would be measured if `other` images of the part were wrong, and as many of the rest as are."""
    everywhere = wrong - wrong_inside + other
    value = (other / inside) / (everywhere / count) if everywhere else 1.0
    return value, partial(error_ratio, other, inside, everywhere, count)


def _within(limits: Limits, possible: tuple[float, float], alpha: float) -> tuple[float, float]:
    low, high = limits(alpha)
    return max(low, possible[0]), min(high, possible[1])


def _mean_value(ratios: Sequence[Ratio]) -> float:
    return math.fsum(ratio.value for ratio in ratios) / len(ratios)


def _influence(ratios: Sequence[Ratio]) -> Floats:
    return np.asarray(np.mean([ratio.influence for ratio in ratios], axis=0))


def _most(ratios: Sequence[Ratio]) -> float:
    """Mean of the largest values."""
    return math.fsum(ratio.most for ratio in ratios) / len(ratios)


def _worth(ratios: Sequence[Ratio]) -> float:
    """What the mean would be if all images were mistakes of the most telling kind: with the rarest factors."""
    shares = np.sum([ratio.inside * ratio.worth for ratio in ratios], axis=0)
    return float(np.max(shares)) / len(ratios)
