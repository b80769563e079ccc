"""Invariance: a change that leaves the object as it is leaves the answer as it is."""

from eyechart.claims import needs, validation
from eyechart.measures import accuracy_drop, answers_kept
from eyechart.views import relative_resolution, relative_shift, scale

SMALL_SHIFTS = [relative_shift(1 / 32), relative_shift(1 / 16)]


@needs(validation, views=SMALL_SHIFTS)
def test_accuracy_survives_a_small_shift(predictions, changed, require):
    """Moving the picture by a few percent costs at most two points of accuracy."""
    require(accuracy_drop(predictions, changed), at_most=0.02)  # all four models of the paper lose less at 30 px, §4.7


@needs(validation, views=SMALL_SHIFTS)
def test_answers_survive_a_small_shift(predictions, changed, require):
    """Moving the picture by a few percent changes few answers, right or wrong."""
    require(answers_kept(predictions, changed), at_least=0.90)  # a product shows the same object twice


@needs(validation, views=[scale(1.25)])
def test_accuracy_survives_enlargement(predictions, changed, require):
    """An object a quarter larger is still named."""
    require(accuracy_drop(predictions, changed), at_most=0.05)  # the paper's four lose 1.1 to 2.2 points, Fig. 7


@needs(validation, views=[relative_resolution(0.75), relative_resolution(1.5)])
def test_accuracy_survives_another_resolution(predictions, changed, require):
    """The same picture with fewer or more pixels is still named."""
    require(accuracy_drop(predictions, changed), at_most=0.10)  # all four of the paper lose less at 1.5 times, Fig. 8
