"""The renderer: the same bytes always, every drawn value annotated, each set as it is declared."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyechart.miniature import fingerprints
from eyechart.miniature.classes import CLASS_NAMES, CLASSES, depth_tile, texture_tile
from eyechart.miniature.draws import Draws
from eyechart.miniature.recipes import LEVELS, SWEPT, TRANSFER_TRAIN
from eyechart.miniature.render import render
from eyechart.miniature.scenes import BACKGROUNDS, FACTORS, STYLES
from eyechart.miniature.sets import SETS, annotate, render_set, shot
from eyechart.miniature.silhouettes import Ellipse, Polygon, box, depth, mask

TRANSFER = [name for name, spec in SETS.items() if spec.role == "transfer"]
anywhere = st.sampled_from(list(SETS)).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(0, SETS[name].count - 1))
)


@pytest.mark.parametrize("name", SETS)
def test_recorded_fingerprint(name: str) -> None:
    """The first images of each set have the bytes that were recorded."""
    first = render_set(name, range(fingerprints.PREFIX))
    assert first.fingerprint == fingerprints.recorded()[name]["prefix"]


@pytest.mark.parametrize("name", SETS)
def test_subset_equals_full(name: str) -> None:
    """An image is the same alone, in any order and among others."""
    last = SETS[name].count - 1
    full = render_set(name, range(last - 30, last + 1))
    part = render_set(name, [last, last - 17])
    assert np.array_equal(part.images, full.images[[30, 13]])
    assert part.keys == (full.keys[30], full.keys[13]) == (f"{name}/{last:05d}", f"{name}/{last - 17:05d}")
    assert np.array_equal(part.labels, full.labels[[30, 13]])
    for column, values in part.annotations.items():
        assert np.array_equal(values, full.annotations[column][[30, 13]]), column


def test_processes_give_the_same_bytes() -> None:
    """Several processes render what one does."""
    assert render_set("sketch", range(300), workers=2).fingerprint == render_set("sketch", range(300)).fingerprint


@given(anywhere)
@settings(max_examples=40, deadline=None)
def test_render_is_a_function_of_the_scene(place: tuple[str, int]) -> None:
    """The same scene twice gives the same image, of the declared shape and type."""
    once, again = (render(shot(*place).scene) for _ in range(2))
    assert once.shape == (64, 64, 3)
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)


@given(anywhere)
@settings(max_examples=150, deadline=None)
def test_values_stay_in_their_declared_ranges(place: tuple[str, int]) -> None:
    """Every factor lies within its extremes; labels within their label space."""
    drawn = shot(*place)
    scene = drawn.scene
    assert 0 <= drawn.label < len(SETS[place[0]].classes)
    assert scene.style in STYLES
    assert scene.background in BACKGROUNDS
    if place[0] in TRANSFER:
        return  # their own ranges make room for several objects, places and turns
    for factor in FACTORS.values():
        assert factor.extreme[0] - 1e-6 <= scene.number(factor.column) <= factor.extreme[1] + 1e-6, factor.name


@pytest.mark.parametrize("name", ["train", "validation", "sketch", "rendition"])
def test_everyday_sets_are_ordinary_and_balanced(name: str) -> None:
    """Classes are even, and factors within their ordinary intervals but for tied hues and textures."""
    index = annotate(name, range(600))
    assert set(Counter(index.labels.tolist()).values()) == {600 // len(CLASS_NAMES)}
    assert [CLASS_NAMES[label] for label in index.labels] == index.annotations["class"].tolist()
    for factor in FACTORS.values():
        if factor.name in ("color", "texture"):
            continue
        values, (low, high) = index.annotations[factor.column], factor.ordinary
        assert low <= values.min(), factor.name
        assert values.max() <= high, factor.name


def test_every_drawn_value_is_an_annotation() -> None:
    """Two scenes that differ in any value differ in their annotations."""
    scene = shot("validation", 3).scene
    row = scene.annotations()
    assert {"class", "texture", "hue", "x", "y", "size", "rotation", "light", "blur", "noise", "occlusion"} <= set(row)
    for name, value in vars(scene).items():
        if isinstance(value, int | float):
            assert replace(scene, **{name: value + 1}).annotations() != row, name
    for name, value in vars(scene.things[0]).items():
        if isinstance(value, int | float):
            thing = replace(scene.things[0], **{name: value + 1})
            assert replace(scene, things=(thing,)).annotations() != row, name


def test_train_shares_no_image_with_any_other_set() -> None:
    """Values follow from the key, and keys begin with the set's name."""
    images = {name: render_set(name, range(20)).images for name in SETS}
    seen = {name: {image.tobytes() for image in pixels} for name, pixels in images.items()}
    assert all(seen["train"].isdisjoint(others) for name, others in seen.items() if name != "train")


