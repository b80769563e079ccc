"""What open_clip cannot be told: keyword arguments of a timm trunk, and a tokenizer over merges of one's own."""

from __future__ import annotations

import copy
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer


def build(architecture: dict[str, Any]) -> Any:
    """Build an open_clip model from a configuration: a CLIP, one with a text tower of its own, or a CoCa.

    open_clip gives a timm trunk no keyword arguments, so a trunk with `timm_arguments` is built here and put in place.
    """
    import open_clip
    import timm

    config = copy.deepcopy(architecture)
    arguments = config["vision_cfg"].pop("timm_arguments", None)
    own_text_tower = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    kind = open_clip.model.CustomTextCLIP if own_text_tower else open_clip.model.CLIP
    module = (open_clip.CoCa if "multimodal_cfg" in config else kind)(**config)
    if arguments is not None:
        vision = config["vision_cfg"]
        module.visual.trunk = timm.create_model(
            vision["timm_model_name"],
            num_classes=config["embed_dim"],
            global_pool=vision.get("timm_pool", "avg"),
            **arguments,
        )
    return module


def tokenizer(merges: Path, context_length: int) -> SimpleTokenizer:
    """open_clip's byte-pair tokenizer over a merges file of one's own, plain or gzipped."""
    from open_clip.tokenizer import SimpleTokenizer

    content = merges.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        content = gzip.compress(content)  # the only form that SimpleTokenizer reads
    return SimpleTokenizer(bpe_path=io.BytesIO(content), context_length=context_length)
