"""Source `open_clip`: a CLIP judged zero-shot through prompts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from eyechart.checkpoints import clip
from eyechart.checkpoints.checkpoint import Checkpoint, Resolved
from eyechart.checkpoints.entries import CropMode, ModelEntry, PreprocessingEntry
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing, Size, square
from eyechart.checkpoints.sources import hub, tags, texts
from eyechart.checkpoints.sources import timm as timm_source
from eyechart.checkpoints.sources.base import (
    Surroundings,
    TorchAnswers,
    read_weights,
    weights_digest,
    weights_file,
)
from eyechart.checkpoints.sources.state_dicts import fill
from eyechart.digest import digest
from eyechart.errors import BlockedError, SpecError, nearest

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "timm", "open_clip_torch")

_CROP_MODES: Mapping[str, CropMode] = {"shortest": "center", "squash": "squash", "longest": "border"}
"""open_clip's resize modes, as timm calls them."""


class OpenClipSpec(ModelEntry):
    """A named open_clip model with a pretrained tag, or a configuration with a weights file.

    A named model may have both: then the file's weights are judged with the tag's preprocessing and activation.

    A configuration has open_clip's own keys; `vision_cfg.timm_arguments` are keyword arguments of a timm trunk.
    `merges` is the byte-pair merges of a tokenizer of the user's own, `tokenizer` a folder with one of Hugging Face's.
    `class_names` is what prompts call the classes: all of them in order, or some by the label space's names.
    """

    source: Literal["open_clip"]
    architecture: str | dict[str, Any]
    pretrained: str | None = None
    weights: str | None = None
    merges: str | None = None
    tokenizer: str | None = None
    class_names: dict[str, str] | tuple[str, ...] | None = None
    prompts: str | tuple[str, ...] = "openai"
    logit_scale: Literal["model"] | float = "model"

    @model_validator(mode="after")
    def _weights_are_named(self) -> OpenClipSpec:
        from_hub = isinstance(self.architecture, str) and self.architecture.startswith((hub.REMOTE, hub.LOCAL))
        if self.pretrained is None and self.weights is None and not from_hub:
            raise ValueError(
                "give 'pretrained' (a tag), 'weights' (a file), or both: the file's weights, the tag's ways"
            )
        if self.pretrained is not None and (from_hub or isinstance(self.architecture, dict)):
            raise ValueError("'pretrained' names a tag of an architecture that open_clip names")
        if self.pretrained is not None and Path(self.pretrained).suffix in (".pt", ".pth", ".bin", ".safetensors"):
            raise ValueError(f"'pretrained' names a tag; the file {self.pretrained!r} belongs under 'weights'")
        if isinstance(self.architecture, dict) and self.weights is None:
            raise ValueError("an architecture given as a configuration needs 'weights'")
        if self.tokenizer is not None and (from_hub or self.merges is not None):
            raise ValueError("'tokenizer' stands for the one that a named architecture has; give no 'merges' besides")
        if bad := [each for each in self.prompts if "{}" not in each and not isinstance(self.prompts, str)]:
            raise ValueError(f"'prompts': {bad[0]!r} has no '{{}}' for the class")
        return self


def weights(spec: OpenClipSpec, root: Path) -> str:
    """Identify the weights: a digest of the file's bytes, or the published tag, whose content never changes.

    Merges and the miniature's prompts, which decide the text classifier, count as weights.
    """
    if spec.weights:
        own = weights_digest(root, spec.weights)
    else:
        own = f"open_clip:{spec.architecture}:{spec.pretrained}:{hub.content_of(str(spec.architecture), root)}"
    merges = weights_digest(root, spec.merges) if spec.merges else ""
    # open_clip's prompts change with its version only, and reading them would import torch
    prompts = "openai" if spec.prompts == "openai" else texts.templates(spec.prompts)
    tokenizer = [hub.folder_digest(root, spec.tokenizer, "tokenizer.json")] if spec.tokenizer else []
    return digest(own, merges, prompts, *tokenizer)


