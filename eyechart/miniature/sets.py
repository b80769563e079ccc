"""The image sets of the miniature zoo: what each is, and its pixels on demand.

An image depends on nothing but its set's name and its index, so subsets, and renderings by several processes,
have the same bytes as the whole.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyechart.miniature import recipes
from eyechart.miniature.backgrounds import SIDE
from eyechart.miniature.classes import CLASS_NAMES
from eyechart.miniature.recipes import ASSETS_PER_CLASS, CUE_PAIRS, LEVELS, SWEPT, Shot
from eyechart.miniature.render import render

CHUNK = 250  # images rendered by a process at a time


@dataclass(frozen=True)
class SetSpec:
    """One set: `role` as in the design, `count` images, `classes` the names of its label space in order."""

    name: str
    role: str
    count: int
    classes: tuple[str, ...]
    recipe: Callable[[str, int], Shot]

    def key(self, index: int) -> str:
        """The key of an image, from which all of its values follow."""
        return f"{self.name}/{index:05d}"


@dataclass(frozen=True)
class RenderedSet:
    """Images uint8 (n, 64, 64, 3), their keys, labels int64 (n,), and annotations by column, each (n,)."""

    name: str
    images: NDArray[np.uint8]
    keys: tuple[str, ...]
    labels: NDArray[np.int64]
    annotations: Mapping[str, NDArray[Any]]

    @property
    def fingerprint(self) -> str:
        """Hash of all keys, labels and pixels."""
        return fingerprint_of(self.keys, self.labels, self.images)


def fingerprint_of(keys: Sequence[str], labels: NDArray[np.int64], images: NDArray[np.uint8]) -> str:
    """Hash of keys, labels (n,) and pixels (n, height, width, 3)."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\n".join(keys).encode())
    digest.update(labels.astype("<i8").tobytes())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def _specs() -> list[SetSpec]:
    pairs, sweeps = 9 * len(CUE_PAIRS), len(SWEPT) * LEVELS * ASSETS_PER_CLASS * len(CLASS_NAMES)
    return [
        SetSpec("train", "train", 24_000, CLASS_NAMES, recipes.ordinary),
        SetSpec("validation", "validation", 3_000, CLASS_NAMES, recipes.ordinary),
        SetSpec("sketch", "shifted", 4_000, CLASS_NAMES, recipes.sketch),
        SetSpec("rendition", "shifted", 4_000, CLASS_NAMES, recipes.rendition),
        SetSpec("cue-conflict", "cue-conflict", pairs, CLASS_NAMES, recipes.cue_conflict),
        SetSpec("factors", "factors", 3_000, CLASS_NAMES, recipes.factors),
        SetSpec("synthetic", "synthetic", sweeps, CLASS_NAMES, recipes.synthetic),
        SetSpec("count", "transfer", 2_000, recipes.COUNTS, recipes.count),
        SetSpec("where", "transfer", 2_000, recipes.PLACES, recipes.where),
        SetSpec("rotation", "transfer", 2_000, recipes.TURNS, recipes.rotation),
    ]


SETS: Mapping[str, SetSpec] = MappingProxyType({spec.name: spec for spec in _specs()})


def shot(name: str, index: int) -> Shot:
    """What the image of a set at an index shows."""
    spec = SETS[name]
    if not 0 <= index < spec.count:
        raise IndexError(f"{name} has {spec.count} images, so there is none at index {index}")
    return spec.recipe(spec.key(index), index)


def _render_chunk(name: str, indices: Sequence[int]) -> NDArray[np.uint8]:
    """Pixels of some images of a set, (n, 64, 64, 3)."""
    images = np.empty((len(indices), SIDE, SIDE, 3), dtype=np.uint8)
    for row, index in enumerate(indices):
        images[row] = render(shot(name, index).scene)
    return images


def _render_all(name: str, indices: Sequence[int], workers: int) -> NDArray[np.uint8]:
    """Pixels of some images of a set, by as many processes as asked."""
    if workers <= 1 or len(indices) <= CHUNK:
        return _render_chunk(name, indices)
    chunks = [indices[start : start + CHUNK] for start in range(0, len(indices), CHUNK)]
    # By a server, since a fork of a process that holds threads (torch, a progress bar) may deadlock.
    context = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    if context.get_start_method() == "forkserver":  # Windows has none
        context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return np.concatenate(list(pool.map(_render_chunk, [name] * len(chunks), chunks)))


def annotate(name: str, indices: Sequence[int] | None = None) -> RenderedSet:
    """The index of a set without its pixels: keys, labels and annotations (`images` is empty)."""
    return _rendered(name, _checked(name, indices), np.empty((0, SIDE, SIDE, 3), dtype=np.uint8))


def render_set(name: str, indices: Sequence[int] | None = None, workers: int = 1) -> RenderedSet:
    """The images of a set at the given indices (default: all), rendered by `workers` processes."""
    chosen = _checked(name, indices)
    return _rendered(name, chosen, _render_all(name, chosen, workers))


def _checked(name: str, indices: Sequence[int] | None) -> list[int]:
    if name not in SETS:
        raise KeyError(f"no image set {name!r} in the miniature zoo; there are {', '.join(SETS)}")
    return list(range(SETS[name].count)) if indices is None else [int(index) for index in indices]


def _rendered(name: str, indices: list[int], images: NDArray[np.uint8]) -> RenderedSet:
    shots = [shot(name, index) for index in indices]
    rows = [{**each.scene.annotations(), **each.extra} for each in shots]
    columns = {column: np.array([row[column] for row in rows]) for column in (rows[0] if rows else ())}
    labels = np.array([each.label for each in shots], dtype=np.int64)
    keys = tuple(SETS[name].key(index) for index in indices)
    return RenderedSet(name, images, keys, labels, MappingProxyType(columns))
