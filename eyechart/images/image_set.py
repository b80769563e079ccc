"""The noun `ImageSet`: an index of raw images, fingerprinted; pixels are read only when a checkpoint must see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.ordering import declared_order
from eyechart.images.views import Image
from eyechart.measures.predictions import Bools, Ints

HELD = 1 << 28
"""Bytes of decoded images that are held at once, however many: about 512 photographs of ImageNet's usual size."""


@dataclass(frozen=True)
class ImageSet:
    """Images of one role, in a fixed order.

    keys         (n,) str    names, unique within the set
    labels       (n,) int64  classes in `label_space`'s order
    annotations  name → (n,) array: what else is known of each image (factors, cues, drawn values)
    fingerprint  digest of pixels, keys and labels, which identify predictions: two sets with one are the same images
    read         row numbers → raw images
    digests      row numbers → digests of the bytes of those images' files; None where images have no files
    orientation  how the files were turned when decoded; empty where images have no files
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
    digests: Callable[[Ints], list[str]] | None = field(default=None, repr=False)
    orientation: str = ""

    def __len__(self) -> int:
        """Count the images."""
        return len(self.keys)

    @property
    def index(self) -> str:
        """Digest of all that is known of the images, annotations too: what is judged with, not what is predicted."""
        columns = {name: values.tolist() for name, values in self.annotations.items()}
        return digest(self.fingerprint, self.keys.tolist(), self.labels.tolist(), self.also, columns)

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
        read_all, digests_of = self.read, self.digests
        return replace(
            self,
            keys=self.keys[rows],
            labels=self.labels[rows],
            annotations={name: values[rows] for name, values in self.annotations.items()},
            fingerprint=digest(self.fingerprint, "rows", rows.tolist()),
            read=lambda wanted: read_all(rows[wanted]),
            digests=None if digests_of is None else lambda wanted: digests_of(rows[wanted]),
        )

    def among(self, other: ImageSet) -> Bools:
        """(n,) whether an image is one of another set's too, byte for byte; none is where either has no files."""
        if self.digests is None or other.digests is None:
            return np.zeros(len(self), dtype=np.bool_)
        others = set(other.digests(np.arange(len(other))))
        return np.array([each in others for each in self.digests(np.arange(len(self)))], dtype=np.bool_)


def checked(images: ImageSet) -> ImageSet:
    """Pass a set that can be judged on. Raises BlockedError for an empty one or one with a key twice."""
    if not len(images):
        raise BlockedError(f"image set {images.name!r} is empty: no image was found where it should be")
    keys, counts = np.unique(images.keys, return_counts=True)
    if len(keys) != len(images):
        raise BlockedError(f"image set {images.name!r} has the key {str(keys[counts > 1][0])!r} more than once")
    return images


class RawImages(Sequence[Image]):
    """Some images of a set, for whoever looks at them again and again: as many as take HELD bytes are kept decoded."""

    def __init__(self, images: ImageSet, rows: Ints) -> None:
        """Read the images `rows` when they are asked for."""
        self._images = images
        self._rows = rows
        self._kept: dict[int, Image] = {}
        self._held = 0

    def __len__(self) -> int:
        """Count the images."""
        return len(self._rows)

    def __getitem__(self, position: Any) -> Any:
        """Read the image at one position. Raises BlockedError where it cannot be read any more."""
        if position in self._kept:
            return self._kept[position]
        image = self._images.read(self._rows[[position]])[0]
        if self._held + image.nbytes <= HELD:
            self._kept[position] = image
            self._held += image.nbytes
        return image
