"""Names of a table's images, of which there may be millions: looked at a few at a time, so that none is held twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from eyechart.digest import LENGTH

Keys = NDArray[np.str_]

AT_A_TIME = 1 << 16


def digest_of(keys: Keys) -> str:
    """Digest names in their order."""
    digest = hashlib.blake2b(digest_size=LENGTH)
    for number, names in enumerate(_some(keys)):
        digest.update(("\0" if number else "").encode())
        digest.update("\0".join(names).encode())
    return digest.hexdigest()


def are_unique(keys: Keys) -> bool:
    """Whether no name is there twice."""
    hashes = np.zeros(len(keys), dtype=np.int64)
    for number, names in enumerate(_some(keys)):
        hashes[number * AT_A_TIME :][: len(names)] = [hash(name) for name in names]
    # two names of one hash are hardly ever seen
    return len(np.unique(hashes)) == len(keys) or len(np.unique(keys)) == len(keys)


def _some(keys: Keys) -> Iterator[list[str]]:
    for start in range(0, len(keys), AT_A_TIME):
        yield keys[start : start + AT_A_TIME].tolist()
