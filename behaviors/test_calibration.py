"""Calibration: when a checkpoint says it is sure, it should be right (paper §3.3)."""

from eyechart.claims import needs, shifted, validation
from eyechart.measures import calibration_error, confidence_gap


@needs(validation, shifted)
def test_confidence_matches_accuracy(predictions, require):
    """Of the images it is 80 % sure about, it names about 80 % correctly."""
    require(calibration_error(predictions), at_most=0.05, because="both supervised models of the paper keep it, §3.3")


@needs(validation, shifted)
def test_it_is_not_overconfident(predictions, require):
    """It is right nearly as often as it says, or more often."""
    require(
        confidence_gap(predictions),
        at_most=0.05,
        because="a promise of 95 % that holds in 90 % misleads whoever acts on it",
    )


@needs(validation, shifted)
def test_it_is_not_underconfident(predictions, require):
    """It does not hide what it knows: it says nearly as often as it is right."""
    require(
        confidence_gap(predictions),
        at_least=-0.10,
        because="doubt costs a second look, not a wrong answer: twice the room",
    )
