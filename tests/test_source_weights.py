"""Weights and preprocessing by name, hubs that cannot be reached, `--checkpoint`."""

from __future__ import annotations

import json

import pytest

from eyechart.checkpoints.sources import open_clip as clip_source
from eyechart.checkpoints.sources import timm as source
from eyechart.errors import BlockedError, SpecError
from eyechart.fixtures.options import _with_checkpoint
from eyechart.zoo.zoo import read_zoo
from tests.torch_models import load_narrow, narrow_surroundings

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file


def test_preprocessing_by_name(tmp_path, state):
    """The paper's 256/bilinear/224 moves the numbers, so that it is another identity."""
    torch.save(state, tmp_path / "x.pth")
    native, paper = load_narrow(tmp_path, "x.pth"), load_narrow(tmp_path, "x.pth", preprocessing="paper")
    geometry = paper.resolved.preprocessing.geometry
    assert (geometry.resize, geometry.size, geometry.interpolation) == ((256, 256), (224, 224), "bilinear")
    assert paper.resolved.preprocessing.mean == native.resolved.preprocessing.mean
    assert paper.resolved.identity != native.resolved.identity
    assert load_narrow(tmp_path, "x.pth", preprocessing="native").resolved.identity == native.resolved.identity


def test_an_unknown_preprocessing_is_an_error():
    """With those there are."""
    with pytest.raises(ValueError, match="'papper' is unknown: did you mean 'paper'"):
        source.TimmSpec(source="timm", architecture="x", preprocessing="papper")
    for wrong in ({"mean": [127.5] * 3}, {"std": [1, 1, 58.4]}):
        with pytest.raises(ValueError, match=r"pixels count from 0 to 1, .* divide mean and std by 255"):
            source.TimmSpec(source="timm", architecture="x", preprocessing=wrong)


def test_a_hub_that_cannot_be_reached(tmp_path, monkeypatch):
    """What was asked for, where a copy would have been, how to do without; through both libraries."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    named = "hf-hub:nobody/nothing"
    message = r"'hf-hub:nobody/nothing'.*would be in .*models--nobody--nothing.*local-dir:.*weights: PATH.safetensors"
    with pytest.raises(BlockedError, match=message):
        source.load(source.TimmSpec(source="timm", architecture=named), narrow_surroundings(tmp_path))
    with pytest.raises(BlockedError, match=message):
        clip_source.load(
            clip_source.OpenClipSpec(source="open_clip", architecture=named), narrow_surroundings(tmp_path)
        )


def local_copy(folder, state):
    """A repository of the hub as it lies on a disk."""
    folder.mkdir(exist_ok=True)
    pretrained = {"num_classes": 3, "input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.5] * 3,
                  "first_conv": "conv1.0", "classifier": "fc"}  # fmt: skip
    config = {"architecture": "resnet10t", "num_classes": 3, "model_args": {"stem_width": 8}}
    (folder / "config.json").write_text(json.dumps({**config, "pretrained_cfg": pretrained}))
    torch.save(state, folder / "pytorch_model.bin")


def test_a_local_copy_of_a_repository_is_known_by_content(tmp_path, state):
    """`local-dir:` starts at the file's folder; other weights under the same name are another model, a copy is not."""
    local_copy(tmp_path / "net", state)
    local_copy(tmp_path / "copy", state)

    def identity(name):
        spec = source.TimmSpec(source="timm", architecture=f"local-dir:{name}")
        return source.weights(spec, tmp_path), source.load(spec, narrow_surroundings(tmp_path)).resolved.identity

    first = identity("net")
    assert identity("copy")[1] == first[1]
    local_copy(tmp_path / "net", {key: value + 1 if "fc" in key else value for key, value in state.items()})
    changed = identity("net")
    assert changed[0] != first[0]
    assert changed[1] != first[1]
    spec = source.TimmSpec(source="timm", architecture="local-dir:net")
    with pytest.raises(SpecError, match="'local-dir:net' answer with 3 classes, the label space has 4"):
        source.load(spec, narrow_surroundings(tmp_path, "abcd"))
    with pytest.raises(BlockedError, match=rf"looked for config.json and weights in {tmp_path / 'no'}, it holds no"):
        source.weights(source.TimmSpec(source="timm", architecture="local-dir:no"), tmp_path)


def test_a_repository_that_changed_on_the_hub_is_loaded_again(tmp_path, monkeypatch):
    """The commit that the hub's client noted tells, without loading anything."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    spec = source.TimmSpec(source="timm", architecture="hf-hub:some/net")
    found = {source.weights(spec, tmp_path)}
    note = tmp_path / "models--some--net/refs/main"
    note.parent.mkdir(parents=True)
    for commit in ("abc", "def"):
        note.write_text(commit)
        found.add(source.weights(spec, tmp_path))
    assert len(found) == 3


def test_a_file_is_no_pretrained_tag():
    """It goes under `weights`, where it is known by content."""
    with pytest.raises(ValueError, match=r"'old.pt' belongs under 'weights'"):
        clip_source.OpenClipSpec(source="open_clip", architecture="ViT-B-16", pretrained="old.pt")


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
    assert (clip.pretrained, clip.weights) == (found.models["clip"].pretrained, str(tmp_path / "new.pth"))


def test_a_checkpoint_is_called_like_its_file_or_candidate(tmp_path):
    """Where the file is called like the baseline, which it must stand beside."""
    (tmp_path / "net.pth").touch()
    named = [_with_checkpoint(zoo(tmp_path), ["net"], given, tmp_path, taken=baseline)[1]
             for given, baseline in (("net.pth", None), ("net.pth", "net"), ("new=net.pth", "net"))]  # fmt: skip
    assert named == [["net"], ["candidate"], ["new"]]


def test_a_checkpoint_of_a_model_without_a_file_is_an_error(tmp_path):
    """And so is a name that is taken."""
    with pytest.raises(SpecError, match="'python', which takes no weights"):
        zoo(tmp_path).with_checkpoint("code", "new", tmp_path / "new.pth")
    with pytest.raises(SpecError, match="'clip' is another model"):
        zoo(tmp_path).with_checkpoint("net", "clip", tmp_path / "new.pth")
