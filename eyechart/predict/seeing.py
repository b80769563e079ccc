"""The input of forward passes: an image is read once, and cropped as each view and geometry shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eyechart.errors import BlockedError
from eyechart.images.image_set import ImageSet
from eyechart.measures.predictions import Ints
from eyechart.predict.crops import Crop, Crops, Look, Shelf

if TYPE_CHECKING:
    from eyechart.images.views import Image

Looks: TypeAlias = Sequence[Look]


@dataclass(slots=True)
class Seen:
    """Some images, as each look shows them.

    sizes    (height, width) of each raw image
    crops    look → its crops, of one image each
    faults   look → why it shows nothing of one of them, or empty
    kept     how many were taken from crops that were kept
    fault    why an image cannot be read, or empty
    seconds  what it took
    """

    sizes: list[tuple[int, int]] = field(default_factory=list)
    crops: list[list[Image]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    fault: str = ""
    seconds: float = 0.0
    kept: int = 0


def see(images: ImageSet, rows: Ints, looks: Looks, crops: Crops | None = None) -> Seen:
    """Read some images, each once, and crop them, unless their `crops` are kept; one is held at a time."""
    started = time.perf_counter()
    seen = Seen([], [[] for _ in looks], ["" for _ in looks])
    shelves = crops.shelves(images, looks) if crops else []
    for row in rows:
        kept = _kept(shelves, images, row)
        if kept:
            seen.kept += 1
            seen.sizes.append(kept[0].raw)
            for number, crop in enumerate(kept):
                seen.crops[number].append(crop.pixels)
            continue
        try:
            (raw,) = images.read(np.array([row]))
        except BlockedError as error:
            seen.fault = str(error)
            break
        seen.sizes.append(raw.shape[:2])
        for view in dict.fromkeys(view for view, _ in looks):
            of_view = [number for number, (each, _) in enumerate(looks) if each == view]
            try:
                changed = view.of_image(raw)
                for number in of_view:
                    seen.crops[number].append(looks[number][1].apply([changed])[0])
            except BlockedError as error:
                for number in of_view:
                    seen.faults[number] = str(error)
    seen.seconds = time.perf_counter() - started
    return seen


def _kept(shelves: Sequence[Shelf], images: ImageSet, row: int) -> list[Crop]:
    """The crops of an image, where those of all looks are kept."""
    if not shelves or images.digests is None:
        return []
    (image,) = images.digests(np.array([row]))
    crops = []
    for shelf in shelves:
        crop = shelf.get(image)
        if crop is None:
            return []
        crops.append(crop)
    return crops


def see_one_by_one(images: ImageSet, rows: Ints, looks: Looks, crops: Crops | None = None) -> Iterator[Seen]:
    """See images in this process."""
    for row in rows:
        yield see(images, np.array([row]), looks, crops)
