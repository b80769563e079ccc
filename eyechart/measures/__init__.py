"""Measures: predictions in, measurements out. One function an idea, named as a sentence would name it."""

from eyechart.measures.accuracy import (
    accuracy,
    accuracy_drop,
    accuracy_over_draws,
    answers_kept,
    clustered_accuracy,
)
from eyechart.measures.calibration import calibration_error, confidence_gap
from eyechart.measures.combining import average, difference, highest, lowest
from eyechart.measures.mistakes import error_consistency, error_ratio
from eyechart.measures.pairing import only
from eyechart.measures.robustness import (
    drop_curve,
    least_kept,
    mean_corruption_error,
    mean_corruption_error_rise,
    worst_drop,
)
from eyechart.measures.shape_bias import Cues, cue_decisions, shape_bias, shape_bias_drop

__all__ = [
    "Cues",
    "accuracy",
    "accuracy_drop",
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
    "highest",
    "least_kept",
    "lowest",
    "mean_corruption_error",
    "mean_corruption_error_rise",
    "only",
    "shape_bias",
    "shape_bias_drop",
    "worst_drop",
]
