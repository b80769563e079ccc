"""Frozen features: what a model's own classifier sees, by the module that answers, or a reason why there are none."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from eyechart.checkpoints import clip
from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.checkpoints.sources import open_clip as open_clip_source
from eyechart.checkpoints.sources import python as python_source
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.checkpoints.sources.base import TorchAnswers
from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.views import ORIGINAL, relative_resolution
from tests.torch_models import CLIPS, LABELS, TIMM_MODELS, photos, save_clip, save_timm, surroundings

pytestmark = pytest.mark.slow


def seen(checkpoint: Checkpoint, view=ORIGINAL):
    """The pictures as the checkpoint's batch, and as the normalized tensor that its module gets."""
    import torch

    batch = checkpoint.resolved.geometry(view).apply(photos())
    preprocessing = checkpoint.resolved.preprocessing
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    return batch, (torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - mean) / std


@pytest.mark.parametrize("name", TIMM_MODELS)
def test_features_of_timm_are_timms_own(name, tmp_path):
    """Those of timm's model without its classifier; and its classifier makes the checkpoint's logits of them."""
    import timm
    import torch
    from safetensors.torch import load_file

    entry = TIMM_MODELS[name]
    checkpoint = timm_source.load(save_timm(tmp_path, **entry), surroundings(tmp_path))
    own = timm.create_model(entry["architecture"], num_classes=len(LABELS), **entry.get("arguments", {})).eval()
    own.load_state_dict(load_file(tmp_path / "timm.safetensors"))
    batch, pixels = seen(checkpoint)
    features = checkpoint.features(batch)
    with torch.inference_mode():
        classified = own.get_classifier()(torch.from_numpy(features)).numpy()
        own.reset_classifier(0)
        expected = own(pixels).numpy()
    assert features.dtype == np.float32
    assert features.shape == (len(photos()), own.num_features)
    assert np.allclose(features, expected, atol=1e-5)
    assert np.allclose(classified, checkpoint.answer(batch), atol=1e-5)
    assert np.ptp(features, axis=0).max() > 0, "the pictures must differ in their features"


@pytest.mark.parametrize("name", CLIPS)
def test_features_of_open_clip_are_its_own(name, tmp_path):
    """Those of encode_image, not normalized: what length they have is the probe's to judge."""
    import torch
    from safetensors.torch import load_file

    checkpoint = open_clip_source.load(save_clip(tmp_path, CLIPS[name]), surroundings(tmp_path))
    own = clip.build(CLIPS[name]).eval()
    own.load_state_dict(load_file(tmp_path / "clip.safetensors"))
    batch, pixels = seen(checkpoint)
    with torch.inference_mode():
        expected = own.encode_image(pixels).numpy()
    features = checkpoint.features(batch)
    assert features.shape == (len(photos()), 16)
    assert np.allclose(features, expected, atol=1e-5)
    assert not np.allclose(np.linalg.norm(features, axis=1), 1, atol=0.01)


@pytest.mark.parametrize("source", ["timm", "open_clip"])
def test_features_are_of_the_module_that_answers(source, tmp_path, monkeypatch):
    """At another resolution too: a side is built once, whether it is asked for logits or for features."""
    if source == "timm":
        checkpoint = timm_source.load(save_timm(tmp_path, **TIMM_MODELS["vit"]), surroundings(tmp_path))
    else:
        checkpoint = open_clip_source.load(save_clip(tmp_path, CLIPS["native"]), surroundings(tmp_path))
    answers = checkpoint.forward
    made, real = [], answers._resized
    monkeypatch.setattr(answers, "_resized", lambda module, side: made.append(side) or real(module, side))
    batch, _ = seen(checkpoint, relative_resolution(1.5))
    assert checkpoint.features(batch).shape[0] == checkpoint.answer(batch).shape[0] == len(batch)
    assert made == [(48, 48)]
    assert checkpoint.embed.__self__ is answers


def test_features_are_float32_at_any_precision(tmp_path):
    """At bf16 they are those of fp32 to its precision, and others in their bits."""
    spec = save_timm(tmp_path, **TIMM_MODELS["vit"])
    full, half = (timm_source.load(spec, surroundings(tmp_path, precision=kind)) for kind in ("fp32", "bf16"))
    batch, _ = seen(full)
    assert half.features(batch).dtype == np.float32
    assert np.allclose(half.features(batch), full.features(batch), atol=0.1)
    assert not np.array_equal(half.features(batch), full.features(batch))


