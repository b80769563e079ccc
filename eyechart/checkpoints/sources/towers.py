"""What to judge instead of a timm entry whose weights name no classes: a tower of a CLIP, or a network to fine-tune."""

from __future__ import annotations

import re
from typing import Any

from eyechart.checkpoints.heads import SPACE_OF, UNREADABLE

_SIZES = {"base": "B", "large": "L", "huge": "H", "giant": "g", "gigantic": "bigG"}

FINE_TUNE = (
    "train a classifier on it and give that as `weights`, or judge its features by linear probes (source 'python' with "
    "a `features` method)"
)


def instead_of(published: Any) -> str:
    """What to do with a timm entry (a `PretrainedCfg`) without classes of its own; empty for one that has some.

    An output that is no label space of ImageNet is the embedding of a CLIP's image tower.
    """
    outputs = published.num_classes
    if outputs in SPACE_OF or outputs in UNREADABLE:
        return ""
    what = f"an embedding of {outputs} dimensions" if outputs else "features"
    named = of_open_clip(published)
    zero_shot = f"for zero-shot answers use source 'open_clip' with {named}; else " if named else ""
    return f"it gives {what} and names no classes: {zero_shot}{FINE_TUNE}"


def of_open_clip(published: Any) -> str:
    """How open_clip names the CLIP that a timm entry is the image tower of, in words of `models.yaml`; or empty."""
    import open_clip

    pairs = open_clip.list_pretrained()
    repository = (published.hf_hub_id or "").rstrip("/")
    same = [(name, tag) for name, tag in pairs if _repository(name, tag) == repository != ""]
    if same:
        return f"architecture: {same[0][0]}, pretrained: {same[0][1]}"
    tower = published.architecture.replace("_gap", "")
    architectures = [name for name in open_clip.list_models() if _trunk(open_clip.get_model_config(name)) == tower]
    architectures = architectures or _vit(tower, open_clip.list_models())
    second = str(published.tag).startswith("v2")
    architectures = [name for name in architectures if ("SigLIP2" in name) == second] or architectures
    tags = sorted({tag for name, tag in pairs if name in architectures})
    is_clip = published.num_classes or "clip" in tower or ("siglip" in tower and "webli" in str(published.tag))
    if not is_clip or not tags:
        return ""
    one_of = "one of " * (len(tags) > 1)
    return f"architecture: {' or '.join(architectures)}, pretrained: {one_of}{', '.join(tags)}"


def _repository(architecture: str, tag: str) -> str:
    import open_clip

    return str(open_clip.get_pretrained_cfg(architecture, tag).get("hf_hub", "")).rstrip("/")


def _trunk(config: Any) -> str:
    return str(config["vision_cfg"].get("timm_model_name", ""))


def _vit(architecture: str, names: list[str]) -> list[str]:
    """OpenAI's ViTs and ResNets, which open_clip builds itself: `vit_base_patch16_clip_224` is ViT-B-16."""
    if found := re.fullmatch(r"vit_(\w+?)_patch(\d+)_clip(_quickgelu)?_(\d+)", architecture):
        size, patch, quick, side = found.groups()
        side = "" if side == "224" else f"-{side}"
        name = f"ViT-{_SIZES.get(size, size)}-{patch}{side}{'-quickgelu' if quick else ''}"
    elif found := re.fullmatch(r"resnet(\d+(?:x\d+)?)_clip", architecture):
        name = f"RN{found[1]}"
    else:
        return []
    return [name] if name in names else []
