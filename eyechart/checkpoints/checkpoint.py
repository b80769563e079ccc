"""The noun `Checkpoint`: a loaded model with its own preprocessing, answering batches of images with logits.

Nothing here imports torch; each source in `eyechart/checkpoints/sources/` builds the callable that runs its model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from eyechart.checkpoints.entries import PreprocessingEntry
from eyechart.digest import digest
from eyechart.errors import BlockedError, EyechartError, NotApplicableError
from eyechart.images.views import ORIGINAL, Image, View
from eyechart.images.views import VERSION as VIEWS_VERSION

Batch: TypeAlias = NDArray[np.uint8]
"""(n, height, width, 3) uint8 RGB, resized and cropped, not yet normalized."""

Logits: TypeAlias = NDArray[np.float32]
"""(n, classes)"""

Features: TypeAlias = NDArray[np.float32]
"""(n, dimensions), as the model gives them: not normalized"""

_FILTERS = {
    "nearest": PILImage.Resampling.NEAREST,
    "bilinear": PILImage.Resampling.BILINEAR,
    "bicubic": PILImage.Resampling.BICUBIC,
}


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an image becomes the square that a model sees: resize the shorter side to `resize`, crop the center.

    A `size` of None stands for a model without a fixed input: it takes images as they are, and a view changes
    them by `zoom` (enlarge, then crop back) or `factor` (another size).
    """

    size: int | None
    resize: int | None
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bicubic"
    zoom: float = 1.0
    factor: float = 1.0

    @property
    def crop(self) -> float:
        """Share of the resized image's shorter side that the crop keeps."""
        return min(1.0, self.size / (self.resize or self.size)) if self.size else 1.0

    def whole(self) -> Geometry:
        """See all of an image that is a crop already: its shorter side becomes the input size."""
        return replace(self, resize=self.size) if self.size else self

    def under(self, view: View, patch: int) -> Geometry:
        """Change the preprocessing as `view` says; an input side must be a multiple of `patch` pixels.

        Raises BlockedError where it cannot be.
        """
        if view.kind == "scale":
            return replace(self, zoom=view.amount)
        if view.kind == "relative_resolution" and self.size is None:
            return replace(self, factor=view.amount)
        if view.kind in ("resolution", "relative_resolution"):
            side = round(view.amount)
            if view.kind == "relative_resolution" and self.size is not None:
                side = max(1, round(view.amount * self.size / patch)) * patch
            if side % patch:
                raise BlockedError(f"{view}: the model's patches of {patch} pixels do not tile {side} pixels")
            resize = side if self.size is None or self.resize is None else int(self.resize * side / self.size)
            return replace(self, size=side, resize=resize)
        return self

    def apply(self, images: Sequence[Image]) -> Batch:
        """Resize and center-crop; equal to the eval transforms of timm and open_clip (a test compares the bytes)."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: Image) -> Image:
        height, width = image.shape[:2]
        short = min(height, width)
        target = int(self.zoom * self.factor * (self.resize or short))
        crop = (self.size, self.size) if self.size else (round(height * self.factor), round(width * self.factor))
        if target != short:
            size = (target * width // short, target * height // short)
            image = np.asarray(PILImage.fromarray(image).resize(size, _FILTERS[self.interpolation]))
        return _center(image, crop)


def _center(image: Image, size: tuple[int, int]) -> Image:
    pads = [max(0, wanted - side) for wanted, side in zip(size, image.shape[:2], strict=True)]
    if any(pads):
        image = np.pad(image, [(pad // 2, pad - pad // 2) for pad in pads] + [(0, 0)])
    top, left = (round((side - wanted) / 2.0) for wanted, side in zip(size, image.shape[:2], strict=True))
    return image[top : top + size[0], left : left + size[1]]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Geometry, then per-channel normalization of pixels in [0, 1]."""

    geometry: Geometry
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def overridden(self, entry: PreprocessingEntry) -> Preprocessing:
        """Replace the parts that `models.yaml` states."""
        stated = {key: value for key, value in entry.model_dump().items() if value is not None}
        if "crop" in stated:
            stated["size"] = stated.pop("crop")
        own = {key: stated.pop(key) for key in ("mean", "std") if key in stated}
        return replace(self, geometry=replace(self.geometry, **stated), **own)