BATCH = np.zeros((2, 8, 8, 3), dtype=np.uint8)
RESOLVED = Resolved("timm", "", "", "", Preprocessing(Geometry((8, 8), (8, 8)), (0.5,) * 3, (0.5,) * 3), 1, 3, "fp32")


def embedding(embedded) -> Checkpoint:
    """A checkpoint around a batch normalization, with these features."""
    import torch

    around = surroundings(None, cached=None)
    answers = TorchAnswers(torch.nn.BatchNorm2d(3), RESOLVED.preprocessing, around, (8, 8), None, embedded=embedded)
    return Checkpoint(RESOLVED, answers, embed=answers.features)


def test_features_are_made_in_eval_and_inference_mode():
    """A model that trains while it embeds, or whose features carry a gradient, is refused."""
    import torch

    assert embedding(lambda module, pixels: module(pixels).mean((2, 3))).features(BATCH).shape == (2, 3)
    with pytest.raises(BlockedError, match=r"its features failed: .*must answer in eval"):
        embedding(lambda module, pixels: module.train()(pixels).mean((2, 3))).features(BATCH)

    def escapes(module, pixels):
        with torch.inference_mode(mode=False):
            return torch.zeros(2, 3)

    with pytest.raises(BlockedError, match=r"its features failed: .*inference_mode"):
        embedding(escapes).features(BATCH)


@pytest.mark.parametrize("shape", [(2,), (1, 3), (2, 0), (2, 3, 4, 4)])
def test_features_of_another_shape_are_refused(shape):
    """One row of numbers an image, and at least one number."""
    checkpoint = Checkpoint(RESOLVED, lambda batch: batch, embed=lambda batch: np.zeros(shape, dtype=np.float32))
    with pytest.raises(BlockedError, match=r"gave 2 images features of shape .*, a probe needs \(2, dimensions\)"):
        checkpoint.features(BATCH)


class Answers:
    """A user's own model."""

    def __call__(self, images):
        """Give everything the same logits."""
        return np.zeros((len(images), 3))


class Embeds(Answers):
    """One that has features too."""

    def features(self, images):
        """Give each image its mean color."""
        return images.mean(axis=(1, 2))


def loaded(factory: str, tmp_path) -> Checkpoint:
    """A checkpoint of source python."""
    spec = python_source.PythonSpec(source="python", factory=f"tests.test_features:{factory}", version="1")
    return python_source.load(spec, surroundings(tmp_path, labels=LABELS))


def test_a_callable_with_features(tmp_path):
    """A method `features` gets the images that the callable gets."""
    features = loaded("Embeds", tmp_path).features(BATCH + np.uint8(7))
    assert features.dtype == np.float32
    assert np.array_equal(features, np.full((2, 3), 7))


def test_a_callable_without_features_says_how_to_give_them(tmp_path):
    """What is lacking, and where to add it; the record of what it resolved to says so without loading it."""
    checkpoint = loaded("Answers", tmp_path)
    with pytest.raises(NotApplicableError, match=r"test_features:Answers' returns has no `features`: give it a method"):
        checkpoint.features(BATCH)
    record = asdict(checkpoint.resolved)
    assert Resolved.from_json(record).no_features == checkpoint.resolved.no_features != ""
    assert loaded("Embeds", tmp_path).resolved.no_features == ""


def test_an_onnx_graph_has_none(tmp_path):
    """The reason names a source that has."""
    pytest.importorskip("onnx")
    from tests import test_source_onnx as graphs

    checkpoint = graphs.load(graphs.graph(tmp_path / "net.onnx", ["n", 3, 4, 4]))
    with pytest.raises(NotApplicableError, match=r"does not say which .* source 'python'"):
        checkpoint.features(graphs.BATCH)
    with pytest.raises(NotApplicableError, match="source 'timm' gives no features"):
        Checkpoint(RESOLVED, lambda batch: batch).features(BATCH)


def test_having_features_decides_no_answer():
    """Predictions stored before stay valid: the identity does not know, and older records are read."""
    assert replace(RESOLVED, no_features="because").identity == RESOLVED.identity
    older = asdict(RESOLVED)
    del older["no_features"]
    assert Resolved.from_json(older) == RESOLVED
