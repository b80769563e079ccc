"""Crops that are kept from one run to the next: the next checkpoint that sees images so reads them and decodes nothing.

A folder a look holds a file of pixels, one crop behind the other, and a file of entries, each written after its crop.
Whoever holds the store's lock writes; everybody may read. What an entry's checksum denies is read from the image.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import PIL

from eyechart.digest import digest
from eyechart.images import decoding
from eyechart.images.image_set import ImageSet
from eyechart.images.views import VERSION as VIEWS_VERSION
from eyechart.images.views import Image, View
from eyechart.measures.predictions import Ints
from eyechart.store.sizes import size_of

if TYPE_CHECKING:
    from eyechart.checkpoints.preprocessing import Geometry

FOLDER = "crops"
GB = 10**9
USUAL_GB = 10.0
"""Kept at most beside a GPU, where nobody says how much: some 65,000 crops of 224 x 224 pixels."""

Look: TypeAlias = "tuple[View, Geometry]"
"""How images are seen: under a view, in a geometry."""

_ENTRY = struct.Struct("<16sIII")
"""Digest of the image's file, checksum of the crop, height and width of the raw image."""


def limit_of(stated: float | None, *, accelerated: bool) -> int:
    """Bytes that may be kept: as stated in GB, else some beside a GPU, and none beside a model on processors.

    There an image's forward passes take many times what its decoding does (docs/performance.md).
    """
    return round(GB * ((USUAL_GB if accelerated else 0.0) if stated is None else stated))


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels as a look shows them, and (height, width) of the raw image."""

    pixels: Image
    raw: tuple[int, int]


class Shelf:
    """The crops of one look."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        """Read what is kept in a folder; a crop is (height, width, 3)."""
        self.folder, self._shape = folder, shape
        self._size = int(np.prod(shape))
        entries = self._entries.read_bytes() if self._entries.exists() else b""
        pixels = self._pixels.stat().st_size if self._pixels.exists() else 0
        self._count = min(len(entries) // _ENTRY.size, pixels // self._size)
        told = _ENTRY.iter_unpack(entries[: self._count * _ENTRY.size])
        self._at = {image: (row, check, (height, width)) for row, (image, check, height, width) in enumerate(told)}
        self._reading: io.FileIO | None = None
        self._writing: tuple[io.FileIO, io.FileIO] | None = None

    @property
    def _entries(self) -> Path:
        return self.folder / "entries"

    @property
    def _pixels(self) -> Path:
        return self.folder / "pixels"

    @property
    def each(self) -> int:
        """Bytes that a crop takes."""
        return self._size + _ENTRY.size

    def has(self, image: str) -> bool:
        """Whether the crop of an image is kept, given the digest of its file."""
        return bytes.fromhex(image) in self._at

    def get(self, image: str) -> Crop | None:
        """Read the crop of an image; None where it is not kept, or is not what was kept."""
        name = bytes.fromhex(image)
        if name not in self._at:
            return None
        row, check, raw = self._at[name]
        content = b""
        with contextlib.suppress(OSError):  # somebody removed the folder, or the disk fails
            if self._reading is None:
                self._reading = io.FileIO(self._pixels)
            self._reading.seek(row * self._size)
            content = self._reading.read(self._size)
        if len(content) != self._size or zlib.crc32(content) != check:
            del self._at[name]
            return None
        return Crop(np.frombuffer(content, np.uint8).reshape(self._shape), raw)

    def add(self, image: str, pixels: Image, raw: tuple[int, int]) -> None:
        """Keep a crop behind the others. Raises OSError where it cannot be written."""
        if self._writing is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # what a run that was cut short left of a crop, or of an entry, is no crop
            self._writing = (io.FileIO(self._pixels, "a"), io.FileIO(self._entries, "a"))
            for stream, size in zip(self._writing, (self._size, _ENTRY.size), strict=True):
                stream.truncate(self._count * size)
        content, name = np.ascontiguousarray(pixels).tobytes(), bytes.fromhex(image)
        entry = (name, zlib.crc32(content), *raw)
        for stream, written in zip(self._writing, (content, _ENTRY.pack(*entry)), strict=True):
            if stream.write(written) != len(written):
                raise OSError(f"{stream.name} is not written in full")
        self._at[name] = (self._count, entry[1], raw)
        self._count += 1


class Crops:
    """All crops of a store. One without a `limit` only reads."""

    def __init__(self, store: Path, limit: int = 0, tell: Callable[[str], None] = warnings.warn) -> None:
        """Keep at most `limit` bytes, and `tell` once why no more are kept."""
        self._root, self._limit, self._tell = store / FOLDER, limit, tell
        self._shelves: dict[tuple[str, View, Geometry], Shelf] = {}
        self._left: int | None = None
        self._stopped = limit <= 0

    def shelves(self, images: ImageSet, looks: Sequence[Look]) -> list[Shelf]:
        """Where the crops of images are under each look; none where one of them cannot be kept.

        Images that are no files are not kept, nor crops of models without an input size.
        """
        if not images.orientation or images.digests is None or any(geometry.size is None for _, geometry in looks):
            return []
        return [self._shelf(images.orientation, view, geometry) for view, geometry in looks]

    def _shelf(self, orientation: str, view: View, geometry: Geometry) -> Shelf:
        look = (orientation, view, geometry)
        if look not in self._shelves:
            how = (orientation, decoding.VERSION, PIL.__version__, VIEWS_VERSION)
            height, width = geometry.size or (0, 0)
            folder = self._root / digest(str(view), asdict(geometry), *how)
            self._shelves[look] = Shelf(folder, (height, width, 3))
            with contextlib.suppress(OSError):  # it is not there yet, or in a store that is only read
                os.utime(folder)
        return self._shelves[look]

    def keep(
        self, images: ImageSet, rows: Ints, looks: Sequence[Look], raw: Sequence[tuple[int, int]],
        crops: Sequence[Sequence[Image]],
    ) -> None:  # fmt: skip
        """Keep the crops of some images, look by look, that are not kept yet; `raw` is the (height, width) of each."""
        if self._stopped or images.digests is None:
            return
        digests = images.digests(rows)
        for shelf, of_look in zip(self.shelves(images, looks), crops, strict=False):  # no shelves where none are kept
            if len(of_look) != len(digests):  # the look shows nothing of one of them
                continue
            for image, size, pixels in zip(digests, raw, of_look, strict=True):
                if not self._stopped and not shelf.has(image):
                    self._add(shelf, image, pixels, size)

    def _add(self, shelf: Shelf, image: str, pixels: Image, raw: tuple[int, int]) -> None:
        try:
            if not self._has_room(shelf.each):
                self._stop(f"{self._limit / GB:.3g} GB are kept, or the disk has no more to spare")
                return
            shelf.add(image, pixels, raw)
        except OSError as error:
            self._stop(error.strerror or str(error))

    def _stop(self, why: str) -> None:
        self._stopped = True
        self._tell(f"no more crops are kept in {self._root}: {why}")

    def _has_room(self, size: int) -> bool:
        """Take so many bytes of what is left; where nothing is, looks that no run has used for longest go."""
        if self._left is None:
            self._root.mkdir(parents=True, exist_ok=True)
            held = sum(map(size_of, self._root.iterdir()))
            self._left = min(self._limit - held, shutil.disk_usage(self._root).free // 2)
        while self._left < size:
            in_use = {shelf.folder for shelf in self._shelves.values()}
            idle = [folder for folder in self._root.iterdir() if folder not in in_use]
            if not idle:
                return False
            oldest = min(idle, key=lambda folder: folder.stat().st_mtime_ns)
            self._left += size_of(oldest)
            shutil.rmtree(oldest)
        self._left -= size
        return True
