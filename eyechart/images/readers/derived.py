"""No layout of its own: some images of another set, with further labels or factors. Their predictions are shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.entries import ImageSetEntry, Part
from eyechart.images.image_set import ImageSet
from eyechart.images.joining import match
from eyechart.images.published import FACTORS, Annotations, annotations_named
from eyechart.images.readers.around import Around
from eyechart.measures.predictions import Ints


class DerivedSet(ImageSetEntry):
    """Part of the image set `of`: the images that published annotations know, joined by file name.

    Annotated images that the whole set lacks block it, unless they are at most the share `allow_missing`.
    """

    reader: Literal["derived"] = "derived"
    of: str
    annotations: Literal["imagenet-x", "imagenet-x-multi", "real"]
    allow_missing: float = Field(default=0.0, ge=0.0, lt=1.0)

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:  # noqa: ARG002  # one call for all readers
        """Name the factors of ImageNet-X."""
        return FACTORS if kind == "factor" and self.annotations != "real" else ()


def read(name: str, spec: DerivedSet, around: Around) -> ImageSet:
    """Index the part. Raises BlockedError where the whole set is blocked, or lacks too many annotated images."""
    every, known = around.indexed(spec.of), annotations_named(spec.annotations)
    rows = match(known.keys, every.keys.tolist())
    missing = [key for key, row in zip(known.keys, rows, strict=True) if row < 0]
    if len(missing) > spec.allow_missing * len(known.keys):
        raise BlockedError(
            f"image set {name!r}: {spec.of!r} lacks {len(missing):,} of the {len(known.keys):,} images that "
            f"{spec.annotations!r} annotates, such as {missing[0]}; `allow_missing` states a share that may be missing"
        )
    annotated = np.flatnonzero(rows >= 0)
    annotated = annotated[np.argsort(rows[annotated], kind="stable")]
    return _part(name, spec, every.rows(rows[annotated]), known, annotated)


def _part(name: str, spec: DerivedSet, part: ImageSet, known: Annotations, rows: Ints) -> ImageSet:
    keys = part.keys.tolist()
    columns = {column: values[rows] for column, values in known.columns.items()}
    labels, also = part.labels, dict(part.also)
    if known.labels is not None:
        several = [known.labels[known.keys[row]] for row in rows]
        labels = np.array([each[0] for each in several], dtype=np.int64)
        also = {key: each[1:] for key, each in zip(keys, several, strict=True) if len(each) > 1}
    lost = len(known.keys) - len(keys)
    notes = (f"{lost} annotated images are missing (allow_missing: {spec.allow_missing:g})",) if lost else ()
    return replace(
        part,
        name=name,
        labels=labels,
        also=also,
        annotations={**part.annotations, **columns},
        fingerprint=digest(part.fingerprint, labels.tolist(), also),
        of=spec.of,
        notes=(*part.notes, *notes),
    )
