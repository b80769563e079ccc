"""Measures of what a checkpoint goes by where shape and texture say different things."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NothingToMeasureError
from eyechart.measures.accuracy import SHARE, accuracy, share
from eyechart.measures.intervals import Mean, clopper_pearson, linearized
from eyechart.measures.measurement import Limits, Measurement, remembered
from eyechart.measures.pairing import require_images, require_one_each, require_same_images, title
from eyechart.measures.predictions import Bools, Floats, Ints, Predictions

Names = NDArray[np.str_]


@dataclass(frozen=True, repr=False)
class Cues:
    """What cue-conflict images were made of, one row an image.

    shapes          (n,) int64  the class whose shape is shown
    textures        (n,) int64  the class whose texture is shown
    content_images  (n,) str    the photograph that gave the shape; the image's own key where each was made anew
    texture_images  (n,) str    the photograph that gave the texture; the same
    """

    shapes: Ints
    textures: Ints
    content_images: Names
    texture_images: Names

    def where(self, mask: Bools) -> Cues:
        """Keep the images that `mask` (n,) is true for, as `only` keeps their predictions: those of one category.

        Raises ValueError unless `mask` is one truth value an image.
        """
        if mask.shape != self.shapes.shape or mask.dtype != np.bool_:
            expected = f"expected {self.shapes.size} truth values to choose images by"
            raise ValueError(f"{expected}, found {mask.dtype} of shape {mask.shape}")
        return Cues(self.shapes[mask], self.textures[mask], self.content_images[mask], self.texture_images[mask])


@remembered
def shape_bias(predictions: Predictions, cues: Cues) -> Measurement:
    """Share of shape among the answers that name the shape's or the texture's class (Geirhos et al. 2019).

    Left out are images whose cues agree, and answers that name another class; `count` is what remains. The images share
    their photographs, and the claim is about other photographs: the error is clustered by both kinds of them, with the
    degrees of freedom of the kind with fewer, and is never less than if each answer were independent (Clopper-Pearson),
    which the few photographs of one category may suggest.
    Raises NothingToMeasureError where there are no images, or where no answer is of either kind.
    """
    bias, influence, decided = _bias(predictions, cues)
    mean = _clustered(bias, influence, decided, cues, SHARE)
    count = int(np.count_nonzero(decided))
    limits = partial(_limits, mean.limits, partial(clopper_pearson, round(bias * count), count))
    method = "Student's t, clustered by shape and by texture"
    return Measurement("shape_bias", bias, count, limits, method, possible=SHARE)


@remembered
def shape_bias_drop(first: Predictions, second: Predictions, cues: Cues) -> Measurement:
    """Shape bias of `first` less that of `second` on the same images, with the paired error.

    Raises NothingToMeasureError as `shape_bias`, ValueError where the two are not about the same images and labels.
    """
    require_same_images(first, second)
    one, influence_on_one, decided_by_one = _bias(first, cues)
    other, influence_on_other, decided_by_other = _bias(second, cues)
    decided = decided_by_one | decided_by_other
    mean = _clustered(one - other, influence_on_one - influence_on_other, decided, cues, (-1.0, 1.0))
    method = "Student's t, paired, clustered by shape and by texture"
    count = int(np.count_nonzero(decided))
    return Measurement("shape_bias_drop", mean.value, count, mean.limits, method, possible=(-1.0, 1.0))


@remembered
def cue_decisions(predictions: Predictions, cues: Cues) -> Measurement:
    """Share of images with conflicting cues whose answer names one of both; where it is low, shape bias says little.

    Beside it the share of all images, those with equal cues among them, that are named by their shape.
    """
    by_shape, by_texture = _decisions(predictions, cues)
    measured = share(
        "cue_decisions",
        int(np.count_nonzero(by_shape | by_texture)),
        int(np.count_nonzero(cues.shapes != cues.textures)),
    )
    return replace(measured, companions=(accuracy(predictions),))


def _decisions(predictions: Predictions, cues: Cues) -> tuple[Bools, Bools]:
    """(n,) and (n,): the answer goes by the shape, by the texture; neither where both cues agree."""
    require_images(predictions)
    require_one_each(predictions, **vars(cues))
    conflict = cues.shapes != cues.textures
    if not conflict.any():
        raise NothingToMeasureError(f"{title(predictions)}: no image has a shape and a texture of different classes")
    return conflict & (predictions.predicted == cues.shapes), conflict & (predictions.predicted == cues.textures)


def _bias(predictions: Predictions, cues: Cues) -> tuple[float, Floats, Bools]:
    """Shape bias; (n,) what each image adds to its error, to first order; (n,) whether it is decided at all."""
    by_shape, by_texture = _decisions(predictions, cues)
    decided = by_shape | by_texture
    count = int(np.count_nonzero(decided))
    if count == 0:
        raise NothingToMeasureError(f"{title(predictions)}: no answer names the shape's or the texture's class")
    bias = int(np.count_nonzero(by_shape)) / count
    return bias, np.asarray((by_shape - bias * decided) / count, dtype=np.float64), decided


def _limits(clustered: Limits, independent: Limits, alpha: float) -> tuple[float, float]:
    """The wider of two limits on each side."""
    (low_1, high_1), (low_2, high_2) = clustered(alpha), independent(alpha)
    return min(low_1, low_2), max(high_1, high_2)


def _clustered(value: float, influence: Floats, decided: Bools, cues: Cues, possible: tuple[float, float]) -> Mean:
    """Clustered error of a value that the `decided` images influence."""
    shapes, textures = cues.content_images[decided], cues.texture_images[decided]
    return linearized(value, influence[decided], shapes, textures, possible)
