"""Damages stores, and fills small ones to be damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from eyechart.store import Store

MEANS = {"versions": {"numpy": "2"}}


def keys(count: int) -> np.ndarray:
    """Names of `count` images."""
    return np.array([f"set/{row:03d}" for row in range(count)])


def rows(start: int, stop: int, value: int = 0) -> pa.Table:
    """Predictions for images `start` to `stop`."""
    logits = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(4 * start, 4 * stop, dtype=np.float32)), 4)
    names = keys(stop)[start:].tolist()
    return pa.table({"key": names, "predicted": np.arange(start, stop) + value, "logits": logits})


def fill(store: Store, key: str, count: int, starts: Sequence[int] = (0,)) -> None:
    """Write a table of `count` images in parts from these rows on."""
    for start, stop in zip(starts, [*starts[1:], count], strict=True):
        store.write_part(key, start, rows(start, stop), MEANS)
    store.finish(key, {"model": "a", "view": "original"}, keys(count), MEANS)


def flip(path: Path, position: int, bit: int) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def halve(path: Path) -> None:
    """Cut a file in the middle."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    """Leave nothing in a file but its name."""
    path.write_bytes(b"")
