"""Measures over a grid of corruptions or of views of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from eyechart.intervals import Band, mean_of, simultaneous_band
from eyechart.measurement import Measurement
from eyechart.measures.accuracy import accuracy_drop, answers_kept
from eyechart.measures.combining import highest, lowest
from eyechart.measures.pairing import require_images, require_same_images
from eyechart.predictions import Floats, Predictions
from eyechart.recipe import remembered

ALEXNET_ERRORS: Mapping[str, float] = MappingProxyType(
    {
        "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
        "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
        "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
        "pixelate": 0.717840, "jpeg_compression": 0.606500,
    }
)  # fmt: skip
"""Mean error of AlexNet over the five severities of each corruption of ImageNet-C (Hendrycks & Dietterich 2019)."""

Grid = Mapping[str, Sequence[Predictions]]
"""Corruption → the predictions under each of its severities."""


@remembered
def mean_corruption_error(grid: Grid, reference: Mapping[str, float] | None = None) -> Measurement:
    """Error rate over corruptions: mean over severities, over the `reference` error of the corruption, then over them.

    With AlexNet's mean errors as `reference` it is the mCE of Hendrycks & Dietterich (2019), as a share (1 is
    AlexNet); without a reference the mean error rate. All severities show the same images, so each image
    has one such number, and the interval is that of their mean; counting every corrupted copy would make it several
    times too narrow. Beside it that of each corruption. Raises ValueError for an empty grid, unequal images, or a
    corruption without a reference.
    """
    mean = mean_of(_errors(grid, reference), possible=(0.0, _worst(grid, reference)))
    each = {name: {name: levels} for name, levels in grid.items()} if len(grid) > 1 else {}
    parts = tuple(
        replace(mean_corruption_error(part, reference), measure=f"{_name(reference)}_{name}")
        for name, part in each.items()
    )
    return Measurement(_name(reference), mean.value, _images(grid), mean.limits, "Student's t over images", parts)


@remembered
def mean_corruption_error_rise(first: Grid, second: Grid, reference: Mapping[str, float] | None = None) -> Measurement:
    """Mean corruption error of `second` less that of `first` on the same images: positive where `second` is worse.

    Raises ValueError as `mean_corruption_error`, and where the two differ in corruptions, severities or images.
    """
    if {name: len(levels) for name, levels in first.items()} != {name: len(levels) for name, levels in second.items()}:
        raise ValueError(f"expected the same corruptions and severities, found {sorted(first)} and {sorted(second)}")
    rise = _errors(second, reference) - _errors(first, reference)
    for name, levels in first.items():
        require_same_images(levels[0], second[name][0])
    worst = _worst(first, reference)
    mean = mean_of(rise, possible=(-worst, worst))
    return Measurement(f"{_name(reference)}_rise", mean.value, _images(first), mean.limits, "Student's t, paired")


@remembered
def worst_drop(original: Predictions, changed: Sequence[Predictions]) -> Measurement:
    """Largest of the accuracy drops from `original` to each of `changed`, and beside it each; see `highest`."""
    drops = [accuracy_drop(original, each) for each in changed]
    return _with_curve(highest("worst_top1_drop", drops), changed, drops)


@remembered
def least_kept(original: Predictions, changed: Sequence[Predictions]) -> Measurement:
    """Smallest of the shares of answers that each of `changed` has in common with `original`; see `lowest`."""
    kept = [answers_kept(original, each) for each in changed]
    return _with_curve(lowest("least_agreement", kept), changed, kept)


def _with_curve(worst: Measurement, changed: Sequence[Predictions], points: Sequence[Measurement]) -> Measurement:
    """Report each point beside the worst of them, under the name of its view."""
    named = (replace(at, measure=f"{at.measure}_at_{each.view}") for at, each in zip(points, changed, strict=True))
    return replace(worst, companions=tuple(named))


def drop_curve(original: Predictions, changed: Sequence[Predictions], alpha: float) -> Band:
    """Accuracy drop from `original` to each of `changed`, with limits that hold for the whole curve at once."""
    for each in changed:
        require_same_images(original, each)
    drops = [original.correct.astype(np.float64) - each.correct for each in changed]
    return simultaneous_band(np.column_stack(drops), alpha, possible=(-1.0, 1.0))


def _errors(grid: Grid, reference: Mapping[str, float] | None) -> Floats:
    """(n,): the mean corruption error of each image, so that their mean is that of the grid."""
    levels = [level for severities in grid.values() for level in severities]
    if not levels or not all(grid.values()):
        raise ValueError("expected at least one corruption and one severity of each, found none")
    require_images(levels[0])
    for level in levels:
        require_same_images(levels[0], level)
    wrong = [
        np.mean([~level.correct for level in severities], axis=0) / _reference(name, reference)
        for name, severities in grid.items()
    ]
    return np.asarray(np.mean(wrong, axis=0), dtype=np.float64)


def _reference(corruption: str, reference: Mapping[str, float] | None) -> float:
    """Error rate that a corruption's own is divided by."""
    if reference is None:
        return 1.0
    if corruption not in reference:
        raise ValueError(f"no reference error for the corruption {corruption!r}; there is one for {sorted(reference)}")
    return reference[corruption]


def _worst(grid: Grid, reference: Mapping[str, float] | None) -> float:
    """Mean corruption error of a checkpoint that is always wrong."""
    return sum(1.0 / _reference(name, reference) for name in grid) / len(grid)


def _images(grid: Grid) -> int:
    """How many images, each of them seen under every corruption, a grid holds."""
    return len(next(iter(grid.values()))[0])


def _name(reference: Mapping[str, float] | None) -> str:
    """Name of the measure."""
    return "mean_corruption_error" if reference is None else "mce"
