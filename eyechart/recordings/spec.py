"""Source `recorded`: predictions that were made elsewhere. A model like any other, but it cannot be asked again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

from pydantic import BeforeValidator, Field

from eyechart.checkpoints.entries import ModelEntry
from eyechart.checkpoints.sources.base import Surroundings, weights_digest
from eyechart.digest import digest
from eyechart.entries import Entry
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.entries import Labels, labels_of
from eyechart.images.labels import LabelSpace
from eyechart.recordings.reading import Recording, read_recording

LIBRARIES: tuple[str, ...] = ()

Places: TypeAlias = Callable[[str], Sequence[Path]]
"""A relative path → where such a file is looked for, in this order."""


class RecordedFile(Entry):
    """One recorded file; `returns` says what a matrix without a telling name holds.

    `labels` is a file of the images' labels, for a matrix that is alone in its own.
    """

    file: str
    labels: str | None = None
    returns: Literal["logits", "probabilities"] | None = None


def _as_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class RecordedSpec(ModelEntry):
    """Image set → the file with this model's answers for it. A part of an image set needs no file of its own.

    Answers are in the image set's label space, or in `label_space` where that is given (a full ImageNet softmax
    for a set with other classes). Images missing on either side block a claim, unless they are at most the share
    `allow_missing` of that side.
    """

    source: Literal["recorded"]
    predictions: dict[str, Annotated[RecordedFile, BeforeValidator(_as_file)]] = Field(min_length=1)
    label_space: Labels | None = None  # type: ignore[assignment]  # None: each image set's own
    allow_missing: float = Field(default=0.0, ge=0.0, lt=1.0)


def weights(spec: RecordedSpec, root: Path) -> str:
    """Identify the model by the bytes of all its files. Raises BlockedError where one is missing."""
    files = {name: filter(None, (each.file, each.labels)) for name, each in spec.predictions.items()}
    return digest({name: [weights_digest(root, file) for file in some] for name, some in files.items()})


def load(spec: RecordedSpec, around: Surroundings) -> NoReturn:  # noqa: ARG001  # every source answers the same call
    """Raise NotApplicableError: there is no model."""
    raise NotApplicableError("its predictions were recorded elsewhere, there is no live model to ask")


def answer_space(spec: RecordedSpec, images: LabelSpace) -> LabelSpace:
    """The label space of the recorded answers, for an image set in label space `images`."""
    return images if spec.label_space is None else labels_of(spec.label_space)


def recording_of(spec: RecordedSpec, image_set: str, places: Places, images: LabelSpace) -> Recording:
    """Read what is recorded of an image set in label space `images`.

    Raises NotApplicableError where nothing is recorded of it, BlockedError where that cannot be read.
    """
    file, *labels = recorded_files(spec, image_set, places)
    return read_recording(file, answer_space(spec, images), spec.predictions[image_set].returns, *labels)


def recorded_files(spec: RecordedSpec, image_set: str, places: Places) -> list[Path]:
    """Find the file for an image set, and that of its labels if it has one.

    Raises NotApplicableError where none is named, BlockedError where one is lost.
    """
    require_recorded(spec, image_set)
    named = spec.predictions[image_set]
    return [_found(relative, places(relative)) for relative in (named.file, named.labels) if relative]


def _found(relative: str, looked_for: Sequence[Path]) -> Path:
    for path in looked_for:
        if os.path.isfile(path):  # noqa: PTH113  # pathlib raises for names that are too long
            return path
    raise BlockedError(f"recording {relative!r} not found: looked for {' and '.join(map(str, looked_for))}")


def require_recorded(spec: RecordedSpec, image_set: str) -> None:
    """Raise NotApplicableError where nothing is recorded of an image set."""
    if image_set not in spec.predictions:
        raise NotApplicableError(
            f"no predictions for image set {image_set!r} are recorded, only for {', '.join(sorted(spec.predictions))}"
        )
