"""No layout and no pixels: the images are those that recorded predictions are about."""

from __future__ import annotations

from collections import Counter
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
    """Image → label: the images that most of the recordings with labels name, as most of them label them.

    Of what exactly half of them name, what the first in the file names counts. The rest is about no image of the set,
    so that a recording with rows of its own blocks its own model, and one that lacks rows too.
    """
    recordings, faults = {}, []
    for model, spec in models.items():
        if name not in spec.predictions:
            continue
        try:
            recordings[model] = recording_of(spec, name, places, space)
        except BlockedError as error:
            faults.append(str(error))  # it blocks its own model; the others may still tell the labels
    labeled = {
        model: dict(zip(recording.keys, recording.labels.tolist(), strict=True))
        for model, recording in recordings.items()
        if recording.labels is not None
    }
    if not labeled:
        why = f": {faults[0]}" if faults else ""
        raise BlockedError(
            f"image set {name!r} has no pixels, no `labels`, and no recording of the zoo brings labels{why}"
        )
    first = next(iter(labeled.values()))
    named_by = Counter(key for labels in labeled.values() for key in labels)
    common = [key for key, count in named_by.items() if 2 * count + (key in first) > len(labeled)]
    if not common:
        examples = ", ".join(f"{model!r} names {next(iter(labels))!r}" for model, labels in labeled.items())
        raise BlockedError(f"image set {name!r}: no image is named by most of its recordings ({examples})")
    return {key: _label(name, key, labeled) for key in common}


def _label(name: str, key: str, labeled: Mapping[str, Mapping[str, int]]) -> int:
    """The label that most recordings give an image. Raises BlockedError where two are given as often."""
    given = {model: labels[key] for model, labels in labeled.items() if key in labels}
    (label, count), *others = Counter(given.values()).most_common(2)
    if others and others[0][1] == count:
        first, other = (next(m for m, each in given.items() if each == one) for one in (label, others[0][0]))
        raise BlockedError(
            f"image set {name!r}: the recordings of {first!r} and {other!r} give {key!r} the labels "
            f"{given[first]} and {given[other]}"
        )
    return label
