"""Shape bias: which cue wins where the shape and the texture of an object disagree (paper §3.2)."""

from eyechart.claims import cue_conflict, needs
from eyechart.measures import cue_decisions, error_consistency, only, shape_bias


@needs(cue_conflict)
def test_shape_counts_beside_texture(predictions, cues, require):
    """Of its answers that go by shape or by texture, a quarter at least goes by shape."""
    require(
        shape_bias(predictions, cues),
        at_least=0.25,
        because="a ResNet-50 of 2015 reaches .215 (Geirhos et al.), people .96: less than a quarter is texture alone",
    )


@needs(cue_conflict, each="category")
def test_shape_counts_in_every_category(predictions, part, cues, require):
    """In this category too, some answers go by shape."""
    require(
        shape_bias(only(predictions, part), cues.where(part)),
        at_least=0.05,
        because="one decision in twenty: below it the shape of this category is not used at all",
    )


@needs(cue_conflict)
def test_most_answers_name_one_of_the_cues(predictions, cues, require):
    """It names the shape's or the texture's class more often than any other, so that the bias means something."""
    require(
        cue_decisions(predictions, cues), at_least=0.50, because="below half, the bias speaks of a minority of answers"
    )


@needs(cue_conflict, pairs=True)
def test_two_checkpoints_find_the_same_images_hard(predictions, other, require):
    """Two checkpoints err on the same images more often than chance would have it."""
    require(
        error_consistency(predictions, other.predictions),
        at_least=0.0,
        because="kappa is 0 where one of them was asked about other labels; above 0 both looked at the same pictures",
    )
