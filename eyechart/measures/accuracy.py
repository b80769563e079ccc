"""Measures of right and wrong answers: of one set of predictions, and of two on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import NotApplicableError, NothingToMeasureError
from eyechart.measures.combining import average, difference
from eyechart.measures.intervals import clopper_pearson, mean_of, mean_over_draws, tango
from eyechart.measures.measurement import Measurement, remembered
from eyechart.measures.pairing import require_images, require_one_each, require_same_images
from eyechart.measures.predictions import Predictions

SHARE = (0.0, 1.0)
"""What a share can be."""


@remembered
def accuracy(predictions: Predictions) -> Measurement:
    """Share of images whose class the checkpoint names; beside it, where a source lists its best answers, top-5.

    Raises NothingToMeasureError where there are no images.
    """
    require_images(predictions)
    measured = share("top1", int(np.count_nonzero(predictions.correct)), len(predictions))
    return replace(measured, companions=_top_five(predictions))


def _top_five(predictions: Predictions) -> tuple[Measurement, ...]:
    """Share of images whose class is among the five best answers, or nothing where they are not listed."""
    if not predictions.kept.has("ranked"):
        return ()
    try:
        best = predictions.ranked(5)
    except NotApplicableError:
        return ()
    among = (best == predictions.labels[:, None]).any(axis=1)
    for row, key in enumerate(predictions.keys.tolist() if predictions.also else ()):
        among[row] |= bool(set(best[row].tolist()) & set(predictions.also.get(key, ())))
    return (share("top5", int(np.count_nonzero(among)), len(predictions)),)


@remembered
def clustered_accuracy(predictions: Predictions, clusters: NDArray[np.str_] | NDArray[np.int64]) -> Measurement:
    """Accuracy on images that come in `clusters` (n,): renderings of one asset, frames of one video.

    The claim is about other clusters like these, of which there are far fewer than images; an interval that counts
    images would be several times too narrow. Raises NothingToMeasureError where there are no images.
    """
    require_images(predictions)
    require_one_each(predictions, clusters=clusters)
    mean = mean_of(predictions.correct, clusters, SHARE)
    return Measurement("top1", mean.value, len(predictions), mean.limits, "Student's t, clustered", possible=SHARE)


@remembered
def accuracy_over_draws(draws: Sequence[Predictions]) -> Measurement:
    """Mean accuracy of several trainings of one thing (linear probes on other subsets), judged on the same images.

    Counts as uncertain both which images were drawn and which trainings. `count` is that of the images.
    Raises NothingToMeasureError where there are no draws or images, ValueError where they are about different images.
    """
    if not draws:
        raise NothingToMeasureError("no draws, so there is nothing to measure")
    for draw in draws:
        require_same_images(draws[0], draw)
    if len(draws) == 1:
        return accuracy(draws[0])
    mean = mean_over_draws(np.column_stack([draw.correct for draw in draws]), SHARE)
    return Measurement(
        "top1", mean.value, len(draws[0]), mean.limits, "analysis of variance, images x draws", possible=SHARE
    )


@remembered
def accuracy_drop(original: Predictions, changed: Predictions) -> Measurement:
    """Accuracy of `original` less that of `changed` on the same images, in shares: positive is worse under the change.

    Only images answered differently carry information, so this is known far better than either accuracy.
    Raises NothingToMeasureError where there are no images, ValueError where the two are not about the same ones.
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
        possible=(-1.0, 1.0),
    )


@remembered
def answers_kept(original: Predictions, changed: Predictions) -> Measurement:
    """Share of images that get the same answer, right or wrong, from `changed` as from `original`.

    Raises NothingToMeasureError where there are no images, ValueError where the two are not about the same ones.
    """
    require_same_images(original, changed)
    return share("agreement", int(np.count_nonzero(original.predicted == changed.predicted)), len(original))


@remembered
def accuracy_drop_on_other_images(clean: Predictions, shifted: Predictions) -> Measurement:
    """Accuracy on `clean` less that on `shifted`, which shows other images of the same classes.

    Nothing can be paired, so the limits of both shares combine (MOVER); `count` is that of the smaller set. On the same
    images `accuracy_drop` knows far more. Raises NothingToMeasureError where either has no images.
    """
    return difference("top1_drop_between_sets", accuracy(clean), accuracy(shifted))


@remembered
def mean_accuracy(tasks: Sequence[Predictions]) -> Measurement:
    """Mean of the accuracies on several tasks, each counting the same whatever its number of images; see `average`.

    Raises NothingToMeasureError for no tasks, or one without images.
    """
    return average("mean_top1", [accuracy(task) for task in tasks])


@remembered
def lead_over_guessing(predictions: Predictions) -> Measurement:
    """Accuracy less that of always naming the class that most of these images show, on the same images.

    The class is chosen by the images that then judge it. That its share looks larger than it is can only cost the lower
    limit; the upper one has its error divided by the number of classes seen, so that it holds for each of them.
    Raises NothingToMeasureError where there are no images.
    """
    require_images(predictions)
    classes, counts = np.unique(predictions.labels, return_counts=True)
    guess = replace(predictions, predicted=np.full(len(predictions), classes[np.argmax(counts)]))
    ahead = int(np.count_nonzero(predictions.correct & ~guess.correct))
    behind = int(np.count_nonzero(guess.correct & ~predictions.correct))
    return Measurement(
        measure="top1_over_guessing",
        value=(ahead - behind) / len(predictions),
        count=len(predictions),
        limits=partial(_over_guessing_limits, ahead, behind, len(predictions), classes.size),
        method="Tango score, corrected for skewness",
        possible=(-1.0, 1.0),
    )


def _over_guessing_limits(ahead: int, behind: int, count: int, classes: int, alpha: float) -> tuple[float, float]:
    return tango(ahead, behind, count, alpha)[0], tango(ahead, behind, count, alpha / classes)[1]


def mean(
    measure: str,
    values: NDArray[np.float64],
    possible: tuple[float, float],
    clusters: NDArray[np.str_] | NDArray[np.int64] | None = None,
) -> Measurement:
    """Mean of `values` (n,), one an image or the difference of two an image, under the name `measure`.

    They lie in `possible`; of images that come in `clusters` (n,) the clusters are what is independent.
    """
    estimate = mean_of(values, clusters, possible)
    method = "Student's t" if clusters is None else "Student's t, clustered"
    return Measurement(measure, estimate.value, len(values), estimate.limits, method, possible=possible)


def share(measure: str, successes: int, count: int) -> Measurement:
    """`successes` of `count` independent images, under the name `measure`."""
    return Measurement(
        measure=measure,
        value=successes / count,
        count=count,
        limits=partial(clopper_pearson, successes, count),
        method="Clopper-Pearson",
        possible=SHARE,
        had_it_been=lambda other: (other / count, partial(clopper_pearson, other, count)),
    )
