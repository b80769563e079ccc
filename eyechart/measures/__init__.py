"""Measures: predictions in, measurements out. One function an idea, named as a sentence would name it."""

from eyechart.measures.accuracy import accuracy, accuracy_drop, answers_kept
from eyechart.measures.calibration import calibration_error, confidence_gap

__all__ = ["accuracy", "accuracy_drop", "answers_kept", "calibration_error", "confidence_gap"]