def test_cue_conflict_pairs_are_even_and_never_agree() -> None:
    """Each ordered pair of different classes as often as any other; hue and texture are of one class."""
    index = annotate("cue-conflict")
    shape, texture = index.annotations["class"], index.annotations["texture"]
    pairs = Counter(zip(shape.tolist(), texture.tolist(), strict=True))
    assert len(pairs) == len(CLASS_NAMES) * (len(CLASS_NAMES) - 1)
    assert len(set(pairs.values())) == 1
    assert not (shape == texture).any()
    assert [CLASS_NAMES[each] for each in index.annotations["texture_label"]] == texture.tolist()
    usual = np.array([CLASSES[name].hue for name in texture.tolist()])
    apart = (index.annotations["hue"] - usual + 180) % 360 - 180
    assert np.abs(apart).max() <= FACTORS["color"].ordinary[1] + 1e-6


def test_factor_is_the_one_that_departs_most() -> None:
    """The annotated factor has the largest departure by far, and each factor has as many images."""
    index = annotate("factors")
    shares = np.stack([index.annotations[f"departure_{name}"] for name in FACTORS], axis=1)
    names = np.array(list(FACTORS))
    assert np.array_equal(names[shares.argmax(1)], index.annotations["factor"])
    assert shares.max(1).min() >= 0.49
    assert np.sort(shares, axis=1)[:, -2].max() < 0.45
    assert set(Counter(index.annotations["factor"].tolist()).values()) == {len(index.keys) // len(FACTORS)}


def test_synthetic_sweeps_one_factor_of_an_asset() -> None:
    """Within an asset and a factor only the swept column changes, through all of its levels."""
    index = annotate("synthetic")
    columns = index.annotations
    first = (columns["asset"] == "fish-1") & (columns["factor"] == "blur")
    assert columns["level"][first].tolist() == list(range(LEVELS))
    assert columns["blur"][first].tolist() == columns["level_value"][first].tolist()
    same = ("class", "texture", "hue", "x", "y", "size", "rotation", "light", "noise", "occlusion", "background")
    assert all(len(set(columns[column][first].tolist())) == 1 for column in same)
    assert set(columns["factor"].tolist()) == set(SWEPT)
    assert len(set(columns["asset"].tolist())) * len(SWEPT) * LEVELS == len(index.keys)


@pytest.mark.parametrize("name", TRANSFER)
def test_transfer_splits_are_disjoint_and_even(name: str) -> None:
    """Both splits hold every class equally often, and no image is in both."""
    index = annotate(name)
    split = index.annotations["split"]
    assert Counter(split.tolist()) == {"train": TRANSFER_TRAIN, "test": len(index.keys) - TRANSFER_TRAIN}
    for part in ("train", "test"):
        assert len(set(Counter(index.labels[split == part].tolist()).values())) == 1
    images = render_set(name, [*range(50), *range(TRANSFER_TRAIN, TRANSFER_TRAIN + 50)]).images
    assert len({image.tobytes() for image in images}) == 100


def test_transfer_labels_are_what_the_scene_shows() -> None:
    """The count is the number of objects; the place is the quadrant of the object's center."""
    assert all(len(shot("count", i).scene.things) == shot("count", i).label + 1 for i in range(40))
    where = annotate("where", range(200))
    x, y = where.annotations["x"], where.annotations["y"]
    for label, sides in enumerate([(-1, -1), (1, -1), (-1, 1), (1, 1)]):
        chosen = where.labels == label
        assert (np.sign(x[chosen]) == sides[0]).all()
        assert (np.sign(y[chosen]) == sides[1]).all()
    assert np.abs(x[where.labels == 4]).max() < 0.05


def test_sketches_have_no_color_and_flat_renditions_no_texture() -> None:
    """A sketch is nearly gray; a flat rendition without noise and blur has two colors but for its borders."""
    sketch = render(replace(shot("sketch", 4).scene, noise=0.0)).astype(int)
    assert np.ptp(sketch, axis=2).max() < 30
    flat = shot("rendition", 4).scene
    assert flat.style == "flat"
    pixels = render(replace(flat, noise=0.0, blur=0.0)).reshape(-1, 3)
    common = Counter(map(tuple, pixels.tolist())).most_common(2)
    assert sum(count for _, count in common) > 0.85 * len(pixels)


def test_inverted_is_the_negative_of_the_photo() -> None:
    """The inverted style is the photo with every channel turned around."""
    scene = shot("rendition", 12).scene
    assert scene.style == "inverted"
    assert np.array_equal(render(scene), 255 - render(replace(scene, style="photo")))


@given(st.floats(0.05, 0.5))
@settings(max_examples=20, deadline=None)
def test_occlusion_covers_the_drawn_share(share: float) -> None:
    """The band changes about the drawn share of the object's pixels."""
    scene = replace(shot("validation", 8).scene, noise=0.0, blur=0.0, occlusion=0.0)
    clear, covered = render(scene), render(replace(scene, occlusion=share))
    plain = replace(scene, style="flat", light=1.0)
    inside = render(plain)
    inside = (inside != inside[0, 0]).any(2)
    changed = (clear != covered).any(2) & inside
    assert math.isclose(changed.sum() / inside.sum(), share, abs_tol=0.08)


def test_silhouettes_by_hand() -> None:
    """Areas and depths of shapes that can be worked out."""
    cells = 256 / 210  # cells per object unit
    assert mask((box(-50, -50, 50, 50),)).sum() == pytest.approx((100 * cells) ** 2, rel=0.02)
    assert mask((Ellipse(0, 0, 60, 30),)).sum() == pytest.approx(math.pi * 60 * 30 * cells**2, rel=0.01)
    triangle = Polygon(((0, -50), (50, 50), (-50, 50)))
    assert mask((triangle,)).sum() == pytest.approx(5000 * cells**2, rel=0.02)
    ring = mask((Ellipse(0, 0, 60, 60), Ellipse(0, 0, 30, 30, cut=True)))
    assert not ring[128, 128]
    assert depth(ring).max() == pytest.approx(15 * cells, abs=2)


def test_classes_differ_in_all_three_cues() -> None:
    """No two classes share a silhouette, a texture or a hue; no silhouette touches the border of its tile."""
    assert len(CLASSES) >= 12
    assert len({each.texture for each in CLASSES.values()}) == len(CLASSES)
    hues = sorted(each.hue for each in CLASSES.values())
    assert min(np.diff([*hues, hues[0] + 360])) >= 20
    for name in CLASS_NAMES:
        tile = depth_tile(name) > 0
        assert 0.08 < tile.mean() < 0.6
        border = np.concatenate([tile[0], tile[-1], tile[:, 0], tile[:, -1]])
        assert not border.any()
        assert 0.15 < texture_tile(name).mean() < 0.75


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=12), st.integers(-5, 5), st.integers(1, 9))
def test_draws_stay_in_range_and_depend_on_their_name(key: str, low: int, width: int) -> None:
    """Draws are repeatable and within their bounds."""
    draws = Draws(key)
    assert low <= draws.integer("a", low, low + width) < low + width
    assert low <= draws.uniform("a", low, low + width) <= low + width
    assert draws.share("a") == Draws(key).share("a") != draws.share("b")
    grains = draws.grains("noise", (7, 5, 3))
    assert grains.shape == (7, 5, 3)
    assert np.abs(grains).max() <= 255


def test_errors_name_the_set() -> None:
    """An unknown set or an index beyond the end says what there is."""
    with pytest.raises(KeyError, match="validation"):
        render_set("valdation")
    with pytest.raises(IndexError, match="3000 images"):
        shot("validation", 3000)
