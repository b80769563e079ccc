"""Layout `folder`: `<class>/<file>`, or with levels above the classes `<level>/…/<class>/<file>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import model_validator

from eyechart.errors import BlockedError
from eyechart.images.decoding import OTHER_SUFFIXES, SUFFIXES
from eyechart.images.entries import PixelsEntry
from eyechart.images.files import facts_of
from eyechart.images.image_set import ImageSet
from eyechart.images.joining import match
from eyechart.images.labels import LabelSpace
from eyechart.images.published import imagenet_labels
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import Listed, assemble
from eyechart.images.tables import read_table
from eyechart.images.walking import files_under
from eyechart.store import Store

NAME_COLUMNS = ("filename", "file_name", "key")
"""Columns of a table of annotations that may name the image of a row; the first that is there does."""


class FolderSet(PixelsEntry):
    """Class folders by wnid, name, or integer, which is read as a number.

    `levels` names folder levels above the classes; each becomes an annotation (PUG-ImageNet: [factor]).
    With `labels` the folders do not matter, and an image's class is looked up by its file name.
    `annotations` is a table of what else is known of every image, found by file name.
    """

    reader: Literal["folder"]
    levels: tuple[str, ...] = ()
    labels: Literal["imagenet-x"] | None = None
    annotations: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> FolderSet:
        if self.levels and self.labels:
            raise ValueError("give 'levels' or 'labels', not both: with 'labels' folders have no meaning")
        return self


def read(name: str, spec: FolderSet, around: Around) -> ImageSet:
    """Index a folder. Raises BlockedError where it is missing, incomplete, unreadable, or has a class outside."""
    root = existing(name, around.path(spec.path))
    paths, elsewhere = images_under(root, None if spec.labels else len(spec.levels) + 2)
    space = around.labels(name)
    images = listed(name, root, paths, spec, space, store=around.store)
    if spec.annotations:
        annotations = _annotated(name, existing(name, around.path(spec.annotations)), images)
        images = replace(images, annotations={**annotations, **images.annotations})  # the folders' own count more
    return assemble(name, spec, space, replace(images, left_out=keys_of(elsewhere, root)))


def keys_of(paths: Sequence[Path], root: Path) -> list[str]:
    """Name files by their paths under a folder."""
    return [path.relative_to(root).as_posix() for path in paths]


def listed(name: str, root: Path, paths: Sequence[Path], spec: FolderSet, space: LabelSpace, *, store: Store) -> Listed:
    """List image files with their labels, levels and facts."""
    keys = keys_of(paths, root)
    if spec.labels:
        labels = _looked_up(name, [path.name for path in paths])
    else:
        index = space.indices([path.parent.name for path in paths], f"image set {name!r}: {root}")
        labels = [index[path.parent.name] for path in paths]
    facts = facts_of(root, paths, store)
    levels = {level: [key.split("/")[position] for key in keys] for position, level in enumerate(spec.levels)}
    return Listed(
        keys=keys,
        labels=[(label,) for label in labels],
        digests=[each.digest for each in facts],
        faults=[each.fault for each in facts],
        content=lambda row: paths[row].read_bytes(),
        annotations=levels,
    )


def _annotated(name: str, file: Path, index: Listed) -> dict[str, list[Any]]:
    """Columns of a table of annotations, in the order of the images. Raises BlockedError where an image has no row."""
    try:
        table = read_table(file)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BlockedError(f"image set {name!r}: {file} cannot be read: {error}") from error
    column = next((column for column in NAME_COLUMNS if column in table.column_names), None)
    if column is None:
        raise BlockedError(
            f"image set {name!r}: {file} does not say which image a row is about: it needs a column "
            f"{' or '.join(map(repr, NAME_COLUMNS))}, found {', '.join(table.column_names)}"
        )
    rows = match(index.keys, [str(key) for key in table[column].to_pylist()])
    missing = [key for key, row in zip(index.keys, rows, strict=True) if row < 0]
    if missing:
        raise BlockedError(
            f"image set {name!r}: {file} lacks {len(missing):,} of {len(rows):,} images, such as {missing[0]}; its "
            f"first {column!r} is {table[column][0].as_py()!r}"
        )
    return {other: table[other].take(pa.array(rows)).to_pylist() for other in table.column_names if other != column}


def existing(name: str, path: Path) -> Path:
    """Pass a path that is there. Raises BlockedError that says where it was looked for."""
    if not path.exists():
        raise BlockedError(
            f"image set {name!r} not found: looked for {path}. Say where the real image sets are: --data DIR"
        )
    return path


def images_under(root: Path, depth: int | None) -> tuple[list[Path], list[Path]]:
    """Find the image files at one depth under `root` (1 is directly in it) or at any, and those that are elsewhere.

    Files whose suffix says that they are images of a kind that is not read count as elsewhere.
    Raises OSError for a link that leads back to a folder it is in.
    """
    at_depth, elsewhere = [], []
    for path in sorted(files_under(root)):
        kind = path.suffix.lower()
        if kind in SUFFIXES and depth in (None, len(path.relative_to(root).parts)):
            at_depth.append(path)
        elif kind in SUFFIXES or kind in OTHER_SUFFIXES:
            elsewhere.append(path)
    return at_depth, elsewhere


def _looked_up(name: str, files: Sequence[str]) -> list[int]:
    known = imagenet_labels()
    strange = [file for file in files if file not in known]
    if strange:
        raise BlockedError(
            f"image set {name!r}: {len(strange)} of {len(files)} files are no ImageNet validation images, "
            f"such as {strange[0]!r}"
        )
    return [known[file] for file in files]
