"""Findings: what the paper says of its four checkpoints, each as a claim between them (arXiv 2311.09215, §3).

Judged on zoos that hold those checkpoints (`findings: arxiv-2311.09215`). Every bound is the number that a finding
names, or that where neither is larger; the paired interval says whether the images at hand show it.
"""

from eyechart.claims import corrupted, cue_conflict, needs, relabeled, shifted, synthetic, transfer, validation
from eyechart.claims import factors as factor_set
from eyechart.measures import (
    accuracy,
    accuracy_by_level,
    accuracy_drop,
    calibration_error,
    confidence_gap,
    factor_lead,
    lead,
    mean_accuracy,
    mean_corruption_error,
    mean_error_ratio,
    shape_bias,
)
from eyechart.views import relative_shift, resolution, scale

LARGER = "a finding says which is larger: at 0 neither is"
SUPERVISED = ("vit-sup", "convnext-sup")
CLIP = ("vit-clip", "convnext-clip")
SUPERVISED_OVER_CLIP = (("vit-sup", "vit-clip"), ("convnext-sup", "convnext-clip"))
CLIP_OVER_SUPERVISED = tuple((second, first) for first, second in SUPERVISED_OVER_CLIP)
CONVNEXT_OVER_VIT = (("convnext-sup", "vit-sup"), ("convnext-clip", "vit-clip"))
VIT_OVER_CONVNEXT = tuple((second, first) for first, second in CONVNEXT_OVER_VIT)


@needs(validation, sets=["imagenet-1k"], between=SUPERVISED_OVER_CLIP)
def test_supervised_names_more_of_imagenet(predictions, other, require):
    """Supervised checkpoints name more of ImageNet than CLIP of the same architecture, by 10 points or more (§2)."""
    require(
        lead(accuracy(predictions), accuracy(other.predictions)),
        at_least=0.10,
        because="the finding says so: by 10 points or more (§2)",
    )


@needs(factor_set, sets=["imagenet-x"], between=SUPERVISED_OVER_CLIP)
def test_clip_makes_fewer_mistakes_than_its_accuracy_suggests(predictions, factors, other, require):
    """Over the factors of ImageNet-X, CLIP's error ratios are smaller on average than supervised ones (§3.1)."""
    require(
        lead(mean_error_ratio(predictions, factors), mean_error_ratio(other.predictions, factors)),
        at_least=0.0,
        because=LARGER,
    )


@needs(factor_set, sets=["imagenet-x"], about=(*SUPERVISED, *CLIP))
def test_texture_is_harder_than_other_factors(predictions, factors, require):
    """Texture is harder than the other factors are on average (§3.1: the hardest, which its images cannot show)."""
    require(factor_lead(predictions, "texture", factors), at_least=0.0, because=LARGER)


@needs(cue_conflict, between=CLIP_OVER_SUPERVISED)
def test_clip_goes_by_shape_more(predictions, cues, other, require):
    """CLIP goes by shape more often than the supervised checkpoint of its architecture (§3.2)."""
    require(lead(shape_bias(predictions, cues), shape_bias(other.predictions, cues)), at_least=0.0, because=LARGER)


@needs(cue_conflict, between=VIT_OVER_CONVNEXT)
def test_vit_goes_by_shape_more(predictions, cues, other, require):
    """ViT goes by shape more often than the ConvNeXt that was trained alike (§3.2)."""
    require(lead(shape_bias(predictions, cues), shape_bias(other.predictions, cues)), at_least=0.0, because=LARGER)


@needs(cue_conflict, about=(*SUPERVISED, *CLIP))
def test_texture_wins_over_shape(predictions, cues, require):
    """All four go by texture more often than by shape (§3.2)."""
    require(shape_bias(predictions, cues), at_most=0.5, because="at a half, neither of the cues wins")


@needs(validation, shifted, sets=["imagenet-1k", "imagenet-r"], between=CLIP_OVER_SUPERVISED)
def test_supervised_is_better_calibrated(predictions, other, require):
    """Supervised checkpoints have a smaller calibration error than CLIP of the same architecture (§3.3)."""
    require(lead(calibration_error(predictions), calibration_error(other.predictions)), at_least=0.0, because=LARGER)


@needs(validation, shifted, sets=["imagenet-1k", "imagenet-r"], about=CLIP)
def test_clip_is_overconfident(predictions, require):
    """CLIP says it is right more often than it is (§3.3)."""
    require(confidence_gap(predictions), at_least=0.0, because=LARGER)


@needs(validation, sets=["imagenet-1k"], about=SUPERVISED)
def test_supervised_is_underconfident(predictions, require):
    """Supervised checkpoints are right more often than they say (§3.3)."""
    require(confidence_gap(predictions), at_most=0.0, because=LARGER)


@needs(validation, shifted, sets=["imagenet-1k", "imagenet-r"], between=[("vit-sup", "convnext-sup")])
def test_supervised_convnext_is_better_calibrated(predictions, other, require):
    """Supervised ConvNeXt has a smaller calibration error than supervised ViT (§3.3)."""
    require(lead(calibration_error(predictions), calibration_error(other.predictions)), at_least=0.0, because=LARGER)


@needs(shifted, sets=["imagenet-r", "imagenet-sketch"], between=CLIP_OVER_SUPERVISED)
def test_clip_knows_renditions_and_sketches_better(predictions, other, require):
    """CLIP names more renditions and sketches than the supervised checkpoint of its architecture (§3.4)."""
    require(lead(accuracy(predictions), accuracy(other.predictions)), at_least=0.0, because=LARGER)


