"""The object classes: each its own silhouette, its own surface texture and its own tendency of hue."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from eyechart.miniature import silhouettes, textures
from eyechart.miniature.silhouettes import Ellipse, Part, Polygon, box


@dataclass(frozen=True)
class ObjectClass:
    """One class of objects. `hue` is its usual hue in degrees, `texture` a name in `textures.PATTERNS`."""

    name: str
    hue: int
    texture: str
    parts: tuple[Part, ...]


_HOUSE = (
    Polygon(((30, -80), (52, -80), (52, -20), (30, -40))),
    Polygon(((-80, -5), (0, -85), (80, -5), (62, -5), (62, 85), (-62, 85), (-62, -5))),
    box(-15, 35, 17, 90, cut=True),
)
_FISH = (
    Ellipse(-18, 0, 74, 46),
    Polygon(((35, 0), (95, -52), (80, 0), (95, 52))),
    Polygon(((-25, -38), (15, -75), (25, -30))),
    Ellipse(-60, -12, 9, 9, cut=True),
)
_STAR = (
    Polygon(
        ((0, -97), (24, -33), (92, -30), (39, 13), (57, 79), (0, 41), (-57, 79), (-39, 13), (-92, -30), (-24, -33))
    ),
)
_CACTUS = (
    box(-22, -72, 22, 95),
    Ellipse(0, -72, 22, 22),
    box(-80, 12, 0, 42),
    box(-80, -28, -50, 42),
    Ellipse(-65, -28, 15, 15),
    box(0, -12, 80, 18),
    box(50, -58, 80, 18),
    Ellipse(65, -58, 15, 15),
)
_TREE = (
    Polygon(((0, -97), (42, -38), (-42, -38))),
    Polygon(((0, -68), (60, 12), (-60, 12))),
    Polygon(((0, -25), (78, 64), (-78, 64))),
    box(-13, 64, 13, 97),
)
_BOAT = (
    Polygon(((-97, 36), (97, 36), (62, 84), (-62, 84))),
    box(-5, -95, 5, 36),
    Polygon(((10, -90), (84, 22), (10, 22))),
    Polygon(((-10, -70), (-10, 22), (-66, 22))),
)
_CAR = (
    Polygon(((-97, 35), (-92, -8), (-58, -14), (-36, -54), (36, -54), (60, -14), (97, -4), (97, 35))),
    Polygon(((-28, -44), (-5, -44), (-5, -16), (-44, -16)), cut=True),
    Polygon(((6, -44), (29, -44), (46, -16), (6, -16)), cut=True),
    Ellipse(-52, 38, 25, 25),
    Ellipse(54, 38, 25, 25),
)
_CUP = (
    Ellipse(42, -5, 50, 46),
    Ellipse(42, -5, 28, 24, cut=True),
    Polygon(((-78, -70), (44, -70), (32, 80), (-66, 80))),
)
_MOON = (Ellipse(0, 0, 94, 94), Ellipse(42, -14, 76, 76, cut=True))
_UMBRELLA = (
    Ellipse(0, 5, 97, 92),
    box(-105, 5, 105, 105, cut=True),
    Ellipse(-65, 5, 32, 22, cut=True),
    Ellipse(0, 5, 33, 22, cut=True),
    Ellipse(65, 5, 32, 22, cut=True),
    Ellipse(21, 68, 28, 28),
    Ellipse(21, 68, 14, 14, cut=True),
    box(-10, 30, 60, 68, cut=True),
    box(-7, -97, 7, 72),
)
_BUTTERFLY = (
    Ellipse(-52, -36, 46, 52),
    Ellipse(52, -36, 46, 52),
    Ellipse(-40, 48, 36, 40),
    Ellipse(40, 48, 36, 40),
    Ellipse(0, 5, 10, 75),
    Polygon(((-2, -60), (-24, -97), (-16, -99), (4, -64))),
    Polygon(((2, -60), (24, -97), (16, -99), (-4, -64))),
)
_MUSHROOM = (
    Ellipse(0, -5, 90, 82),
    box(-105, -5, 105, 105, cut=True),
    Polygon(((-26, -5), (26, -5), (36, 92), (-36, 92))),
)

CLASSES: Mapping[str, ObjectClass] = MappingProxyType(
    {
        each.name: each
        for each in (
            ObjectClass("house", 0, "bricks", _HOUSE),
            ObjectClass("fish", 30, "scales", _FISH),
            ObjectClass("star", 55, "lattice", _STAR),
            ObjectClass("cactus", 88, "dashes", _CACTUS),
            ObjectClass("tree", 125, "zigzag", _TREE),
            ObjectClass("boat", 158, "diagonals", _BOAT),
            ObjectClass("car", 188, "bars", _CAR),
            ObjectClass("cup", 214, "stripes", _CUP),
            ObjectClass("moon", 242, "rings", _MOON),
            ObjectClass("umbrella", 270, "triangles", _UMBRELLA),
            ObjectClass("butterfly", 298, "checks", _BUTTERFLY),
            ObjectClass("mushroom", 330, "spots", _MUSHROOM),
        )
    }
)
CLASS_NAMES = tuple(CLASSES)


@cache
def depth_tile(name: str) -> NDArray[np.uint8]:
    """Distance to the border of a class's silhouette in cells, 0 outside, (TILE, TILE)."""
    return silhouettes.depth(silhouettes.mask(CLASSES[name].parts))


@cache
def texture_tile(name: str) -> NDArray[np.uint8]:
    """A class's texture as 0 and 1, (TILE, TILE)."""
    return textures.tile(CLASSES[name].texture)
