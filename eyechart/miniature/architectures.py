"""Builds the two kinds of network from what `models.yaml` declares, without weights."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from torch import nn


def build_timm(architecture: str, arguments: Mapping[str, Any], num_classes: int) -> "nn.Module":
    """A timm network with a classifier of `num_classes` outputs."""
    import timm

    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=num_classes, **arguments)
    return network


def build_open_clip(architecture: Mapping[str, Any]) -> "CLIP":
    """An open_clip CLIP from `embed_dim`, `vision_cfg` and `text_cfg`.

    `vision_cfg` may hold one key more than open_clip's own, `timm_arguments`: open_clip passes no arguments to a
    timm trunk, so the trunk it built is replaced by one built with them.
    """
    import timm
    from open_clip.model import CLIP

    vision = dict(architecture["vision_cfg"])
    arguments = vision.pop("timm_arguments", None)
    model = CLIP(architecture["embed_dim"], vision, dict(architecture["text_cfg"]))
    if arguments is not None:
        model.visual.trunk = timm.create_model(
            vision["timm_model_name"],
            pretrained=False,
            num_classes=architecture["embed_dim"],
            global_pool=vision["timm_pool"],
            **arguments,
        )
    return model
