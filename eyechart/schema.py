"""What every entry of `models.yaml` has in common. Entries are frozen; an unknown key is an error."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from eyechart.errors import nearest
from eyechart.labels import LabelSpace, label_space


class Entry(BaseModel):
    """One mapping of `models.yaml`: frozen, and an unknown key is an error that offers its nearest match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown key {key!r}: {nearest(str(key), cls.model_fields)}")
        return data


class NamedLabels(Entry):
    """A label space of the user's own: its class names, in the order of the model's outputs."""

    names: tuple[str, ...] = Field(min_length=1)


Labels = str | NamedLabels


def labels_of(labels: Labels) -> LabelSpace:
    """Turn a `label_space` entry into its classes. Raises SpecError for an unknown name."""
    return LabelSpace("own", labels.names) if isinstance(labels, NamedLabels) else label_space(labels)


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


class ModelEntry(Entry):
    """What every model spec has, whatever its source."""

    label_space: Labels = "imagenet-1k"
    preprocessing: PreprocessingEntry = PreprocessingEntry()
    known_failures: dict[str, Annotated[KnownFailure, BeforeValidator(_as_known_failure)]] = {}
