"""The noun `Readout`: how answers in a model's label space become answers in an image set's. Part of their identity."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.labels import LEVELED, WIDER, LabelSpace, label_space
from eyechart.measures.predictions import softmax

MOST_ABSENT = 50
"""A head for more of ImageNet may lack every fiftieth class of an image set: those images are then answered wrongly."""

ACROSS_LEVELS = (
    "published heads for ImageNet-21k-P were trained with a softmax for each level of WordNet (arXiv 2104.10972): "
    "their logits were not trained to be compared across levels, as they are here"
)

Answers: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""(n, classes) logits."""


@dataclass(frozen=True, slots=True)
class Readout:
    """A map of logits, (n, classes of the model) → (n, classes of the image set).

    `identity` is empty where answers stay as they are; otherwise a digest of the rule and of both sides' classes.
    `note` says which classes the model has no output for, and so never names, and where logits are compared that were
    not trained for that.
    """

    rule: str
    identity: str
    apply: Callable[[Answers], Answers]
    note: str = ""


@functools.lru_cache(maxsize=64)
def readout(model: LabelSpace, images: LabelSpace) -> Readout:
    """Find the readout from a model's label space to an image set's.

    The same space is left as it is. A space whose names are all among the model's is a mask, before the softmax
    (ImageNet-A and -R, ImageNet-1k of a head for 21,843 classes). A space with a rule of its own follows that.
    Raises BlockedError where there is no way.
    """
    if model.names == images.names:
        return Readout("", "", lambda logits: logits)
    if images.rule and images.parent == model.name:
        apply = _mean(images) if images.rule == "mean" else _mapped(images, len(model))
        return Readout(images.rule, digest(images.rule, images.names, images.members), apply)
    if images.rule and model.name != images.parent:
        return _one_after_the_other(
            readout(model, label_space(images.parent)), readout(label_space(images.parent), images)
        )
    index_of = {name: index for index, name in enumerate(model.names)}
    absent = [name for name in images.names if name not in index_of]
    if absent and (model.name not in WIDER or len(absent) > len(images) // MOST_ABSENT):
        few = ", ".join(map(repr, absent[:3])) + ", …" * (len(absent) > 3)
        raise BlockedError(
            f"label space {model.name!r} ({len(model)} classes) cannot be read as {images.name!r} ({len(images)} "
            f"classes): it lacks {few}. The image set's classes must be the model's, or some of them by the same names"
        )
    columns = np.array([index_of.get(name, -1) for name in images.names])
    note = "; ".join(filter(None, [_never_named(absent, model, images), ACROSS_LEVELS * (model.name in LEVELED)]))
    return Readout("mask", digest("mask", columns.tolist()), _mask(columns), note)


def _never_named(absent: Sequence[str], model: LabelSpace, images: LabelSpace) -> str:
    if not absent:
        return ""
    return (
        f"its head for {len(model):,} classes has no output for {len(absent)} of the {len(images):,} "
        f"({', '.join(absent[:3])}{', …' * (len(absent) > 3)}), and never names them"
    )


def _one_after_the_other(first: Readout, second: Readout) -> Readout:
    return Readout(
        second.rule,
        digest(first.identity, second.identity),
        lambda logits: second.apply(first.apply(logits)),
        first.note,
    )


def _mask(columns: NDArray[np.int64]) -> Callable[[Answers], Answers]:
    """The logits of some classes; −∞ for a class that the model has no output for."""

    def apply(logits: Answers) -> Answers:
        chosen = logits[:, columns]
        return np.where(columns < 0, np.asarray(-np.inf, dtype=chosen.dtype), chosen) if (columns < 0).any() else chosen

    return apply


def _mean(images: LabelSpace) -> Callable[[Answers], Answers]:
    """Mean probability of each class's members; its logarithm, so that a softmax gives shares of the categories."""

    def apply(logits: Answers) -> Answers:
        shares = softmax(logits)
        means = np.stack([shares[:, list(members)].mean(axis=1) for members in images.members], axis=1)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(means), dtype=np.float64)

    return apply


def _mapped(images: LabelSpace, classes: int) -> Callable[[Answers], Answers]:
    """Best logit of each class's members, and in a last column that of all other classes, which is no answer."""
    others = sorted(set(range(classes)) - {index for members in images.members for index in members})

    def best(logits: Answers, members: list[int]) -> Answers:
        return logits[:, members].max(axis=1) if members else np.full(len(logits), -np.inf)

    def apply(logits: Answers) -> Answers:
        columns = [best(logits, list(members)) for members in (*images.members, tuple(others))]
        return np.asarray(np.stack(columns, axis=1), dtype=np.float64)

    return apply
