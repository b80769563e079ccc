"""The card of a trained model: what it is, how it was trained, and how well it does."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyechart.miniature.training.schedules import Recipe

JUDGED = ("validation", "sketch", "rendition", "cue-conflict", "factors", "synthetic")
PACKAGES = ("torch", "timm", "open_clip_torch", "numpy")
NORMAL_95 = 1.959964  # quantile of the normal distribution for a two-sided 95 % interval


@dataclass(frozen=True)
class Score:
    """Top-1 accuracy on a set, as counts."""

    name: str
    correct: int
    count: int

    @property
    def accuracy(self) -> float:
        """Share of images named correctly."""
        return self.correct / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the accuracy."""
        z = NORMAL_95**2 / self.count
        center = (self.accuracy + z / 2) / (1 + z)
        half = math.sqrt(z * (self.accuracy * (1 - self.accuracy) + z / 4)) / (1 + z)
        return center - half, center + half


@dataclass(frozen=True)
class Card:
    """Everything that the card of one model says. `minutes` is the time of training, rendering included."""

    name: str
    source: str
    architecture: str | Mapping[str, Any]
    arguments: Mapping[str, Any]
    recipe: "Recipe"
    seed: int
    parameters: int
    minutes: float
    machine: str
    sha256: str
    scores: tuple[Score, ...]

    def markdown(self) -> str:
        """The card as it is committed."""
        task = "cross-entropy over the classes" if self.source == "timm" else "image-caption contrast (CLIP)"
        judged = "top-1" if self.source == "timm" else "top-1, zero-shot, prompts averaged"
        rows = [
            f"| {s.name} | {s.accuracy:.3f} | {s.interval[0]:.3f} to {s.interval[1]:.3f} | {s.count} |"
            for s in self.scores
        ]
        return "\n".join(
            [
                f"# {self.name}",
                "",
                "Trained by this project on images that this project renders: `eyechart/miniature/training/`.",
                "",
                f"- source: {self.source}",
                f"- architecture: `{json.dumps(self.architecture)}`",
                f"- arguments: `{json.dumps(dict(self.arguments))}`",
                f"- parameters: {self.parameters:,}",
                f"- learns: {task}",
                f"- recipe: `{json.dumps(asdict(self.recipe))}`",
                f"- seed: {self.seed}",
                f"- time: {self.minutes} minutes on {self.machine}",
                f"- versions: {', '.join(f'{name} {version(name)}' for name in PACKAGES)}",
                "- preprocessing: 64x64 pixels as rendered, mean 0.5 and deviation 0.5 in every channel",
                f"- sha256: `{self.sha256}`",
                "",
                f"| set | accuracy ({judged}) | 95 % interval | images |",
                "| --- | --- | --- | --- |",
                *rows,
                "",
            ]
        )


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
