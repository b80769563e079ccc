"""From the bytes of an image file to upright 8-bit RGB, whatever the file holds; or a reason why not."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from functools import cache
from typing import Literal

import numpy as np
import simplejpeg
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from eyechart.images.views import Image

Orientation = Literal["exif", "stored"]

FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "AVIF", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000", "PCX", "QOI", "SGI", "SUN",
    "TGA",
)  # fmt: skip
"""Pillow's names of what is read, whatever a file is called: pictures only. A document, such as EPS, would be drawn by
another program, and an icon is not what a set of photographs is about."""

LARGEST_FILE = 1 << 30
"""Bytes of an image file at most: what the largest image that is decoded takes at 16 bits a channel."""

MANY_PIXELS = 1 << 25
"""From here on, one image is checked at a time, however many threads check images."""

_ONE_LARGE = threading.Lock()

VERSION = 1
"""Part of every fingerprint: raise it when the same bytes are decoded to other pixels."""


@cache
def suffixes() -> frozenset[str]:
    """File names that are taken for images: those that the installed Pillow knows for FORMATS."""
    PILImage.init()
    return frozenset(suffix for suffix, kind in PILImage.registered_extensions().items() if kind in FORMATS)


@cache
def _formats() -> tuple[str, ...]:
    PILImage.init()
    return tuple(kind for kind in FORMATS if kind in PILImage.OPEN)  # MPO is opened as the JPEG that it begins with


class DecodeError(ValueError):
    """These bytes are no image that can be read."""


def decode(content: bytes, orientation: Orientation = "exif") -> Image:
    """Decode an image file: (height, width, 3) uint8 RGB.

    Grey, palette, CMYK and other color modes are converted, an alpha channel is dropped (as ImageNet's loaders do), 16
    bits are scaled to 8 rather than cut off, EXIF rotation is applied, of an animation the first picture counts.
    Raises DecodeError for what is truncated, corrupt, no image, too large to be meant (Pillow's limit of about
    179 million pixels), or has values without a known range.
    """
    try:
        with _opened(content) as image:
            if orientation == "stored" or image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
                photograph = _photograph(image, content)
                if photograph is not None:
                    return photograph
            if orientation == "exif":
                ImageOps.exif_transpose(image, in_place=True)  # a copy, and one of convert, would cost 5 %
            pixels = _eight_bits(image)
            return np.asarray(pixels if pixels.mode == "RGB" else pixels.convert("RGB"))
    except DecodeError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds for damaged files
        raise DecodeError(_reason(error)) from error


def fault(content: bytes) -> str:
    """Say why these bytes cannot be decoded, or nothing. Of a JPEG an eighth of each side is decoded: it is faster."""
    try:
        with _opened(content) as image, _alone(image):
            if _photograph(image, content, least=1) is None:
                image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
                image.load()
                _eight_bits(image)
    except Exception as error:
        return _reason(error)
    return ""


def _alone(image: PILImage.Image) -> contextlib.AbstractContextManager[object]:
    return _ONE_LARGE if image.width * image.height > MANY_PIXELS else contextlib.nullcontext()


def _photograph(image: PILImage.Image, content: bytes, least: int = 0) -> Image | None:
    """Decode an ordinary JPEG of three channels to Pillow's own pixels, but faster; None for what is left to Pillow.

    Both call libjpeg-turbo. What is only suspicious there, such as bytes too many, is left to Pillow, which reads on or
    says why not. Where sides of `least` pixels would do, it is reduced as far as JPEG allows, to an eighth.
    """
    if image.format not in ("JPEG", "MPO") or image.mode != "RGB":
        return None
    try:
        pixels: Image = simplejpeg.decode_jpeg(content, "RGB", min_height=least, min_width=least)
    except ValueError:
        return None
    return pixels


def _opened(content: bytes) -> PILImage.Image:
    with warnings.catch_warnings():
        # Up to twice the size that Pillow warns of it reads on; beyond that it refuses.
        warnings.simplefilter("ignore", PILImage.DecompressionBombWarning)
        return PILImage.open(io.BytesIO(content), formats=_formats())


def _eight_bits(image: PILImage.Image) -> PILImage.Image:
    """Scale what has more than 8 bits a channel."""
    if image.mode == "F":
        raise DecodeError("it holds floating-point values, whose range is not known")
    if image.mode == "I" or image.mode.startswith("I;"):
        values = np.asarray(image).astype(np.int32, copy=False)
        if values.min(initial=0) < 0 or values.max(initial=0) > 0xFFFF:
            raise DecodeError(f"it holds values from {values.min()} to {values.max()}, beyond 16 bits")
        return PILImage.fromarray(((values + 128) // 257).astype(np.uint8))  # rounded: no value lies halfway
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, DecodeError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return "it is no image that Pillow knows"
    return f"{type(error).__name__}: {error}"
