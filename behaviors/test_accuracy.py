"""Accuracy: the checkpoint names what images show."""

from eyechart.claims import needs, shifted, validation
from eyechart.measures import accuracy


@needs(validation)
def test_names_what_images_show(predictions, require):
    """Most images like those it was trained on are named correctly."""
    require(
        accuracy(predictions), at_least=0.60, because="the weakest checkpoint of the paper reaches .663 (its Table 1)"
    )


@needs(shifted, twin=False)  # "images of another source are named" compares the same accuracies
def test_shifted_images_are_recognized_beyond_chance(predictions, chance, require):
    """On images of another style it knows far more than a guess."""
    require(
        accuracy(predictions),
        at_least=min(3 * chance, (1 + chance) / 2),
        because="below three times chance a drop has no meaning; of two classes, halfway from a guess to always right",
    )
