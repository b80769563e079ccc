"""Surface textures: binary patterns that repeat every 256 cells of an object tile, exact in integers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from eyechart.miniature.silhouettes import TILE

Cells = NDArray[np.int64]
Pattern = Callable[[Cells, Cells], NDArray[np.bool_]]  # of u (across) and v (down), cells


def _centered(cells: Cells, period: int) -> Cells:
    """Signed distance to the center of the repeating cell."""
    return cells % period - period // 2


def _staggered(u: Cells, v: Cells, rows: int, period: int) -> Cells:
    """Columns shifted by half a period in every other row."""
    return u + period // 2 * ((v // rows) % 2)


def _disks(u: Cells, v: Cells) -> Cells:
    """Squared distance to the nearest of the staggered centers, 64 cells apart."""
    x, y = _centered(_staggered(u, v, 64, 64), 64), _centered(v, 64)
    return x * x + y * y


def _scales(u: Cells, v: Cells) -> NDArray[np.bool_]:
    x, y = _centered(_staggered(u, v, 32, 64), 64), v % 32
    distance = x * x + y * y
    return (distance > 22 * 22) & (distance < 35 * 35)


def _zigzag(u: Cells, v: Cells) -> NDArray[np.bool_]:
    return (v + np.abs(_centered(u, 64))) % 32 < 15


def _bricks(u: Cells, v: Cells) -> NDArray[np.bool_]:
    return (v % 32 < 8) | (_staggered(u, v, 32, 64) % 64 < 8)


def _lattice(u: Cells, v: Cells) -> NDArray[np.bool_]:
    return ((u + v) % 64 < 14) | ((u - v) % 64 < 14)


def _dashes(u: Cells, v: Cells) -> NDArray[np.bool_]:
    return (u % 32 < 11) & ((v + 32 * ((u // 32) % 2)) % 64 < 34)


def _triangles(u: Cells, v: Cells) -> NDArray[np.bool_]:
    return 2 * np.abs(_centered(_staggered(u, v, 64, 64), 64)) < v % 64


PATTERNS: Mapping[str, Pattern] = MappingProxyType(
    {
        "scales": _scales,
        "zigzag": _zigzag,
        "bricks": _bricks,
        "lattice": _lattice,
        "spots": lambda u, v: _disks(u, v) < 19 * 19,
        "stripes": lambda _u, v: v % 64 < 32,
        "checks": lambda u, v: (u // 32 + v // 32) % 2 == 0,
        "bars": lambda u, _v: u % 32 < 16,
        "diagonals": lambda u, v: (u + v) % 64 < 32,
        "rings": lambda u, v: (_disks(u, v) > 13 * 13) & (_disks(u, v) < 25 * 25),
        "dashes": _dashes,
        "triangles": _triangles,
    }
)


def tile(name: str) -> NDArray[np.uint8]:
    """The pattern as 0 and 1, (TILE, TILE), without a seam where it repeats."""
    cells = np.arange(TILE, dtype=np.int64)
    pattern = PATTERNS[name](cells[None, :], cells[:, None])
    return np.broadcast_to(pattern, (TILE, TILE)).astype(np.uint8)
