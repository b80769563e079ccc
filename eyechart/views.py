"""The noun `View`: a named, deterministic change of the raw image or of its preprocessing.

A view's text (`shift(30)`) is its identity: it stands in `verdicts.json`, in test ids and in the store's keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import SpecError, nearest

Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""

Kind: TypeAlias = Literal["original", "shift", "relative_shift", "scale", "resolution", "relative_resolution"]
_KINDS = ("original", "shift", "relative_shift", "scale", "resolution", "relative_resolution")

VERSION = 1
"""Part of every prediction's identity: raise it when a view changes what it does."""


@dataclass(frozen=True, slots=True)
class View:
    """A kind of change and its amount (pixels, a share, or a factor, as the kind says)."""

    kind: Kind
    amount: float = 0.0

    def __str__(self) -> str:
        """`original`, `shift(30)`, `scale(1.5)`."""
        # every digit, since this text must be read back as the same view
        amount = np.format_float_positional(self.amount, trim="-")
        return self.kind if self.kind == "original" else f"{self.kind}({amount})"

    @classmethod
    def parse(cls, text: str) -> View:
        """Read what `str` wrote. Raises SpecError for any other text."""
        found = re.fullmatch(r"(\w+)(?:\(([\d.]+)\))?", text)
        if not found or found[1] not in _KINDS or (found[1] == "original") != (found[2] is None):
            raise SpecError(f"view {text!r} is unknown: {nearest(text.partition('(')[0], _KINDS)}")
        return cls(found[1], float(found[2] or 0))  # type: ignore[arg-type]  # checked against _KINDS above

    def of_image(self, image: Image) -> Image:
        """Apply what this view does to the raw image; most views act on the preprocessing instead."""
        if self.kind == "shift":
            return _shifted(image, round(self.amount))
        if self.kind == "relative_shift":
            return _shifted(image, round(self.amount * min(image.shape[:2])))
        return image


ORIGINAL = View("original")


def shift(pixels: float) -> View:
    """Move the picture by so many of its own pixels along its longer side (a square: downward).

    What enters is the picture's own reflection. The paper (§4.7) lets black in, which at 100 pixels
    touches most ImageNet images and tests padding as much as invariance.
    """
    return View("shift", pixels)


def relative_shift(share: float) -> View:
    """Shift by a share of the shorter side, so that one amount means the same for every image and size."""
    return View("relative_shift", share)


def scale(factor: float) -> View:
    """Enlarge before the center crop (paper §4.7: resize to `factor` times the usual size)."""
    return View("scale", factor)


def resolution(pixels: int) -> View:
    """Run the checkpoint at another input size; position embeddings are interpolated by its own library."""
    return View("resolution", pixels)


def relative_resolution(factor: float) -> View:
    """Run the checkpoint at `factor` times its native input size (rounded to a size that its patches tile)."""
    return View("relative_resolution", factor)


def _shifted(image: Image, pixels: int) -> Image:
    axis = 1 if image.shape[1] > image.shape[0] else 0
    side = image.shape[axis]
    if pixels >= side:
        raise ValueError(f"a shift by {pixels} pixels leaves nothing of an image of {side} pixels")
    pad = [(0, 0), (0, 0), (0, 0)]
    pad[axis] = (pixels, 0)
    padded = np.pad(image, pad, mode="symmetric")
    return padded[:side] if axis == 0 else padded[:, :side]
