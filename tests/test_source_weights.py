"""Weights as training scripts leave them, preprocessing by name, hubs that cannot be reached, `--checkpoint`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eyechart.errors import BlockedError, SpecError
from eyechart.labels import named_space
from eyechart.sources import open_clip as clip_source
from eyechart.sources import timm as source
from eyechart.sources.base import Surroundings, fill, read_weights, unwrapped
from eyechart.zoo import read_zoo

torch = pytest.importorskip("torch")

ARCHITECTURE = {"architecture": "resnet10t", "arguments": {"stem_width": 8}}
BATCH = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def state():
    """Weights of a small network."""
    import timm

    torch.manual_seed(0)
    return timm.create_model("resnet10t", num_classes=3, stem_width=8).state_dict()


def around(folder, classes: str = "abc"):
    """Surroundings of a model that is declared in `folder`."""
    return Surroundings(folder, named_space(classes), "cpu", "fp32", lambda _, compute: compute())


def load(folder, name, **more):
    """Load a network as models.yaml would declare it."""
    spec = source.TimmSpec(source="timm", weights=name, **{**ARCHITECTURE, **more})
    return source.load(spec, around(folder))


def test_wrappers_and_prefixes_are_recognized_and_reported(tmp_path, state):
    """Averaged weights are taken where there are some; all forms are the same network, and the file its identity."""
    other = {key: value * 0 for key, value in state.items()}
    parallel = {f"module.{key}": value for key, value in state.items()}
    forms = {
        "plain": (state, ""),
        "wrapped": ({"state_dict": state, "epoch": 3}, "taken from 'state_dict'"),
        "ema": ({"model": other, "model_ema": state, "optimizer": {}}, "taken from 'model_ema'"),
        "parallel": ({"model": parallel}, "taken from 'model', prefix 'module.' removed"),
        "compiled": ({f"_orig_mod.module.{key}": value for key, value in state.items()},
                     "prefix '_orig_mod.' removed, prefix 'module.' removed"),
    }  # fmt: skip
    answers, identities = [], set()
    for name, (content, note) in forms.items():
        torch.save(content, tmp_path / f"{name}.pth")
        made = load(tmp_path, f"{name}.pth")
        assert made.note == note
        answers.append(made.answer(BATCH))
        identities.add(made.resolved.identity)
    assert all(np.array_equal(each, answers[0]) for each in answers)
    assert len(identities) == len(forms)


def test_a_file_without_a_state_dict_is_blocked(tmp_path):
    """With what it holds."""
    torch.save({"optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"expected a state dict.*'optimizer', 'epoch'"):
        read_weights(tmp_path / "x.pth")
    assert unwrapped({}) == (None, "")


def test_missing_and_unexpected_keys_are_listed(tmp_path, state):
    """With the nearest match."""
    renamed = {key.replace("fc.weight", "fc.wieght"): value for key, value in state.items()}
    torch.save(renamed, tmp_path / "x.pth")
    with pytest.raises(BlockedError, match=r"unexpected 'fc.wieght' \(did you mean 'fc.weight'.*missing 'fc.weight'"):
        load(tmp_path, "x.pth")


def test_another_number_of_classes_is_listed(state):
    """By the shape of the head."""
    import timm

    module = timm.create_model("resnet10t", num_classes=4, stem_width=8)
    from pathlib import Path

    with pytest.raises(BlockedError, match=r"'fc.bias' has shape \(3,\), the architecture needs \(4,\)"):
        fill(module, state, Path("x.pth"))


def test_preprocessing_by_name(tmp_path, state):
    """The paper's 256/bilinear/224 moves the numbers, so that it is another identity."""
    torch.save(state, tmp_path / "x.pth")
    native, paper = load(tmp_path, "x.pth"), load(tmp_path, "x.pth", preprocessing="paper")
    geometry = paper.resolved.preprocessing.geometry
    assert (geometry.resize, geometry.size, geometry.interpolation) == (256, 224, "bilinear")
    assert paper.resolved.preprocessing.mean == native.resolved.preprocessing.mean
    assert paper.resolved.identity != native.resolved.identity
    assert load(tmp_path, "x.pth", preprocessing="native").resolved.identity == native.resolved.identity


def test_an_unknown_preprocessing_is_an_error():
    """With those there are."""
    with pytest.raises(ValueError, match="'papper' is unknown: did you mean 'paper'"):
        source.TimmSpec(source="timm", architecture="x", preprocessing="papper")


def test_a_hub_that_cannot_be_reached(tmp_path, monkeypatch):
    """What was asked for, where a copy would have been, how to do without; through both libraries."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    named = "hf-hub:nobody/nothing"
    message = r"'hf-hub:nobody/nothing'.*would be in .*weights: PATH.safetensors"
    with pytest.raises(BlockedError, match=message):
        source.load(source.TimmSpec(source="timm", architecture=named), around(tmp_path))
    with pytest.raises(BlockedError, match=message):
        clip_source.load(clip_source.OpenClipSpec(source="open_clip", architecture=named), around(tmp_path))


def zoo(folder):
    """A zoo with a model of each kind."""
    models = {
        "net": {"source": "timm", "architecture": "resnet10t", "weights": "old.pth",
                "known_failures": {"test_calibration.py::x[y]": "overconfident"}},
        "clip": {"source": "open_clip", "architecture": "ViT-B-16", "pretrained": "laion400m_e31"},
        "code": {"source": "python", "factory": "a:b", "version": "1"},
    }  # fmt: skip
    sets = {"validation": {"role": "validation", "reader": "rendered"}}
    (folder / "models.yaml").write_text(json.dumps({"zoos": {"mine": {"image_sets": sets, "models": models}}}))
    return read_zoo(folder / "models.yaml", "mine")


def test_a_checkpoint_inherits_all_but_the_weights(tmp_path):
    """Architecture, preprocessing, known failures; the old model is still there to compare with."""
    found = zoo(tmp_path).with_checkpoint("net", "new", tmp_path / "new.pth")
    assert found.models["new"].weights == str(tmp_path / "new.pth")
    assert found.models["new"].known_failures == found.models["net"].known_failures
    assert found.models["net"].weights == "old.pth"
    clip = found.with_checkpoint("clip", "new-clip", tmp_path / "new.pth").models["new-clip"]
    assert (clip.pretrained, clip.weights) == (None, str(tmp_path / "new.pth"))


def test_a_checkpoint_of_a_model_without_a_file_is_an_error(tmp_path):
    """And so is a name that is taken."""
    with pytest.raises(SpecError, match="'python', which takes no weights"):
        zoo(tmp_path).with_checkpoint("code", "new", tmp_path / "new.pth")
    with pytest.raises(SpecError, match="'clip' is another model"):
        zoo(tmp_path).with_checkpoint("net", "clip", tmp_path / "new.pth")
