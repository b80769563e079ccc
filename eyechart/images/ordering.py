"""One order for the images of a set: random, and the same for every checkpoint, view and machine."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

from eyechart.measures.predictions import Ints


def declared_order(keys: NDArray[np.str_]) -> Ints:
    """Rows by the hash of their keys: a random order that is the same for every checkpoint, view and machine."""
    return _order(_Keys(keys))


class _Keys:
    """Keys that are equal where their text is, so that one set is ordered once."""

    def __init__(self, keys: NDArray[np.str_]) -> None:
        self.keys = np.ascontiguousarray(keys)

    def __hash__(self) -> int:
        return hash((len(self.keys), *self.keys[:1].tolist(), *self.keys[-1:].tolist()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Keys) or self.keys.dtype != other.keys.dtype:
            return False
        # four times as fast as text; a judgment asks it of every claim
        return self.keys is other.keys or np.array_equal(self.keys.view(np.uint32), other.keys.view(np.uint32))


@functools.lru_cache(maxsize=16)
def _order(keys: _Keys) -> Ints:
    hashes = [hashlib.blake2b(str(key).encode(), digest_size=8).digest() for key in keys.keys]
    return np.argsort(np.array(hashes), kind="stable").astype(np.int64)
