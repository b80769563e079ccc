"""What the toy checkpoints know: every image of the tests, under every view that a behavior declares, by its bytes."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoints.preprocessing import Geometry
from eyechart.images.image_set import ImageSet
from eyechart.images.views import ORIGINAL, View
from eyechart.judge.claims import Needs, needs_of
from eyechart.miniature.classes import CLASS_NAMES

CLASSES = len(CLASS_NAMES)
ROOT = Path(__file__).parents[1]
NONE = -1


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
    amount   of that view
    role     of the image set it belongs to
    factor   the factor that it departs in or that is swept, the corruption it suffers, or nothing
    level    the level of a sweep, or NONE
    texture  class of its texture, where that is another one's, or NONE
    """

    label: NDArray[np.int64]
    order: NDArray[np.int64]
    view: NDArray[np.str_]
    amount: NDArray[np.float64]
    role: NDArray[np.str_]
    factor: NDArray[np.str_]
    level: NDArray[np.int64]
    texture: NDArray[np.int64]

    def under(self, kind: str) -> NDArray[np.bool_]:
        """Which images are seen under a view of this kind."""
        return self.view == kind

    def of(self, role: str) -> NDArray[np.bool_]:
        """Which images belong to a set of this role."""
        return self.role == role


@dataclass(frozen=True)
class Gallery:
    """Images by a digest of their bytes; an image that is not here (black, noise) counts as number 0 of class 0."""

    rows: dict[bytes, int]
    seen: Seen

    @classmethod
    def of(cls, sets: Iterable[tuple[ImageSet, str, set[View]]]) -> Gallery:
        """Make the gallery of image sets: each with its role, and the views of it."""
        rows: dict[bytes, int] = {b"": 0}
        entries: list[tuple[object, ...]] = [(0, 0, "original", 0.0, "", "", NONE, NONE)]
        for images, role, views in sets:
            raw = images.read(np.arange(len(images)))
            known = _known(images)
            # the unchanged image last: a view that leaves an image as it is must not count as a view of it
            for view in [*sorted(views - {ORIGINAL}, key=str), ORIGINAL]:
                geometry = Geometry(None, None).under(view, patch=1)
                for order, image in enumerate(geometry.apply([view.of_image(one) for one in raw])):
                    digest = _digest(image)
                    # a corruption that leaves an image as it is must not count as that set's either
                    if role != "corrupted" or digest not in rows:
                        rows[digest] = len(entries)
                    entries.append((images.labels[order], order, view.kind, view.amount, role, *known[order]))
        return cls(rows, Seen(*(np.array(column) for column in zip(*entries, strict=True))))

    def look(self, images: NDArray[np.uint8]) -> Seen:
        """Recognize a batch."""
        found = np.array([self.rows.get(_digest(image), 0) for image in images])
        return Seen(*(getattr(self.seen, field.name)[found] for field in fields(Seen)))

    def write(self, path: Path) -> None:
        """Keep the gallery in a file."""
        digests = np.array([digest.hex() for digest in self.rows])
        np.savez(path, digests=digests, rows=np.array(list(self.rows.values())), **vars(self.seen))

    @classmethod
    def read(cls, path: Path) -> Gallery:
        """Read what `write` kept."""
        with np.load(path) as kept:
            rows = {bytes.fromhex(digest): int(row) for digest, row in zip(kept["digests"], kept["rows"], strict=True)}
            return cls(rows, Seen(*(kept[field.name] for field in fields(Seen))))


def _known(images: ImageSet) -> list[tuple[str, int, int]]:
    """Factor, level and texture of each image."""
    columns, count = images.annotations, len(images)
    factor = columns.get("corruption", columns.get("factor", np.full(count, "")))
    level = columns.get("level", np.full(count, NONE))
    texture = columns.get("texture_label", np.full(count, NONE))
    return list(zip(factor.tolist(), level.tolist(), texture.tolist(), strict=True))


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()[:16] + bytes(
        image.shape[:1]
    )  # fastest here: CPUs have it
