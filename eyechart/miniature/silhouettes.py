"""Silhouettes: unions and cuts of polygons and ellipses, rasterized once in exact integer arithmetic.

Coordinates are object units: x to the right, y down, the object within [-100, 100] on both axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TILE = 256  # cells on a side of an object tile
EXTENT = 105  # object units from the center of a tile to its border: the margin keeps the border empty
DEPTH_LIMIT = 40  # distances to the border beyond this many cells are all alike


@dataclass(frozen=True)
class Polygon:
    """A polygon by its corners, added to the silhouette or cut out of it."""

    points: tuple[tuple[int, int], ...]
    cut: bool = False


@dataclass(frozen=True)
class Ellipse:
    """An axis-aligned ellipse by center and radii, added to the silhouette or cut out of it."""

    x: int
    y: int
    rx: int
    ry: int
    cut: bool = False


Part = Polygon | Ellipse


def box(left: int, top: int, right: int, bottom: int, cut: bool = False) -> Polygon:
    """An axis-aligned rectangle."""
    return Polygon(((left, top), (right, top), (right, bottom), (left, bottom)), cut)


def _grid() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cell centers x (1, TILE) and y (TILE, 1), in object units times TILE, so that they are integers."""
    centers = (2 * np.arange(TILE, dtype=np.int64) + 1 - TILE) * EXTENT
    return centers[None, :], centers[:, None]


def _inside_polygon(polygon: Polygon) -> NDArray[np.bool_]:
    """Even-odd rule by crossing counts, (TILE, TILE)."""
    x, y = _grid()
    inside = np.zeros((TILE, TILE), dtype=bool)
    corners = [(px * TILE, py * TILE) for px, py in polygon.points]
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 == y1:
            continue
        spans = (y0 > y) != (y1 > y)
        side = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
        inside ^= spans & (side < 0 if y1 > y0 else side > 0)
    return inside


def _inside_ellipse(ellipse: Ellipse) -> NDArray[np.bool_]:
    """Cells within the ellipse, (TILE, TILE)."""
    x, y = _grid()
    dx, dy = (x - ellipse.x * TILE) * ellipse.ry, (y - ellipse.y * TILE) * ellipse.rx
    return dx * dx + dy * dy <= (ellipse.rx * ellipse.ry * TILE) ** 2


def mask(parts: tuple[Part, ...]) -> NDArray[np.bool_]:
    """The silhouette of the parts, applied in order, (TILE, TILE)."""
    inside = np.zeros((TILE, TILE), dtype=bool)
    for part in parts:
        cells = _inside_polygon(part) if isinstance(part, Polygon) else _inside_ellipse(part)
        inside = inside & ~cells if part.cut else inside | cells
    return inside


def depth(inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Distance of each cell to the nearest cell outside, in cells, up to DEPTH_LIMIT (0 outside), (TILE, TILE)."""
    total = inside.astype(np.uint8)
    core = inside
    for step in range(1, DEPTH_LIMIT):
        p = np.pad(core, 1)
        cross = p[1:-1, 1:-1] & p[:-2, 1:-1] & p[2:, 1:-1] & p[1:-1, :-2] & p[1:-1, 2:]
        if step % 2:  # alternating the two neighborhoods makes distance octagonal instead of a diamond
            cross = cross & p[:-2, :-2] & p[:-2, 2:] & p[2:, :-2] & p[2:, 2:]
        core = cross
        total += core
    return total
