"""From an entry of `models.yaml` to an image set: the one way to index it, whatever its layout."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from eyechart.errors import BlockedError
from eyechart.images.entries import PixelsEntry
from eyechart.images.image_set import ImageSet, checked
from eyechart.images.readers.around import Around
from eyechart.images.readers.computed import ComputedSet
from eyechart.images.readers.derived import DerivedSet
from eyechart.images.readers.rendered import RenderedSet, read_training
from eyechart.images.remote import local_copy
from eyechart.recordings.image_set import RecordedSet, read_recorded
from eyechart.recordings.spec import RecordedSpec
from eyechart.store import Store
from eyechart.zoo.image_sets import ImageSetSpec
from eyechart.zoo.zoo import Zoo


def read_image_set(zoo: Zoo, name: str, store: Store, limit: int | None) -> ImageSet:
    """Index the image set that `zoo` declares under `name`; `limit` keeps a seeded subset of it.

    Of a computed set it limits the images that are corrupted, so that each stays with all its corruptions.
    Raises BlockedError where it is missing, empty, incomplete or cannot be read.
    """
    spec = zoo.image_sets[name]
    if isinstance(spec, ComputedSet) and limit is not None:
        fewer = zoo.model_copy(update={"image_sets": {**zoo.image_sets, name: spec.limited(limit)}})
        return replace(read_image_set(fewer, name, store, None), limit=limit if limit < spec.images else None)
    try:
        index = checked(_read(zoo, name, spec, store))
    except OSError as error:
        raise BlockedError(f"image set {name!r}: {error}") from error
    if isinstance(spec, DerivedSet) and limit is not None:
        limited = read_image_set(zoo, spec.of, store, limit)
        rows = np.flatnonzero(np.isin(index.keys, limited.keys))
        return replace(checked(index.rows(rows)), limit=limited.limit)
    return index.limited(limit)


def _read(zoo: Zoo, name: str, spec: ImageSetSpec, store: Store) -> ImageSet:
    if isinstance(spec, RecordedSet):
        recorded = {model: entry for model, entry in zoo.models.items() if isinstance(entry, RecordedSpec)}
        return read_recorded(name, spec, zoo.labels(name), recorded, zoo.places)
    reader = importlib.import_module(f"eyechart.images.readers.{spec.reader.replace('-', '_')}")
    image_set: ImageSet = reader.read(name, spec, _around(zoo, store))
    return image_set


def _around(zoo: Zoo, store: Store) -> Around:
    def path(relative: str) -> Path:
        url = zoo.url(relative)
        return local_copy(url, store) if url else zoo.image_path(relative)

    return Around(path, zoo.labels, lambda other: read_image_set(zoo, other, store, None), store)


def read_training_images(zoo: Zoo, name: str, store: Store, limit: int | None) -> ImageSet:
    """Index the images that probes for an image set learn from: under `train` of its entry, or rendered for it.

    Raises BlockedError where there is no such entry, or as `read_image_set`.
    """
    spec = zoo.image_sets[name]
    if isinstance(spec, RenderedSet):
        return checked(read_training(name, _around(zoo, store))).limited(limit)
    if not isinstance(spec, PixelsEntry) or spec.train is None:
        raise BlockedError(f"image set {name!r} has no `train`: nothing is there for a probe to learn from")
    learned = spec.model_copy(update={"path": spec.train, "count": None, "train": None})
    return read_image_set(zoo.model_copy(update={"image_sets": {**zoo.image_sets, name: learned}}), name, store, limit)
