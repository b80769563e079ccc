"""The image sets of the paper's zoo at their published sizes: names, labels and annotations without pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from eyechart.digest import digest
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.cue_conflict import CATEGORIES
from eyechart.images.image_set import ImageSet
from eyechart.images.published import imagenet_labels
from eyechart.images.readers.assembling import cue_columns
from eyechart.images.readers.derived import DerivedSet
from eyechart.zoo import indexing
from tests import paper_numbers as paper

CORRUPTED_IMAGES = 400
"""Of each corruption and severity, of 50,000: fewer leave more undecided, and break no other promise."""

INDEX = indexing._read


def drawn_images(zoo: Any, name: str, spec: Any, store: Any) -> ImageSet:
    """Index an image set of the published size, or the training images of one; in place of `indexing._read`."""
    if isinstance(spec, DerivedSet):
        return INDEX(zoo, name, spec, store)
    space, leaked = zoo.labels(name), name == "sun397"  # whose published test images are its training images
    training = spec.role == "transfer" and spec.train is None
    keys, labels, columns = _listed(name, zoo, 1 if training and not leaked else spec.count or 108_754, len(space))

    def read(rows: Any) -> Any:
        raise AssertionError(f"{len(rows)} images of {name!r} are asked for, and there are none")

    source = name if leaked else spec.path
    return ImageSet(
        name, space.name, keys, labels, {**columns, **cue_columns(spec.role, space, keys.tolist())},
        digest("drawn", source, len(keys)), read, cropped=spec.cropped,
        digests=lambda rows: [f"{source}/{row}" for row in rows.tolist()],
    )  # fmt: skip


def _listed(name: str, zoo: Any, count: int, classes: int) -> tuple[Any, Any, dict[str, Any]]:
    """Keys, labels and annotations of the images of a set."""
    if name == "imagenet-1k":
        known = sorted(imagenet_labels().items())
        return np.array([key for key, _ in known]), np.array([label for _, label in known]), {}
    if name == "cue-conflict":
        names = list(CATEGORIES)
        shapes, numbers = np.divmod(np.arange(count), count // len(names))
        texture = [f"{names[number % 16]}{number // 16 % 3 + 1}" for number in numbers]
        files = zip(shapes, numbers, texture, strict=True)
        return np.array([f"{names[s]}/{names[s]}{n // 8 + 1}-{t}.png" for s, n, t in files]), shapes, {}
    if name == "imagenet-c":
        cells = [(corruption, severity) for corruption in CORRUPTIONS for severity in range(1, 6)]
        image = np.tile(np.arange(CORRUPTED_IMAGES).astype(np.str_), len(cells))
        corruption, severity = (np.repeat(column, CORRUPTED_IMAGES) for column in zip(*cells, strict=True))
        keys = [f"{kind}/{level}/{each}" for kind, level, each in zip(corruption, severity, image, strict=True)]
        columns = {"corruption": corruption, "severity": severity, "image": image}
        return np.array(keys), image.astype(np.int64) % classes, columns
    rows = np.arange(count)
    keys, labels = np.char.zfill(rows.astype(np.str_), 6), rows % classes
    if name in paper.COMMONEST:
        labels = np.where(rows < paper.COMMONEST[name] * count, 0, 1 + rows % (classes - 1))
    if name == "pug-imagenet":
        factors = zoo.parts(name, "factor")
        return keys, labels, {"factor": np.array(factors)[rows // classes % len(factors)]}
    return keys, labels, {}
