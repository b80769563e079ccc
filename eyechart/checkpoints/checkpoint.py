"""The noun `Checkpoint`: a loaded model with its own preprocessing, answering batches of images with logits.

Nothing here imports torch; each source in `eyechart/checkpoints/sources/` builds the callable that runs its model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.checkpoints import heads
from eyechart.checkpoints.preprocessing import Batch, Geometry, Preprocessing
from eyechart.digest import digest
from eyechart.errors import BlockedError, EyechartError, NotApplicableError
from eyechart.images.views import ORIGINAL, Image, View
from eyechart.images.views import VERSION as VIEWS_VERSION

Logits: TypeAlias = NDArray[np.float32]
"""(n, classes)"""

Features: TypeAlias = NDArray[np.float32]
"""(n, dimensions), as the model gives them: not normalized"""


@dataclass(frozen=True, slots=True)
class Resolved:
    """All that decides a checkpoint's answers, by content: its identity. No name is in it.

    `weights` is a digest of their bytes, `architecture` and `classifier` are canonical texts or digests. A model whose
    `answers` are labels only gives 1 for the class it names, and no confidence is made of that. `no_features` says why
    it gives none and how it could, and `assumed` what was taken for granted of its preprocessing, so that a warm run
    knows; they decide no answer, and are no part of the identity.
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
    assumed: str = ""

    @property
    def identity(self) -> str:
        """Digest of everything above that decides an answer, and of how views are made."""
        resolution = asdict(self)
        del resolution["no_features"], resolution["assumed"]
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
        return cls(**{**data, "preprocessing": Preprocessing.from_json(data["preprocessing"])})


@dataclass(frozen=True, slots=True)
class Batching:
    """How many images are answered at once: as many as take `pixels`, between `fewest` and `most`."""

    pixels: int
    most: int
    fewest: int = 8

    def size(self, height: int, width: int, images: int) -> int:
        """Images in a forward pass at this input size, a power of two, for a set of so many images.

        It is one size for all batches of a set (the last is filled up), since another can change an answer's last bits.
        """
        fitting = min(max(self.pixels // (height * width), self.fewest), self.most)
        return min(1 << fitting.bit_length() - 1, max(1 << (images - 1).bit_length(), self.fewest))


PROCESSOR = Batching(32 * 224 * 224, 128)
"""Where memory is kept between batches, larger ones win nothing (docs/performance.md)."""

GRAPHICS = Batching(256 * 224 * 224, 1024)


@dataclass(frozen=True, slots=True)
class Effort:
    """What one answer takes: parameters of the network, and its multiplications with an addition each."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model. `forward` maps a batch of uint8 squares to logits; it never trains and never draws.

    `note` says what was done to its file to load it, such as taking averaged weights out of a training checkpoint.
    `embed` maps a batch to what the model's own classifier sees, and `effort` counts what an answer takes, where its
    source gives that.
    """

    resolved: Resolved
    forward: Callable[[Batch], Logits]
    note: str = ""
    embed: Callable[[Batch], Features] | None = None
    batching: Batching = PROCESSOR
    effort: Callable[[], Effort] | None = None

    @property
    def accelerated(self) -> bool:
        """Whether it answers on a GPU."""
        return self.batching is GRAPHICS

    def answer(self, batch: Batch) -> Logits:
        """Answer a batch that is resized and cropped already: (n, classes) float32.

        Raises BlockedError where the model's own code fails or its answer has another shape.
        """
        logits = _asked(self.forward, batch, "its forward pass")
        if logits.shape != (len(batch), self.resolved.classes):
            raise BlockedError(
                f"it answered {len(batch)} images with shape {logits.shape}, its label space needs "
                f"{(len(batch), self.resolved.classes)}{_advice(logits.shape, self.resolved.classes)}"
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
        return self.answer(self.resolved.geometry(view).apply(view.of_image(image) for image in images))


Returns: TypeAlias = Literal["logits", "probabilities", "sigmoids"]
"""What a model's own code answers with: `sigmoids` are those of a multi-label head, one of its own for each class."""

SUM_TOLERANCE = 0.02
"""By how much the probabilities of an image may sum to something else than 1, in half precision too."""

NO_CHANCE = 8
"""Images whose logits do not all happen to look like probabilities."""


def as_logits(answers: NDArray[np.float32], returns: Returns) -> Logits:
    """Turn what a model returns into logits, (n, classes): logarithms of probabilities, log odds of sigmoids.

    Log odds are what a multi-label head's sigmoids were made of; its answer is the class with the highest. Raises
    BlockedError for numbers that are not what `returns` says.
    """
    if answers.ndim != 2:  # another shape is told by whoever asked
        return answers
    if returns == "logits":
        if len(answers) >= NO_CHANCE and answers.min() >= 0 and np.abs(answers.sum(axis=1) - 1).max() < 1e-3:
            raise BlockedError(
                "it returns logits, and those of every image sum to 1 and none is negative: probabilities? State "
                "`returns: probabilities`"
            )
        return answers
    outside = answers[(answers < -1e-3) | (answers > 1 + 1e-3)]
    if outside.size:
        raise BlockedError(f"it returns {returns}, and {outside[0]} is none: logits? State `returns: logits`")
    if returns == "sigmoids":
        odds = np.clip(answers, np.float32(2.0**-60), np.float32(1 - 2.0**-24))
        return np.asarray(np.log(odds) - np.log1p(-odds))
    off = np.abs(answers.sum(axis=1, dtype=np.float64) - 1.0)
    if off.size and off.max() > SUM_TOLERANCE:
        raise BlockedError(
            f"it returns probabilities, and those of an image sum to {answers[off.argmax()].sum():.3g}: "
            "a multi-label head, with a sigmoid for each class? State `returns: sigmoids`"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(answers))


def _advice(shape: tuple[int, ...], classes: int) -> str:
    advice = heads.advice(shape[1], classes) if len(shape) == 2 else ""
    return f"; {advice}" if advice else ""


def _asked(function: Callable[[Batch], NDArray[np.float32]], batch: Batch, what: str) -> NDArray[np.float32]:
    try:
        return function(batch)
    except EyechartError:
        raise
    except Exception as error:
        raise BlockedError(f"{what} failed: {type(error).__name__}: {error}") from error
