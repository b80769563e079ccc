"""Measures: predictions in, measurements out. One function an idea, named as a sentence would name it."""

from eyechart.measures.accuracy import (
    accuracy,
    accuracy_drop,
    accuracy_drop_on_other_images,
    accuracy_over_draws,
    answers_kept,
    clustered_accuracy,
    lead_over_guessing,
    mean,
    mean_accuracy,
    share,
)
from eyechart.measures.by_level import accuracy_by_level, worst_level
from eyechart.measures.calibration import calibration_error, confidence_gap
from eyechart.measures.combining import average, difference, highest, lowest
from eyechart.measures.comparing import lead
from eyechart.measures.measurement import remembered
from eyechart.measures.mistakes import (
    error_consistency,
    error_ratio,
    factor_lead,
    mean_error_ratio,
    worst_factor_accuracy,
)
from eyechart.measures.pairing import only
from eyechart.measures.robustness import (
    ALEXNET_ERRORS,
    drop_curve,
    least_kept,
    mean_corruption_error,
    mean_corruption_error_rise,
    worst_drop,
)
from eyechart.measures.shape_bias import Cues, cue_decisions, shape_bias, shape_bias_drop

__all__ = [
    "ALEXNET_ERRORS",
    "Cues",
    "accuracy",
    "accuracy_by_level",
    "accuracy_drop",
    "accuracy_drop_on_other_images",
    "accuracy_over_draws",
    "answers_kept",
    "average",
    "calibration_error",
    "clustered_accuracy",
    "confidence_gap",
    "cue_decisions",
    "difference",
    "drop_curve",
    "error_consistency",
    "error_ratio",
    "factor_lead",
    "highest",
    "lead",
    "lead_over_guessing",
    "least_kept",
    "lowest",
    "mean",
    "mean_accuracy",
    "mean_corruption_error",
    "mean_corruption_error_rise",
    "mean_error_ratio",
    "only",
    "remembered",
    "shape_bias",
    "shape_bias_drop",
    "share",
    "worst_drop",
    "worst_factor_accuracy",
    "worst_level",
]
