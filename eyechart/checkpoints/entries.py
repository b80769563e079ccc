"""What `models.yaml` says of a checkpoint, whatever its source: classes, preprocessing, known failures."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

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


class PreprocessingEntry(Entry):
    """Replaces parts of a model's own preprocessing. `resize` is the shorter side in pixels before the center crop."""

    resize: int | None = Field(default=None, gt=0)
    crop: int | None = Field(default=None, gt=0)
    interpolation: Literal["nearest", "bilinear", "bicubic"] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


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


class ModelEntry(Entry):
    """What every model spec has, whatever its source."""

    label_space: Labels = "imagenet-1k"
    preprocessing: Annotated[PreprocessingEntry, BeforeValidator(_preprocessing_named)] = PreprocessingEntry()
    known_failures: dict[str, Annotated[KnownFailure, BeforeValidator(_as_known_failure)]] = {}
