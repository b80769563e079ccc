"""Source timm on random weights: what the model sees and answers is what timm itself makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from eyechart.checkpoints.sources import timm as source
from eyechart.errors import BlockedError
from eyechart.images.views import ORIGINAL, relative_resolution
from tests.torch_models import CONVNEXT, LABELS, TIMM_MODELS, VIT, photos, save_timm, surroundings

pytestmark = pytest.mark.slow


@pytest.fixture(params=TIMM_MODELS)
def loaded(request, tmp_path):
    """A checkpoint, and timm's own model with the same weights."""
    import timm
    from safetensors.torch import load_file

    entry = TIMM_MODELS[request.param]
    spec = save_timm(tmp_path, **entry)
    own = timm.create_model(entry["architecture"], num_classes=len(LABELS), **entry.get("arguments", {}))
    own.load_state_dict(load_file(tmp_path / "timm.safetensors"))
    return source.load(spec, surroundings(tmp_path)), own.eval()


def transform_of(module, side: int | None = None):
    """Timm's own evaluation transform of a model, as a function of a picture, before and with normalization."""
    from timm.data import create_transform, resolve_model_data_config

    config = resolve_model_data_config(module)
    if side is not None:
        config["input_size"] = (3, *side)
    whole = create_transform(**config, is_training=False)
    geometry = whole.transforms[:2]

    def before(picture):
        image = Image.fromarray(picture)
        for step in geometry:
            image = step(image)
        return np.asarray(image)

    return before, lambda picture: whole(Image.fromarray(picture))


def test_pixels_are_timms_own_to_the_bit(loaded):
    """Pictures of any size and shape are resized and cropped as timm's create_transform does."""
    checkpoint, own = loaded
    geometry = checkpoint.resolved.geometry(ORIGINAL)
    before, _ = transform_of(own, geometry.size)
    for picture in photos():
        assert np.array_equal(geometry.apply([picture])[0], before(picture)), picture.shape


def test_answers_are_timms_own(loaded):
    """Normalization included: the checkpoint's logits are those of timm's model on timm's tensors."""
    import torch

    checkpoint, own = loaded
    _, whole = transform_of(own, checkpoint.resolved.preprocessing.geometry.size)
    with torch.inference_mode():
        expected = own(torch.stack([whole(picture) for picture in photos()])).numpy()
    answers = checkpoint(photos())
    assert answers.dtype == np.float32
    assert np.allclose(answers, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0, "the pictures must differ in their answers"


def test_another_resolution_is_timms_own_resampling(tmp_path):
    """At 1.5 times its size a ViT's position embeddings are those that timm interpolates."""
    import timm
    import torch
    from safetensors.torch import load_file
    from timm.layers import resample_abs_pos_embed

    checkpoint = source.load(save_timm(tmp_path, **VIT), surroundings(tmp_path))
    state = load_file(tmp_path / "timm.safetensors")
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [6, 6], [4, 4], num_prefix_tokens=1)
    larger = timm.create_model(VIT["architecture"], num_classes=len(LABELS), **{**VIT["arguments"], "img_size": 48})
    larger.load_state_dict(state)
    geometry = checkpoint.resolved.geometry(relative_resolution(1.5))
    assert geometry.size == (48, 48)
    batch = geometry.apply(photos())
    pixels = torch.from_numpy(batch).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (larger.default_cfg["mean"], larger.default_cfg["std"]))
        expected = larger.eval()((pixels - mean) / std).numpy()
    native = checkpoint(photos())
    assert np.allclose(checkpoint(photos(), relative_resolution(1.5)), expected, atol=1e-5)
    assert np.array_equal(checkpoint(photos()), native), "the native size is as before"


def test_a_model_built_for_another_size_sees_that_size(tmp_path):
    """Timm's record says 224 pixels, the arguments 32: the model sees 32, and is not interpolated in silence."""
    assert source.load(save_timm(tmp_path, **VIT), surroundings(tmp_path)).resolved.preprocessing.geometry.size == (
        32,
        32,
    )


def test_models_yaml_may_restate_the_preprocessing(tmp_path):
    """Each part that is stated replaces the library's; parts that are not stay."""
    spec = save_timm(tmp_path, **CONVNEXT, preprocessing={"resize": 40, "crop": 32, "mean": [0.5, 0.5, 0.5]})
    made = source.load(spec, surroundings(tmp_path)).resolved.preprocessing
    assert (made.geometry.resize, made.geometry.size, made.mean) == ((40, 40), (32, 32), (0.5, 0.5, 0.5))
    assert made.std == (0.229, 0.224, 0.225)


def test_a_torch_file_of_tensors_is_read_like_safetensors(tmp_path):
    """torch.save of a state dict is accepted, and gives the same answers."""
    import torch
    from safetensors.torch import load_file

    spec = save_timm(tmp_path, **CONVNEXT)
    torch.save(load_file(tmp_path / "timm.safetensors"), tmp_path / "timm.pth")
    other = spec.model_copy(update={"weights": "timm.pth"})
    one, two = (source.load(each, surroundings(tmp_path))(photos()) for each in (spec, other))
    assert np.array_equal(one, two)


def test_a_compiled_module_is_another_checkpoint_with_nearly_the_same_answers(tmp_path, monkeypatch):
    """Compiled once a size, for logits only; what torch cannot compile is blocked, with the option to leave out."""
    import torch

    calls, backend = [], ["eager"]  # inductor, the usual one, takes half a minute
    compiling = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module: calls.append(0) or compiling(module, backend=backend[0]))
    spec = save_timm(tmp_path, **CONVNEXT)
    plain = source.load(spec, surroundings(tmp_path))
    compiled = source.load(spec, surroundings(tmp_path, precision="fp32 compiled"))
    assert compiled.resolved.identity != plain.resolved.identity
    assert np.allclose(compiled(photos()), plain(photos()), atol=1e-5)
    assert np.array_equal(compiled(photos()), compiled(photos()))
    assert len(calls) == 1
    batch = compiled.resolved.geometry(ORIGINAL).apply(photos())
    assert np.array_equal(compiled.features(batch), plain.features(batch))
    assert compiled.effort() == plain.effort()
    backend[0] = lambda graph, inputs: 1 / 0
    with pytest.raises(BlockedError, match=r"torch cannot compile it here \(.*\): leave out --compile"):
        source.load(spec, surroundings(tmp_path, precision="fp32 compiled"))(photos())


def test_two_checkpoints_of_one_class_are_not_confused(tmp_path):
    """Other weights are another identity; the same weights under another file name are not."""
    spec = save_timm(tmp_path, **CONVNEXT)
    one = source.load(spec, surroundings(tmp_path)).resolved
    (tmp_path / "copy.safetensors").write_bytes((tmp_path / "timm.safetensors").read_bytes())
    copy = source.load(spec.model_copy(update={"weights": "copy.safetensors"}), surroundings(tmp_path)).resolved
    other = source.load(save_timm(tmp_path, seed=1, **CONVNEXT), surroundings(tmp_path)).resolved
    assert copy.identity == one.identity
    assert other.identity != one.identity
