"""Mistakes: which images a checkpoint gets wrong, by what sets them apart (ImageNet-X; paper §3.1)."""

from eyechart.claims import factors as factor_set
from eyechart.claims import needs
from eyechart.measures import accuracy, error_ratio, only, worst_factor_accuracy


@needs(factor_set, each="factor")
def test_a_factor_costs_at_most_twice_the_usual_errors(predictions, part, overall, require):
    """Images with this factor are misnamed at most twice as often as all images."""
    require(
        error_ratio(predictions, part, overall=overall),
        at_most=2.0,
        because="above 2 the factor, not chance, makes most of the mistakes on its images",
    )


@needs(factor_set, each="factor", twin=False)  # that of the claim above compares the error rates of these images
def test_images_with_a_factor_are_named(predictions, part, require):
    """Of the images with this factor, a third at least is named."""
    require(
        accuracy(only(predictions, part)),
        at_least=0.33,
        because="half of what the weakest checkpoint of the paper names of all annotated images, .648 (§3.1)",
    )


@needs(factor_set)
def test_no_factor_is_a_blind_spot(predictions, factors, require):
    """Even of the images with its worst factor it names one in five."""
    require(
        worst_factor_accuracy(predictions, factors),
        at_least=0.20,
        because="the lowest cell of the paper's four is .40 (ConvNeXt-CLIP, texture, §3.1); half of it is a blind spot",
    )
