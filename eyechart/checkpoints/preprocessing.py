"""The nouns `Geometry` and `Preprocessing`: how a raw image becomes what a model sees."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from eyechart.checkpoints.entries import CropMode, Interpolation, PreprocessingEntry
from eyechart.errors import BlockedError, SpecError
from eyechart.images.views import Image, View

Batch: TypeAlias = NDArray[np.uint8]
"""(n, height, width, 3) uint8 RGB, resized and cropped, not yet normalized."""

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels"""

BLACK = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an image becomes the rectangle that a model sees, as timm and open_clip mean their crop modes.

    size    the input; None for a model without a fixed one: it takes images as they are, and a view changes them by
            `zoom` (enlarge, then crop back) or `factor` (another size)
    resize  what the image is resized to before its center is cropped to `size`
    mode    center: the aspect is kept, the shorter side reaches `resize`, and the rest is cut off
            squash: both sides become `resize`, whatever the aspect was
            border: the aspect is kept, the longer side reaches `resize`, and `fill` (RGB) stands around the picture
    """

    size: Size | None
    resize: Size | None
    interpolation: Interpolation = "bicubic"
    mode: CropMode = "center"
    fill: tuple[int, int, int] = BLACK
    zoom: float = 1.0
    factor: float = 1.0

    def whole(self) -> Geometry:
        """See all of an image that is a crop already: it is resized to the input size itself."""
        return replace(self, resize=self.size) if self.size else self

    def under(self, view: View, patch: int) -> Geometry:
        """Change the preprocessing as `view` says; input sides must be multiples of `patch` pixels.

        A resolution is the shorter side of the input; the aspect of a rectangle is kept.
        Raises BlockedError where it cannot be.
        """
        if view.kind == "scale":
            return replace(self, zoom=view.amount)
        if view.kind == "relative_resolution" and self.size is None:
            return replace(self, factor=view.amount)
        if view.kind in ("resolution", "relative_resolution"):
            size = self._sized(view, patch)
            if any(side % patch for side in size):
                raise BlockedError(f"{view}: the model's patches of {patch} pixels do not tile {size[0]} pixels")
            if self.size is None or self.resize is None:
                return replace(self, size=size, resize=size)
            height, width = (int(of * to / side) for of, to, side in zip(self.resize, size, self.size, strict=True))
            return replace(self, size=size, resize=(height, width))
        return self

    def _sized(self, view: View, patch: int) -> Size:
        own = self.size or (1, 1)
        factor = view.amount if view.kind == "relative_resolution" else view.amount / min(own)
        if view.kind == "resolution" and own[0] == own[1]:
            return (round(view.amount), round(view.amount))
        height, width = (max(1, round(side * factor / patch)) * patch for side in own)
        return height, width

    def apply(self, images: Iterable[Image]) -> Batch:
        """Resize and crop or pad; equal to the eval transforms of timm and open_clip (a test compares the bytes).

        Raises BlockedError where a model without an input size is shown images of several.
        """
        return stacked([self._one(image) for image in images])

    def _one(self, image: Image) -> Image:
        height, width = image.shape[:2]
        resized = self._resized(height, width)
        if resized != (height, width):
            scaled = PILImage.fromarray(image).resize(resized[::-1], PILImage.Resampling[self.interpolation.upper()])
            image = np.asarray(scaled)
        crop = self.size or (round(height * self.factor), round(width * self.factor))
        return _centered(image, crop, self.fill if self.mode == "border" else BLACK)

    def _resized(self, height: int, width: int) -> Size:
        """Size of the resized image. Rounds as torchvision does for squares, and timm for rectangles and borders."""
        own = self.resize or ((height, width) if self.mode == "squash" else (min(height, width),) * 2)
        enlarged = self.zoom * self.factor
        target = (int(enlarged * own[0]), int(enlarged * own[1]))
        if self.mode == "squash":
            return target
        if self.mode == "center" and target[0] == target[1]:
            short = min(height, width)
            return target[0] * height // short, target[0] * width // short
        ratios = (height / target[0], width / target[1])
        ratio = max(ratios) if self.mode == "border" else min(ratios)
        return round(height / ratio), round(width / ratio)

    def seen(self, height: int, width: int) -> float:
        """How many of a raw image's pixels along its longer side reach the model."""
        crop = self.size or (round(height * self.factor), round(width * self.factor))
        axis = 0 if height >= width else 1
        return min(1.0, crop[axis] / self._resized(height, width)[axis]) * max(height, width)


