"""Every kind of image set that `models.yaml` may declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Tag

from eyechart.images.readers.computed import ComputedSet
from eyechart.images.readers.corruption_folders import CorruptionFoldersSet
from eyechart.images.readers.derived import DerivedSet
from eyechart.images.readers.folder import FolderSet
from eyechart.images.readers.manifest import ManifestSet
from eyechart.images.readers.parquet import ParquetSet
from eyechart.images.readers.rendered import RenderedSet
from eyechart.images.readers.shards import ShardsSet
from eyechart.recordings.image_set import RecordedSet

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
