"""What the toy checkpoints know: every image of the tests, under every view that a behavior declares, by its bytes."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoint import Geometry
from eyechart.claims import Needs, needs_of
from eyechart.images import ImageSet
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.views import ORIGINAL, View

CLASSES = len(CLASS_NAMES)
ROOT = Path(__file__).parents[1]


def behaviors() -> dict[str, Needs]:
    """Every behavior function of behaviors/ and what it needs."""
    found = {}
    for path in sorted((ROOT / "behaviors").glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"declared_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        declared = {name: needs_of(function) for name, function in vars(module).items() if name.startswith("test_")}
        found.update({name: needs for name, needs in declared.items() if needs is not None})
    return found


@dataclass(frozen=True)
class Seen:
    """Some images, recognized; each array has one entry an image.

    label    class it shows
    order    its number within its image set
    view     kind of the view it is seen under
    shifted  whether it belongs to a shifted set
    """

    label: NDArray[np.int64]
    order: NDArray[np.int64]
    view: NDArray[np.str_]
    shifted: NDArray[np.bool_]

    def under(self, kind: str) -> NDArray[np.bool_]:
        """Which images are seen under a view of this kind."""
        return self.view == kind


@dataclass(frozen=True)
class Gallery:
    """Images by a digest of their bytes; an image that is not here (black, noise) counts as number 0 of class 0."""

    rows: dict[bytes, int]
    seen: Seen

    @classmethod
    def of(cls, sets: list[tuple[ImageSet, bool, set[View]]]) -> Gallery:
        """Make the gallery of image sets: each with whether it is a shifted one, and the views of it."""
        rows, entries = {b"": 0}, [(0, 0, "original", False)]
        for images, shifted, views in sets:
            raw = images.read(np.arange(len(images)))
            # the unchanged image last: a view that leaves an image as it is must not count as a view of it
            for view in [*sorted(views - {ORIGINAL}, key=str), ORIGINAL]:
                geometry = Geometry(None, None).under(view, patch=1)
                for order, image in enumerate(geometry.apply([view.of_image(one) for one in raw])):
                    rows[_digest(image)] = len(entries)
                    entries.append((int(images.labels[order]), order, view.kind, shifted))
        label, order, view, shift = zip(*entries, strict=True)
        return cls(rows, Seen(np.array(label), np.array(order), np.array(view), np.array(shift)))

    def look(self, images: NDArray[np.uint8]) -> Seen:
        """Recognize a batch."""
        found = np.array([self.rows.get(_digest(image), 0) for image in images])
        seen = self.seen
        return Seen(seen.label[found], seen.order[found], seen.view[found], seen.shifted[found])

    def write(self, path: Path) -> None:
        """Keep the gallery in a file."""
        digests = np.array([digest.hex() for digest in self.rows])
        seen = self.seen
        np.savez(path, digests=digests, rows=np.array(list(self.rows.values())), label=seen.label, order=seen.order,
                 view=seen.view, shifted=seen.shifted)  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> Gallery:
        """Read what `write` kept."""
        with np.load(path) as kept:
            rows = {bytes.fromhex(digest): int(row) for digest, row in zip(kept["digests"], kept["rows"], strict=True)}
            return cls(rows, Seen(kept["label"], kept["order"], kept["view"], kept["shifted"]))


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() + bytes(image.shape[:1])
