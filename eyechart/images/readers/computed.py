"""No files of its own: corrupted copies of another set's images, computed whenever a model must see them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError
from eyechart.images.corruptions import CORRUPTIONS, SEVERITIES, VERSION, check, corrupted, reduced
from eyechart.images.entries import ImageSetEntry, Part
from eyechart.images.image_set import ImageSet
from eyechart.images.ordering import declared_order
from eyechart.images.readers.around import Around
from eyechart.images.views import Image
from eyechart.measures.predictions import Ints

NEAR = 8
"""Uncorrupted images that are kept while their corruptions are made: rows are read mostly in order."""


class ComputedSet(ImageSetEntry):
    """Some images of the set `of`, each under every one of `corruptions` at every one of `severities`.

    `images` is how many of them: the first so many in the declared random order. Annotations are those of the layout
    `corruption-folders`: `corruption` (str), `severity` (int), `image` (the uncorrupted image's key).
    """

    reader: Literal["computed"]
    of: str
    images: int = Field(default=300, gt=0)
    corruptions: tuple[str, ...] = Field(default=CORRUPTIONS, min_length=1)
    severities: tuple[int, ...] = Field(default=SEVERITIES, min_length=1)

    @model_validator(mode="after")
    def _known(self) -> ComputedSet:
        try:
            for corruption, severity in self.cells:
                check(corruption, severity)
        except SpecError as error:
            raise ValueError(str(error)) from error
        twice = [cell for cell, count in Counter(self.cells).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0][0]} at severity {twice[0][1]} is given more than once")
        return self

    @property
    def cells(self) -> tuple[tuple[str, int], ...]:
        """Every (corruption, severity), in the order of the rows of one image."""
        return tuple((corruption, severity) for corruption in self.corruptions for severity in self.severities)

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:  # noqa: ARG002  # one call for all readers
        """Name the corruptions."""
        return self.corruptions if kind == "corruption" else ()

    def limited(self, limit: int) -> ComputedSet:
        """Take at most `limit` of the uncorrupted images: the same that a limit keeps of the set they are of."""
        return self.model_copy(update={"images": min(self.images, limit)})


def read(name: str, spec: ComputedSet, around: Around) -> ImageSet:
    """Index the corrupted images, image by image, so that reading some in a row decodes few.

    Raises BlockedError where the uncorrupted set is blocked, or has no pixels.
    """
    clean_set = around.indexed(spec.of)
    if not clean_set.has_pixels:
        raise BlockedError(f"image set {name!r}: {spec.of!r} has names and labels only, there are no pixels to corrupt")
    clean, cells = clean_set.rows(np.sort(declared_order(clean_set.keys)[: spec.images])), spec.cells

    @lru_cache(maxsize=NEAR)
    def clean_image(row: int) -> Image:
        # reduced here, where it is done once for all corruptions of an image
        return reduced(clean.read(np.array([row]))[0])

    def read_rows(wanted: Ints) -> list[Image]:
        return [corrupted(clean_image(row // len(cells)), *cells[row % len(cells)]) for row in wanted.tolist()]

    named = [(f"{corruption}/{severity}/{key}", key) for key in clean.keys.tolist() for corruption, severity in cells]
    columns: dict[str, Any] = {
        "corruption": np.array([corruption for corruption, _ in cells] * len(clean), dtype=np.str_),
        "severity": np.array([severity for _, severity in cells] * len(clean), dtype=np.int64),
        "image": clean.keys.repeat(len(cells)),
    }
    return replace(
        clean,
        name=name,
        keys=np.array([key for key, _ in named], dtype=np.str_),
        labels=clean.labels.repeat(len(cells)),
        annotations=columns,
        fingerprint=digest(clean_set.fingerprint, "corrupted", len(clean), cells, VERSION),
        read=read_rows,
        also={key: clean_set.also[image] for key, image in named if image in clean_set.also},
        of="",
        unreadable=(),
    )
