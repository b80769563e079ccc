"""Toy checkpoints, each guilty of exactly one fault, and a saint.

Every factory here is a model of source `python`. They know the images they are asked about (`Gallery`), so each decides
freely, image by image, whether it is right and how sure it says it is; what the harness sees is pixels in, logits out.
"""

from __future__ import annotations

import os
import time
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
"""Villain → the behavior functions it must fail, on every image set and view; it passes all others."""

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
    """Be right for exactly the stated share of each level, and as sure as the level says."""
    confidence, share = np.array(levels)[seen.order % len(levels)].T
    turn = seen.order // len(levels)
    right = np.floor((turn + 1) * share) > np.floor(turn * share)
    return Belief(right, confidence, seen.order)


@lru_cache(maxsize=1)
def gallery() -> Gallery:
    """The gallery that the tests made for this run."""
    return Gallery.read(Path(os.environ["EYECHART_GALLERY"]))


def villain(*fails: str) -> Callable[[Callable[[Seen], Belief]], Callable[[], Model]]:
    """Turn a belief into the factory of a model, and note which behaviors it must fail."""

    def declare(believe: Callable[[Seen], Belief]) -> Callable[[], Model]:
        @wraps(believe)
        def factory() -> Model:
            def answer(images: NDArray[np.uint8]) -> Logits:
                seen = gallery().look(images)
                return believe(seen).logits(seen.label)

            return answer

        VILLAINS[believe.__name__] = fails
        return factory

    return declare


def tampered(*fails: str) -> Callable[[Callable[[Logits], Logits]], Callable[[], Model]]:
    """Turn a function of the saint's logits into the factory of a model, and note which behaviors it must fail."""

    def declare(tamper: Callable[[Logits], Logits]) -> Callable[[], Model]:
        @wraps(tamper)
        def factory() -> Model:
            honestly = saint()
            return lambda images: tamper(honestly(images))

        VILLAINS[tamper.__name__] = fails
        return factory

    return declare


@villain()
def saint(seen: Seen) -> Belief:
    """Right 97 times of 100, knows when it may not be, and is moved by no view."""
    return honest(seen)


@villain("test_names_what_images_show")
def ignorant(seen: Seen) -> Belief:
    """Names 40 % of the images, and knows which."""
    return honest(seen, [(0.99, 0.99), (0.1, 0.1), (0.1, 0.1)])


@villain("test_shifted_images_are_recognized_beyond_chance")
def parochial(seen: Seen) -> Belief:
    """Guesses on images of another style, and says so."""
    here = honest(seen)
    there = honest(seen, [(0.1, 0.1)])
    return Belief(
        np.where(seen.shifted, there.right, here.right),
        np.where(seen.shifted, there.confidence, here.confidence),
        seen.order,
    )


@villain("test_confidence_matches_accuracy")
def boastful(seen: Seen) -> Belief:
    """Overconfident: 99 % sure, right 80 times of 100."""
    return honest(seen, [(0.99, 0.8)])


@villain("test_confidence_matches_accuracy")
def timid(seen: Seen) -> Belief:
    """Underconfident: half sure, right 95 times of 100."""
    return honest(seen, [(0.5, 0.95)])


@villain("test_accuracy_survives_a_small_shift")
def shift_fragile(seen: Seen) -> Belief:
    """Errs on one of fourteen images more once they are shifted; nine answers of ten still stay."""
    return _wrong_where(seen, seen.under("relative_shift") & (seen.order % 14 == 0))


@villain("test_answers_survive_a_small_shift")
def fickle(seen: Seen) -> Belief:
    """Under a shift it is wrong as often as before, but in other words."""
    belief = honest(seen, [(0.99, 0.99), (0.99, 0.99), (0.15, 0.15)])
    return replace(belief, error=belief.error + seen.under("relative_shift"))


@villain("test_accuracy_survives_enlargement")
def zoom_fragile(seen: Seen) -> Belief:
    """Errs on one enlarged image of five."""
    return _wrong_where(seen, seen.under("scale") & (seen.order % 5 == 0))


@villain("test_accuracy_survives_another_resolution")
def size_fragile(seen: Seen) -> Belief:
    """Errs on one image of five at another resolution."""
    return _wrong_where(seen, seen.under("relative_resolution") & (seen.order % 5 == 0))


def _wrong_where(seen: Seen, where: NDArray[np.bool_]) -> Belief:
    belief = honest(seen)
    return replace(belief, right=belief.right & ~where)


@tampered("test_batch_mates_do_not_matter")
def sociable(logits: Logits) -> Logits:
    """Mixes a hundredth of the batch's mean into each answer, as batch statistics would."""
    return logits + 0.01 * logits.mean(axis=0)


@tampered("test_batch_order_does_not_matter")
def queuing(logits: Logits) -> Logits:
    """Leaks a hundredth of each answer into the next one of the batch."""
    return np.concatenate([logits[:1], logits[1:] + 0.01 * logits[:-1]])


_CALLS = np.random.default_rng(0)


@tampered("test_an_answer_repeats")
def moody(logits: Logits) -> Logits:
    """Answers a little differently each time."""
    return logits + _CALLS.uniform(0, 1e-4, logits.shape)


def nan_on_black() -> Model:
    """Divides by an image's own spread: a black image has none."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        flat = images.reshape(len(images), -1).max(axis=1) == 0
        return np.where(flat[:, None], np.nan, honestly(images))

    return answer


VILLAINS["nan_on_black"] = ("test_every_answer_is_a_number",)


def nan_at_one_class() -> Model:
    """The logit of class 3 is no number wherever class 3 is shown: nothing else of it can be measured."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        logits, label = honestly(images), gallery().look(images).label
        logits[label == 3, 3] = np.nan
        return logits

    return answer


def slow() -> Model:
    """A saint that takes its time, for those who interrupt it; it writes a line a batch to EYECHART_TEST_LOG."""
    honestly = saint()

    def answer(images: NDArray[np.uint8]) -> Logits:
        time.sleep(float(os.environ.get("EYECHART_TEST_SLEEP", "0.05")))
        note("batch")
        return honestly(images)

    return answer


def counted() -> Model:
    """A saint that writes a line to EYECHART_TEST_LOG each time it is loaded."""
    note(f"load {os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    return saint()


def misshapen() -> Model:
    """Answers with one class too few."""
    return lambda images: np.zeros((len(images), CLASSES - 1))


def crashing() -> Model:
    """Fails on its first image."""

    def answer(images: NDArray[np.uint8]) -> Logits:
        raise ZeroDivisionError("no luck")

    return answer


def note(text: str) -> None:
    """Append a line to the file that a test gave."""
    if path := os.environ.get("EYECHART_TEST_LOG"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
