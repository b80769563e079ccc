"""Images of every kind are read right, or refused with a reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from eyechart.images.decoding import DecodeError, decode, fault
from tests.image_files import encoded, pixels


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The file of a Pillow image."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def test_grey_becomes_three_equal_channels():
    """Not a failure, as it is for loaders that convert nothing."""
    assert np.array_equal(decode(saved(Image.fromarray(RAMP))), np.stack([RAMP] * 3, axis=2))


def test_palette_colors_are_looked_up():
    """Not the palette's indices."""
    image = Image.fromarray(pixels(3)).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    assert np.array_equal(decode(saved(image)), np.asarray(image.convert("RGB")))
    assert np.abs(decode(saved(image)).astype(int) - pixels(3)).max() < 8


def test_cmyk_is_converted():
    """ImageNet has a few such JPEGs."""
    image = Image.fromarray(pixels(3)).convert("CMYK")
    assert np.abs(decode(saved(image, "JPEG", quality=98)).astype(int) - pixels(3)).max() < 16


def test_sixteen_bits_are_scaled_not_cut_off():
    """65,535 is white and half of it is grey; Pillow's own conversion makes nearly everything white."""
    deep = RAMP.astype(np.uint16) * 257
    assert np.array_equal(decode(saved(Image.fromarray(deep)))[..., 0], RAMP)
    assert np.array_equal(decode(saved(Image.fromarray(deep), "TIFF"))[..., 0], RAMP)


def test_exif_rotation_is_applied_unless_told_otherwise():
    """A phone writes the sensor's rows and says how to turn them."""
    image = Image.fromarray(np.kron(RAMP, np.ones((2, 1), dtype=np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    content = saved(image, exif=exif)
    assert decode(content).shape == (8, 16, 3)
    assert np.array_equal(decode(content)[..., 0], np.rot90(np.asarray(image), -1))
    assert decode(content, "stored").shape == (16, 8, 3)


def test_transparency_is_dropped():
    """As ImageNet's loaders do."""
    image = Image.fromarray(np.dstack([pixels(1), np.zeros((8, 8), dtype=np.uint8)]), "RGBA")
    assert np.array_equal(decode(saved(image)), pixels(1))


@pytest.mark.parametrize("size", [(1, 1), (121, 68), (4000, 10)])
def test_tiny_and_narrow_images_keep_their_size(size):
    """Whatever a checkpoint then makes of them."""
    assert decode(saved(Image.new("RGB", size))).shape == (size[1], size[0], 3)


def test_a_large_image_is_read(monkeypatch, recwarn):
    """Beyond the size that Pillow warns of, below the one it refuses; nobody is warned."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    content = saved(Image.new("1", (15, 10)))
    assert fault(content) == ""
    assert decode(content).shape == (10, 15, 3)
    assert not [each for each in recwarn if issubclass(each.category, Image.DecompressionBombWarning)]


def test_a_decompression_bomb_is_refused(monkeypatch):
    """With its size."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    content = saved(Image.new("1", (30, 10)))
    assert "300 pixels" in fault(content)
    with pytest.raises(DecodeError, match="300 pixels"):
        decode(content)


def test_values_without_a_range_are_refused():
    """A floating-point TIFF may mean anything."""
    content = saved(Image.fromarray(RAMP.astype(np.float32)), "TIFF")
    assert "floating-point" in fault(content)
    with pytest.raises(DecodeError, match="floating-point"):
        decode(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated_files_are_found(kind):
    """By the quick check and by reading."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), kind)
    assert fault(content) == ""
    half = content[: len(content) // 2]
    assert fault(half)
    with pytest.raises(DecodeError):
        decode(half)


def test_other_files_are_no_images():
    """In words a person understands."""
    assert fault(b"hello") == "it is no image that Pillow knows"
    assert fault(b"")


def test_an_animation_is_its_first_picture():
    """GIF."""
    first, second = (Image.fromarray(pixels(seed)).convert("P") for seed in (1, 2))
    content = saved(first, "GIF", save_all=True, append_images=[second])
    assert np.abs(decode(content).astype(int) - np.asarray(first.convert("RGB"))).max() < 8


def test_what_the_check_passes_can_be_read():
    """The two never disagree on a sound file."""
    assert fault(encoded(5, "JPEG")) == ""
    assert decode(encoded(5, "JPEG")).shape == (8, 8, 3)
