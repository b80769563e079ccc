"""What `models.yaml` says of image sets, whatever their layout: roles, classes, and where the images are."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from eyechart.entries import Entry
from eyechart.images.labels import LabelSpace, counted_space, label_space, mapped_space, named_space

MOST_CLASSES = 1_000_000
"""Classes that are only counted are written out as names, and answers have a column for each."""


def _by_number(value: Any) -> Any:
    """Put class names in order that are given by number, as detection data sets and `id2label` have them."""
    if isinstance(value, dict) and set(map(str, value)) == set(map(str, range(len(value)))):
        return [name for _, name in sorted(value.items(), key=lambda item: int(item[0]))]
    return value


class NamedLabels(Entry):
    """A label space of the user's own: its class names, in the order of the model's outputs, or each by its number."""

    names: Annotated[tuple[str, ...], BeforeValidator(_by_number)] = Field(min_length=1)


class CountedLabels(Entry):
    """A label space of the user's own whose classes have numbers only."""

    classes: int = Field(ge=2, le=MOST_CLASSES)


class MappedLabels(Entry):
    """A label space whose classes stand for ImageNet classes, as a JSON file maps them (PUG-ImageNet).

    `shared` says what holds for an ImageNet class under two names: "both" are right, or the published rule, "last".
    """

    mapping: str
    shared: Literal["both", "last"] = "both"


def _kind_of_labels(value: Any) -> str | None:
    """Which kind a `label_space` is meant to be, so that its faults are told and no others."""
    if isinstance(value, str | NamedLabels | CountedLabels | MappedLabels):
        return type(value).__name__ if not isinstance(value, str) else "str"
    keys = {"names": "NamedLabels", "classes": "CountedLabels", "mapping": "MappedLabels"}
    return next((kind for key, kind in keys.items() if isinstance(value, dict) and key in value), None)


Labels = Annotated[
    Annotated[str, Tag("str")]
    | Annotated[NamedLabels, Tag("NamedLabels")]
    | Annotated[CountedLabels, Tag("CountedLabels")]
    | Annotated[MappedLabels, Tag("MappedLabels")],
    Discriminator(
        _kind_of_labels,
        custom_error_type="label_space",
        custom_error_message="expected a name, {names: [...]}, {classes: N} or {mapping: FILE}",
    ),
]
"""A `label_space`: one of ImageNet's by name, or one of the user's own."""


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
