"""The noun `LabelSpace`: the classes an output means."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from eyechart.errors import BlockedError, SpecError, nearest


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Classes in the order of a checkpoint's outputs.

    `names` are what folders and prompts call them; a space that is only counted names its classes by number.
    """

    name: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Count the classes."""
        return len(self.names)


def _timm_file(name: str) -> list[str]:
    # Found without importing timm: a run over a warm store must not pay for torch.
    spec = importlib.util.find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        raise BlockedError("label space 'imagenet-1k' reads its wnids from timm, which is not installed")
    path = Path(spec.submodule_search_locations[0]) / "data" / "_info" / name
    return path.read_text(encoding="utf-8").split()


def label_space(name: str) -> LabelSpace:
    """Look a label space up by the name `models.yaml` gives it.

    Raises SpecError for an unknown name.
    """
    if name == "miniature":
        from eyechart.miniature.classes import CLASS_NAMES

        return LabelSpace(name, tuple(CLASS_NAMES))
    if name == "imagenet-1k":
        return LabelSpace(name, tuple(_timm_file("imagenet_synsets.txt")))
    raise SpecError(f"label_space {name!r} is unknown: {nearest(name, ('miniature', 'imagenet-1k'))}")