def stacked(crops: Sequence[Image]) -> Batch:
    """Make a batch of crops. Raises BlockedError for crops of several sizes: their model has no input size."""
    shapes = sorted({crop.shape for crop in crops})
    if len(shapes) > 1:
        (height, width, _), (other_height, other_width, _) = shapes[:2]
        raise BlockedError(
            f"images of {width} × {height} and {other_width} × {other_height} pixels cannot be answered together by a "
            "model without an input size: state `preprocessing: {resize: …, crop: …}` in models.yaml"
        )
    return np.stack(crops)


def _centered(image: Image, size: Size, fill: tuple[int, int, int]) -> Image:
    pads = [max(0, wanted - side) for wanted, side in zip(size, image.shape[:2], strict=True)]
    if any(pads):
        canvas = np.empty((image.shape[0] + pads[0], image.shape[1] + pads[1], 3), dtype=np.uint8)
        canvas[:] = fill
        above, before = pads[0] // 2, pads[1] // 2
        canvas[above : above + image.shape[0], before : before + image.shape[1]] = image
        image = canvas
    top, left = (round((side - wanted) / 2.0) for wanted, side in zip(size, image.shape[:2], strict=True))
    return image[top : top + size[0], left : left + size[1]]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Geometry, then per-channel normalization of pixels in [0, 1]."""

    geometry: Geometry
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        """`center crop 224 of 256, bicubic, mean (.485, .456, .406), std (.229, .224, .225)`."""
        geometry = self.geometry
        size, resize = (_sides(each) for each in (geometry.size, geometry.resize))
        mean, std = (f"({', '.join(f'{value:.4g}' for value in values)})" for values in (self.mean, self.std))
        return f"{geometry.mode} crop {size} of {resize}, {geometry.interpolation}, mean {mean}, std {std}"

    def overridden(self, entry: PreprocessingEntry) -> Preprocessing:
        """Replace the parts that `models.yaml` states; a number of pixels stands for a square.

        Raises SpecError where one of `resize` and `crop` is stated and the crop then is of more than there is.
        """
        stated = {key: value for key, value in entry.model_dump().items() if value is not None}
        geometry: dict[str, Any] = {}
        for key, part in (("crop", "size"), ("resize", "resize")):
            if key in stated:
                geometry[part] = square(stated[key])
        for key, part in (("crop_mode", "mode"), ("interpolation", "interpolation"), ("fill", "fill")):
            if key in stated:
                geometry[part] = stated[key]
        mean, std = stated.get("mean", self.mean), stated.get("std", self.std)
        if stated.get("crop_mode") == "border" and "fill" not in stated:
            geometry["fill"] = gray_of(mean)
        seen = replace(self.geometry, **geometry)
        alone = len({"resize", "size"} & geometry.keys()) == 1
        if alone and seen.size and seen.resize and any(map(operator.lt, seen.resize, seen.size)):
            raise SpecError(
                f"`preprocessing:` is crop {_sides(seen.size)} of resize {_sides(seen.resize)}, which leaves black "
                "around every image: state both `resize` and `crop`"
            )
        return Preprocessing(seen, mean, std)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preprocessing:
        """Rebuild what `dataclasses.asdict` made, or made when inputs were squares."""
        geometry = dict(data["geometry"])
        for key in ("size", "resize"):
            geometry[key] = None if geometry[key] is None else square(geometry[key])
        geometry["fill"] = tuple(geometry.get("fill", BLACK))
        return cls(Geometry(**geometry), tuple(data["mean"]), tuple(data["std"]))


def _sides(size: Size | None) -> str:
    if size is None:
        return "any size"
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"


def gray_of(mean: Sequence[float]) -> tuple[int, int, int]:
    """The color that normalization maps to zero, which timm puts around a picture with a border."""
    red, green, blue = (round(255 * value) for value in mean or (0.0, 0.0, 0.0))
    return red, green, blue


def square(pixels: int | Sequence[int]) -> Size:
    """(height, width) of what is given as one side of a square, or as both."""
    height, width = (pixels, pixels) if isinstance(pixels, int) else pixels
    return int(height), int(width)


def resize_before_crop(size: Size, crop_share: float) -> Size:
    """Size before the center crop, timm's rule: the crop is `crop_share` of it."""
    return math.floor(size[0] / crop_share), math.floor(size[1] / crop_share)
