"""Synthetic data: rendered objects, one factor swept at a time (PUG; paper §3.6)."""

from eyechart.claims import needs, synthetic
from eyechart.measures import accuracy_by_level, worst_level


@needs(synthetic, each="factor")
def test_objects_are_named_along_a_sweep(sweep, require):
    """Over all levels of this factor, an object is named in one image of seven on average."""
    require(
        accuracy_by_level(*sweep),
        at_least=0.15,
        because="light apart, the hardest sweep leaves the weakest checkpoint of the paper .18 (object roll, §3.6)",
    )


@needs(synthetic, each="factor")
def test_objects_are_named_at_the_worst_level(sweep, require):
    """Even at the level of this factor that suits it least, it names more than one object in fifty."""
    require(worst_level(*sweep), at_least=0.02, because="below that nothing of the object is seen")
