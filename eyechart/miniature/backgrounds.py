"""Backgrounds: two colors mixed by a field of one of several kinds, exact in integers."""

import colorsys
import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from eyechart.miniature.draws import Draws
from eyechart.miniature.scenes import Scene

SIDE = 64  # pixels
FULL = 256  # a mix of FULL is the second color alone


def rgb(hue: float, saturation: float, value: float) -> NDArray[np.int32]:
    """A color as (3,) integers in [0, 255], from degrees and shares."""
    channels = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return np.array([round(255 * channel) for channel in channels], dtype=np.int32)


def ramp(angle: int) -> NDArray[np.int32]:
    """Position along a direction, (SIDE, SIDE), about -FULL to FULL from border to border."""
    cos, sin = (round(1024 * f(math.radians(angle))) for f in (math.cos, math.sin))
    steps = 2 * np.arange(SIDE, dtype=np.int32) + 1 - SIDE
    places: NDArray[np.int32] = (cos * steps[None, :] + sin * steps[:, None]) * FULL // (SIDE * 1024)
    return places


@cache
def _bilinear(cells: int) -> NDArray[np.int32]:
    """Weights (SIDE, cells) that stretch `cells` grid points over the frame, each row summing to 64."""
    weights = np.zeros((SIDE, cells), dtype=np.int32)
    for pixel in range(SIDE):
        position = pixel * (cells - 1) * 64 // (SIDE - 1)
        left, right = min(position // 64, cells - 2), position - 64 * min(position // 64, cells - 2)
        weights[pixel, left], weights[pixel, left + 1] = 64 - right, right
    return weights


def _smooth(draws: Draws, cells: int) -> NDArray[np.int32]:
    """Smooth random field, (SIDE, SIDE), 0 to FULL."""
    grid = draws.grains("background field", (cells, cells))
    weights = _bilinear(cells)
    field: NDArray[np.int32] = np.clip(128 + (weights @ grid @ weights.T) // 4096, 0, FULL)
    return field


def _tiles() -> NDArray[np.int32]:
    """Alternating squares of 16 pixels, (SIDE, SIDE), 0 or FULL."""
    block = np.arange(SIDE, dtype=np.int32) // 16
    odd: NDArray[np.int32] = (block[None, :] + block[:, None]) % 2
    return odd * np.int32(FULL)


# Share of the second color, (SIDE, SIDE), 0 to FULL, from the scene's angle and its draws.
FIELDS: Mapping[str, Callable[[int, Draws], NDArray[np.int32]]] = MappingProxyType(
    {
        "plain": lambda _angle, _draws: np.full((SIDE, SIDE), FULL // 2, dtype=np.int32),
        "gradient": lambda angle, _draws: np.clip(128 + ramp(angle) // 2, 0, FULL),
        "horizon": lambda angle, _draws: np.clip(128 + 8 * (ramp(90) - 64 + angle % 128), 0, FULL),
        "clouds": lambda _angle, draws: _smooth(draws, 5),
        "mottled": lambda _angle, draws: _smooth(draws, 14),
        "waves": lambda angle, _draws: np.abs((2 * ramp(angle)) % (2 * FULL) - FULL),
        "tiles": lambda _angle, _draws: _tiles(),
    }
)


def paint(scene: Scene) -> NDArray[np.int32]:
    """The background of a scene, (SIDE, SIDE, 3), 0 to 255."""
    draws = Draws(scene.seed)
    first = rgb(scene.background_hue, scene.background_saturation, scene.background_value)
    far = rgb(draws.uniform("second hue", 0, 360), 0.8, draws.choice("second value", (0.1, 0.5, 1.0)))
    contrast = round(1024 * scene.background_contrast)
    mix = FIELDS[scene.background](scene.background_angle, draws)[..., None]
    painted: NDArray[np.int32] = first + mix * contrast * (far - first) // (FULL * 1024)
    return painted
