"""Join of two lists of image names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import numpy as np

from eyechart.measures.predictions import Ints

_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    lambda key: PurePosixPath(key).name,
    lambda key: PurePosixPath(key).stem,
)
"""How names may agree: whole, by file name, by file name without suffix; the first form that finds anything counts."""


def match(wanted: Sequence[str], names: Sequence[str]) -> Ints:
    """(n,) row in `there` of each wanted name, -1 where it is missing.

    `n01440764/ILSVRC2012_val_00000293.JPEG` is found as `ILSVRC2012_val_00000293.JPEG` too, and without its suffix,
    unless that would name two images on either side.
    """
    rows = np.full(len(wanted), -1, dtype=np.int64)
    for form in _FORMS:
        left, right = [form(key) for key in wanted], [form(key) for key in names]
        row_of = {key: row for row, key in enumerate(right)}
        if len(row_of) < len(right) or len(set(left)) < len(left):
            continue
        rows = np.array([row_of.get(key, -1) for key in left], dtype=np.int64)
        if (rows >= 0).any():
            return rows
    return rows
