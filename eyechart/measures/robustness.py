"""Measures over a grid of corruptions or of views of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eyechart.errors import NothingToMeasureError
from eyechart.measures.accuracy import accuracy_drop, answers_kept
from eyechart.measures.combining import highest, lowest, worst_of
from eyechart.measures.intervals import Band, mean_of, simultaneous_band
from eyechart.measures.measurement import Measurement, remembered
from eyechart.measures.pairing import require_images, require_same_images
from eyechart.measures.predictions import Floats, Predictions

ALEXNET_ERRORS: Mapping[str, float] = {
    "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
    "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
    "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
    "pixelate": 0.717840, "jpeg_compression": 0.606500,
}  # fmt: skip
"""AlexNet's error rate under each corruption of ImageNet-C, mean of five severities (Hendrycks & Dietterich 2019).

They are about the 1,000 classes of ImageNet, and mean nothing on other images.
"""

Grid = Mapping[str, Sequence[Predictions]]
"""Corruption → the predictions under each of its severities."""


@remembered
def mean_corruption_error(grid: Grid, reference: Mapping[str, float] | None = None) -> Measurement:
    """Error rate over corruptions: mean over severities, over the `reference` error of the corruption, then over them.

    With AlexNet's mean errors as `reference` it is the mCE of Hendrycks & Dietterich (2019), as a share (1 is
    AlexNet); without a reference the mean error rate. All severities show the same images, so each image
    has one such number, and the interval is that of their mean; counting every corrupted copy would make it several
    times too narrow. Where there are several corruptions, each one's own number is reported beside the mean.
    Raises NothingToMeasureError for an empty grid, ValueError for unequal images or a corruption without a reference.
    """
    by_corruption = _errors(grid, reference)
    name = _name(reference)
    parts = [
        _mean(f"{name}_at_{corruption}", errors, 1.0 / _reference(corruption, reference))
        for corruption, errors in by_corruption.items()
    ]
    mean = _mean(name, np.mean(list(by_corruption.values()), axis=0), _worst(grid, reference))
    return replace(mean, companions=worst_of(parts, most=True) if len(parts) > 1 else ())


@remembered
def mean_corruption_error_rise(first: Grid, second: Grid, reference: Mapping[str, float] | None = None) -> Measurement:
    """Mean corruption error of `second` less that of `first` on the same images: positive where `second` is worse.

    Raises ValueError as `mean_corruption_error`, and where the two differ in corruptions, severities or images.
    """
    if {name: len(levels) for name, levels in first.items()} != {name: len(levels) for name, levels in second.items()}:
        raise ValueError(f"expected the same corruptions and severities, found {sorted(first)} and {sorted(second)}")
    before, after = (list(_errors(grid, reference).values()) for grid in (first, second))
    rise = np.mean(after, axis=0) - np.mean(before, axis=0)
    for name, levels in first.items():
        require_same_images(levels[0], second[name][0])
    worst = _worst(first, reference)
    mean = mean_of(rise, possible=(-worst, worst))
    return Measurement(
        f"{_name(reference)}_rise", mean.value, len(rise), mean.limits, "Student's t, paired", possible=(-worst, worst)
    )


@remembered
def worst_drop(original: Predictions, changed: Sequence[Predictions]) -> Measurement:
    """Largest of the accuracy drops from `original` to each of `changed`, which are reported too; see `highest`."""
    drops = [accuracy_drop(original, each) for each in changed]
    points = [_at("top1_drop", each.view, drop) for each, drop in zip(changed, drops, strict=True)]
    return replace(highest("worst_top1_drop", drops), companions=worst_of(points, most=True))


@remembered
def least_kept(original: Predictions, changed: Sequence[Predictions]) -> Measurement:
    """Smallest of the shares of answers that `changed` have in common with `original`, all reported; see `lowest`."""
    shares = [answers_kept(original, each) for each in changed]
    points = [_at("agreement", each.view, share) for each, share in zip(changed, shares, strict=True)]
    return replace(lowest("least_agreement", shares), companions=worst_of(points, most=False))


def drop_curve(original: Predictions, changed: Sequence[Predictions], alpha: float) -> Band:
    """Accuracy drop from `original` to each of `changed`, with limits that hold for the whole curve at once."""
    for each in changed:
        require_same_images(original, each)
    drops = [original.correct.astype(np.float64) - each.correct for each in changed]
    return simultaneous_band(np.column_stack(drops), alpha, possible=(-1.0, 1.0))


def _at(measure: str, amount: str, measured: Measurement) -> Measurement:
    return replace(measured, measure=f"{measure}_at_{amount}")


def _mean(measure: str, errors: Floats, worst: float) -> Measurement:
    mean = mean_of(errors, possible=(0.0, worst))
    method = "Student's t over images"
    return Measurement(measure, mean.value, mean.units, mean.limits, method, possible=(0.0, worst))


def _errors(grid: Grid, reference: Mapping[str, float] | None) -> dict[str, Floats]:
    """Corruption → (n,): error of each image, mean over severities, so that their mean is that of the corruption."""
    levels = [level for severities in grid.values() for level in severities]
    if not levels or not all(grid.values()):
        raise NothingToMeasureError("expected at least one corruption and one severity of each, found none")
    require_images(levels[0])
    for level in levels:
        require_same_images(levels[0], level)
    return {
        name: np.mean([~level.correct for level in severities], axis=0) / _reference(name, reference)
        for name, severities in grid.items()
    }


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


def _name(reference: Mapping[str, float] | None) -> str:
    """Name of the measure."""
    return "mean_corruption_error" if reference is None else "mce"
