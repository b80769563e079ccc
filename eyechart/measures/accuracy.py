"""Measures of right and wrong answers: of one set of predictions, and of two on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eyechart.intervals import clopper_pearson, mean_of, mean_over_draws, tango
from eyechart.measurement import Measurement
from eyechart.measures.combining import average, difference
from eyechart.measures.pairing import require_images, require_one_each, require_same_images
from eyechart.predictions import Predictions
from eyechart.recipe import remembered

SHARE = (0.0, 1.0)
"""What a share can be."""


@remembered
def accuracy(predictions: Predictions) -> Measurement:
    """Share of images whose class the checkpoint names. Raises ValueError where there are no images."""
    require_images(predictions)
    return share("top1", int(np.count_nonzero(predictions.correct)), len(predictions))


@remembered
def clustered_accuracy(predictions: Predictions, clusters: NDArray[np.str_] | NDArray[np.int64]) -> Measurement:
    """Accuracy on images that come in `clusters` (n,): renderings of one asset, frames of one video.

    The claim is about other clusters like these, of which there are far fewer than images; an interval that counts
    images would be several times too narrow. Raises ValueError where there are no images.
    """
    require_images(predictions)
    require_one_each(predictions, clusters=clusters)
    mean = mean_of(predictions.correct, clusters, SHARE)
    return Measurement("top1", mean.value, len(predictions), mean.limits, "Student's t, clustered")


@remembered
def accuracy_over_draws(draws: Sequence[Predictions]) -> Measurement:
    """Mean accuracy of several trainings of one thing (linear probes on other subsets), judged on the same images.

    Counts as uncertain both which images were drawn and which trainings. `count` is that of the images.
    Raises ValueError where there are no draws or images, or where the draws are about different images.
    """
    if not draws:
        raise ValueError("no draws, so there is nothing to measure")
    for draw in draws:
        require_same_images(draws[0], draw)
    if len(draws) == 1:
        return accuracy(draws[0])
    mean = mean_over_draws(np.column_stack([draw.correct for draw in draws]), SHARE)
    return Measurement("top1", mean.value, len(draws[0]), mean.limits, "analysis of variance, images x draws")


@remembered
def accuracy_drop(original: Predictions, changed: Predictions) -> Measurement:
    """Accuracy of `original` less that of `changed` on the same images, in shares: positive is worse under the change.

    Only images answered differently carry information, so this is known far better than either accuracy.
    Raises ValueError where there are no images, or where the two are not about the same images and labels.
    """
    require_same_images(original, changed)
    lost = int(np.count_nonzero(original.correct & ~changed.correct))
    won = int(np.count_nonzero(changed.correct & ~original.correct))
    count = len(original)
    return Measurement(
        measure="top1_drop",
        value=(lost - won) / count,
        count=count,
        limits=partial(tango, lost, won, count),
        method="Tango score, corrected for skewness",
    )


@remembered
def accuracy_drop_on_other_images(clean: Predictions, shifted: Predictions) -> Measurement:
    """Accuracy of `clean` less that of `shifted`, which shows other images of the same classes.

    Nothing is paired, so each accuracy has its own uncertainty (see `difference`).
    Raises UnmeasurableError where there are no images on one side.
    """
    return difference("top1_drop_between_sets", accuracy(clean), accuracy(shifted))


@remembered
def lead_over_guessing(predictions: Predictions) -> Measurement:
    """Accuracy less the share of the commonest class, which naming it always would reach.

    On the same images: only those count where one is right and the other is not. Raises UnmeasurableError where there
    are no images.
    """
    require_images(predictions)
    commonest = predictions.labels == np.bincount(predictions.labels).argmax()
    ahead = int(np.count_nonzero(predictions.correct & ~commonest))
    behind = int(np.count_nonzero(~predictions.correct & commonest))
    count = len(predictions)
    limits = partial(tango, ahead, behind, count)
    return Measurement(
        "top1_over_guessing", (ahead - behind) / count, count, limits, "Tango score, paired with a guess"
    )


@remembered
def mean_accuracy(tasks: Sequence[Predictions]) -> Measurement:
    """Mean of the accuracies of several tasks, each counting alike; see `average`.

    Raises UnmeasurableError where there are no tasks, or one without images.
    """
    return average("mean_top1", [accuracy(task) for task in tasks])


@remembered
def answers_kept(original: Predictions, changed: Predictions) -> Measurement:
    """Share of images that get the same answer, right or wrong, from `changed` as from `original`.

    Raises ValueError where there are no images, or where the two are not about the same images and labels.
    """
    require_same_images(original, changed)
    return share("agreement", int(np.count_nonzero(original.predicted == changed.predicted)), len(original))


def share(measure: str, successes: int, count: int) -> Measurement:
    """`successes` of `count` independent images, under the name `measure`."""
    return Measurement(
        measure=measure,
        value=successes / count,
        count=count,
        limits=partial(clopper_pearson, successes, count),
        method="Clopper-Pearson",
    )