@dataclass(frozen=True, slots=True)
class Resolved:
    """All that decides a checkpoint's answers, by content: its identity. No name is in it.

    `weights` is a digest of their bytes, `architecture` and `classifier` are canonical texts or digests. A model whose
    `answers` are labels only gives 1 for the class it names, and no confidence is made of that. `no_features` says why
    it gives none and how it could, so that a warm run knows; it decides no answer, and is no part of the identity.
    """

    source: str
    architecture: str
    weights: str
    classifier: str
    preprocessing: Preprocessing
    patch: int
    classes: int
    precision: str
    answers: Literal["distribution", "labels"] = "distribution"
    no_features: str = ""

    @property
    def identity(self) -> str:
        """Digest of everything above that decides an answer, and of how views are made."""
        resolution = asdict(self)
        del resolution["no_features"]
        return digest(resolution, VIEWS_VERSION)

    def geometry(self, view: View, *, whole: bool = False) -> Geometry:
        """The geometry under a view; `whole` for images that are crops already.

        Raises BlockedError where the model has no such size.
        """
        own = self.preprocessing.geometry
        return (own.whole() if whole else own).under(view, self.patch)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Resolved:
        """Rebuild what `dataclasses.asdict` made."""
        old = data["preprocessing"]
        preprocessing = Preprocessing(Geometry(**old["geometry"]), tuple(old["mean"]), tuple(old["std"]))
        return cls(**{**data, "preprocessing": preprocessing})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model. `forward` maps a batch of uint8 squares to logits; it never trains and never draws.

    `note` says what was done to its file to load it, such as taking averaged weights out of a training checkpoint.
    `embed` maps a batch to what the model's own classifier sees, where its source gives that.
    """

    resolved: Resolved
    forward: Callable[[Batch], Logits]
    note: str = ""
    embed: Callable[[Batch], Features] | None = None

    def answer(self, batch: Batch) -> Logits:
        """Answer a batch that is resized and cropped already: (n, classes) float32.

        Raises BlockedError where the model's own code fails or its answer has another shape.
        """
        logits = _asked(self.forward, batch, "its forward pass")
        if logits.shape != (len(batch), self.resolved.classes):
            raise BlockedError(
                f"it answered {len(batch)} images with shape {logits.shape}, its label space needs "
                f"{(len(batch), self.resolved.classes)}"
            )
        return logits

    def features(self, batch: Batch) -> Features:
        """Embed a batch that is resized and cropped already: (n, dimensions) float32.

        Raises NotApplicableError where its source gives no features, BlockedError as `answer` does.
        """
        if self.embed is None:
            raise NotApplicableError(self.resolved.no_features or f"source {self.resolved.source!r} gives no features")
        features = _asked(self.embed, batch, "its features")
        if features.ndim != 2 or len(features) != len(batch) or not features.shape[1]:
            raise BlockedError(
                f"it gave {len(batch)} images features of shape {features.shape}, a probe needs "
                f"({len(batch)}, dimensions)"
            )
        return features.astype(np.float32, copy=False)

    def __call__(self, images: Sequence[Image], view: View = ORIGINAL) -> Logits:
        """Answer raw images under a view: (n, classes) float32. Raises BlockedError as `answer` does."""
        return self.answer(self.resolved.geometry(view).apply([view.of_image(image) for image in images]))


def _asked(function: Callable[[Batch], NDArray[np.float32]], batch: Batch, what: str) -> NDArray[np.float32]:
    try:
        return function(batch)
    except EyechartError:
        raise
    except Exception as error:
        raise BlockedError(f"{what} failed: {type(error).__name__}: {error}") from error


def resize_before_crop(size: int, crop_share: float) -> int:
    """Shorter side before the center crop, timm's rule: the crop is `crop_share` of it."""
    return math.floor(size / crop_share)
