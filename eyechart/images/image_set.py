"""The noun `ImageSet`: an index of raw images, fingerprinted; pixels are read only when a checkpoint must see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.ordering import declared_order
from eyechart.images.views import Image
from eyechart.measures.predictions import Ints


@dataclass(frozen=True)
class ImageSet:
    """Images of one role, in a fixed order.

    keys         (n,) str    names, unique within the set
    labels       (n,) int64  classes in `label_space`'s order
    annotations  name → (n,) array: what else is known of each image (factors, cues, drawn values)
    fingerprint  digest of pixels, keys and labels; two sets with one fingerprint are the same images
    read         row numbers → raw images
    limit        how many images a `--limit` left of the declared set, or None
    also         key → further classes that are right for that image, besides its label
    of           name of the image set that this one is a part of, whose predictions it shares; or empty
    cropped      whether the images are crops already, which a model resizes to its input and crops no further
    unreadable   names of files that were left out, with the reason
    has_pixels   whether there are images to read; names and labels of recorded predictions have none
    notes        what was tolerated, such as unreadable files that were left out; it stands in every verdict
    """

    name: str
    label_space: str
    # not written out: pytest shows the arguments of a test that fails
    keys: NDArray[np.str_] = field(repr=False)
    labels: Ints = field(repr=False)
    annotations: Mapping[str, NDArray[Any]] = field(repr=False)
    fingerprint: str
    read: Callable[[Ints], list[Image]] = field(repr=False)
    limit: int | None = None
    also: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    of: str = ""
    cropped: bool = False
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_pixels: bool = True

    def __len__(self) -> int:
        """Count the images."""
        return len(self.keys)

    def limited(self, limit: int | None) -> ImageSet:
        """Keep a seeded subset of `limit` images: those whose keys hash lowest, whatever their order.

        The subset is a set of its own, with a fingerprint of its own; a limit beyond the set changes nothing.
        """
        if limit is None or limit >= len(self):
            return self
        rows = np.sort(declared_order(self.keys)[:limit])
        return replace(self.rows(rows), fingerprint=digest(self.fingerprint, "limit", limit), limit=limit)

    def rows(self, rows: Ints) -> ImageSet:
        """Keep some images, in the order of `rows`; the fingerprint follows from theirs."""
        read_all = self.read
        return replace(
            self,
            keys=self.keys[rows],
            labels=self.labels[rows],
            annotations={name: values[rows] for name, values in self.annotations.items()},
            fingerprint=digest(self.fingerprint, "rows", rows.tolist()),
            read=lambda wanted: read_all(rows[wanted]),
        )


def checked(images: ImageSet) -> ImageSet:
    """Pass a set that can be judged on. Raises BlockedError for an empty one or one with a key twice."""
    if not len(images):
        raise BlockedError(f"image set {images.name!r} is empty: no image was found where it should be")
    keys, counts = np.unique(images.keys, return_counts=True)
    if len(keys) != len(images):
        raise BlockedError(f"image set {images.name!r} has the key {str(keys[counts > 1][0])!r} more than once")
    return images
