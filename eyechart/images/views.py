"""The noun `View`: a named, deterministic change of the raw image or of its preprocessing.

A view's text (`shift(30)`) is its identity: it stands in `verdicts.json`, in test ids and in the store's keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.images.corruptions import check, corrupted

Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""

Kind: TypeAlias = Literal[
    "original", "shift", "black_shift", "relative_shift", "scale", "resolution", "relative_resolution", "brightness",
    "corrupt",
]  # fmt: skip
_KINDS: tuple[Kind, ...] = get_args(Kind)
_TEXT = re.compile(r"(?P<kind>\w+)(?:\((?:(?P<name>[a-z_]+), )?(?P<amount>[\d.]+)\))?")

VERSION = 2
"""Part of every prediction's identity: raise it when a view changes what it does."""


@dataclass(frozen=True, slots=True)
class View:
    """A kind of change and its amount (pixels, a share, a factor, or a severity, as the kind says).

    `name` says which corruption.
    """

    kind: Kind
    amount: float = 0.0
    name: str = ""

    def __str__(self) -> str:
        """`original`, `shift(30)`, `scale(1.5)`, `corrupt(fog, 3)`."""
        # every digit, since this text must be read back as the same view
        number = np.format_float_positional(self.amount, trim="-")
        amount = f"{self.name}, {number}" if self.name else number
        return self.kind if self.kind == "original" else f"{self.kind}({amount})"

    @classmethod
    def parse(cls, text: str) -> View:
        """Read what `str` wrote. Raises SpecError for any other text."""
        parts = _TEXT.fullmatch(text)
        if (
            not parts
            or parts["kind"] not in _KINDS
            or (parts["kind"] == "original") != (parts["amount"] is None)
            or (parts["kind"] == "corrupt") != (parts["name"] is not None)
        ):
            raise SpecError(f"view {text!r} is unknown: {nearest(text.partition('(')[0], _KINDS)}")
        if parts["kind"] == "corrupt":
            check(parts["name"], float(parts["amount"]))
        return cls(parts["kind"], float(parts["amount"] or 0), parts["name"] or "")

    def of_image(self, image: Image) -> Image:
        """Apply what this view does to the raw image; most views act on the preprocessing instead.

        Raises BlockedError for a reflected shift that leaves nothing of the picture to reflect.
        """
        if self.kind == "shift":
            return _shifted(image, round(self.amount))
        if self.kind == "black_shift":
            return _shifted(image, round(self.amount), black=True)
        if self.kind == "brightness":
            return _brightened(image, self.amount)
        if self.kind == "corrupt":
            return corrupted(image, self.name, int(self.amount))
        if self.kind == "relative_shift":
            return _shifted(image, round(self.amount * min(image.shape[:2])))
        return image

    @property
    def pads(self) -> bool:
        """Whether this view brings something into the picture that was not there."""
        return self.kind in ("shift", "black_shift", "relative_shift")

    def padded_share(self, height: int, width: int, seen: float) -> float:
        """Share of what a model sees that a shift had to fill in: it sees `seen` pixels of the longer side's middle."""
        short, long = min(height, width), max(height, width)
        moved = round(self.amount * (short if self.kind == "relative_shift" else 1)) if self.pads else 0
        return min(1.0, max(0.0, moved - (long - seen) / 2) / seen)


ORIGINAL = View("original")


def shift(pixels: float) -> View:
    """Move the picture by so many of its own pixels along its longer side (a square: downward).

    What enters is the picture's own reflection. The paper (§4.7) lets black in, which at 100 pixels
    touches most ImageNet images and tests padding as much as invariance.
    """
    return View("shift", pixels)


def black_shift(pixels: float) -> View:
    """Shift as the paper's pictures show it (§4.7): what enters is black. See `View.padded_share`."""
    return View("black_shift", pixels)


def corrupt(name: str, severity: int) -> View:
    """One of ImageNet-C's 15 corruptions at severity 1 to 5. Raises SpecError for any other."""
    check(name, severity)
    return View("corrupt", severity, name)


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


def brightness(gain: float) -> View:
    """Multiply every pixel value by `gain`: below 1 darker, above 1 lighter until it is white."""
    return View("brightness", gain)


def _brightened(image: Image, gain: float) -> Image:
    table = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    return np.asarray(table[image])


def _shifted(image: Image, pixels: int, *, black: bool = False) -> Image:
    axis = 1 if image.shape[1] > image.shape[0] else 0
    side = image.shape[axis]
    if pixels >= side and not black:
        raise BlockedError(f"a shift by {pixels} pixels leaves nothing of an image of {side} pixels")
    pad = [(0, 0), (0, 0), (0, 0)]
    pad[axis] = (pixels, 0)
    padded = np.pad(image, pad) if black else np.pad(image, pad, mode="symmetric")
    return padded[:side] if axis == 0 else padded[:, :side]
