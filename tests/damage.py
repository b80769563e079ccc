"""Damages stores, and fills small ones to be damaged."""

from __future__ import annotations

import json
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


def judged_once(folder: Path) -> Path:
    """Write a store with what the last run judged of one model, and that run's report beside it; returns the store."""
    meta = {"model": "net", "image_set": "validation", "view": "original", "images": {"count": 8, "fingerprint": "f"}}
    table = rows(0, 8)
    table = table.append_column("label", table["predicted"]).append_column("confidence", [[0.5] * 8])
    store = Store(folder / "store")
    store.write_part("key", 0, table, MEANS)
    store.finish("key", meta, keys(8), MEANS)
    run = {"zoo": "own", "precision": "fp32", "models": {"net": "fingerprint"}, "tables": {"net": ["key"]}}
    (folder / "verdicts.json").write_text(json.dumps({"schema": 1, "run": run, "verdicts": []}))
    return folder / "store"
