"""The text side of a CLIP: what prompts call the classes, the tokenizer they go through, the classifier they make."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoints import clip
from eyechart.checkpoints.sources import hub
from eyechart.checkpoints.sources.base import Surroundings, weights_file
from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.images.labels import LabelSpace, label_space, words_of

if TYPE_CHECKING:
    import torch

_WNID = re.compile(r"n\d{8}")


def templates(prompts: str | Sequence[str]) -> list[str]:
    """Templates with `{}` for the class, by name or as they are. Raises SpecError for an unknown name."""
    if not isinstance(prompts, str):
        return list(prompts)
    if prompts == "miniature":
        from eyechart.miniature.captions import PROMPTS

        return list(PROMPTS)
    if prompts == "openai":
        import open_clip

        return [template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    raise SpecError(f"prompts {prompts!r} is unknown: {nearest(prompts, ('miniature', 'openai'))}, or a list")


def class_names(labels: LabelSpace, own: Mapping[str, str] | Sequence[str] | None = None) -> list[str]:
    """What prompts call the classes: the user's `own` names, else the label space's, wnids in words.

    Raises SpecError where they have no names but numbers, and for names of one's own that are not the label space's.
    """
    if own is not None and not isinstance(own, Mapping):
        if len(own) != len(labels):
            raise SpecError(f"class_names has {len(own)} names, label space {labels.name!r} has {len(labels)} classes")
        return list(own)
    called = dict(own or {})
    if unknown := sorted(called.keys() - set(labels.names)):
        allowed = nearest(unknown[0], labels.names)[:300]
        raise SpecError(f"class_names: {unknown[0]!r} is no class of label space {labels.name!r}: {allowed}")
    if all(name.isdecimal() for name in labels.names) and len(called) < len(labels):
        raise SpecError(
            f"label space {labels.name!r} has numbers only, and prompts need words: give {{names: [...]}}, or "
            "`class_names` of them all"
        )
    return [called.get(name) or _words(name) for name in labels.names]


def _words(name: str) -> str:
    """A class in words: what open_clip calls ImageNet's 1,000, and WordNet the others; any other name as it is."""
    if not _WNID.fullmatch(name):
        return name
    return _imagenet_words().get(name) or words_of(name)


@functools.cache
def _imagenet_words() -> dict[str, str]:
    import open_clip

    # wnids name ImageNet's folders, these name its classes to a reader of prompts; both in the same order
    return dict(zip(label_space("imagenet-1k").names, open_clip.IMAGENET_CLASSNAMES, strict=True))


def _text_tower(architecture: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of a text tower; empty for a repository of a hub, which open_clip reads itself."""
    import open_clip

    if isinstance(architecture, str):
        architecture = ({} if ":" in architecture else open_clip.get_model_config(architecture)) or {}
    tower: Mapping[str, Any] = architecture.get("text_cfg", {})
    return tower


def tokenizer(
    architecture: str | Mapping[str, Any], around: Surroundings, merges: str | None, folder: str | None
) -> Any:
    """The tokenizer that a text tower was trained with, at its context length: over `merges`, or the one in `folder`.

    Raises BlockedError where it cannot be had, which says how to give it.
    """
    import open_clip

    named = isinstance(architecture, str)
    text = _text_tower(architecture)
    context = int(text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH))
    if merges is not None:
        return clip.tokenizer(weights_file(around.root, merges), context)
    folder = str(around.path(folder)) if folder else None
    options = {"context_length": context, **text.get("tokenizer_kwargs", {})}
    try:
        if folder or (not named and text.get("hf_tokenizer_name")):
            mode = text.get("tokenizer_mode")
            return open_clip.tokenizer.HFTokenizer(folder or text["hf_tokenizer_name"], tokenizer_mode=mode, **options)
        if named:
            return open_clip.get_tokenizer(hub.located(str(architecture), around.root))
        return open_clip.tokenizer.SimpleTokenizer(**options)
    except ImportError as error:
        raise BlockedError(f"its tokenizer needs a package that is not installed: pip install {error.name}") from error
    except Exception as error:  # the hub's client raises many kinds when it cannot be reached
        what = folder or text.get("hf_tokenizer_name") or architecture
        first = (str(error).splitlines() or [""])[0]
        raise BlockedError(
            f"the tokenizer {what!r} cannot be loaded ({type(error).__name__}: {first}). Offline, give a copy of its "
            "folder: `tokenizer: FOLDER`"
        ) from error


def text_classifier(
    module: Any,
    tokenize: Callable[[list[str]], torch.Tensor],
    names: Sequence[str],
    templates: Sequence[str],
) -> NDArray[np.float32]:
    """(dimensions, classes): each class's prompts embedded, normalized, averaged, normalized (CLIP's own recipe).

    Raises BlockedError for a tokenizer that is another model's.
    """
    import open_clip

    try:
        classifier = open_clip.build_zero_shot_classifier(module, tokenize, list(names), list(templates))
    except IndexError as error:
        raise BlockedError("its text tower has no embeddings for words of its tokenizer: is it another's?") from error
    return np.asarray(classifier.cpu().numpy(), dtype=np.float32)
