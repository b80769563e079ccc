"""Source `timm`: any timm architecture, with the user's own weights or the pretrained tag in its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eyechart.checkpoints.checkpoint import Checkpoint, Geometry, Preprocessing, Resolved, resize_before_crop
from eyechart.checkpoints.entries import ModelEntry, PreprocessingEntry
from eyechart.checkpoints.sources import hub
from eyechart.checkpoints.sources.base import (
    Surroundings,
    TorchAnswers,
    fill,
    read_weights,
    weights_digest,
    weights_file,
)
from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError, nearest

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "timm")


class TimmSpec(ModelEntry):
    """A timm architecture and keyword arguments for it; without `weights`, timm fetches the tag in its name."""

    source: Literal["timm"]
    architecture: str
    arguments: dict[str, Any] = {}
    weights: str | None = None


def weights(spec: TimmSpec, root: Path) -> str:
    """Identify the weights: a digest of the file's bytes, or the published tag, whose content never changes."""
    if spec.weights:
        return weights_digest(root, spec.weights)
    return f"timm:{spec.architecture}:{hub.content_of(spec.architecture, root)}"


def load(spec: TimmSpec, around: Surroundings) -> Checkpoint:
    """Build the model, fill in its weights, resolve its preprocessing.

    Raises SpecError for an unknown architecture, BlockedError where weights cannot be had or do not fit.
    """
    module = _build(spec, len(around.labels), around.root)
    note = ""
    if spec.weights:
        path = weights_file(around.root, spec.weights)
        state, note = read_weights(path)
        fill(module, state, path)
    preprocessing = _preprocessing(module, spec.preprocessing)
    resolved = Resolved(
        source="timm",
        architecture=digest(_name(spec, module), spec.arguments),
        weights=weights(spec, around.root) if spec.weights else hub.state_digest(module),
        classifier="",
        preprocessing=preprocessing,
        patch=patch_side(module),
        classes=len(around.labels),
        precision=around.precision,
    )
    answers = TorchAnswers(module, preprocessing, around, own_side(module), resized, embedded=pooled)
    return Checkpoint(resolved, answers, note, answers.features)


def _name(spec: TimmSpec, module: Any) -> str:
    """The architecture's own name, which a hub does not need to tell."""
    return str(
        module.pretrained_cfg["architecture"] if ":" in spec.architecture else spec.architecture.partition(".")[0]
    )


def _build(spec: TimmSpec, classes: int, root: Path) -> Any:
    module = _created(spec, classes, root)
    if spec.weights is None and ":" in spec.architecture:
        _require_own_head(spec, module.pretrained_cfg["num_classes"], classes)
    return module


def _require_own_head(spec: TimmSpec, own: int, classes: int) -> None:
    """Refuse another number of classes: timm would put a head of random weights in place of the published one."""
    if own != classes:
        raise SpecError(
            f"the published weights of {spec.architecture!r} answer with {own} classes, the label space has {classes}"
        )


def _created(spec: TimmSpec, classes: int, root: Path) -> Any:
    import timm

    name = spec.architecture.partition(".")[0]
    if ":" not in spec.architecture and not timm.is_model(name):
        raise SpecError(f"timm has no architecture {name!r}: {nearest(name, timm.list_models())[:300]}")
    published = None if spec.weights else timm.get_pretrained_cfg(spec.architecture)
    if published is not None:
        _require_own_head(spec, published.num_classes, classes)
    try:
        return timm.create_model(
            hub.located(spec.architecture, root),
            pretrained=spec.weights is None,
            num_classes=classes,
            **spec.arguments,
        )
    except TypeError as error:
        raise SpecError(f"timm's {name!r} does not take the arguments {spec.arguments}: {error}") from error
    except Exception as error:  # the hub's client raises many kinds when it cannot be reached
        if spec.architecture.startswith(hub.LOCAL):
            raise BlockedError(f"timm cannot load {spec.architecture!r}: {error}") from error
        if spec.weights is not None and ":" not in spec.architecture:
            raise SpecError(f"timm cannot build {name!r} with the arguments {spec.arguments}: {error}") from error
        raise hub.unreachable(f"the weights of {spec.architecture!r} through timm", spec.architecture, error) from error


def _preprocessing(module: torch.nn.Module, stated: PreprocessingEntry) -> Preprocessing:
    from timm.data.config import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(module)  # type: ignore[no-untyped-call]  # timm's
    square = config["crop_mode"] == "center" and len(set(config["input_size"][1:])) == 1
    if not square and None in (stated.resize, stated.crop):
        raise BlockedError(
            f"preprocessing of this timm model is not a square center crop: {config}. State resize and crop "
            "under `preprocessing:`"
        )
    # timm's record of an architecture does not know that `arguments` built it for another size
    size = own_side(module) or config["input_size"][1]
    geometry = Geometry(size, resize_before_crop(size, config["crop_pct"]), config["interpolation"])
    return Preprocessing(geometry, tuple(config["mean"]), tuple(config["std"])).overridden(stated)


def patch_side(module: torch.nn.Module) -> int:
    """Side in pixels of the patches that must tile the input; 1 for a network that takes any size."""
    embed = getattr(module, "patch_embed", None)
    side = getattr(embed, "patch_size", 1)
    return int(side[0] if isinstance(side, tuple | list) else side)


def own_side(module: torch.nn.Module) -> int | None:
    """Input side in pixels that a network was built for; None for one that takes any size."""
    side = getattr(getattr(module, "patch_embed", None), "img_size", None)
    return None if side is None else int(side[0])


def resized(module: Any, side: int) -> Any:
    """Set another input size; timm interpolates position embeddings, convolutional networks take any size."""
    if hasattr(module, "set_input_size"):
        module.set_input_size(img_size=(side, side))
    return module


def pooled(module: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Features of images: pooled, all of the head but its classifier, as timm itself gives them."""
    features: torch.Tensor = module.forward_head(module.forward_features(pixels), pre_logits=True)
    return features
