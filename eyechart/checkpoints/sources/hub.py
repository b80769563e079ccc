"""Weights without a file of their own: a published tag, a repository of the Hugging Face hub, a local copy of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eyechart.digest import bytes_digest, digest, known_digest
from eyechart.errors import BlockedError

if TYPE_CHECKING:
    import torch

LOCAL = "local-dir:"
REMOTE = "hf-hub:"


def located(architecture: str, root: Path) -> str:
    """Let the path of a local copy start at `root`, as all paths of `models.yaml` do."""
    if not architecture.startswith(LOCAL):
        return architecture
    return f"{LOCAL}{(root / Path(architecture.removeprefix(LOCAL)).expanduser()).resolve()}"


def content_of(architecture: str, root: Path) -> str:
    """What tells a changed copy from the one before, without loading it; empty for a tag, whose content never changes.

    Raises BlockedError for a local copy that is not there.
    """
    if architecture.startswith(LOCAL):
        folder = Path(located(architecture, root).removeprefix(LOCAL))
        is_there = os.path.isdir(folder)  # noqa: PTH112  # pathlib raises for names that are too long
        files = sorted(path for path in folder.glob("*") if path.is_file()) if is_there else []
        if not files:
            raise BlockedError(f"{architecture!r}: looked for config.json and weights in {folder}, it holds no files")
        return digest([[path.name, known_digest(path)] for path in files])
    if architecture.startswith(REMOTE):
        name, _, revision = architecture.removeprefix(REMOTE).partition("@")
        note = _cached(name) / "refs" / (revision or "main")
        return note.read_text(encoding="utf-8").strip() if note.is_file() else revision
    return ""


def state_digest(module: torch.nn.Module) -> str:
    """Digest what was loaded, since a name on a hub may stand for other weights tomorrow."""
    values = {key: value.detach().cpu() for key, value in module.state_dict().items()}
    return digest({key: [str(value.dtype), bytes_digest(_bytes(value))] for key, value in values.items()})


def _bytes(value: torch.Tensor) -> bytes:
    import torch

    return np.asarray(value.contiguous().view(-1).view(torch.uint8) if value.numel() else []).tobytes()


def unreachable(what: str, architecture: str, error: Exception) -> BlockedError:
    """Say what was asked of a hub, where a local copy would have been found, and how to do without."""
    from huggingface_hub.constants import HF_HUB_CACHE

    first = (str(error).splitlines() or [""])[0]
    instead = "weights: PATH.safetensors"
    cache = Path(HF_HUB_CACHE)
    if architecture.startswith(REMOTE):
        cache = _cached(architecture.removeprefix(REMOTE).partition("@")[0])
        instead = (
            f"architecture: {LOCAL}FOLDER (a copy of the repository), or the architecture's own name and {instead}"
        )
    return BlockedError(
        f"could not fetch {what} ({type(error).__name__}: {first}). A copy fetched before would be in {cache}; "
        f"HF_HOME names another place, HF_HUB_OFFLINE=1 ends the waiting. Offline, give in models.yaml {instead}"
    )


def _cached(name: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
