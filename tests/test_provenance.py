"""Whose preprocessing and activation a weights file gets: a tag's, what all tags agree on, or none in silence."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from eyechart.checkpoints.preprocessing import Preprocessing
from eyechart.checkpoints.sources import open_clip as source
from eyechart.checkpoints.sources import tags
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.errors import BlockedError, SpecError
from tests.torch_models import NATIVE, photos, save_timm, surroundings

USUAL = {"mean": (0.48, 0.45, 0.4), "std": (0.26, 0.26, 0.27), "interpolation": "bicubic", "resize_mode": "shortest"}
SIGLIP = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "interpolation": "bicubic", "resize_mode": "squash"}
STATED = {
    "resize": 32,
    "crop": 32,
    "crop_mode": "center",
    "interpolation": "bicubic",
    "mean": (0.1,) * 3,
    "std": (1,) * 3,
}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Register a tiny architecture `Tiny` with open_clip, and the tags that a test gives it."""
    import open_clip

    config = {**NATIVE, "text_cfg": {**NATIVE["text_cfg"], "vocab_size": 49408}}
    (tmp_path / "Tiny.json").write_text(json.dumps(config))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", [*open_clip.factory._MODEL_CONFIG_PATHS, tmp_path])
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    open_clip.add_model_config(tmp_path / "Tiny.json")
    return lambda **known: monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "Tiny", known)


def saved(folder, *, quick_gelu: bool = False, openai: bool = False):
    """Write weights of Tiny as a training script would; returns the model they are of."""
    import open_clip
    import torch

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = open_clip.create_model("Tiny", load_weights=False, force_quick_gelu=quick_gelu).eval()
    state = dict(module.state_dict())
    if openai:
        state |= {key: torch.tensor(number) for key, number in zip(sorted(tags.OPENAI_KEYS), (77, 224, 1), strict=True)}
    torch.save(state, folder / "tiny.pt")
    return module


def loaded(folder, **more):
    """Load the file as a named architecture's weights."""
    entry = {"architecture": "Tiny", "weights": "tiny.pt", "prompts": ("a {}",), **more}
    return source.load(source.OpenClipSpec(source="open_clip", **entry), surroundings(folder))


def test_a_stated_tag_says_how_images_are_prepared(published, tmp_path):
    """The file's weights, the tag's squash and mean; nothing is assumed."""
    published(openai=USUAL, webli=SIGLIP)
    saved(tmp_path)
    checkpoint = loaded(tmp_path, pretrained="webli")
    assert checkpoint.resolved.preprocessing.geometry.mode == "squash"
    assert checkpoint.resolved.preprocessing.mean == (0.5, 0.5, 0.5)
    assert checkpoint.resolved.assumed == ""
    with pytest.raises(SpecError, match=r"has no weights 'webly' of 'Tiny'.*webli"):
        loaded(tmp_path, pretrained="webly")


def test_what_all_tags_share_is_taken_and_said(published, tmp_path):
    """A file of an architecture that was only ever trained on squashed images is given those."""
    published(one=SIGLIP, two=SIGLIP)
    saved(tmp_path)
    resolved = loaded(tmp_path).resolved
    assert resolved.preprocessing.geometry.mode == "squash"
    assert resolved.assumed == "the preprocessing of all of open_clip's weights of 'Tiny' is taken"


def test_where_tags_differ_nothing_is_guessed(published, tmp_path):
    """The model is blocked with the choices, unless models.yaml says it all."""
    published(openai=USUAL, webli=SIGLIP)
    saved(tmp_path)
    with pytest.raises(BlockedError, match=r"2 kinds of preprocessing.*State `pretrained:`.*openai .*webli \(squash"):
        loaded(tmp_path)
    resolved = loaded(tmp_path, preprocessing=STATED).resolved
    assert (resolved.preprocessing.mean, resolved.assumed) == ((0.1, 0.1, 0.1), "")


