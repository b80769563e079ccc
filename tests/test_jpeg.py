"""JPEGs are decoded to Pillow's own pixels, by whichever library is faster, and what Pillow refuses is refused."""

from __future__ import annotations

import io
from unittest import mock

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from eyechart.images.decoding import DecodeError, decode, fault
from tests.recordings import REAL, needs_data
from tests.test_decoding import saved

ORIENTATION = 0x0112


def by_pillow(content: bytes) -> np.ndarray | None:
    """The reference; None where Pillow cannot read it."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception:  # as many kinds as there are ways to be damaged
        return None


def decoded(content: bytes) -> np.ndarray | None:
    """What is read; None where it is refused, which the quick check must have foretold or left to reading."""
    try:
        pixels = decode(content)
    except DecodeError:
        return None
    assert fault(content) == ""
    return pixels


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """Files of every mode, sampling, process and orientation that Pillow writes."""
    height, width, seed = draw(st.integers(1, 70)), draw(st.integers(1, 70)), draw(st.integers(0, 99))
    small = np.random.default_rng(seed).integers(0, 256, (1 + height // 4, 1 + width // 4, 3), dtype=np.uint8)
    mode = draw(st.sampled_from(["RGB", "RGB", "RGB", "L", "CMYK"]))
    image = Image.fromarray(small).resize((width, height)).convert(mode)
    options = {
        "quality": draw(st.sampled_from([1, 50, 75, 100])),
        "progressive": draw(st.booleans()),
        "restart_marker_blocks": draw(st.sampled_from([0, 0, 1, 5])),
    }
    orientation = draw(st.sampled_from([None, None, 1, 3, 6, 8]))
    if orientation:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    if mode == "RGB":
        options |= draw(st.sampled_from([{"subsampling": kind} for kind in range(3)] + [{"keep_rgb": True}]))
    return saved(image, "JPEG", **options)


def same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether both are the same pixels, or both none."""
    return one is other if one is None or other is None else np.array_equal(one, other)


@given(jpegs())
def test_pixels_are_those_of_pillow(content):
    """Of every kind of JPEG, to the last bit."""
    pixels = by_pillow(content)
    assert pixels is not None
    assert same(decoded(content), pixels)


@pytest.mark.filterwarnings("ignore:.*EXIF data|Tag data larger")
@given(jpegs(), st.integers(0), st.sampled_from(["cut", "flip", "insert", "remove"]))
def test_damage_is_judged_by_pillow(content, at, kind):
    """A file that was cut off, or has wrong, more or fewer bytes, is read as Pillow reads it or refused as there."""
    at %= len(content)
    damaged = {
        "cut": content[:at],
        "flip": content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :],
        "insert": content[:at] + b"\x5a\xff" + content[at:],
        "remove": content[:at] + content[at + 3 :],
    }[kind]
    assert same(decoded(damaged), by_pillow(damaged))


@pytest.mark.parametrize(
    ("mode", "orientation", "faster"), [("RGB", 1, True), ("RGB", 6, False), ("L", 1, False), ("CMYK", 1, False)]
)
def test_ordinary_photographs_take_the_short_way(mode, orientation, faster):
    """Others go to Pillow alone."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = saved(Image.new(mode, (30, 20)), "JPEG", exif=exif)
    with mock.patch.object(simplejpeg, "decode_jpeg", wraps=simplejpeg.decode_jpeg) as short:
        decode(content)
    assert short.call_count == faster


@needs_data
def test_real_photographs_are_the_same():
    """Every JPEG at hand."""
    files = sorted(REAL.rglob("*.jp*g"))
    assert files
    assert [file.name for file in files if not same(decoded(file.read_bytes()), by_pillow(file.read_bytes()))] == []
