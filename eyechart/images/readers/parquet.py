"""Layout `parquet`: images as bytes in Parquet files, as Hugging Face publishes data sets (ImageNet-Hard)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from eyechart.digest import bytes_digest, digest
from eyechart.errors import BlockedError, nearest
from eyechart.images import decoding
from eyechart.images.entries import PixelsEntry
from eyechart.images.files import facts_of, file_facts
from eyechart.images.image_set import ImageSet
from eyechart.images.readers.around import Around
from eyechart.images.readers.assembling import Listed, assemble, require_unique
from eyechart.images.readers.folder import existing, unread
from eyechart.images.walking import files_under

_PADDING = -1
"""What lists of labels are filled up with where they were made equally long."""

AT_A_TIME, BUFFER = 16, 1 << 20
"""Images that are read together, and bytes that are read ahead."""


class ParquetSet(PixelsEntry):
    """One Parquet file or a folder of them (searched for `*.parquet` at any depth).

    Images are bytes, or the `{bytes, path}` of Hugging Face. Labels are a number or a list of which any is right.
    `key_column` names the images; without it they are numbered by file and row. `revision` is the commit on the
    hub that must have been downloaded. Other plain columns become annotations.
    """

    reader: Literal["parquet"]
    image_column: str = "image"
    label_column: str = "label"
    key_column: str | None = None
    revision: str | None = Field(default=None, min_length=7)


def read(name: str, spec: ParquetSet, around: Around) -> ImageSet:
    """Index the files; what is known of their images is kept by content.

    Raises BlockedError where they are missing, are another revision, or lack a column.
    """
    location = existing(name, around.path(spec.path))
    inside = sorted(files_under(location)) if location.is_dir() else [location]
    inside = [path for path in inside if not path.name.startswith(".")]
    files = [path for path in inside if path.suffix == ".parquet" or path == location]
    if not files:
        raise BlockedError(f"image set {name!r}: {location} holds no .parquet file")
    if spec.revision:
        _require_revision(name, spec.revision, files)
    root = location.parent if location.is_file() else location
    rows: list[dict[str, Any]] = []
    for file, facts in zip(files, facts_of(root, files, around.store, file_facts), strict=True):
        key = digest(facts.digest, spec.image_column)
        record = around.store.read_json("parquet-images", key)
        if record is None:
            record = {"images": _facts(name, file, spec)}
            around.store.write_json("parquet-images", key, record)
        rows += _rows(name, file, spec, record["images"])
    require_unique(name, [row["key"] for row in rows])
    space = around.labels(name)
    images = [str(label) for row in rows for label in row["labels"]]
    index = space.indices(images, f"image set {name!r}: {location}") if rows else {}
    columns = {column for row in rows for column in row["annotations"]}
    opened = lru_cache(maxsize=1)(_Images)

    def content(row: int) -> bytes:
        with _readable(name, rows[row]["file"]):
            return opened(rows[row]["file"], spec.image_column).read(rows[row]["row"])

    listed = Listed(
        keys=[row["key"] for row in rows],
        labels=[tuple(index[str(label)] for label in row["labels"]) for row in rows],
        digests=[row["digest"] for row in rows],
        faults=[row["fault"] for row in rows],
        content=content,
        annotations={column: [row["annotations"][column] for row in rows] for column in sorted(columns)},
        notes=unread([path for path in inside if path not in files], root, "no .parquet, and not read"),
    )
    return assemble(name, spec, space, listed)


def _require_revision(name: str, revision: str, files: list[Path]) -> None:
    """Check the commit that the hub's own tools note: in the path of its cache, or beside a local copy."""
    for file in files:
        stated = _revision_of(file)
        if stated is None:
            raise BlockedError(
                f"image set {name!r}: revision {revision} is asked for, and nothing says which one {file} is. "
                "Download it with `hf download --revision … --local-dir …`, which notes it"
            )
        if not stated.startswith(revision):
            raise BlockedError(f"image set {name!r}: {file} is revision {stated}, expected {revision}")


def _revision_of(file: Path) -> str | None:
    parts = file.parts
    if "snapshots" in parts[:-1]:
        return parts[parts.index("snapshots") + 1]
    for folder in file.parents:
        note = folder / ".cache" / "huggingface" / "download" / f"{file.relative_to(folder)}.metadata"
        if note.is_file():
            return note.read_text(encoding="utf-8").splitlines()[0].strip()
    return None


def _facts(name: str, file: Path, spec: ParquetSet) -> list[list[str]]:
    """Digest and fault of each image of a file, a few in memory at a time."""
    with _opened(name, file, spec) as parquet, _readable(name, file):
        images = _Images(file, spec.image_column)
        contents = (images.read(row) for row in range(parquet.metadata.num_rows))
        return [[bytes_digest(content), decoding.fault(content)] for content in contents]


