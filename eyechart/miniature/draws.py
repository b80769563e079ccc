"""Named random values: every value of every image is a hash of (image key, name of the value).

A value never depends on the order in which values are drawn or on which other images are rendered, so any
subset of a set can be rendered alone, on any machine, with the same bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


@dataclass(frozen=True)
class Draws:
    """The random values of one image, by name. `key` is the image's key, such as "validation/00012"."""

    key: str

    def share(self, name: str) -> float:
        """A uniform number in [0, 1)."""
        digest = hashlib.blake2b(f"{self.key}:{name}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "little") >> 11) / 2**53

    def uniform(self, name: str, low: float, high: float) -> float:
        """A uniform number in [low, high), rounded to 4 decimals so that it prints as it is."""
        return round(low + (high - low) * self.share(name), 4)

    def integer(self, name: str, low: int, high: int) -> int:
        """A uniform integer in [low, high)."""
        return low + int((high - low) * self.share(name))

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.integer(name, 0, len(options))]

    def chance(self, name: str, probability: float) -> bool:
        """True with the given probability."""
        return self.share(name) < probability

    def grains(self, name: str, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """Triangular integers in [-255, 255] (mean 0, standard deviation 104.5), of the given shape."""
        seed = int.from_bytes(hashlib.blake2b(f"{self.key}:{name}".encode(), digest_size=16).digest(), "little")
        count = int(np.prod(shape))
        raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw((2 * count + 7) // 8)
        pairs = raw.astype("<u8").view(np.uint8)[: 2 * count].astype(np.int32)
        return (pairs[:count] + pairs[count:] - 255).reshape(shape)
