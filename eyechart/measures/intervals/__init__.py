"""Intervals: arrays and numbers in, limits out. Every limit takes a one-sided error rate `alpha`.

`docs/statistics.md` says which estimator has which interval, why, and how often it holds the truth.
"""

from eyechart.measures.intervals.agreement import SharedErrors
from eyechart.measures.intervals.calibration import ece, equal_width_ece
from eyechart.measures.intervals.calibration_difference import ece_difference
from eyechart.measures.intervals.curves import Band, simultaneous_band
from eyechart.measures.intervals.deciding import bonferroni, holm, images_to_decide, p_value
from eyechart.measures.intervals.means import Mean, linearized, mean_limits, mean_of, mean_over_draws
from eyechart.measures.intervals.paired import tango
from eyechart.measures.intervals.proportions import clopper_pearson
from eyechart.measures.intervals.ratios import error_ratio, risk_ratio

__all__ = [
    "Band",
    "Mean",
    "SharedErrors",
    "bonferroni",
    "clopper_pearson",
    "ece",
    "ece_difference",
    "equal_width_ece",
    "error_ratio",
    "holm",
    "images_to_decide",
    "linearized",
    "mean_limits",
    "mean_of",
    "mean_over_draws",
    "p_value",
    "risk_ratio",
    "simultaneous_band",
    "tango",
]
