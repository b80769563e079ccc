"""Measures of right and wrong answers: of one set of predictions, and of two on the same images."""

from __future__ import annotations

from functools import partial

import numpy as np

from eyechart.intervals import tango, wilson
from eyechart.intervals.proportions import is_exact
from eyechart.measurement import Measurement
from eyechart.predictions import Predictions


def accuracy(predictions: Predictions) -> Measurement:
    """Share of images whose class the checkpoint names. Raises ValueError where there are no images."""
    require_images(predictions)
    return share("top1", int(np.count_nonzero(predictions.correct)), len(predictions))


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
        method="Tango score, paired",
    )


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
        limits=partial(wilson, successes, count),
        method="Clopper-Pearson" if is_exact(successes, count) else "Wilson score",
    )


def require_images(predictions: Predictions) -> None:
    """Raise ValueError, naming what was to be measured, where there are no images."""
    if len(predictions) == 0:
        raise ValueError(f"{_title(predictions)}: no images (n = 0), so there is nothing to measure")


def require_same_images(first: Predictions, second: Predictions) -> None:
    """Raise ValueError, naming what differs, unless both are about the same images and labels, in one order."""
    require_images(first)
    pair = f"{_title(first)} and {_title(second)} cannot be paired image by image"
    if not np.array_equal(first.keys, second.keys):
        raise ValueError(f"{pair}: {_difference(first, second)}")
    relabeled = np.flatnonzero(first.labels != second.labels)
    if relabeled.size:
        at = relabeled[0]
        raise ValueError(
            f"{pair}: {relabeled.size} images have another label, "
            f"the first {str(first.keys[at])!r} ({first.labels[at]} and {second.labels[at]})"
        )


def _difference(first: Predictions, second: Predictions) -> str:
    """Say how the keys of two predictions differ."""
    for one, other in ((first, second), (second, first)):
        missing = np.setdiff1d(one.keys, other.keys)
        if missing.size:
            return f"{missing.size} images of {_title(one)} are missing from the other, such as {str(missing[0])!r}"
    if len(first) != len(second):
        return f"the same images, but {len(first)} and {len(second)} rows: a key is repeated"
    at = np.flatnonzero(first.keys != second.keys)[0]
    return f"the same images in another order, from row {at} ({str(first.keys[at])!r} and {str(second.keys[at])!r})"


def _title(predictions: Predictions) -> str:
    """`vit-sup on validation (shift(30))`."""
    return f"{predictions.model} on {predictions.image_set} ({predictions.view})"
