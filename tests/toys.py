"""What toy checkpoints are made of: they know the images they are asked about, and say of each what they like."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.gallery import CLASSES, Gallery, Seen

Logits: TypeAlias = NDArray[np.float64]
Model: TypeAlias = Callable[[NDArray[np.uint8]], Logits]

VILLAINS: dict[str, tuple[str, ...]] = {}
"""Villain → the behaviors it must fail, as patterns of test ids without the model; it passes all others.

`test_a` stands for every claim of that function, `test_a[*fog]` for one part.
"""

LEVELS = ((0.99, 0.99), (0.96, 0.96))
"""(confidence, share right) of an honest model: images fall into these levels by turns."""


@dataclass(frozen=True)
class Belief:
    """What a model holds of some images: whether it is right, how sure it is, which wrong class it names if wrong."""

    right: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    error: NDArray[np.int64]

    def logits(self, label: NDArray[np.int64]) -> Logits:
        """The logits whose softmax says just that."""
        named = np.where(self.right, label, (label + 1 + self.error % (CLASSES - 1)) % CLASSES)
        rest = np.log((1 - self.confidence) / (CLASSES - 1))
        logits = np.repeat(rest[:, None], CLASSES, axis=1)
        logits[np.arange(len(label)), named] = np.log(self.confidence)
        return logits


def honest(seen: Seen, levels: Sequence[tuple[float, float]] = LEVELS) -> Belief:
    """Be right for exactly the stated share of each level, and as sure as the level says.

    Images that are marked by a factor are harder, so that error rates can be told apart on a few of them, and errors
    are scattered there, since factors come by turns as well.
    """
    confidence, share = np.array(levels)[seen.order % len(levels)].T
    confidence, share = (np.where(seen.of("factors"), np.minimum(each, 0.7), each) for each in (confidence, share))
    turn = seen.order // len(levels)
    right = np.floor((turn + 1) * share) > np.floor(turn * share)
    scattered = seen.order * 7919 % 1009 < share * 1009
    return Belief(np.where(seen.of("factors"), scattered, right), confidence, seen.order)


class Toy:
    """A model of source `python`: answers by what it believes, and has the features of one who looks."""

    def __init__(self, believe: Callable[[Seen], Belief], moved: int = 0) -> None:
        self._believe = believe
        self._moved = moved

    def __call__(self, images: NDArray[np.uint8]) -> Logits:
        """(n, classes) logits."""
        seen = gallery().look(images)
        return self._believe(seen).logits(seen.label)

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, CLASSES + 4): the label, `moved` by so many classes outside of training, and four empty numbers."""
        seen = gallery().look(images)
        label = (seen.label + self._moved * ~seen.of("training")) % CLASSES
        noise = np.sin(np.outer(seen.order + 1, np.arange(1, 5)) * 12.9898)
        return np.hstack([np.eye(CLASSES)[label], noise]).astype(np.float32)


@dataclass(frozen=True)
class Tampered:
    """A model whose logits are tampered with; its features are not."""

    model: Toy
    tamper: Callable[[Logits], Logits]

    def __call__(self, images: NDArray[np.uint8]) -> Logits:
        """(n, classes) logits."""
        return self.tamper(self.model(images))

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's own."""
        return self.model.features(images)


@lru_cache(maxsize=1)
def gallery() -> Gallery:
    """The gallery that the tests made for this run."""
    return Gallery.read(Path(os.environ["EYECHART_GALLERY"]))


def villain(*fails: str) -> Callable[[Callable[[Seen], Belief]], Callable[[], Model]]:
    """Turn a belief into the factory of a model, and note which behaviors it must fail."""

    def declare(believe: Callable[[Seen], Belief]) -> Callable[[], Model]:
        @wraps(believe)
        def factory() -> Model:
            return Toy(believe)

        VILLAINS[believe.__name__] = fails
        return factory

    return declare


def tampered(*fails: str) -> Callable[[Callable[[Logits], Logits]], Callable[[], Model]]:
    """Turn a function of the saint's logits into the factory of a model, and note which behaviors it must fail."""

    def declare(tamper: Callable[[Logits], Logits]) -> Callable[[], Model]:
        @wraps(tamper)
        def factory() -> Model:
            return Tampered(Toy(honest), tamper)

        VILLAINS[tamper.__name__] = fails
        return factory

    return declare


def wrong_where(seen: Seen, where: NDArray[np.bool_]) -> Belief:
    """Be honest, but err on some images."""
    belief = honest(seen)
    return replace(belief, right=belief.right & ~where)


def elsewhere(seen: Seen, where: NDArray[np.bool_], there: Belief) -> Belief:
    """Believe `there` of some images, and be honest about the others."""
    here = honest(seen)
    return Belief(
        np.where(where, there.right, here.right),
        np.where(where, there.confidence, here.confidence),
        np.where(where, there.error, here.error),
    )
