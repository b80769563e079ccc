"""What every entry of `models.yaml` has in common. Entries are frozen; an unknown key is an error."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from eyechart.errors import nearest
from eyechart.labels import LabelSpace, counted_space, label_space, mapped_space, named_space


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


class CountedLabels(Entry):
    """A label space of the user's own whose classes have numbers only."""

    classes: int = Field(ge=2)


class MappedLabels(Entry):
    """A label space whose classes stand for ImageNet classes, as a JSON file maps them (PUG-ImageNet).

    `shared` says what holds for an ImageNet class under two names: "both" are right, or the published rule, "last".
    """

    mapping: str
    shared: Literal["both", "last"] = "both"


Labels = str | NamedLabels | CountedLabels | MappedLabels


def labels_of(labels: Labels, resolve: Callable[[str], Path] = Path) -> LabelSpace:
    """Turn a `label_space` entry into its classes; `resolve` finds the file it may name.

    Raises SpecError for an unknown name, BlockedError for a file that is missing.
    """
    if isinstance(labels, NamedLabels):
        return named_space(labels.names)
    if isinstance(labels, CountedLabels):
        return counted_space(labels.classes)
    if isinstance(labels, MappedLabels):
        return mapped_space(resolve(labels.mapping), labels.shared)
    return label_space(labels)


class Role(StrEnum):
    """What an image set is for; a behavior asks for images by role, never by name."""

    VALIDATION = "validation"
    SHIFTED = "shifted"
    RELABELED = "relabeled"
    CORRUPTED = "corrupted"
    CUE_CONFLICT = "cue-conflict"
    FACTORS = "factors"
    SYNTHETIC = "synthetic"
    TRANSFER = "transfer"


Part = Literal["factor", "corruption"]
"""What an image set may be taken apart by, one claim a part."""


class ImageSetEntry(Entry):
    """What every image set has, whatever its reader. Sets of one `group` are averaged before groups are."""

    role: Role
    group: str | None = Field(default=None, min_length=1)

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:  # noqa: ARG002  # one call for all readers
        """Names of the parts of this set, which `models.yaml` calls `name`: told without looking at any image."""
        return ()


class ProtocolEntry(Entry):
    """`protocol` of a zoo in `models.yaml`: where the paper's way and the better way differ, which one is taken.

    views        "relative": amounts that mean the same for every image size; "paper": pixels, with black let in (§3.7)
    probe        "logistic": multinomial logistic regression, strength chosen on held-out training images;
                 "clip-benchmark": the training that the paper follows (§3.5)
    error_ratio  "annotated": over the annotated images, as in the paper's figure; "validation": over the whole
                 validation set, as in its text (§3.1)
    """

    views: Literal["relative", "paper"] = "relative"
    probe: Literal["logistic", "clip-benchmark"] = "logistic"
    error_ratio: Literal["annotated", "validation"] = "annotated"


class PixelsEntry(ImageSetEntry):
    """What every set of real images has.

    `path` starts at `--data`, or at the file that names it. `count` is how many images a complete set has;
    another number blocks it. So do unreadable files, unless there are at most `allow_unreadable`, which are
    then left out. `orientation: stored` ignores EXIF rotation, as torchvision's loaders do. `train` is where the
    images are that linear probes learn from, in the same layout. Images that are `cropped` already are not cropped
    again by any model. `factors` names what claims are made about, before any image is seen.
    """

    path: str
    train: str | None = None
    label_space: Labels
    count: int | None = Field(default=None, gt=0)
    allow_unreadable: int = Field(default=0, ge=0)
    orientation: Literal["exif", "stored"] = "exif"
    cropped: bool = False
    factors: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _factors_are_named(self) -> PixelsEntry:
        if self.role in (Role.FACTORS, Role.SYNTHETIC) and not self.factors:
            raise ValueError(
                f"role {self.role.value} needs 'factors', a list of names: values of the images' annotation 'factor', "
                "or annotations of their own"
            )
        return self

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:  # noqa: ARG002  # same
        """Name the factors."""
        return self.factors if kind == "factor" else ()


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
