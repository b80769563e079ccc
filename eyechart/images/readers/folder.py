"""Layout `folder`: `<class>/<file>`, or with levels above the classes `<level>/…/<class>/<file>`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import model_validator

from eyechart.errors import BlockedError
from eyechart.images.decoding import suffixes
from eyechart.images.entries import PixelsEntry
from eyechart.images.files import facts_of, keys_of
from eyechart.images.ground_truth import labeled, read_ground_truth
from eyechart.images.image_set import ImageSet
from eyechart.images.joining import match
from eyechart.images.labels import LabelSpace
from eyechart.images.published import imagenet_labels
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import SHOWN, Listed, assemble, some
from eyechart.images.tables import read_table
from eyechart.images.walking import files_under, folders_in
from eyechart.store import Store

PUBLISHED = "imagenet-x"
"""Under `labels`: the label file of the package imagenet-x."""

NAME_COLUMNS = ("filename", "file_name", "key")
"""Columns of a table of annotations that may name the image of a row; the first that is there does."""


class FolderSet(PixelsEntry):
    """Class folders by wnid, name, or integer, which is read as a number.

    `levels` names folder levels above the classes; each becomes an annotation (PUG-ImageNet: [factor]).
    With `labels` the folders do not matter, and an image's class is looked up by its file name: in a list, or in
    "imagenet-x". `class_ids` says what the numbers of a list mean that are not the label space's own.
    `annotations` is a table of what else is known of every image, found by file name.
    """

    reader: Literal["folder"]
    levels: tuple[str, ...] = ()
    labels: str | None = None
    class_ids: str | None = None
    annotations: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> FolderSet:
        if self.levels and self.labels:
            raise ValueError("give 'levels' or 'labels', not both: with 'labels' folders have no meaning")
        if self.class_ids and self.labels in (None, PUBLISHED):
            raise ValueError("'class_ids' explains the numbers of a list under 'labels', and none is given")
        return self


def read(name: str, spec: FolderSet, around: Around) -> ImageSet:
    """Index a folder. Raises BlockedError where it is missing, incomplete, unreadable, or has a class outside."""
    root = existing(name, around.path(spec.path))
    tables = [spec.annotations, None if spec.labels == PUBLISHED else spec.labels, spec.class_ids]
    table, list_file, class_ids = (existing(name, around.path(each)) if each else None for each in tables)
    depth = None if spec.labels else len(spec.levels) + 2
    contents = contents_of(root, depth, {table, list_file, class_ids})
    space = around.labels(name)
    if not contents.images:
        raise BlockedError(_nothing(name, root, spec, space, contents))
    notes = contents.left_out(root)
    if list_file:
        labels, spare = _labeled(name, list_file, class_ids, keys_of(contents.images, root), space)
        notes += spare
    elif spec.labels:
        labels = _looked_up(name, [path.name for path in contents.images])
    else:
        labels = by_folder(name, root, contents.images, space)
    images = listed(root, contents.images, labels, spec.levels, around.store)
    if table:
        annotations = _annotated(name, table, images)
        images = replace(images, annotations={**annotations, **images.annotations})  # the folders' own count more
    return assemble(name, spec, space, replace(images, notes=notes))


def by_folder(name: str, root: Path, paths: Sequence[Path], space: LabelSpace) -> list[int]:
    """Classes of image files by the folders they are in. Raises BlockedError for folders that name no class."""
    index = space.indices([path.parent.name for path in paths], f"image set {name!r}: {root}")
    return [index[path.parent.name] for path in paths]


def listed(root: Path, paths: Sequence[Path], labels: Sequence[int], levels: Sequence[str], store: Store) -> Listed:
    """List image files with their labels, levels and facts."""
    keys = keys_of(paths, root)
    facts = facts_of(root, paths, store)
    columns = {level: [key.split("/")[position] for key in keys] for position, level in enumerate(levels)}
    return Listed(
        keys=keys,
        labels=[(label,) for label in labels],
        digests=[each.digest for each in facts],
        faults=[each.fault for each in facts],
        content=lambda row: paths[row].read_bytes(),
        annotations=columns,
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


@dataclass(frozen=True)
class Contents:
    """What a folder holds: images at the depth of a layout, images that are elsewhere, and files that are no image."""

    images: list[Path]
    elsewhere: list[Path]
    others: list[Path]

    def left_out(self, root: Path) -> list[str]:
        """Say what of it is not judged."""
        notes = []
        if self.elsewhere:
            some_keys = some(keys_of(self.elsewhere, root))
            notes.append(f"{len(self.elsewhere):,} image files are left out by their place: {some_keys}")
        return [*notes, *unread(self.others, root, "no images of a kind that is read")]


def unread(others: Sequence[Path], root: Path, what: str) -> list[str]:
    """Say which files under a folder are not what it holds; nothing where there are none."""
    if not others:
        return []
    kinds = Counter(path.suffix.lower() or "without suffix" for path in others)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(SHOWN))
    return [f"{len(others):,} files are {what} ({counts}): {some(keys_of(others, root))}"]


def contents_of(root: Path, depth: int | None, known: Collection[Path | None] = ()) -> Contents:
    """Look for image files at one depth under `root` (1 is directly in it) or at any; `known` files are passed over.

    Hidden images count as elsewhere, whatever their depth; other hidden files are passed over.
    Raises OSError for a link that leads back to a folder it is in.
    """
    contents = Contents([], [], [])
    above = len(root.parts)
    for path in sorted(files_under(root), key=lambda path: path.parts):
        hidden = path.name.startswith(".")
        if path.suffix.lower() in suffixes():
            at_depth = depth in (None, len(path.parts) - above) and not hidden
            (contents.images if at_depth else contents.elsewhere).append(path)
        elif not hidden and path not in known:
            contents.others.append(path)
    return contents


def _nothing(name: str, root: Path, spec: FolderSet, space: LabelSpace, contents: Contents) -> str:
    """Say what a folder holds that has no image where the layout has them, and which key reads that."""
    layout = "/".join(["IMAGE"] if spec.labels else [*(level.upper() for level in spec.levels), "CLASS", "IMAGE"])
    start = f"image set {name!r} is empty: {root} holds no image in the layout 'folder', {layout}"
    folders = folders_in(root)
    if not contents.elsewhere:
        held = "; ".join(contents.left_out(root)) or f"it holds no files at all, and {len(folders):,} folders"
        return f"{start}: {held}"
    depths = Counter(len(path.relative_to(root).parts) for path in contents.elsewhere)
    depth, count = depths.most_common(1)[0]
    first = next(key for key in keys_of(contents.elsewhere, root) if key.count("/") == depth - 1)
    if depth == 1:
        held = f"{count:,} images directly in it, such as {first}; {len(folders):,} folders"
        if root.name in space.names:
            advice = f"it is a class folder itself: say `path: {Path(spec.path).parent.as_posix()}`"
        else:
            advice = "say `labels: FILE`, a list of file names and classes, which docs/images.md describes"
    else:
        held = f"{count:,} images {depth - 1} folders down, such as {first}; {len(folders):,} folders ({some(folders)})"
        advice = _levels(spec, Path(first).parts, space)
    return f"{start}. It holds {held}: {advice}"


def _levels(spec: FolderSet, parts: Sequence[str], space: LabelSpace) -> str:
    """Say which keys read images that have other folders above them than the layout; `parts` is the path of one."""
    if parts[0] in space.names:
        return "class folders hold the images themselves: move them up, or say `labels: FILE`, a list of their classes"
    further = len(parts) - 2
    names = ", ".join(f"NAME{number}" for number in range(1, further + 1)) if further > 1 else "NAME"
    levels = f"say `levels: [{names}]`, which makes annotations of the folders above the classes"
    if further <= len(spec.levels):
        return levels if further else "say no `levels`"
    inner = Path(spec.path, *parts[: further - len(spec.levels)])
    return f"say `path: {inner.as_posix()}`, or {levels}"


def _labeled(
    name: str, file: Path, class_ids: Path | None, keys: Sequence[str], space: LabelSpace
) -> tuple[list[int], list[str]]:
    try:
        return labeled(read_ground_truth(file, class_ids), keys, space)
    except BlockedError as error:
        raise BlockedError(f"image set {name!r}: {error}") from error


def _looked_up(name: str, files: Sequence[str]) -> list[int]:
    known = imagenet_labels()
    strange = [file for file in files if file not in known]
    if strange:
        raise BlockedError(
            f"image set {name!r}: {len(strange)} of {len(files)} files are no ImageNet validation images, "
            f"such as {strange[0]!r}"
        )
    return [known[file] for file in files]