@needs(
    shifted,
    relabeled,
    sets=["imagenet-v2", "imagenet-a", "imagenet-hard", "imagenet-real"],
    between=SUPERVISED_OVER_CLIP,
)
def test_supervised_knows_natural_shifts_better(predictions, other, require):
    """Supervised checkpoints name more of V2, A, Hard and ReaL than CLIP of the same architecture (§3.4)."""
    require(lead(accuracy(predictions), accuracy(other.predictions)), at_least=0.0, because=LARGER)


@needs(corrupted, sets=["imagenet-c"], between=CLIP_OVER_SUPERVISED)
def test_supervised_withstands_corruptions_better(grid, other, require):
    """Supervised checkpoints make fewer mistakes on corrupted images than CLIP of the same architecture (§3.4)."""
    require(lead(mean_corruption_error(grid), mean_corruption_error(other.grid)), at_least=0.0, because=LARGER)


@needs(corrupted, sets=["imagenet-c"], between=[("vit-sup", "convnext-sup")])
def test_supervised_convnext_withstands_corruptions_better(grid, other, require):
    """Supervised ConvNeXt makes fewer mistakes on corrupted images than supervised ViT (§3.4)."""
    require(lead(mean_corruption_error(grid), mean_corruption_error(other.grid)), at_least=0.0, because=LARGER)


@needs(shifted, sets=["imagenet-a"], between=VIT_OVER_CONVNEXT)
def test_vit_knows_natural_adversaries_better(predictions, other, require):
    """ViT names more of ImageNet-A than the ConvNeXt that was trained alike (§3.4)."""
    require(lead(accuracy(predictions), accuracy(other.predictions)), at_least=0.0, because=LARGER)


@needs(transfer, each="group", between=[("convnext-sup", "vit-sup")])
def test_supervised_convnext_transfers_better(tasks, other, require):
    """Linear probes learn more from supervised ConvNeXt than from supervised ViT, in every group of tasks (§3.5)."""
    require(lead(mean_accuracy(tasks), mean_accuracy(other.tasks)), at_least=0.0, because=LARGER)


@needs(transfer, each="group", between=CLIP_OVER_SUPERVISED)
def test_clip_transfers_better(tasks, other, require):
    """Linear probes learn more from CLIP than from the supervised checkpoint of its architecture (§3.5)."""
    require(lead(mean_accuracy(tasks), mean_accuracy(other.tasks)), at_least=0.0, because=LARGER)


@needs(synthetic, each="factor", between=CONVNEXT_OVER_VIT)
def test_convnext_knows_rendered_objects_better(sweep, other, require):
    """ConvNeXt names more rendered objects than the ViT that was trained alike (§3.6; not in 4 of its 20 bars)."""
    require(lead(accuracy_by_level(*sweep), accuracy_by_level(*other.sweep)), at_least=0.0, because=LARGER)


@needs(synthetic, each="factor", between=SUPERVISED_OVER_CLIP)
def test_supervised_knows_rendered_objects_better(sweep, other, require):
    """Supervised checkpoints name more rendered objects than CLIP of the same architecture (§3.6)."""
    require(lead(accuracy_by_level(*sweep), accuracy_by_level(*other.sweep)), at_least=0.0, because=LARGER)


@needs(validation, sets=["imagenet-1k"], views=[scale(1.5), scale(3)], between=[("vit-sup", "convnext-sup")])
def test_supervised_convnext_keeps_more_under_scale(predictions, changed, other, require):
    """Enlarged images cost supervised ViT more accuracy than supervised ConvNeXt (§3.7)."""
    require(
        lead(accuracy_drop(predictions, changed), accuracy_drop(other.predictions, other.changed)),
        at_least=0.0,
        because=LARGER,
    )


@needs(
    validation, sets=["imagenet-1k"], views=[resolution(112), resolution(512)], between=[("vit-sup", "convnext-sup")]
)
def test_supervised_convnext_keeps_more_at_other_resolutions(predictions, changed, other, require):
    """Another resolution costs supervised ViT more accuracy than supervised ConvNeXt (§3.7)."""
    require(
        lead(accuracy_drop(predictions, changed), accuracy_drop(other.predictions, other.changed)),
        at_least=0.0,
        because=LARGER,
    )


@needs(
    validation,
    sets=["imagenet-1k"],
    views=[scale(3), resolution(336), resolution(512)],
    between=[("convnext-clip", "vit-clip")],
)
def test_the_trend_is_reversed_for_clip(predictions, changed, other, require):
    """Enlarged and high-resolution images cost ConvNeXt-CLIP more accuracy than ViT-CLIP (§3.7; not at 112 pixels)."""
    require(
        lead(accuracy_drop(predictions, changed), accuracy_drop(other.predictions, other.changed)),
        at_least=0.0,
        because=LARGER,
    )


@needs(validation, sets=["imagenet-1k"], views=[relative_shift(1 / 16)], about=(*SUPERVISED, *CLIP))
def test_shifts_matter_little(predictions, changed, require):
    """A small shift costs each of the four less than a point of accuracy (§3.7)."""
    require(accuracy_drop(predictions, changed), at_most=0.01, because="the finding says so: less than a point (§3.7)")
