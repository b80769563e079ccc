"""The 15 corruptions: deterministic, stronger with severity, and close to the published pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eyechart.errors import SpecError
from eyechart.images.corruptions import CORRUPTIONS, corrupted
from eyechart.images.views import View, corrupt
from tests.recordings import REAL, needs_data


def picture(height: int = 64, width: int = 80) -> np.ndarray:
    """Soft shapes with a few edges."""
    rows, columns = np.indices((height, width))
    wave = np.sin(rows / 5.0)[..., None] * np.cos(columns / [7.0, 9.0, 11.0, 13.0][0])[..., None] * [1.0, 0.8, 0.6]
    inside = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2 < 300)[..., None]
    return np.clip(110 + 60 * wave + 70 * inside, 0, 255).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference, in grey levels."""
    return float(np.sqrt(np.mean((one.astype(float) - other.astype(float)) ** 2)))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_changes_the_picture_the_same_way_every_time(name):
    """Size and type stay, the same image gets the same noise, and another image other noise."""
    image = picture()
    made = corrupted(image, name, 3)
    assert (made.shape, made.dtype) == (image.shape, np.uint8)
    assert np.array_equal(made, corrupted(image.copy(), name, 3))
    assert distance(made, image) > 1.0


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"elastic_transform", "snow", "glass_blur", "fog"}))
def test_severity_five_is_further_away_than_one(name):
    """Published strengths grow (elastic changes its kind with severity, snow and fog their grain)."""
    assert distance(corrupted(picture(), name, 5), picture()) > distance(corrupted(picture(), name, 1), picture())


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(8, 8), (3, 40)])
def test_tiny_images_survive(name, size):
    """Nothing divides by zero or runs off the edge."""
    assert corrupted(picture(*size), name, 5).shape == (*size, 3)


def test_large_images_are_reduced_first():
    """The strengths are made for 224 pixels."""
    assert corrupted(picture(600, 800), "contrast", 1).shape == (256, 341, 3)


def test_unknown_corruptions_and_severities_are_errors():
    """When the view is made, long before an image is seen."""
    with pytest.raises(SpecError, match="did you mean 'fog'"):
        corrupt("fogg", 3)
    with pytest.raises(SpecError, match="severity 6 of fog"):
        corrupt("fog", 6)
    with pytest.raises(SpecError, match="severity 0 of fog"):
        View.parse("corrupt(fog, 0)")


def test_a_views_text_is_its_identity():
    """`corrupt(fog, 3)`, as it stands in verdicts."""
    view = corrupt("fog", 3)
    assert str(view) == "corrupt(fog, 3)"
    assert View.parse("corrupt(fog, 3)") == view
    assert np.array_equal(view.of_image(picture()), corrupted(picture(), "fog", 3))


def published(name: str) -> np.ndarray:
    """One of the published pictures."""
    return np.asarray(Image.open(REAL / "corruption-grid" / name).convert("RGB"))


GRID = tuple(name for name in CORRUPTIONS if name not in ("glass_blur", "zoom_blur"))
SAME = {"defocus_blur": 0.5, "brightness": 0.5, "contrast": 0.5, "jpeg_compression": 0.9, "pixelate": 0.9}
"""Without chance: how near to theirs ours is at least, in parts of theirs to the original. Block edges, which theirs
were compressed over once more, are hit or missed by a pixel."""


@needs_data
@pytest.mark.parametrize("name", GRID)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_as_far_from_the_original_as_the_published_picture(name, severity):
    """Within a factor of two in distance; where no chance is involved, much nearer to it than to the original."""
    clean, theirs = published("bird.jpeg"), published(f"{name}_{severity}.jpeg")
    if clean.shape != theirs.shape:
        clean = np.asarray(Image.fromarray(clean).resize(theirs.shape[1::-1], Image.Resampling.BILINEAR))
    ours = corrupted(clean, name, severity)
    far, near = distance(theirs, clean), distance(ours, clean)
    assert far / 2 < near < far * 2
    if name in SAME:
        assert distance(ours, theirs) < far * SAME[name]
