"""What `models.yaml` says of a checkpoint, whatever its source: classes, preprocessing, known failures."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from eyechart.entries import Entry
from eyechart.errors import nearest
from eyechart.images.entries import Labels


class KnownFailure(Entry):
    """Why a behavior is allowed to fail: a sentence, the date it must be mended by, and who looks after it."""

    reason: str = Field(min_length=1)
    until: datetime.date | None = None
    owner: str | None = None

    def expired(self, today: datetime.date) -> bool:
        """Whether the day it must be mended by is over; it then excuses nothing."""
        return self.until is not None and self.until < today


def _as_known_failure(value: Any) -> Any:
    return {"reason": value} if isinstance(value, str) else value


Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "hamming", "box"]
"""Pillow's filters, by the names that timm and open_clip give them."""

CropMode = Literal["center", "squash", "border"]
"""What becomes of an image of another aspect than the input: it is cut, distorted, or given a border."""

Pixels = Annotated[int, Field(gt=0, le=10_000)]
Channel = Annotated[int, Field(ge=0, le=255)]


def _of_unit_pixels(value: float) -> float:
    """Refuse what is meant for pixels from 0 to 255, which would be judged as it stands and answer wrongly."""
    if value > 1:
        raise ValueError(f"pixels count from 0 to 1, so that {value:g} is none of theirs: divide mean and std by 255")
    return value


Mean = Annotated[float, Field(ge=0), AfterValidator(_of_unit_pixels)]
Std = Annotated[float, Field(gt=0), AfterValidator(_of_unit_pixels)]


class PreprocessingEntry(Entry):
    """Replaces parts of a model's own preprocessing, in timm's words.

    `crop` is the input, and `resize` the size before the center is cropped: a number for a square, or [height, width].
    With `crop_mode: center` the shorter side reaches `resize`; with `squash` both sides do; with `border` the longer
    one, and `fill` (RGB from 0 to 255) stands around the picture.
    """

    resize: Pixels | tuple[Pixels, Pixels] | None = None
    crop: Pixels | tuple[Pixels, Pixels] | None = None
    crop_mode: CropMode | None = None
    fill: tuple[Channel, Channel, Channel] | None = None
    interpolation: Interpolation | None = None
    mean: tuple[Mean, Mean, Mean] | None = None
    std: tuple[Std, Std, Std] | None = None

    @property
    def complete(self) -> bool:
        """Whether it says all that decides what a model sees, so that nothing must be assumed."""
        stated = (self.resize, self.crop, self.crop_mode, self.interpolation, self.mean, self.std)
        return all(part is not None for part in stated)


PREPROCESSINGS: Mapping[str, Mapping[str, Any]] = {
    "native": {},
    "paper": {"resize": 256, "crop": 224, "interpolation": "bilinear"},
}
"""Preprocessing by name: the model's own, and what arXiv 2311.09215 gives both supervised models (§1.2)."""


def _preprocessing_named(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in PREPROCESSINGS:
        raise ValueError(f"preprocessing {value!r} is unknown: {nearest(value, PREPROCESSINGS)}")
    return dict(PREPROCESSINGS[value])


class Expected(Entry):
    """What a checkpoint is published with, as shares: on the zoo's first validation set, to find wrong loading by."""

    top1: float = Field(gt=0.0, le=1.0)


class ModelEntry(Entry):
    """What every model spec has, whatever its source."""

    label_space: Labels = "imagenet-1k"
    preprocessing: Annotated[PreprocessingEntry, BeforeValidator(_preprocessing_named)] = PreprocessingEntry()
    expected: Expected | None = None
    known_failures: dict[str, Annotated[KnownFailure, BeforeValidator(_as_known_failure)]] = {}
