"""How each model of the miniature zoo is trained, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from eyechart.miniature.sets import SETS
from eyechart.miniature.training.augment import Augmentation


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. `sparse_epochs` are the first of `epochs`, in which a ViT sees half its patches."""

    epochs: int
    sparse_epochs: int = 0
    sparse_drop: float = 0.5
    batch: int = 128
    sides: tuple[int, ...] = (64,)  # resolutions in pixels, taken in turn batch by batch
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.08  # share of all steps
    clip_norm: float = 1.0
    images: int = SETS["train"].count
    augmentation: Augmentation = field(default_factory=Augmentation)


# A ConvNeXt that has seen one size only reads 48 or 96 pixels at chance: its last stage is 2 x 2 at 64.
MIXED = (64, 64, 64, 48, 96)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "vit-sup": Recipe(epochs=16, sparse_epochs=13),
        "convnext-sup": Recipe(epochs=12, sides=MIXED),
        "vit-clip": Recipe(epochs=14, sparse_epochs=11),
        "convnext-clip": Recipe(epochs=14, sides=MIXED),
    }
)
