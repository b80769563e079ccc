"""The 15 corruptions of ImageNet-C (Hendrycks & Dietterich 2019) at 5 severities, for any image set.

Own implementations with the published strengths, in numpy and scipy. Not claimed to be those pictures: noise is drawn
anew (from the image's content, so that the same image always gets the same noise), motion blur interpolates
differently, and frost is grown here instead of pasted from photographs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from eyechart.errors import SpecError, nearest

Floats: TypeAlias = NDArray[np.float64]
"""(height, width, 3) or (height, width), from 0 to 1."""

Random: TypeAlias = np.random.Generator
Pixels: TypeAlias = NDArray[np.uint8]

LARGEST = 256
"""The strengths are made for images of 224 pixels: a larger one is first reduced to this shorter side."""

SEVERITIES = (1, 2, 3, 4, 5)

VERSION = 2
"""Part of the identity of every computed set: raise it, and that of views, when a corruption changes what it makes."""


def corrupted(image: Pixels, corruption: str, severity: int) -> Pixels:
    """Corrupt one image: (height, width, 3) uint8 → the same, at most LARGEST on its shorter side.

    Raises SpecError for an unknown corruption or severity.
    """
    check(corruption, severity)
    content = reduced(image)
    seed = hashlib.blake2b(f"{corruption} {severity}".encode() + content.tobytes(), digest_size=8).digest()
    random = np.random.default_rng(int.from_bytes(seed, "big"))
    changed = _CORRUPTIONS[corruption](content / 255.0, severity - 1, random)
    return np.asarray(np.round(np.clip(changed, 0.0, 1.0) * 255.0), dtype=np.uint8)


def check(corruption: str, severity: float) -> None:
    """Raise SpecError for an unknown corruption or severity."""
    if corruption not in _CORRUPTIONS:
        raise SpecError(f"corruption {corruption!r} is unknown: {nearest(corruption, _CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise SpecError(f"severity {severity:g} of {corruption} is unknown: it goes from 1 to 5")


def reduced(image: Pixels) -> Pixels:
    """Bring an image to the size that the strengths are made for, where it is larger."""
    height, width = image.shape[:2]
    short = min(height, width)
    if short <= LARGEST:
        return image
    size = (LARGEST * width // short, LARGEST * height // short)
    return np.asarray(PILImage.fromarray(image).resize(size, PILImage.Resampling.BILINEAR))


# noise


def _gaussian_noise(x: Floats, severity: int, random: Random) -> Floats:
    return x + random.normal(0.0, (0.08, 0.12, 0.18, 0.26, 0.38)[severity], x.shape)


def _shot_noise(x: Floats, severity: int, random: Random) -> Floats:
    photons = (60, 25, 12, 5, 3)[severity]
    return np.asarray(random.poisson(x * photons) / photons, dtype=np.float64)


def _impulse_noise(x: Floats, severity: int, random: Random) -> Floats:
    hit = random.random(x.shape) < (0.03, 0.06, 0.09, 0.17, 0.27)[severity]
    return np.where(hit, (random.random(x.shape) < 0.5).astype(np.float64), x)


# blur


def _defocus_blur(x: Floats, severity: int, random: Random) -> Floats:
    del random
    radius, softness = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity]
    across = np.arange(-max(8, radius), max(8, radius) + 1)
    disk = (across[:, None] ** 2 + across[None, :] ** 2 <= radius**2).astype(np.float64)
    return _convolved(x, _smooth(disk, softness))


def _glass_blur(x: Floats, severity: int, random: Random) -> Floats:
    softness, reach, times = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[severity]
    shuffled = _smooth(x, softness)
    rows, columns = np.indices(x.shape[:2])
    for _ in range(times):
        # Pixels trade places with near ones: all at once here, one after the other in the published code.
        offsets = [random.integers(-reach, reach + 1, x.shape[:2]) for _ in range(2)]
        shuffled = shuffled[
            np.clip(rows + offsets[0], 0, x.shape[0] - 1), np.clip(columns + offsets[1], 0, x.shape[1] - 1)
        ]
    return _smooth(shuffled, softness)


def _motion_blur(x: Floats, severity: int, random: Random) -> Floats:
    radius, softness = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity]
    return _moved(x, radius, softness, random.uniform(-45, 45))


def _zoom_blur(x: Floats, severity: int, random: Random) -> Floats:
    del random
    furthest, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[severity]
    zooms = np.arange(1.0, furthest, step)
    return np.asarray((x + sum(_zoomed(x, zoom) for zoom in zooms)) / (len(zooms) + 1), dtype=np.float64)


# weather


def _snow(x: Floats, severity: int, random: Random) -> Floats:
    mean, spread, zoom, least, radius, softness, visible = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7), (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65), (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[severity]  # fmt: skip
    flakes = _zoomed(random.normal(mean, spread, x.shape[:2]), zoom)
    flakes = np.clip(np.where(flakes < least, 0.0, flakes), 0.0, 1.0)
    flakes = np.clip(_moved(flakes, int(radius), softness, random.uniform(-135, -45)), 0.0, 1.0)[..., None]
    pale = np.maximum(x, _grey(x)[..., None] * 1.5 + 0.5)
    return visible * x + (1 - visible) * pale + flakes + flakes[::-1, ::-1]


def _frost(x: Floats, severity: int, random: Random) -> Floats:
    visible, strength = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[severity]
    # Ridges of fractal noise branch as ice on a window does.
    ridges = 1.0 - 2.0 * np.abs(_fractal(x.shape[:2], 1.6, random) - 0.5)
    ice = np.clip((ridges - 0.45) * 2.0, 0.0, 1.0) ** 1.5 * _fractal(x.shape[:2], 2.2, random) * 1.4
    return np.asarray(visible * x + strength * ice[..., None] * np.array([0.85, 0.95, 1.0]), dtype=np.float64)


def _fog(x: Floats, severity: int, random: Random) -> Floats:
    amount, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity]
    brightest = float(x.max())
    haze = amount * _fractal(x.shape[:2], decay, random)[..., None]
    return np.asarray((x + haze) * brightest / (brightest + amount), dtype=np.float64)


def _brightness(x: Floats, severity: int, random: Random) -> Floats:
    del random
    # Value of HSV: all channels grow by one factor, and black becomes grey.
    value = x.max(axis=2, keepdims=True)
    more = np.clip(value + (0.1, 0.2, 0.3, 0.4, 0.5)[severity], 0.0, 1.0)
    return np.asarray(np.where(value > 0, x / np.maximum(value, 1e-12), 1.0) * more, dtype=np.float64)


# digital


def _contrast(x: Floats, severity: int, random: Random) -> Floats:
    del random
    means = x.mean(axis=(0, 1), keepdims=True)
    return np.asarray((x - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[severity] + means, dtype=np.float64)


def _elastic_transform(x: Floats, severity: int, random: Random) -> Floats:
    from scipy.ndimage import map_coordinates

    strength, softness, tilt = ((2.0, 0.7, 0.1), (2.0, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02),
                                (0.12, 0.01, 0.02))[severity]  # fmt: skip
    side = min(x.shape[:2])
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) * side / 3
    target = corners + random.uniform(-tilt * side, tilt * side, corners.shape)
    affine = np.linalg.solve(np.column_stack([corners, np.ones(3)]), target)
    rows, columns = np.indices(x.shape[:2], dtype=np.float64)
    center = np.array(x.shape[:2]) / 2 - side / 6
    moved = np.column_stack([rows.ravel() - center[0], columns.ravel() - center[1], np.ones(rows.size)]) @ affine
    shifts = [_smooth(random.uniform(-1, 1, x.shape[:2]), softness * side) * strength * side for _ in range(2)]
    where = [moved[:, axis].reshape(rows.shape) + center[axis] + shifts[axis] for axis in range(2)]
    return np.stack([map_coordinates(x[..., c], where, order=1, mode="reflect") for c in range(3)], axis=2)


def _pixelate(x: Floats, severity: int, random: Random) -> Floats:
    del random
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[severity]
    height, width = x.shape[:2]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    image = PILImage.fromarray(np.asarray(np.round(x * 255), dtype=np.uint8))
    box = PILImage.Resampling.BOX
    return np.asarray(image.resize(small, box).resize((width, height), box)) / 255.0


def _jpeg_compression(x: Floats, severity: int, random: Random) -> Floats:
    del random
    stream = io.BytesIO()
    image = PILImage.fromarray(np.asarray(np.round(x * 255), dtype=np.uint8))
    image.save(stream, "JPEG", quality=(25, 18, 15, 10, 7)[severity])
    return np.asarray(PILImage.open(stream).convert("RGB")) / 255.0


# what they share


def _smooth(x: Floats, sigma: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    sigmas = (sigma, sigma, 0.0)[: x.ndim]
    return np.asarray(gaussian_filter(x, sigmas, mode="reflect", truncate=3.0), dtype=np.float64)


def _convolved(x: Floats, kernel: Floats) -> Floats:
    """Each channel with a kernel that is normalized to keep brightness; edges are mirrored."""
    from scipy.signal import fftconvolve

    normalized = kernel / kernel.sum()
    # only where it is not zero: a blur in one direction fills a small part of its kernel, whose center is never zero
    spans = [np.flatnonzero(normalized.any(axis=axis)) for axis in (1, 0)]
    part = normalized[tuple(slice(span[0], span[-1] + 1) for span in spans)]
    pads = [(span[-1] - side // 2, side // 2 - span[0]) for span, side in zip(spans, normalized.shape, strict=True)]
    planes = np.moveaxis(x.reshape(*x.shape[:2], -1), 2, 0)
    padded = np.pad(planes, [(0, 0), *pads], mode="symmetric")
    blurred = fftconvolve(padded, part[None], mode="valid", axes=(1, 2))
    return np.asarray(np.moveaxis(blurred, 0, 2).reshape(x.shape))


def _moved(x: Floats, radius: int, softness: float, degrees: float) -> Floats:
    """Blur along a line in one direction, fading away from its start."""
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-0.5 * (steps / softness) ** 2)
    kernel = np.zeros((4 * radius + 3, 4 * radius + 3))
    center, angle = 2 * radius + 1, np.deg2rad(degrees)
    for step, weight in zip(steps, weights, strict=True):
        row, column = center + step * np.sin(angle), center + step * np.cos(angle)
        top, left = int(np.floor(row)), int(np.floor(column))
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            near = (1 - abs(row - top - down)) * (1 - abs(column - left - right))
            kernel[top + down, left + right] += weight * near
    return _convolved(x, kernel)


def _zoomed(x: Floats, factor: float) -> Floats:
    """Enlarge the center to the whole size."""
    for axis in (0, 1):
        side = x.shape[axis]
        position = np.clip((side - 1) / 2 * (1 - 1 / factor) + np.arange(side) / factor, 0, side - 1)
        low = position.astype(np.int64)
        share = (position - low).reshape(-1, *[1] * (x.ndim - 1 - axis))
        x = x.take(low, axis) * (1 - share) + x.take(np.minimum(low + 1, side - 1), axis) * share
    return x


def _grey(x: Floats) -> Floats:
    return np.asarray(x @ np.array([0.299, 0.587, 0.114]), dtype=np.float64)


def _fractal(shape: tuple[int, ...], decay: float, random: Random) -> Floats:
    """Cloudy noise from 0 to 1 by midpoint displacement: each halving of scale is weaker by `decay`."""
    side = 1 << max(2, int(np.ceil(np.log2(max(shape)))))
    heights, strength, cells = np.zeros((side, side)), 1.0, 2
    while cells <= side:
        enlarge = _enlarging(cells, side)
        heights += strength * (enlarge @ random.uniform(-1, 1, (cells, cells)) @ enlarge.T)
        strength, cells = strength / decay, cells * 2
    heights = heights[: shape[0], : shape[1]]
    low, high = float(heights.min()), float(heights.max())
    return np.asarray((heights - low) / max(high - low, 1e-12), dtype=np.float64)


@lru_cache(maxsize=64)
def _enlarging(cells: int, side: int) -> Floats:
    """(side, cells): what interpolates `cells` values to `side`, the first following the last."""
    from scipy.ndimage import zoom

    return np.asarray(zoom(np.eye(cells), (side / cells, 1), order=1, mode="grid-wrap"), dtype=np.float64)


_CORRUPTIONS: MappingProxyType[str, Callable[[Any, int, Random], Floats]] = MappingProxyType(
    {
        "gaussian_noise": _gaussian_noise,
        "shot_noise": _shot_noise,
        "impulse_noise": _impulse_noise,
        "defocus_blur": _defocus_blur,
        "glass_blur": _glass_blur,
        "motion_blur": _motion_blur,
        "zoom_blur": _zoom_blur,
        "snow": _snow,
        "frost": _frost,
        "fog": _fog,
        "brightness": _brightness,
        "contrast": _contrast,
        "elastic_transform": _elastic_transform,
        "pixelate": _pixelate,
        "jpeg_compression": _jpeg_compression,
    }
)

CORRUPTIONS = tuple(_CORRUPTIONS)
"""Names of the 15 corruptions, in the published order: noise, blur, weather, digital."""
