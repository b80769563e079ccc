"""Layout `manifest`: a CSV or Parquet table of paths, labels, and whatever else is known of each image."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa

from eyechart.errors import BlockedError, nearest
from eyechart.images.entries import PixelsEntry
from eyechart.images.files import facts_of
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import Listed, assemble, require_unique
from eyechart.images.readers.folder import existing
from eyechart.images.tables import read_table


class ManifestSet(PixelsEntry):
    """A table with one row an image; `path` is the table, the paths in it start at its folder.

    A path names an image and is its key. Labels are class names, or numbers. All other columns become annotations.
    """

    reader: Literal["manifest"]
    path_column: str = "path"
    label_column: str = "label"


def read(name: str, spec: ManifestSet, around: Around) -> ImageSet:
    """Index the images of a manifest. Raises BlockedError where it, a column of it or an image is missing."""
    manifest = existing(name, around.path(spec.path))
    try:
        table = read_table(manifest, (spec.path_column, spec.label_column))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BlockedError(f"image set {name!r}: {manifest} cannot be read: {error}") from error
    for column in (spec.path_column, spec.label_column):
        if column not in table.column_names:
            raise BlockedError(
                f"image set {name!r}: {manifest} has no column {column!r}: {nearest(column, table.column_names)}"
            )
    keys = [str(key) for key in table[spec.path_column].to_pylist()]
    require_unique(name, keys)
    root = manifest.parent
    paths = [root / Path(key) for key in keys]
    lost = [str(path) for path in paths if not path.is_file()]
    if lost:
        raise BlockedError(
            f"image set {name!r}: {len(lost)} of {len(paths)} images of {manifest} are missing: {lost[0]}"
        )
    space, written = around.labels(name), [str(label) for label in table[spec.label_column].to_pylist()]
    index = space.indices(written, f"image set {name!r}: {manifest}") if written else {}
    facts = facts_of(root, paths, around.store)
    others = [column for column in table.column_names if column not in (spec.path_column, spec.label_column)]
    listed = Listed(
        keys=keys,
        labels=[(index[label],) for label in written],
        digests=[each.digest for each in facts],
        faults=[each.fault for each in facts],
        content=lambda row: paths[row].read_bytes(),
        annotations={column: table[column].to_pylist() for column in others},
    )
    return assemble(name, spec, space, listed)
