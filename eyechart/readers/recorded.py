"""No layout and no pixels: the images are those that recorded predictions are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images import ImageSet
from eyechart.labels import LabelSpace
from eyechart.predictions import Ints
from eyechart.published import imagenet_labels
from eyechart.readers.assembling import also_right, cue_columns
from eyechart.schema import ImageSetEntry, Labels
from eyechart.store import Store
from eyechart.views import Image

if TYPE_CHECKING:
    from eyechart.zoo import Zoo


class RecordedSet(ImageSetEntry):
    """Image names and labels without pixels, for zoos of recorded predictions.

    They come from `labels: imagenet-x`, the label file of all 50,000 ImageNet validation images, or, without that,
    from the recordings of the zoo's models, which must agree with each other.
    """

    reader: Literal["recorded"] = "recorded"
    label_space: Labels
    labels: Literal["imagenet-x"] | None = None


def read(name: str, spec: RecordedSet, zoo: Zoo, store: Store) -> ImageSet:  # noqa: ARG001  # one call for all readers
    """Index the names. Raises BlockedError where no recording brings labels, or two disagree."""
    space = zoo.labels(name)
    found = dict(imagenet_labels()) if spec.labels else _from_recordings(name, zoo, space)
    keys = sorted(found)
    labels = [(found[key],) for key in keys]

    def read_pixels(rows: Ints) -> list[Image]:
        raise BlockedError(
            f"image set {name!r} has no pixels, so only recorded models can be judged on it ({len(rows)})"
        )

    return ImageSet(
        name=name,
        label_space=space.name,
        keys=np.array(keys, dtype=np.str_),
        labels=np.array([each[0] for each in labels], dtype=np.int64),
        annotations=cue_columns(spec.role, space, keys),
        fingerprint=digest("recorded", keys, labels, space.name),
        read=read_pixels,
        also=also_right(keys, labels, space),
    )


def _from_recordings(name: str, zoo: Zoo, space: LabelSpace) -> dict[str, int]:
    from eyechart.sources.recorded import RecordedSpec, recording_of

    found: dict[str, int] = {}
    told_by: dict[str, str] = {}
    faults = []
    for model, spec in zoo.models.items():
        if not isinstance(spec, RecordedSpec) or name not in spec.predictions:
            continue
        try:
            recording = recording_of(spec, name, zoo.places, space)
        except BlockedError as error:
            faults.append(str(error))  # it blocks its own model; the others may still tell the labels
            continue
        if recording.labels is None:
            continue
        for key, label in zip(recording.keys, recording.labels.tolist(), strict=True):
            if found.setdefault(key, label) != label:
                raise BlockedError(
                    f"image set {name!r}: the recordings of {told_by[key]!r} and {model!r} give {key!r} the labels "
                    f"{found[key]} and {label}"
                )
            told_by.setdefault(key, model)
    if not found:
        why = f": {faults[0]}" if faults else ""
        raise BlockedError(
            f"image set {name!r} has no pixels, no `labels`, and no recording in zoo {zoo.name!r} brings labels{why}"
        )
    return found
