"""Source `timm`: any timm architecture, with the user's own weights or the pretrained tag in its name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from eyechart.checkpoints import heads
from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.entries import ModelEntry, PreprocessingEntry
from eyechart.checkpoints.preprocessing import BLACK, Geometry, Preprocessing, Size, gray_of, resize_before_crop, square
from eyechart.checkpoints.sources import hub, towers
from eyechart.checkpoints.sources.base import (
    Surroundings,
    TorchAnswers,
    read_weights,
    weights_digest,
    weights_file,
)
from eyechart.checkpoints.sources.state_dicts import Converter, fill
from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError, nearest

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "timm")


class TimmSpec(ModelEntry):
    """A timm architecture and keyword arguments for it; without `weights`, timm fetches the tag in its name.

    The tag may also stand under `pretrained`. Beside `weights` it says whose preprocessing the file was trained with.
    """

    source: Literal["timm"]
    architecture: str
    arguments: dict[str, Any] = {}
    weights: str | None = None
    pretrained: str | None = None

    @model_validator(mode="after")
    def _one_tag(self) -> TimmSpec:
        if self.pretrained is not None and (":" in self.architecture or "." in self.architecture):
            raise ValueError(f"'pretrained' names a tag, and so does the architecture {self.architecture!r}: give one")
        return self

    @property
    def named(self) -> str:
        """The architecture with its tag, as timm writes them."""
        return f"{self.architecture}.{self.pretrained}" if self.pretrained else self.architecture


def weights(spec: TimmSpec, root: Path) -> str:
    """Identify the weights: a digest of the file's bytes, or the published tag, whose content never changes."""
    if spec.weights:
        return weights_digest(root, spec.weights)
    return f"timm:{spec.named}:{hub.content_of(spec.named, root)}"


def load(spec: TimmSpec, around: Surroundings) -> Checkpoint:
    """Build the model, fill in its weights, resolve its preprocessing.

    Raises SpecError for an unknown architecture, BlockedError where weights cannot be had or do not fit.
    """
    module = _build(spec, len(around.labels), around.root)
    note = ""
    if spec.weights:
        path = weights_file(around.root, spec.weights)
        state, note = read_weights(path)
        note = ", ".join(filter(None, [note, fill(module, state, path, _converter(module))]))
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
        assumed=_assumed(spec, module),
    )
    answers = TorchAnswers(module, preprocessing, around, own_size(module), resizing(module), embedded=pooled)
    return Checkpoint(resolved, answers, note, answers.features, answers.batching, answers.effort)


def _converter(module: Any) -> Converter | None:
    """Timm's own function from the names of an architecture's authors to its own, where it has one."""
    function = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    return (lambda state: function(state, module)) if function else None


def _assumed(spec: TimmSpec, module: Any) -> str:
    """Whose preprocessing a weights file is given where nothing says its own: that of timm's first tag."""
    if not spec.weights or spec.preprocessing.complete or ":" in spec.named or "." in spec.named:
        return ""
    tag = module.pretrained_cfg.get("tag")
    whose = f"that of timm's {spec.named}.{tag}" if tag else "timm's usual one"
    return f"its preprocessing is not stated: {whose} is taken ({_preprocessing(module, spec.preprocessing)})"


def _name(spec: TimmSpec, module: Any) -> str:
    """The architecture's own name, which a hub does not need to tell."""
    return str(module.pretrained_cfg["architecture"] if ":" in spec.named else spec.named.partition(".")[0])


def _build(spec: TimmSpec, classes: int, root: Path) -> Any:
    module = _created(spec, classes, root)
    if spec.weights is None and ":" in spec.named:
        _require_own_head(spec, module.pretrained_cfg["num_classes"], classes)
    return module


def _require_own_head(spec: TimmSpec, own: int, classes: int) -> None:
    """Refuse another number of classes: timm would put a head of random weights in place of the published one."""
    if own == classes:
        return
    advice = heads.advice(own, classes) if own else f"without classes, {towers.FINE_TUNE}"
    raise SpecError(
        f"the published weights of {spec.named!r} answer with {own} classes, the label space has {classes}"
        f"{'; ' * bool(advice)}{advice}"
    )


def _created(spec: TimmSpec, classes: int, root: Path) -> Any:
    import timm

    name = spec.named.partition(".")[0]
    if ":" not in spec.named and not timm.is_model(name):
        raise SpecError(f"timm has no architecture {name!r}: {nearest(name, timm.list_models())[:300]}")
    try:
        published = None if spec.weights and spec.named == name else timm.get_pretrained_cfg(spec.named)
    except RuntimeError as error:
        tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{name}.*")]
        raise SpecError(f"timm has no tag {spec.named!r}: {nearest(spec.named.partition('.')[2], tags)}") from error
    if published is not None and not spec.weights:
        if without_classes := towers.instead_of(published):
            raise SpecError(f"the published weights of {spec.named!r}: {without_classes}")
        _require_own_head(spec, published.num_classes, classes)
    try:
        return timm.create_model(
            hub.located(spec.named, root),
            pretrained=spec.weights is None,
            num_classes=classes,
            **spec.arguments,
        )
    except TypeError as error:
        raise SpecError(f"timm's {name!r} does not take the arguments {spec.arguments}: {error}") from error
    except Exception as error:  # the hub's client raises many kinds when it cannot be reached
        if spec.named.startswith(hub.LOCAL):
            raise BlockedError(f"timm cannot load {spec.named!r}: {error}") from error
        if spec.weights is not None and ":" not in spec.named:
            raise SpecError(f"timm cannot build {name!r} with the arguments {spec.arguments}: {error}") from error
        raise hub.unreachable(f"the weights of {spec.named!r} through timm", spec.named, error) from error


def _preprocessing(module: torch.nn.Module, stated: PreprocessingEntry) -> Preprocessing:
    from timm.data.config import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(module)  # type: ignore[no-untyped-call]  # timm's
    # timm's record of an architecture does not know that `arguments` built it for another size
    size = own_size(module) or square(config["input_size"][1:])
    mean = tuple(config["mean"])
    geometry = Geometry(
        size,
        resize_before_crop(size, config["crop_pct"]),
        config["interpolation"],
        config["crop_mode"],
        gray_of(mean) if config["crop_mode"] == "border" else BLACK,
    )
    return Preprocessing(geometry, mean, tuple(config["std"])).overridden(stated)


def patch_side(module: torch.nn.Module) -> int:
    """Side in pixels of the patches that must tile the input; 1 for a network that takes any size."""
    embed = getattr(module, "patch_embed", None)
    side = getattr(embed, "patch_size", 1)
    return int(side[0] if isinstance(side, tuple | list) else side)


def own_size(module: torch.nn.Module) -> Size | None:
    """Input (height, width) that a network was built for; None for one that takes any size."""
    size = getattr(getattr(module, "patch_embed", None), "img_size", None)
    return None if size is None else square(size)


def resizing(module: Any) -> Callable[[Any, Size], Any] | None:
    """What sets another input size, where timm interpolates position embeddings; None: convolutions take any size."""
    return _resized if hasattr(module, "set_input_size") else None


def _resized(module: Any, size: Size) -> Any:
    module.set_input_size(img_size=size)
    return module


def pooled(module: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Features of images: pooled, all of the head but its classifier, as timm itself gives them."""
    features: torch.Tensor = module.forward_head(module.forward_features(pixels), pre_logits=True)
    return features