def test_quick_gelu_follows_the_tag_and_the_file(published, tmp_path):
    """OpenAI's weights answer in either activation, and rightly in one: the tag tells, and so do OpenAI's own files."""
    import torch

    published(openai={**USUAL, "quick_gelu": True}, laion=USUAL)
    module = saved(tmp_path, quick_gelu=True, openai=True)
    pixels = torch.from_numpy(np.stack([photos()[0]])).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = module.visual(pixels).numpy()

    def features(**more):
        checkpoint = loaded(tmp_path, **more)
        visual = checkpoint.forward._module.visual
        with torch.inference_mode():
            return checkpoint.resolved, visual(pixels).numpy()

    known, from_file = features()
    assert np.allclose(from_file, expected)
    assert known.assumed == ""
    saved(tmp_path, quick_gelu=True)
    by_tag, tagged = features(pretrained="openai")
    assert np.allclose(tagged, expected)
    guessed, wrong = features()
    assert not np.allclose(wrong, expected)
    assert "GELU is taken (QuickGELU, which openai need, would be said by `pretrained:`)" in guessed.assumed
    assert by_tag.identity != guessed.identity


def test_the_activation_stays_at_another_resolution(published, tmp_path):
    """The model that is built for a larger input is built like the first."""
    published(openai={**USUAL, "quick_gelu": True})
    saved(tmp_path, quick_gelu=True)
    answers = loaded(tmp_path, pretrained="openai").forward
    kinds = [{type(part).__name__ for part in answers._at(size).modules()} for size in ((32, 32), (48, 48))]
    assert all("QuickGELU" in kind for kind in kinds)


def test_the_counts_of_the_library_are_what_they_were():
    """Of open_clip's architectures with tags three disagree; a library that adds one is looked at again."""
    import open_clip

    differing = set()
    for architecture in {name for name, _ in open_clip.list_pretrained()}:
        try:
            known = tags.provenance(architecture, None, stated=False)
        except BlockedError:
            differing.add(architecture)
            continue
        assert known.preprocessing.keys() == set(tags.PREPROCESSING), architecture
        assert architecture in known.assumed
    assert {"ViT-L-14", "ViT-H-14", "ViT-H-14-quickgelu"} <= differing
    assert tags.provenance("ViT-B-16-SigLIP", None, stated=False).preprocessing["resize_mode"] == "squash"
    assert tags.provenance("MobileCLIP-S1", None, stated=False).preprocessing["mean"] == (0.0, 0.0, 0.0)


def test_a_timm_architecture_without_a_tag_says_whose_preprocessing_it_got(tmp_path):
    """Plain `resnet10t` gets that of timm's first tag; a tag, or a full statement, leaves nothing to assume."""
    spec = save_timm(tmp_path, architecture="resnet10t")

    def load(**more):
        return timm_source.load(timm_source.TimmSpec(**{**spec.model_dump(), **more}), surroundings(tmp_path)).resolved

    assumed = load()
    assert assumed.assumed.startswith(
        "its preprocessing is not stated: that of timm's resnet10t.c3_in1k is taken (center"
    )
    assert str(assumed.preprocessing) in assumed.assumed
    assert load(pretrained="c3_in1k").assumed == load(architecture="resnet10t.c3_in1k").assumed == ""
    assert load(preprocessing=STATED).assumed == ""
    with pytest.raises(SpecError, match=r"timm has no tag 'resnet10t.c4_in1k'.*c3_in1k"):
        load(pretrained="c4_in1k")
    with pytest.raises(ValueError, match="give one"):
        load(architecture="resnet10t.c3_in1k", pretrained="c3_in1k")


def test_a_preprocessing_reads_as_a_line():
    """For messages, and for the reader of a verdict."""
    data = {"geometry": {"size": 224, "resize": [256, 240]}, "mean": (0.5,), "std": (0.25,)}
    assert str(Preprocessing.from_json(data)) == "center crop 224 of 256 x 240, bicubic, mean (0.5), std (0.25)"