def load(spec: OpenClipSpec, around: Surroundings) -> Checkpoint:
    """Build both towers, fill in their weights, embed the prompts once (or read them from the store).

    Raises SpecError for an unknown model or prompt set, BlockedError where weights cannot be had or do not fit.
    """
    state, note, openai = _read(spec, around.root)
    known = _provenance(spec)
    module = _build(spec, around.root, known, quick_gelu=openai or known.quick_gelu)
    if spec.weights:
        path, convert = weights_file(around.root, spec.weights), functools.partial(_converted, module)
        note = ", ".join(filter(None, [note, fill(module, state, path, convert)]))
    module.eval()
    preprocessing = _preprocessing(module, spec.preprocessing)
    templates, names = texts.templates(spec.prompts), texts.class_names(around.labels, spec.class_names)
    classifier = digest(templates, names, spec.logit_scale)
    identity = weights(spec, around.root)
    if not spec.weights:
        identity = digest(identity, hub.state_digest(module))
    text = around.cached(
        f"text-{digest(identity, str(spec.architecture), classifier)}",
        lambda: texts.text_classifier(
            module, texts.tokenizer(spec.architecture, around, spec.merges, spec.tokenizer), names, templates
        ),
    )
    resolved = Resolved(
        source="open_clip",
        architecture=digest(spec.architecture, *["quick_gelu"] * (openai or known.quick_gelu)),
        weights=identity,
        classifier=classifier,
        preprocessing=preprocessing,
        patch=_patch(module),
        classes=len(names),
        precision=around.precision,
        assumed="" if openai else known.assumed,
    )
    scale = float(module.logit_scale.detach().exp()) if spec.logit_scale == "model" else float(spec.logit_scale)
    bias = 0.0 if getattr(module, "logit_bias", None) is None else float(module.logit_bias.detach())
    zero_shot = _zero_shot(module, text, scale, bias)
    own = _own_size(module)
    resizing = _resizing(module, spec, around.root, quick_gelu=openai or known.quick_gelu)
    answers = TorchAnswers(zero_shot, preprocessing, around, own, resizing, embedded=_embedded)
    return Checkpoint(resolved, answers, note, answers.features, answers.batching, answers.effort)


