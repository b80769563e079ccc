"""Views: by hand on a picture small enough to write down, and as properties of all pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.errors import BlockedError, SpecError
from eyechart.images.views import (
    ORIGINAL,
    View,
    black_shift,
    brightness,
    relative_resolution,
    relative_shift,
    resolution,
    scale,
    shift,
)

pictures = arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)))
kinds = st.sampled_from(["shift", "relative_shift", "scale", "resolution", "relative_resolution", "brightness"])
amounts = st.floats(0, 1e6, allow_nan=False)
VIEWS = [
    ORIGINAL, relative_shift(1 / 16), scale(1.25), relative_resolution(0.75), relative_resolution(1.5), brightness(1.5),
]  # fmt: skip


def column(*values: int) -> np.ndarray:
    """A picture one pixel wide, gray."""
    return np.array(values, dtype=np.uint8)[:, None, None].repeat(3, axis=2)


def test_a_shift_by_hand():
    """The picture moves down; what enters at the top is its own reflection, and no black."""
    assert np.array_equal(shift(2).of_image(column(1, 2, 3, 4)), column(2, 1, 1, 2))
    assert np.array_equal(relative_shift(1 / 4).of_image(np.tile(column(1, 2, 3, 4), (1, 4, 1)))[:, 0, 0], [1, 1, 2, 3])


def test_a_shift_moves_along_the_longer_side():
    """A wide picture moves sideways, by its own pixels."""
    wide = column(1, 2, 3, 4).transpose(1, 0, 2)
    assert np.array_equal(shift(1).of_image(wide), column(1, 1, 2, 3).transpose(1, 0, 2))


def test_a_shift_of_everything_is_refused():
    """It is blocked where there is nothing to reflect; in black it is black, as the paper's small pictures are."""
    assert not black_shift(4).of_image(column(1, 2, 3, 4)).any()
    assert black_shift(9).of_image(column(1, 2, 3, 4)).shape == (4, 1, 3)
    with pytest.raises(BlockedError, match="leaves nothing of an image of 4 pixels"):
        shift(4).of_image(column(1, 2, 3, 4))


def test_brightness_by_hand():
    """Every value times the gain, rounded, and white where it would be more."""
    assert np.array_equal(brightness(1.5).of_image(column(0, 1, 3, 100, 200)), column(0, 2, 4, 150, 255))
    assert np.array_equal(brightness(0.5).of_image(column(0, 2, 5, 101, 255)), column(0, 1, 2, 50, 128))
    assert str(brightness(0.9375)) == "brightness(0.9375)"


@given(pictures, st.floats(0, 4))
def test_brightness_is_a_product(picture, gain):
    """The same for every channel and pixel; a gain of 1 changes nothing."""
    exact = np.clip(picture * gain, 0, 255)
    assert np.abs(brightness(gain).of_image(picture) - exact).max() <= 0.5
    assert np.array_equal(brightness(1).of_image(picture), picture)


def test_enlargement_by_hand():
    """Twice the size, cropped back: every pixel of the middle becomes four."""
    geometry = Geometry(None, None, "nearest").under(scale(2), patch=1)
    made = geometry.apply([column(1, 2, 3, 4).repeat(4, axis=1)])[0]
    assert np.array_equal(made[:, 0, 0], [2, 2, 3, 3])


def test_resolution_by_hand():
    """A checkpoint of 64 pixels with patches of 8 sees 96 at 1.5 times, 48 at .75; its patches cannot tile 90."""
    native = Geometry((64, 64), (72, 72))
    assert native.under(relative_resolution(1.5), patch=8) == Geometry((96, 96), (108, 108))
    assert native.under(relative_resolution(0.75), patch=8) == Geometry((48, 48), (54, 54))
    assert native.under(relative_resolution(1.4), patch=8).size == (88, 88)
    assert native.under(resolution(128), patch=8) == Geometry((128, 128), (144, 144))
    with pytest.raises(BlockedError, match="patches of 8 pixels do not tile 90 pixels"):
        native.under(resolution(90), patch=8)


