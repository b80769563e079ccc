"""Contracts: exact properties of a live checkpoint, searched in the predict phase; their outcomes are stored.

A contract is a plain function of a checkpoint's answers that raises AssertionError with a counter-example.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eyechart.checkpoints.checkpoint import Logits
from eyechart.checkpoints.preprocessing import Batch
from eyechart.predict.exploring import steady

Answer: TypeAlias = Callable[[Batch], Logits]
Contract: TypeAlias = Callable[[Answer, Batch, float], None]
"""(answer, images, largest difference that is no difference)"""

IMAGES = 32
"""Images of a set that a contract may draw from."""

EXAMPLES = 20
TOLERANCE = {"fp32": 1e-3, "bf16": 0.25, "fp16": 0.05}
"""Largest difference between two logits that count as the same answer, by precision.

Libraries pick other kernels for other batch shapes, which reorders sums; a checkpoint that mixes images
(batch statistics, for one) changes its logits by whole units.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a contract held, how many images it was tried on, and the counter-example where it did not."""

    holds: bool
    count: int
    message: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """Rebuild what `dataclasses.asdict` made."""
        return cls(**data)


def _search(test: Callable[..., None]) -> None:
    steady(EXAMPLES)(test)()


def _apart(left: Logits, right: Logits) -> float:
    """Largest difference between two answers; equal bits, NaN and infinity among them, are no difference."""
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0.0, np.nan_to_num(np.abs(left - right), nan=np.inf))))


def finite(answer: Answer, images: Batch, tolerance: float) -> None:  # noqa: ARG001  # one call for all contracts
    """Every logit is a number, on real images, on black, on white and on noise."""
    noise = np.random.default_rng(0).integers(0, 256, images[:4].shape, dtype=np.uint8)
    cases = {"an image of the set": images, "black": images[:1] * 0, "white": images[:1] * 0 + 255, "noise": noise}
    for name, batch in cases.items():
        logits = answer(batch)
        if not np.isfinite(logits).all():
            row, column = np.argwhere(~np.isfinite(logits))[0]
            raise AssertionError(f"{name} (number {row}): the logit of class {column} is {logits[row, column]}")


def repeatable(answer: Answer, images: Batch, tolerance: float) -> None:  # noqa: ARG001  # one call for all contracts
    """The same batch gives the same bits again."""
    first, second = answer(images), answer(images)
    if not np.array_equal(first, second, equal_nan=True):
        row = int(np.argwhere((first != second).any(axis=1))[0, 0])
        apart = _apart(first, second)
        raise AssertionError(f"image {row}: two runs over one batch differ by up to {apart:.3g} in a logit")


def independent_of_batch_mates(answer: Answer, images: Batch, tolerance: float) -> None:
    """An image gets the same answer whatever images share its batch."""
    alone = answer(images[:1])[0]

    @given(st.lists(st.integers(1, len(images) - 1), min_size=1, max_size=len(images) - 1))
    def in_company(mates: list[int]) -> None:
        together = answer(images[[0, *mates]])[0]
        apart = _apart(together, alone)
        assert apart <= tolerance, (
            f"image 0 beside the images {mates}: a logit differs by {apart:.3g} from its answer alone"
        )

    _search(in_company)


def independent_of_order(answer: Answer, images: Batch, tolerance: float) -> None:
    """The order of a batch does not change any image's answer."""
    ordered = answer(images)

    @given(st.permutations(range(len(images))))
    def shuffled(order: list[int]) -> None:
        apart = _apart(answer(images[order]), ordered[order])
        assert apart <= tolerance, f"in the order {order} a logit differs by {apart:.3g}"

    _search(shuffled)


CONTRACTS: dict[str, Contract] = {
    check.__name__: check for check in (finite, repeatable, independent_of_batch_mates, independent_of_order)
}


def source_of(name: str) -> str:
    """Text of a contract: part of its outcome's identity, so that an edited contract is searched again."""
    return inspect.getsource(CONTRACTS[name])


def check(name: str, answer: Answer, images: Batch, precision: str) -> Finding:
    """Try a contract; a broken one comes back with its smallest counter-example."""
    try:
        CONTRACTS[name](answer, images, TOLERANCE[precision.split(maxsplit=1)[0]])
    except AssertionError as error:
        return Finding(False, len(images), str(error).splitlines()[0])
    return Finding(True, len(images))