def _rows(name: str, file: Path, spec: ParquetSet, facts: list[list[str]]) -> list[dict[str, Any]]:
    with _opened(name, file, spec) as parquet, _readable(name, file):
        schema = parquet.schema_arrow
        wanted = [each.name for each in schema if each.name != spec.image_column and _is_plain(each.type)]
        table = parquet.read(columns=[*{*wanted, spec.label_column}]).to_pydict()
    labels = [_labels(value) for value in table.pop(spec.label_column)]
    empty = next((row for row, some in enumerate(labels) if not some), None)
    if empty is not None:
        raise BlockedError(f"image set {name!r}: row {empty} of {file} has no label")
    keys = table.pop(spec.key_column) if spec.key_column else [f"{file.stem}/{row:06d}" for row in range(len(labels))]
    return [
        {
            "file": file, "row": row, "key": str(keys[row]), "labels": some, "digest": facts[row][0],
            "fault": facts[row][1], "annotations": {column: values[row] for column, values in table.items()},
        }
        for row, some in enumerate(labels)
    ]  # fmt: skip


@contextlib.contextmanager
def _readable(name: str, file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise BlockedError(f"image set {name!r}: {file} cannot be read: {error}") from error


def _opened(name: str, file: Path, spec: ParquetSet) -> pq.ParquetFile:
    try:
        parquet = pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise BlockedError(f"image set {name!r}: {file} cannot be read as Parquet: {error}") from error
    for column in filter(None, (spec.image_column, spec.label_column, spec.key_column)):
        if column not in parquet.schema_arrow.names:
            raise BlockedError(f"image set {name!r}: {file} has no column {column!r}: {_meant(column, parquet, spec)}")
    return parquet


def _meant(column: str, parquet: pq.ParquetFile, spec: ParquetSet) -> str:
    """Say which keys read the columns that are there, by what they hold."""
    schema = parquet.schema_arrow
    images = [each.name for each in schema if _may_hold(each.type, pa.types.is_binary, pa.types.is_large_binary)]
    labels = [each.name for each in schema if _may_hold(each.type, pa.types.is_integer, pa.types.is_string)]
    labels.sort(key=lambda name: _LIKE_LABELS.search(name) is None)
    if column == spec.key_column or not images or not labels:
        return nearest(column, schema.names)
    image = spec.image_column if spec.image_column in schema.names else images[0]
    label = spec.label_column if spec.label_column in schema.names else labels[0]
    others = ", ".join(name for name in schema.names if name not in (image, label))
    return f"say `image_column: {image}` and `label_column: {label}`" + f" (there are also {others})" * bool(others)


_LIKE_LABELS = re.compile("label|class|target|categor|species", re.IGNORECASE)
"""Names of columns that hold classes, mostly."""


def _may_hold(kind: pa.DataType, *checks: Callable[[pa.DataType], bool]) -> bool:
    """Whether a column holds such values, a list of them, or a struct with them as Hugging Face writes images."""
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _may_hold(kind.field(index).type, *checks)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _may_hold(kind.value_type, *checks)
    return any(check(kind) for check in checks)


def _is_plain(kind: pa.DataType) -> bool:
    return any(check(kind) for check in (pa.types.is_string, pa.types.is_integer, pa.types.is_floating))


def _labels(value: Any) -> list[int | str]:
    """Labels of one image; those that only fill up a list are dropped."""
    several = value if isinstance(value, list) else [value]
    return [label for label in several if label is not None and label != _PADDING]


class _Images:
    """The images of one file, read in the order of their rows and a few at a time, however large a row group is."""

    def __init__(self, file: Path, column: str) -> None:
        self._file = pq.ParquetFile(file, buffer_size=BUFFER)
        self._column = column
        metadata = self._file.metadata
        self._firsts = np.cumsum([0, *(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))])
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._start, self._images = -1, list[bytes]()

    def read(self, row: int) -> bytes:
        """Read one image; a row that was passed already costs its row group anew.

        Raises TypeError for a column that holds no bytes, KeyError for a structure without them.
        """
        group = int(np.searchsorted(self._firsts, row, side="right")) - 1
        if row < self._start or self._start < self._firsts[group]:
            self._batches = self._file.iter_batches(AT_A_TIME, row_groups=[group], columns=[self._column])
            self._start, self._images = int(self._firsts[group]), []
        while row >= self._start + len(self._images):
            self._start += len(self._images)
            self._images = [_bytes(value) for value in next(self._batches).column(0).to_pylist()]
        return self._images[row - self._start]


def _bytes(value: Any) -> bytes:
    content = (value["bytes"] if isinstance(value, dict) else value) or b""
    if not isinstance(content, bytes):
        raise TypeError(f"expected the bytes of an image, found {type(content).__name__}")
    return content