@given(pictures, st.sampled_from(VIEWS))
def test_a_view_of_the_image_keeps_its_shape_and_type(picture, view):
    """What a view does to the raw image leaves its size alone."""
    seen = view.of_image(picture)
    assert (seen.shape, seen.dtype) == (picture.shape, np.uint8)


@given(pictures)
def test_no_shift_is_no_change(picture):
    """A shift by 0 is the identity."""
    assert np.array_equal(shift(0).of_image(picture), picture)
    assert np.array_equal(relative_shift(0).of_image(picture), picture)


@given(pictures, st.data())
def test_a_shift_loses_only_what_leaves(picture, data):
    """Pixels of the result are the picture's own, moved; those that enter mirror its edge."""
    axis = 1 if picture.shape[1] > picture.shape[0] else 0
    by = data.draw(st.integers(0, picture.shape[axis] - 1))
    moved, own = (np.moveaxis(one, axis, 0) for one in (shift(by).of_image(picture), picture))
    assert np.array_equal(moved[by:], own[: len(own) - by])
    assert np.array_equal(moved[:by][::-1], own[:by])


@given(kinds, amounts)
def test_a_views_text_is_its_identity(kind, amount):
    """Reading back what a view is called gives that view, to the last bit of its amount."""
    view = View(kind, amount)
    assert View.parse(str(view)) == view


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("shfit(3)", "'shift'"),
        ("shift", "'shift'"),
        ("original(2)", "'original'"),
        ("scale(-1)", "'scale'"),
        ("", "Allowed"),
    ],
)
def test_other_texts_are_refused(text, offered):
    """A text that no view writes is an error that offers the nearest."""
    with pytest.raises(SpecError, match="is unknown") as error:
        View.parse(text)
    assert offered in str(error.value)


def test_crops_are_seen_whole():
    """The shorter side becomes the input size and nothing is cut off; views change that as they change anything."""
    native = Geometry((224, 224), (256, 256))
    assert native.whole() == Geometry((224, 224), (224, 224))
    assert native.whole().seen(300, 300) == 300
    assert native.whole().under(scale(1.5), patch=16) == native.under(scale(1.5), patch=16).whole()
    assert native.whole().under(resolution(336), patch=16) == Geometry((336, 336), (336, 336))
    whole = Resolved("python", "", "", "", Preprocessing(native, (), ()), 16, 3, "fp32")
    assert whole.geometry(ORIGINAL, whole=True) == Geometry((224, 224), (224, 224))
    assert whole.geometry(ORIGINAL) == native
    assert Geometry(None, None).whole() == Geometry(None, None)
    picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert np.array_equal(Geometry((8, 8), (10, 10)).whole().apply([picture])[0], picture)


def mean_color(side: int | None) -> Checkpoint:
    """A checkpoint that answers the mean of each image's three channels."""
    resolved = Resolved(
        "python",
        "",
        "",
        "",
        Preprocessing(Geometry(side and (side, side), side and (side, side)), (), ()),
        1,
        3,
        "fp32",
    )
    return Checkpoint(resolved, lambda batch: batch.mean(axis=(1, 2), dtype=np.float32))


@given(st.lists(arrays(np.uint8, (16, 16, 3)), min_size=2, max_size=5), st.sampled_from(VIEWS))
def test_answers_keep_the_order_of_images(images, view):
    """The answer to image i is row i, whatever the view, and does not depend on the others."""
    checkpoint = mean_color(16)
    together = checkpoint(images, view)
    assert np.array_equal(together, np.concatenate([checkpoint([image], view) for image in images]))


@given(pictures, st.sampled_from(VIEWS))
def test_a_fixed_input_always_has_its_size(picture, view):
    """Whatever the picture's size and shape, a model of 16 pixels gets a square of the size that the view says."""
    geometry = Geometry((16, 16), (18, 18)).under(view, patch=1)
    assert geometry.apply([picture]).shape == (1, *geometry.size, 3)
