"""Layout `rendered`: sets that the miniature renders itself, kept in the store under their published fingerprint."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.errors import BlockedError, nearest
from eyechart.images.entries import ImageSetEntry, Labels, Part
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.around import Around
from eyechart.images.views import Image
from eyechart.measures.predictions import Ints
from eyechart.store import Store

WORKERS = min(4, os.cpu_count() or 1)


class RenderedSet(ImageSetEntry):
    """A set that the miniature renders; its name says which. A transfer task needs its own `label_space`."""

    reader: Literal["rendered"]
    label_space: Labels = "miniature"

    def parts(self, kind: Part, name: str) -> tuple[str, ...]:
        """Name the factors that the set of this name departs by, or sweeps."""
        from eyechart.miniature.recipes import SWEPT
        from eyechart.miniature.scenes import FACTORS

        return {"factors": tuple(FACTORS), "synthetic": SWEPT}.get(name, ()) if kind == "factor" else ()


def read(name: str, spec: RenderedSet, around: Around) -> ImageSet:  # noqa: ARG001  # one call for all readers
    """Index the miniature's set of this name, rendering it the first time; of a transfer task, its test images.

    A cached set is used only if its index carries the fingerprint of the published one; pixels are checked against
    it when they are read. Raises BlockedError for a name the miniature does not have, or another set's label space.
    """
    every = _whole(name, around)
    return _split(every, "test") if "split" in every.annotations else every


def read_training(name: str, around: Around) -> ImageSet:
    """Index the images that probes for a transfer task learn from. Raises BlockedError for a set that has none."""
    from eyechart.miniature.sets import SETS

    every = _whole(name, around)
    if "split" not in every.annotations:
        tasks = [task for task, known in SETS.items() if known.role == "transfer"]
        raise BlockedError(
            f"the miniature's set {name!r} has no train images, nothing is there for a probe to learn from: "
            f"{nearest(name, tasks)}"
        )
    return _split(every, "train")


def _split(every: ImageSet, split: Literal["train", "test"]) -> ImageSet:
    return every.rows(np.flatnonzero(every.annotations["split"] == split))


def _whole(name: str, around: Around) -> ImageSet:
    from eyechart.miniature.fingerprints import recorded
    from eyechart.miniature.sets import SETS, fingerprint_of

    if name not in SETS or SETS[name].role == "train":
        raise BlockedError(f"the miniature renders no set {name!r}: {nearest(name, set(SETS) - {'train'})}")
    space = around.labels(name)
    if space.names != tuple(SETS[name].classes):
        raise BlockedError(
            f"the miniature's set {name!r} has the classes {', '.join(SETS[name].classes)}, its label_space "
            f"{space.name!r} has others" + (f": say miniature-{name}" if SETS[name].role == "transfer" else "")
        )
    store, folder = around.store, f"images/{name}-{recorded()[name]['all']}"
    cached = store.read_kept(f"{folder}/index.parquet")
    if cached is None:
        _render(name, folder, store)
        cached = store.read_kept(f"{folder}/index.parquet")
    if cached is None:
        raise BlockedError(f"{store.root / folder} does not keep what is written there")
    index, meta = cached
    columns = {column: index[column].to_numpy() for column in index.column_names}
    fingerprint = str(meta["fingerprint"])
    pixels: list[NDArray[np.uint8]] = []

    def pixels_of(rows: Ints) -> list[Image]:
        if not pixels:
            kept: NDArray[np.uint8] | None = store.read_array(f"{folder}/pixels.npy")
            if kept is None or fingerprint_of(keys.tolist(), labels, kept) != fingerprint:
                if fingerprint != recorded()[name]["all"]:
                    raise BlockedError(
                        f"{store.root / folder} lacks the pixels of its index, and what is rendered has another "
                        "fingerprint: remove that folder"
                    )
                kept = _render(name, folder, store)
            pixels.append(kept)
        return list(pixels[0][rows])

    keys = columns.pop("key").astype(np.str_)
    labels = columns.pop("label").astype(np.int64)
    return ImageSet(name, space.name, keys, labels, {**columns, **_cues(keys, labels, columns)}, fingerprint, pixels_of)


def _cues(keys: NDArray[np.str_], labels: Ints, columns: dict[str, Any]) -> dict[str, Any]:
    """The two cues of a cue-conflict set, in the columns that assembled sets have; nothing for other sets.

    Every object is rendered anew, so that no two images share what their cues came from.
    """
    if "texture_label" not in columns:
        return {}
    texture = columns["texture_label"].astype(np.int64)
    return {"shape": labels, "texture": texture, "content_image": keys, "texture_image": keys}


def _render(name: str, folder: str, store: Store) -> NDArray[np.uint8]:
    from eyechart.miniature.sets import render_set

    rendering = render_set(name, workers=WORKERS)
    columns: dict[str, Any] = {"key": list(rendering.keys), "label": rendering.labels, **rendering.annotations}
    store.write_array(f"{folder}/pixels.npy", rendering.images)
    store.write_table(f"{folder}/index.parquet", pa.table(columns), {"fingerprint": rendering.fingerprint})
    return rendering.images
