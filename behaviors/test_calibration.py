"""Calibration: when a checkpoint says it is sure, it should be right."""

from eyechart.claims import needs, shifted, validation
from eyechart.measures import calibration_error


@needs(validation, shifted)
def test_confidence_matches_accuracy(predictions, require):
    """Of the images it is 80 % sure about, it names about 80 % correctly."""
    require(calibration_error(predictions), at_most=0.05)  # both supervised models of the paper keep it, §4.3
