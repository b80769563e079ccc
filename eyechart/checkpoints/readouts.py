"""The noun `Readout`: how answers in a model's label space become answers in an image set's. Part of their identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.images.labels import LabelSpace
from eyechart.measures.predictions import softmax

Answers: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""(n, classes) logits."""


@dataclass(frozen=True, slots=True)
class Readout:
    """A map of logits, (n, classes of the model) → (n, classes of the image set).

    `identity` is empty where answers stay as they are; otherwise a digest of the rule and of both sides' classes.
    """

    rule: str
    identity: str
    apply: Callable[[Answers], Answers]


def readout(model: LabelSpace, images: LabelSpace) -> Readout:
    """Find the readout from a model's label space to an image set's.

    The same space is left as it is. A space whose names are all among the model's is a mask, before the softmax
    (ImageNet-A and -R). A space with a rule of its own follows that. Raises BlockedError where there is no way.
    """
    if model.names == images.names:
        return Readout("", "", lambda logits: logits)
    if images.rule and images.parent == model.name:
        apply = _mean(images) if images.rule == "mean" else _mapped(images, len(model))
        return Readout(images.rule, digest(images.rule, images.names, images.members), apply)
    index_of = {name: index for index, name in enumerate(model.names)}
    if all(name in index_of for name in images.names):
        columns = np.array([index_of[name] for name in images.names])
        return Readout("mask", digest("mask", columns.tolist()), lambda logits: logits[:, columns])
    raise BlockedError(
        f"label space {model.name!r} ({len(model)} classes) cannot be read as {images.name!r} ({len(images)} classes): "
        "the image set's classes must be the model's, or some of them by the same names"
    )


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
