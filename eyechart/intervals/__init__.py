"""Intervals: arrays and numbers in, limits out. Every limit takes a one-sided error rate `alpha`.

`docs/statistics.md` says which estimator has which interval, why, and how often it holds the truth.
"""

from eyechart.intervals.calibration import ece, equal_width_ece
from eyechart.intervals.means import Mean, mean_limits, mean_of
from eyechart.intervals.paired import tango
from eyechart.intervals.proportions import clopper_pearson, wilson

__all__ = ["Mean", "clopper_pearson", "ece", "equal_width_ece", "mean_limits", "mean_of", "tango", "wilson"]
