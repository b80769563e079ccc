"""Preprocessing is the authors' own: to the byte that of timm's and open_clip's transforms, for every entry."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eyechart.checkpoints.entries import PreprocessingEntry
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.errors import BlockedError, SpecError
from eyechart.images.views import black_shift, relative_resolution, resolution, scale
from tests.torch_models import photos

PHOTOS = [photo for photo in photos() if photo.shape[:2] in {(33, 47), (101, 67), (25, 90)}]
MODES = ("center", "squash", "border")


def through(steps, picture):
    """What a library's own steps before normalization make of a picture."""
    image = Image.fromarray(picture)
    for step in steps:
        image = step(image)
    return np.asarray(image)


def timm_configs():
    """Every distinct preprocessing among timm's pretrained entries: what its resolver makes of each."""
    import timm
    from timm.data import resolve_model_data_config

    configs = {}
    for name in timm.list_pretrained():
        published = timm.get_pretrained_cfg(name).to_dict()
        if published["input_size"][0] == 3:
            resolved = resolve_model_data_config(SimpleNamespace(pretrained_cfg=published))
            configs.setdefault(str(sorted(resolved.items())), published)
    return list(configs.values())


def open_clip_configs():
    """Every distinct preprocessing among open_clip's tags, at the input size of each architecture."""
    import open_clip
    from open_clip.transform import PreprocessCfg

    configs = {}
    for name, tag in open_clip.list_pretrained():
        published = open_clip.get_pretrained_cfg(name, tag)
        size = published.get("size") or open_clip.get_model_config(name)["vision_cfg"].get("image_size", 224)
        stated = {key: published[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in published}
        config = PreprocessCfg(size=size, **stated)
        configs.setdefault(str(config), config)
    return list(configs.values())


def test_every_preprocessing_of_timm_is_its_own_to_the_byte():
    """Center, squash and border, squares and rectangles: all 1,826 entries are covered by their distinct kinds."""
    from timm.data import create_transform, resolve_model_data_config

    configs = timm_configs()
    assert {config["crop_mode"] for config in configs} == set(MODES)
    for published in configs:
        module = SimpleNamespace(pretrained_cfg=published)
        preprocessing = timm_source._preprocessing(module, PreprocessingEntry())
        *steps, _, normalize = create_transform(**resolve_model_data_config(module), is_training=False).transforms
        assert preprocessing.mean == pytest.approx(normalize.mean.tolist())
        assert preprocessing.std == pytest.approx(normalize.std.tolist())
        for picture in PHOTOS:
            seen = preprocessing.geometry.apply([picture])[0]
            assert np.array_equal(seen, through(steps, picture)), (published, picture.shape)


def test_every_preprocessing_of_open_clip_is_its_own_to_the_byte():
    """All 196 tags: the shorter side of OpenAI's, the squashed squares of SigLIP and CLIPA, MobileCLIP's bilinear."""
    from dataclasses import asdict

    from open_clip.transform import image_transform_v2

    configs = open_clip_configs()
    assert {config.resize_mode for config in configs} == {"shortest", "squash"}
    for config in configs:
        module = SimpleNamespace(visual=SimpleNamespace(preprocess_cfg=asdict(config), image_size=config.size))
        preprocessing = open_clip_source._preprocessing(module, PreprocessingEntry())
        *steps, _, _, normalize = image_transform_v2(config, is_train=False).transforms
        assert (preprocessing.mean, preprocessing.std) == (tuple(normalize.mean), tuple(normalize.std))
        for picture in PHOTOS:
            seen = preprocessing.geometry.apply([picture])[0]
            assert np.array_equal(seen, through(steps, picture)), (config, picture.shape)


@pytest.mark.parametrize("size", [(24, 24), (32, 24), (16, 40)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("share", [1.0, 0.875])
def test_a_stated_preprocessing_is_what_timm_makes_of_it(mode, share, size):
    """Rectangles too, and a picture with a border of the mean's color."""
    from timm.data import create_transform

    mean = (0.5, 0.25, 0.125)
    *steps, _, _ = create_transform((3, *size), crop_pct=share, crop_mode=mode, mean=mean, std=(1.0, 1.0, 1.0),
                                    interpolation="bilinear").transforms  # fmt: skip
    stated = PreprocessingEntry(
        resize=tuple(int(side / share) for side in size), crop=size, crop_mode=mode, interpolation="bilinear", mean=mean
    )
    preprocessing = Preprocessing(Geometry(None, None), (), ()).overridden(stated)
    for picture in photos():
        assert np.array_equal(preprocessing.geometry.apply([picture])[0], through(steps, picture)), picture.shape


def test_a_crop_of_more_than_there_is_must_be_meant():
    """A crop alone that is larger than the model's own resize is an error; both together are what somebody says."""
    own = Preprocessing(Geometry((160, 160), (168, 168)), (0.5,) * 3, (0.5,) * 3)
    for alone in ({"crop": 224}, {"resize": [200, 128]}):
        with pytest.raises(SpecError, match=r"is crop .* of resize .*: state both `resize` and `crop`"):
            own.overridden(PreprocessingEntry(**alone))
    assert own.overridden(PreprocessingEntry(crop=448, resize=389)).geometry.resize == (389, 389)
    assert own.overridden(PreprocessingEntry(crop=128)).geometry.size == (128, 128)


def test_a_border_is_mean_gray_unless_stated():
    """A picture twice as wide as high, by hand: a quarter of the square above it, and below it."""
    red = np.full((4, 8, 3), (255, 0, 0), dtype=np.uint8)
    own = Preprocessing(Geometry((8, 8), (8, 8)), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    seen = own.overridden(PreprocessingEntry(crop_mode="border")).geometry.apply([red])[0]
    assert (seen[:2] == 128).all()
    assert (seen[6:] == 128).all()
    assert (seen[2:6] == (255, 0, 0)).all()
    white = own.overridden(PreprocessingEntry(crop_mode="border", fill=(255, 255, 255))).geometry.apply([red])[0]
    assert (white[:2] == 255).all()


@given(st.sampled_from(MODES), st.integers(8, 60), st.integers(8, 60), st.sampled_from([(24, 24), (32, 16)]))
def test_views_keep_their_meaning_under_every_mode(mode, height, width, size):
    """Enlarging once is the identity, another resolution changes the size alone, and a crop is seen as a whole."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    own = Geometry(size, (size[0] * 9 // 8, size[1] * 9 // 8), mode=mode)
    assert np.array_equal(own.under(scale(1.0), 8).apply([picture]), own.apply([picture]))
    assert own.under(relative_resolution(1.0), 8).size == size
    assert own.under(relative_resolution(1.5), 4).apply([picture]).shape == (1, size[0] * 3 // 2, size[1] * 3 // 2, 3)
    assert min(own.under(resolution(2 * min(size)), 8).size) == 2 * min(size)
    exact = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert np.array_equal(own.whole().apply([exact])[0], exact)


@pytest.mark.parametrize(("mode", "share"), [("center", 0.25), ("squash", 0.375), ("border", 0.375)])
def test_what_a_shift_fills_in_follows_the_mode(mode, share):
    """A picture of 40 × 80, moved by 30: the center crop sees 40 of its 80 columns, the others all of them."""
    geometry = Geometry((20, 20), (20, 20), mode=mode)
    shifted = black_shift(30).of_image(np.full((40, 80, 3), 255, dtype=np.uint8))
    middle = geometry.apply([shifted])[0][10]
    assert black_shift(30).padded_share(40, 80, geometry.seen(40, 80)) == pytest.approx(share)
    assert (middle < 128).mean() == pytest.approx(share, abs=0.05)


def test_sizes_that_patches_do_not_tile_are_blocked():
    """Of a rectangle either side."""
    with pytest.raises(BlockedError, match="patches of 16 pixels"):
        Geometry((224, 224), (224, 224)).under(resolution(100), patch=16)
