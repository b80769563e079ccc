"""Whose preprocessing and activation a weights file has, where open_clip's published tags can tell.

A file of weights does not say how its images were prepared. A tag does, and an architecture all of whose tags agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eyechart.errors import BlockedError, SpecError, nearest

PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
"""What a tag of open_clip says of preprocessing; the size is the architecture's."""

OPENAI_KEYS = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Numbers that OpenAI's own files hold beside the weights, and no other's: these were trained with QuickGELU."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of a file's training.

    preprocessing  what open_clip's `force_preprocess_cfg` takes; empty for the architecture's own
    quick_gelu     whether QuickGELU is known to be its activation
    assumed        in words, what was taken for granted; empty where a tag was stated
    """

    preprocessing: Mapping[str, Any]
    quick_gelu: bool = False
    assumed: str = ""


def provenance(architecture: str, tag: str | None, *, stated: bool) -> Provenance:
    """What is known of weights for an architecture that open_clip names; `stated` if models.yaml says all of it.

    Raises SpecError for a tag that it does not have, and BlockedError where nothing is stated and its tags differ.
    """
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(architecture)
    known = {each: open_clip.get_pretrained_cfg(architecture, each) for each in tags}
    if tag is not None:
        if tag not in known:
            raise SpecError(f"open_clip has no weights {tag!r} of {architecture!r}: {nearest(tag, known)}")
        return Provenance(_preprocessing(known[tag]), bool(known[tag].get("quick_gelu")))
    preprocessing, taken_from = ({}, "") if stated else _shared(architecture, known)
    return Provenance(
        preprocessing,
        quick_gelu=bool(known) and all(config.get("quick_gelu") for config in known.values()),
        assumed="; ".join(filter(None, [taken_from, _activation(known)])),
    )


def _shared(architecture: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
    """The preprocessing of all known weights of an architecture, and in words whose it is."""
    if not known:
        return {}, f"open_clip's usual preprocessing is taken: it publishes no weights of {architecture!r}"
    kinds = {str(_preprocessing(config)): _preprocessing(config) for config in known.values()}
    if len(kinds) > 1:
        raise BlockedError(
            f"weights of {architecture!r} are published with {len(kinds)} kinds of preprocessing, and a file does not "
            f"say which it was trained with. State `pretrained:` beside `weights:`, one of {_grouped(known)}"
        )
    (preprocessing,) = kinds.values()
    return preprocessing, f"the preprocessing of all of open_clip's weights of {architecture!r} is taken"


def _preprocessing(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in PREPROCESSING if key in config}


def _activation(known: Mapping[str, Mapping[str, Any]]) -> str:
    """Warn of an activation that a file does not tell: with the other one its weights fit, and answer wrongly."""
    quick = [tag for tag, config in known.items() if config.get("quick_gelu")]
    if not quick or len(quick) == len(known):
        return ""
    return f"GELU is taken (QuickGELU, which {', '.join(quick)} need, would be said by `pretrained:`)"


def _grouped(known: Mapping[str, Mapping[str, Any]]) -> str:
    groups: dict[str, list[str]] = {}
    for tag, config in known.items():
        stated = _preprocessing(config)
        words = f"{stated.get('resize_mode', 'shortest')}, mean {tuple(stated.get('mean', ()))}"
        groups.setdefault(words, []).append(tag)
    return "; ".join(f"{', '.join(tags)} ({words})" for words, tags in groups.items())
