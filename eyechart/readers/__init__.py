"""On-disk layouts of image sets: one module a layout.

A reader module holds its spec (the keys it takes in `models.yaml`) and `read(name, spec, zoo, store) -> ImageSet`.
A new layout is one new module and one line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from pydantic import Discriminator, Tag

from eyechart.errors import BlockedError
from eyechart.images import ImageSet, checked
from eyechart.readers.computed import ComputedSet
from eyechart.readers.corruption_folders import CorruptionFoldersSet
from eyechart.readers.derived import DerivedSet
from eyechart.readers.folder import FolderSet
from eyechart.readers.manifest import ManifestSet
from eyechart.readers.parquet import ParquetSet
from eyechart.readers.recorded import RecordedSet
from eyechart.readers.rendered import RenderedSet, read_training
from eyechart.readers.shards import ShardsSet
from eyechart.schema import PixelsEntry
from eyechart.store import Store

if TYPE_CHECKING:
    from eyechart.zoo import Zoo

ImageSetSpec: TypeAlias = (
    RenderedSet
    | FolderSet
    | CorruptionFoldersSet
    | ShardsSet
    | ParquetSet
    | ManifestSet
    | RecordedSet
    | DerivedSet
    | ComputedSet
)
__all__ = ["READERS", "ComputedSet", "DerivedSet", "ImageSetSpec", "Readers", "read_image_set", "read_training_images"]

READERS = (
    "rendered",
    "folder",
    "corruption-folders",
    "shards",
    "parquet",
    "manifest",
    "recorded",
    "derived",
    "computed",
)


def _reader_of(entry: Any) -> str:
    """Name the reader of an entry; one without pixels names none: it is part of another set, or of a recording."""
    if isinstance(entry, Mapping):
        return str(entry.get("reader") or ("derived" if "of" in entry else "recorded"))
    return str(getattr(entry, "reader", "recorded"))


Readers: TypeAlias = Annotated[
    Annotated[RenderedSet, Tag("rendered")]
    | Annotated[FolderSet, Tag("folder")]
    | Annotated[CorruptionFoldersSet, Tag("corruption-folders")]
    | Annotated[ShardsSet, Tag("shards")]
    | Annotated[ParquetSet, Tag("parquet")]
    | Annotated[ManifestSet, Tag("manifest")]
    | Annotated[RecordedSet, Tag("recorded")]
    | Annotated[DerivedSet, Tag("derived")]
    | Annotated[ComputedSet, Tag("computed")],
    Discriminator(_reader_of),
]


def read_image_set(zoo: Zoo, name: str, store: Store, limit: int | None) -> ImageSet:
    """Index the image set that `zoo` declares under `name`; `limit` keeps a seeded subset of it.

    Of a computed set it limits the images that are corrupted, so that each stays with all its corruptions.
    Raises BlockedError where it is missing, empty, incomplete or cannot be read.
    """
    spec = zoo.image_sets[name]
    if isinstance(spec, ComputedSet) and limit is not None:
        fewer = zoo.model_copy(update={"image_sets": {**zoo.image_sets, name: spec.limited(limit)}})
        return replace(read_image_set(fewer, name, store, None), limit=limit if limit < spec.images else None)
    reader = importlib.import_module(f"eyechart.readers.{spec.reader.replace('-', '_')}")
    try:
        made = checked(reader.read(name, spec, zoo, store))
    except OSError as error:
        raise BlockedError(f"image set {name!r}: {error}") from error
    if isinstance(spec, DerivedSet) and limit is not None:
        kept = read_image_set(zoo, spec.of, store, limit)
        rows = np.flatnonzero(np.isin(made.keys, kept.keys))
        return replace(checked(made.rows(rows)), limit=kept.limit)
    return made.limited(limit)


def read_training_images(zoo: Zoo, name: str, store: Store, limit: int | None) -> ImageSet:
    """Index the images that probes for an image set learn from: under `train` of its entry, or rendered for it.

    Raises BlockedError where there is no such entry, or as `read_image_set`.
    """
    spec = zoo.image_sets[name]
    if isinstance(spec, RenderedSet):
        return checked(read_training(name, zoo, store)).limited(limit)
    if not isinstance(spec, PixelsEntry) or spec.train is None:
        raise BlockedError(f"image set {name!r} has no `train`: nothing is there for a probe to learn from")
    learned = spec.model_copy(update={"path": spec.train, "count": None, "train": None})
    return read_image_set(zoo.model_copy(update={"image_sets": {**zoo.image_sets, name: learned}}), name, store, limit)