def _converted(module: Any, state: dict[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """Map names as open_clip does: Apple's of MobileCLIP, and those of a text tower that was no module of its own."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    converted: dict[str, torch.Tensor] = convert_state_dict(module, state)
    if "positional_embedding" in converted and not hasattr(module, "positional_embedding"):
        converted = convert_to_custom_text_state_dict(converted)
    return converted


def _read(spec: OpenClipSpec, root: Path) -> tuple[dict[str, torch.Tensor], str, bool]:
    """The state dict of a weights file, what was done to find it, and whether it is OpenAI's own."""
    if not spec.weights:
        return {}, "", False
    state, note = read_weights(weights_file(root, spec.weights))
    openai = state.keys() >= tags.OPENAI_KEYS
    if openai:
        state = {key: value for key, value in state.items() if key not in tags.OPENAI_KEYS}
    return state, note, openai


def _provenance(spec: OpenClipSpec) -> tags.Provenance:
    """What is known of the weights: the tag's ways, for a file what all tags of its architecture share.

    A configuration of the user's own, and a repository of a hub, say themselves how their images are prepared.
    """
    if not isinstance(spec.architecture, str) or ":" in spec.architecture:
        return tags.Provenance({})
    _require_known(spec.architecture)
    return tags.provenance(spec.architecture, spec.pretrained, stated=spec.preprocessing.complete)


def _require_known(architecture: str) -> None:
    import open_clip

    if architecture not in open_clip.list_models():
        allowed = nearest(architecture, open_clip.list_models())[:300]
        raise SpecError(f"open_clip has no architecture {architecture!r}: {allowed}")


def _build(spec: OpenClipSpec, root: Path, known: tags.Provenance, *, quick_gelu: bool) -> Any:
    import open_clip

    if isinstance(spec.architecture, dict):
        try:
            return clip.build(spec.architecture)
        except (KeyError, TypeError, RuntimeError) as error:
            raise SpecError(f"open_clip cannot build the architecture {spec.architecture}: {error}") from error
    try:
        return open_clip.create_model(
            hub.located(spec.architecture, root),
            pretrained=None if spec.weights else spec.pretrained,
            load_weights=spec.weights is None,
            force_quick_gelu=quick_gelu,
            force_preprocess_cfg=dict(known.preprocessing),
        )
    except Exception as error:  # the hub's client raises many kinds when it cannot be reached
        if spec.architecture.startswith(hub.LOCAL):
            raise BlockedError(f"open_clip cannot load {spec.architecture!r}: {error}") from error
        what = f"the weights of {spec.architecture!r}/{spec.pretrained!r} through open_clip"
        raise hub.unreachable(what, spec.architecture, error) from error


def _preprocessing(module: Any, stated: PreprocessingEntry) -> Preprocessing:
    import open_clip

    config = open_clip.model.get_model_preprocess_cfg(module)
    size = square(config.get("size", module.visual.image_size))
    mode = _CROP_MODES[config.get("resize_mode") or "shortest"]
    fill = config.get("fill_color") or 0
    return Preprocessing(
        Geometry(size, size, config.get("interpolation", "bicubic"), mode, (fill, fill, fill)),
        tuple(config.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        tuple(config.get("std") or open_clip.OPENAI_DATASET_STD),
    ).overridden(stated)


def _zero_shot(module: Any, text: NDArray[np.float32], scale: float, bias: float) -> torch.nn.Module:
    import torch
    import torch.nn.functional

    class ZeroShot(torch.nn.Module):
        """Image tower and a fixed text classifier: logits = scale · cos(image, text) + bias."""

        def __init__(self) -> None:
            super().__init__()
            self.visual = module.visual
            self.text: torch.Tensor
            self.register_buffer("text", torch.from_numpy(text * np.float32(scale)))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(_embedded(self, pixels), dim=-1) @ self.text + bias

    return ZeroShot()


def _embedded(zero_shot: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Embeddings of images, open_clip's `encode_image` without normalization."""
    answer = zero_shot.visual(pixels)
    embeddings: torch.Tensor = answer[0] if isinstance(answer, tuple) else answer  # a CoCa's tower gives tokens too
    return embeddings


def _patch(module: Any) -> int:
    visual = module.visual
    if hasattr(visual, "trunk"):
        return timm_source.patch_side(visual.trunk)
    return int(getattr(visual, "patch_size", (1,))[0])  # open_clip's ResNets have no patches


def _own_size(module: Any) -> Size | None:
    visual = module.visual
    if hasattr(visual, "trunk"):
        return timm_source.own_size(visual.trunk)
    return square(visual.image_size)


def _resizing(module: Any, spec: OpenClipSpec, root: Path, *, quick_gelu: bool) -> Callable[[Any, Size], Any] | None:
    if hasattr(module.visual, "trunk"):
        resizing = timm_source.resizing(module.visual.trunk)
        if resizing is None:
            return None

        def trunk_resized(zero_shot: Any, size: Size) -> Any:
            resizing(zero_shot.visual.trunk, size)
            return zero_shot

        return trunk_resized

    def resized(zero_shot: Any, size: Size) -> Any:
        import open_clip

        if isinstance(spec.architecture, dict):
            vision = {**spec.architecture["vision_cfg"], "image_size": size}
            larger = clip.build({**spec.architecture, "vision_cfg": vision})
        else:
            larger = open_clip.create_model(
                hub.located(spec.architecture, root),
                force_image_size=size,
                load_weights=False,
                force_quick_gelu=quick_gelu,
            )
        state = {f"visual.{key}": value for key, value in zero_shot.visual.state_dict().items()}
        open_clip.model.resize_pos_embed(state, larger)
        larger.visual.load_state_dict({key.removeprefix("visual."): value for key, value in state.items()})
        zero_shot.visual = larger.visual
        return zero_shot

    return resized
