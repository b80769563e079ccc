"""Draws one image from a scene, exactly: integers throughout, so that every machine gives the same bytes."""

import math

import numpy as np
from numpy.typing import NDArray

from eyechart.miniature import backgrounds
from eyechart.miniature.backgrounds import SIDE, ramp, rgb
from eyechart.miniature.classes import depth_tile, texture_tile
from eyechart.miniature.draws import Draws
from eyechart.miniature.scenes import Scene, Thing
from eyechart.miniature.silhouettes import EXTENT, TILE

FINE = 3  # subpixels on a side of a pixel
AREA = FINE * FINE
RIM = 0.9  # dark border of an object, pixels
GRAIN_DEVIATION = 104.5  # standard deviation of a grain
Pixels = NDArray[np.int32]


def cells_per_pixel(thing: Thing) -> float:
    """Cells of the object tile that one pixel spans. An object of size 1 is 200 object units, the whole frame."""
    return TILE * 200 / (2 * EXTENT) / (thing.size * SIDE)


def _cells(thing: Thing) -> NDArray[np.int32]:
    """Which cell of the flattened object tile each subpixel shows, (SIDE * FINE, SIDE * FINE)."""
    side = SIDE * FINE
    step = cells_per_pixel(thing) / FINE * 65536
    angle = math.radians(thing.rotation)
    cos, sin = round(math.cos(angle) * step), round(math.sin(angle) * step)
    steps = 2 * np.arange(side, dtype=np.int32) + 1 - side
    x, y = (steps - round(2 * side * center) for center in (thing.x, thing.y))
    u = ((cos * x)[None, :] + (sin * y)[:, None] >> 17) + TILE // 2
    v = ((-sin * x)[None, :] + (cos * y)[:, None] >> 17) + TILE // 2
    np.clip(u, 0, TILE - 1, out=u)
    np.clip(v, 0, TILE - 1, out=v)
    return np.asarray(v * TILE + u, dtype=np.int32)


def _coverage(thing: Thing, rim: float) -> tuple[Pixels, Pixels, Pixels]:
    """Subpixels in each pixel (0 to AREA) that show the object, its texture's second color, and its rim.

    Each is (SIDE, SIDE, 1); `rim` is the width of the rim in pixels, which the texture leaves free.
    """
    cells = _cells(thing)
    depth = depth_tile(thing.name).ravel().take(cells)
    border = depth <= round(rim * cells_per_pixel(thing))
    texture = texture_tile(thing.texture).ravel().take((cells + thing.phase) & (TILE * TILE - 1))
    # One sum for all three: each count stays below 16.
    packed = np.where(border, np.uint16(256), texture.astype(np.uint16) << 4) + np.uint16(1)
    packed[depth == 0] = 0
    rows = packed[0::FINE] + packed[1::FINE] + packed[2::FINE]
    total = (rows[:, 0::FINE] + rows[:, 1::FINE] + rows[:, 2::FINE]).astype(np.int32)[..., None]
    return total & 15, (total >> 4) & 15, total >> 8


def _draw_photo(canvas: Pixels, thing: Thing) -> Pixels:
    """The textured object over the canvas."""
    inside, texture, rim = _coverage(thing, RIM)
    base = rgb(thing.hue, thing.saturation, thing.value)
    if thing.accent > 1:
        accent = rgb(thing.hue, thing.saturation * 0.25, min(1.0, thing.value * 1.15))
    else:
        accent = rgb(thing.hue, thing.saturation, thing.value * thing.accent)
    edge = base * 2 // 5
    total: Pixels = canvas * (AREA - inside) + base * (inside - texture - rim) + accent * texture + edge * rim
    return total // AREA


def _draw_flat(canvas: Pixels, thing: Thing) -> Pixels:
    """The object as one flat color."""
    inside, _, _ = _coverage(thing, 0.0)
    total: Pixels = canvas * (AREA - inside) + rgb(thing.hue, thing.saturation, thing.value) * inside
    return total // AREA


def _draw_sketch(canvas: Pixels, thing: Thing, scene: Scene) -> Pixels:
    """Outline and faint hatching in ink on paper, or in chalk on a board where the background is dark."""
    _, texture, outline = _coverage(thing, scene.stroke)
    ink = np.full(3, 30 if scene.background_value > 0.5 else 235, dtype=np.int32)
    opacity = (1024 * outline + round(1024 * scene.hatch) * texture) // AREA
    drawn: Pixels = canvas + (ink - canvas) * opacity // 1024
    return drawn


def _paper(scene: Scene) -> Pixels:
    """Nearly uniform paper or board for drawings, (SIDE, SIDE, 3)."""
    value = scene.background_value if scene.style == "flat" else 0.92 if scene.background_value > 0.5 else 0.15
    saturation = scene.background_saturation * (1.0 if scene.style == "flat" else 0.2)
    color = rgb(scene.background_hue, saturation, value)
    return np.broadcast_to(color, (SIDE, SIDE, 3)).astype(np.int32)


def _occlude(canvas: Pixels, scene: Scene) -> Pixels:
    """A straight band that covers the drawn share of the first object."""
    visible = _coverage(scene.things[0], 0.0)[0][..., 0] > AREA // 2
    distance = ramp(scene.occluder_angle)
    order = np.sort(distance[visible])
    width = round(scene.occlusion * order.size)
    if width == 0:
        return canvas
    start = int(scene.occluder_start * (order.size - width))
    covered = (distance >= order[start]) & (distance <= order[start + width - 1])
    return np.where(covered[..., None], rgb(scene.occluder_hue, 0.3, 0.6), canvas)


def _blur(canvas: Pixels, deviation: float) -> Pixels:
    """Repeated (1 2 1) kernels of the wanted standard deviation in pixels, borders repeated."""
    remaining = 2 * deviation**2  # one full pass has a variance of half a square pixel
    while remaining > 0.01:
        side = round(64 * min(1.0, remaining))
        for axis in (0, 1):
            p = np.pad(canvas, [(1, 1) if each == axis else (0, 0) for each in range(3)], mode="edge")
            low, high = (p[:-2], p[2:]) if axis == 0 else (p[:, :-2], p[:, 2:])
            canvas = ((256 - 2 * side) * canvas + side * (low + high) + 128) >> 8
        remaining -= 1
    return canvas


def render(scene: Scene) -> NDArray[np.uint8]:
    """The image of a scene, RGB (SIDE, SIDE, 3)."""
    drawing = scene.style in ("sketch", "flat")
    canvas = _paper(scene) if drawing else backgrounds.paint(scene)
    for thing in scene.things:
        if scene.style == "sketch":
            canvas = _draw_sketch(canvas, thing, scene)
        else:
            canvas = _draw_flat(canvas, thing) if drawing else _draw_photo(canvas, thing)
    if not drawing:
        if scene.occlusion > 0:
            canvas = _occlude(canvas, scene)
        gain = round(1024 * scene.light) + ramp(scene.light_angle) * round(1024 * scene.light_slope / 2) // 256
        canvas = np.minimum((canvas * gain[..., None]) >> 10, 255)
    canvas = _blur(canvas, scene.blur)
    amplitude = round(scene.noise / GRAIN_DEVIATION * 1024)
    if amplitude:
        canvas = canvas + ((Draws(scene.seed).grains("noise", canvas.shape) * amplitude + 512) >> 10)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    return 255 - image if scene.style == "inverted" else image
