"""No layout and no pixels: the images are those that recorded predictions are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.entries import ImageSetEntry, Labels
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import LabelSpace
from eyechart.images.published import imagenet_labels
from eyechart.images.readers.assembling import also_right, cue_columns
from eyechart.images.views import Image
from eyechart.measures.predictions import Ints
from eyechart.recordings.spec import Places, RecordedSpec, recording_of


class RecordedSet(ImageSetEntry):
    """Image names and labels without pixels, for zoos of recorded predictions.

    They come from `labels: imagenet-x`, the label file of all 50,000 ImageNet validation images, or, without that,
    from the recordings of the zoo's models, which must agree with each other.
    """

    reader: Literal["recorded"] = "recorded"
    label_space: Labels
    labels: Literal["imagenet-x"] | None = None


def read_recorded(
    name: str, spec: RecordedSet, space: LabelSpace, models: Mapping[str, RecordedSpec], places: Places
) -> ImageSet:
    """Index the names, as the recordings of `models` tell them where the spec names no list.

    Raises BlockedError where no recording brings labels, or two disagree.
    """
    known = dict(imagenet_labels()) if spec.labels else _from_recordings(name, space, models, places)
    keys = sorted(known)
    labels = [(known[key],) for key in keys]

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
        has_pixels=False,
    )


def _from_recordings(
    name: str, space: LabelSpace, models: Mapping[str, RecordedSpec], places: Places
) -> dict[str, int]:
    known: dict[str, int] = {}
    told_by: dict[str, str] = {}
    faults = []
    for model, spec in models.items():
        if name not in spec.predictions:
            continue
        try:
            recording = recording_of(spec, name, places, space)
        except BlockedError as error:
            faults.append(str(error))  # it blocks its own model; the others may still tell the labels
            continue
        if recording.labels is None:
            continue
        for key, label in zip(recording.keys, recording.labels.tolist(), strict=True):
            if known.setdefault(key, label) != label:
                raise BlockedError(
                    f"image set {name!r}: the recordings of {told_by[key]!r} and {model!r} give {key!r} the labels "
                    f"{known[key]} and {label}"
                )
            told_by.setdefault(key, model)
    if not known:
        why = f": {faults[0]}" if faults else ""
        raise BlockedError(
            f"image set {name!r} has no pixels, no `labels`, and no recording of the zoo brings labels{why}"
        )
    return known
