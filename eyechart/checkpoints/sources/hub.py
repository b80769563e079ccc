"""Weights without a file of their own: a published tag, a repository of the Hugging Face hub, a local copy of one."""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        return folder_digest(root, architecture.removeprefix(LOCAL), "config.json and weights")
    if architecture.startswith(REMOTE):
        name, _, revision = architecture.removeprefix(REMOTE).partition("@")
        note = _cached(name) / "refs" / (revision or "main")
        return note.read_text(encoding="utf-8").strip() if note.is_file() else revision
    return ""


def folder_digest(root: Path, relative: str, holding: str) -> str:
    """Digest the files of a local copy of a repository. Raises BlockedError where it is not `holding` any."""
    folder = (root / Path(relative).expanduser()).resolve()
    is_there = os.path.isdir(folder)  # noqa: PTH112  # pathlib raises for names that are too long
    files = sorted(path for path in folder.glob("*") if path.is_file()) if is_there else []
    if not files:
        raise BlockedError(f"{relative!r}: looked for {holding} in {folder}, it holds no files")
    return digest([[path.name, known_digest(path)] for path in files])


def state_digest(module: torch.nn.Module) -> str:
    """Digest what was loaded, since a name on a hub may stand for other weights tomorrow."""
    values = {key: value.detach().cpu() for key, value in module.state_dict().items()}
    return digest({key: [str(value.dtype), bytes_digest(_bytes(value))] for key, value in values.items()})


def _bytes(value: torch.Tensor) -> bytes:
    import torch

    return np.asarray(value.contiguous().view(-1).view(torch.uint8) if value.numel() else []).tobytes()


SECONDS = 10.0
"""How long the hub is waited for; its own client takes as long, and tries six times for every file."""

_answers: dict[str, str] = {}
"""Hub → why it does not answer; empty where it does. A process asks each once, which is once a run."""


@contextlib.contextmanager
def fetching(name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Load what may have to be fetched for the model `name`; without a hub that answers, only copies count.

    The hub is asked once a run, and `say` is told what is waited for. Where it does not answer, its client is offline
    inside: it takes copies that were fetched before, and does not try again and again for each model.
    """
    from huggingface_hub import constants

    host, was_offline = constants.ENDPOINT, constants.HF_HUB_OFFLINE
    if host not in _answers and not was_offline:
        say(f"{name} may have to be fetched: asking {host}, for {SECONDS:g} seconds at most")
        _answers[host] = _silence(host)
        if _answers[host]:
            say(f"{host} does not answer ({_answers[host]}): only copies that were fetched before are used in this run")
    constants.HF_HUB_OFFLINE = was_offline or bool(_answers.get(host))
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _silence(host: str) -> str:
    """Say why a host does not answer. What it answers does not matter, unless it says itself that it cannot serve."""
    try:
        urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}" if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR else ""
    except urllib.error.URLError as error:
        # the hub's client may trust other certificates than Python does
        return "" if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error)
    return ""


def fetches(spec: Any) -> bool:
    """Whether loading a model may ask the hub: weights by a tag or a repository, or a text tower's tokenizer."""
    architecture = getattr(spec, "architecture", "")
    if not isinstance(architecture, str) or architecture.startswith(LOCAL) or spec.source not in ("timm", "open_clip"):
        return False
    if architecture.startswith(REMOTE) or spec.weights is None:
        return True
    if spec.source == "timm":
        return False
    import open_clip

    text = (open_clip.get_model_config(architecture) or {}).get("text_cfg", {})
    return "hf_model_name" in text or "hf_tokenizer_name" in text


def unreachable(what: str, architecture: str, error: Exception) -> BlockedError:
    """Say what was asked of a hub, where a local copy would have been found, and how to do without."""
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE

    first = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if silence := _answers.get(ENDPOINT):
        first = f"{ENDPOINT} does not answer: {silence}"
    instead = "weights: PATH.safetensors"
    cache = Path(HF_HUB_CACHE)
    if architecture.startswith(REMOTE):
        cache = _cached(architecture.removeprefix(REMOTE).partition("@")[0])
        instead = (
            f"architecture: {LOCAL}FOLDER (a copy of the repository), or the architecture's own name and {instead}"
        )
    return BlockedError(
        f"could not fetch {what} ({first}). A copy fetched before would be in {cache}; "
        f"HF_HOME names another place, HF_HUB_OFFLINE=1 asks nobody. Offline, give in models.yaml {instead}"
    )


def _cached(name: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
