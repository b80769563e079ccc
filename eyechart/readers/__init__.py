"""On-disk layouts of image sets: one module a layout, one function `read(name, spec, zoo, store) -> ImageSet` each."""

from __future__ import annotations

import importlib

from eyechart.errors import BlockedError
from eyechart.images import ImageSet, checked
from eyechart.store import Store
from eyechart.zoo import Zoo


def read_image_set(zoo: Zoo, name: str, store: Store, limit: int | None) -> ImageSet:
    """Index the image set that `zoo` declares under `name`.

    Raises BlockedError where it is missing, empty or cannot be read.
    """
    spec = zoo.image_sets[name]
    reader = importlib.import_module(f"eyechart.readers.{spec.reader}")
    try:
        return checked(reader.read(name, spec, zoo, store)).limited(limit)
    except OSError as error:
        raise BlockedError(f"image set {name!r}: {error}") from error
