"""Tiny torch models with random weights, saved and loaded as a user's own would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eyechart.checkpoints.checkpoint import Checkpoint
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.checkpoints.sources.base import Surroundings
from eyechart.checkpoints.sources.open_clip import OpenClipSpec
from eyechart.checkpoints.sources.timm import TimmSpec
from eyechart.images.labels import LabelSpace, named_space
from eyechart.store import Store

LABELS = LabelSpace("own", ("bolt", "nut", "washer", "gear", "spring"))
MERGES = Path(__file__).parents[1] / "eyechart" / "miniature" / "merges.txt"

VIT = {"architecture": "vit_tiny_patch16_224",
       "arguments": {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 1, "num_heads": 3}}  # fmt: skip
CONVNEXT = {"architecture": "convnext_atto", "arguments": {"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 8]}}
TIMM_MODELS = {"vit": VIT, "convnext": CONVNEXT, "resnet": {"architecture": "resnet10t"}}

TEXT = {"context_length": 16, "vocab_size": 707, "width": 32, "heads": 2, "layers": 1}
NATIVE = {"embed_dim": 16, "text_cfg": TEXT,
          "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16}}  # fmt: skip
TRUNK = {
    "embed_dim": 16, "text_cfg": TEXT,
    "vision_cfg": {"timm_model_name": VIT["architecture"], "timm_pool": "avg", "timm_proj": "", "image_size": 32,
                   "timm_arguments": {**VIT["arguments"], "class_token": False}},
}  # fmt: skip
CLIPS = {"native": NATIVE, "trunk": TRUNK}


def surroundings(folder: Path, **changes: Any) -> Surroundings:
    """A CPU, full precision, and a store in the same folder."""
    usual = {"root": folder, "labels": LABELS, "device": "cpu", "precision": "fp32", "cached": Store(folder).array}
    return Surroundings(**{**usual, **changes})


def save_timm(folder: Path, seed: int = 0, **entry: Any) -> TimmSpec:
    """Write random weights of a timm architecture; returns the entry that loads them."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    made = timm.create_model(entry["architecture"], num_classes=len(LABELS), **entry.get("arguments", {}))
    save_file(made.state_dict(), folder / "timm.safetensors")
    return TimmSpec(source="timm", weights="timm.safetensors", **entry)


NARROW = {"architecture": "resnet10t", "arguments": {"stem_width": 8}}
"""A network of three classes, whose weights are saved in many forms."""

BATCH = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
"""What it is asked."""


def narrow_state() -> dict[str, Any]:
    """Its random weights."""
    import timm
    import torch

    torch.manual_seed(0)
    state: dict[str, Any] = timm.create_model("resnet10t", num_classes=3, stem_width=8).state_dict()
    return state


def narrow_surroundings(folder: Path, classes: str = "abc") -> Surroundings:
    """Surroundings of a model that is declared in `folder`."""
    return Surroundings(folder, named_space(classes), "cpu", "fp32", lambda _, compute: compute())


def load_narrow(folder: Path, name: str, **more: Any) -> Checkpoint:
    """Load it from a file as models.yaml would declare it."""
    spec = TimmSpec(source="timm", weights=name, **{**NARROW, **more})
    return timm_source.load(spec, narrow_surroundings(folder))


def save_clip(folder: Path, architecture: dict[str, Any], **entry: Any) -> OpenClipSpec:
    """Write random weights of an open_clip configuration; returns the entry that loads them."""
    import torch
    from safetensors.torch import save_file

    from eyechart.checkpoints.clip import build

    torch.manual_seed(0)
    state = {key: value.clone() for key, value in build(architecture).state_dict().items()}
    save_file(state, folder / "clip.safetensors")
    return OpenClipSpec(source="open_clip", architecture=architecture, weights="clip.safetensors", merges=str(MERGES),
                        **{"prompts": ("a {}", "the {}"), **entry})  # fmt: skip


def photos() -> list[np.ndarray]:
    """Noise in the sizes and shapes of photos, odd ones among them."""
    draw = np.random.default_rng(0)
    sizes = [(32, 32), (33, 47), (101, 67), (240, 173), (25, 90), (31, 31), (64, 64)]
    return [draw.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
