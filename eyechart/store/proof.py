"""Proof: every file of a store says what it is and carries a digest, and is checked against both when it is read.

Each states its name, relative to the store, so that a file in the place of another is noticed as well.

Parquet   every page has a checksum, as the format offers; page headers and the footer have none, so the digest of each
          column's bytes (a column of a group of rows, each), and that of these and the footer, stand before the footer.
          Readers of Parquet find the footer from the end of the file and pass over what lies between.
JSON      `{"digest": …, "record": …}`
others    (.npy, .png) end with their digest; readers of these formats stop before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.digest import LENGTH, bytes_digest, digest

GROUP = 8192
"""Rows of a table that are written at a time: 33 MB of logits for a thousand classes."""

_META = b"eyechart"
_MARK = b"eyechart-digest:"
_DIGEST = len(_MARK) + 2 * LENGTH
_TAIL = 8
"""Bytes that end a Parquet file: the length of its footer, and `PAR1`."""


UNREADABLE = (
    OSError, EOFError, MemoryError, RecursionError, ValueError, TypeError, LookupError, AttributeError,
    pa.ArrowException,
)  # fmt: skip
"""What readers raise for damaged content."""


class UnprovedError(ValueError):
    """A file is not what was written under its name: damaged, of another name, or of a version without proofs."""


def write_table(path: Path, tables: Iterable[pa.Table], meta: Mapping[str, Any], compression: str = "snappy") -> None:
    """Write tables of one schema below each other as a Parquet file that proves itself, holding few rows at a time.

    `meta` is JSON-able and has the file's `name`. Raises ValueError where a schema differs, or without any table.
    """
    writer = None
    try:
        for table in _groups(tables):
            if writer is None:
                schema = table.schema.with_metadata({_META: json.dumps(meta)})
                # next to no value is there twice: a dictionary of them makes a file half as large again
                options: dict[str, Any] = {"compression": compression, "use_dictionary": False}
                writer = pq.ParquetWriter(path, schema, write_page_checksum=True, **options)
            writer.write_table(table.replace_schema_metadata(schema.metadata))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("there are no rows")
    start, chunks = _footer_at(path), _chunks(pq.read_metadata(path))
    with path.open("r+b") as stream:
        digests = b"".join(_digest(stream, chunk) for chunk in chunks)
        stream.seek(start)
        footer = stream.read()
        stream.seek(start)
        stream.write(digests + _mark(digests + footer) + footer)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join tables to groups of rows that are read fast and still held easily. Raises ValueError for other columns."""
    group: list[pa.Table] = []
    for table in tables:
        group.append(table.replace_schema_metadata())
        if sum(map(len, group)) >= GROUP:
            yield pa.concat_tables(group)
            group = []
    if group:
        yield pa.concat_tables(group)


def _footer_at(path: Path) -> int:
    """Where the footer of a Parquet file starts. Raises UnprovedError where it has none."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _TAIL))
        tail = stream.read()
    start = size - _TAIL - int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or start <= 0:
        raise UnprovedError("it does not end as a Parquet file does")
    return start


def _mark(content: bytes, name: str = "") -> bytes:
    return _MARK + bytes_digest(name.encode() + content).encode()


Chunk = tuple[int, int]
"""Where the bytes of a column of a group of rows start, and how many they are."""


def _chunks(metadata: pq.FileMetaData) -> list[Chunk]:
    """Chunks of a Parquet file, group by group."""
    columns = [
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    ]
    starts = [min(filter(None, (each.dictionary_page_offset, each.data_page_offset))) for each in columns]
    return [(start, each.total_compressed_size) for start, each in zip(starts, columns, strict=True)]


def _digest(stream: BinaryIO, chunk: Chunk) -> bytes:
    stream.seek(chunk[0])
    return bytes.fromhex(bytes_digest(stream.read(chunk[1])))


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose footer proves itself; columns are checked as they are read.

    meta  what it says of how it was made
    """

    path: Path
    meta: dict[str, Any]
    _file: pq.ParquetFile
    _digests: bytes

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        return self._file.schema_arrow

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read some columns, or all. Raises UnprovedError or pyarrow's errors where they are damaged."""
        self.check(columns)
        return self._file.read(columns)

    def check(self, columns: list[str] | None = None) -> None:
        """Raise UnprovedError where the bytes of some columns, or any, are not those that were written."""
        names = [field.name for field in self.schema for _ in range(_leaves(field.type))]
        wanted = self.schema.names if columns is None else columns
        with self.path.open("rb") as stream:
            for number, chunk in enumerate(_chunks(self._file.metadata)):
                name = names[number % len(names)]
                if name in wanted and _digest(stream, chunk) != self._digests[number * LENGTH :][:LENGTH]:
                    raise UnprovedError(f"its column {name!r} is not the one that was written")


def _leaves(kind: pa.DataType) -> int:
    """How many columns a Parquet file has for one of this type."""
    return sum(_leaves(kind.field(number).type) for number in range(kind.num_fields)) or 1


def open_table(path: Path) -> Table:
    """Open a Parquet file. Raises UnprovedError where its footer does not prove itself."""
    start = _footer_at(path)
    with path.open("rb") as stream:
        stream.seek(max(0, start - _DIGEST))
        mark, footer = stream.read(_DIGEST), stream.read()
        if not mark.startswith(_MARK):
            raise UnprovedError(_not_written(known=False))
        file = pq.ParquetFile(path, page_checksum_verification=True)
        length = LENGTH * file.metadata.num_row_groups * file.metadata.num_columns
        stream.seek(max(0, start - _DIGEST - length))
        digests = stream.read(length)
    if mark != _mark(digests + footer):
        raise UnprovedError(_not_written(known=True))
    return Table(path, dict(json.loads((file.schema_arrow.metadata or {})[_META])), file, digests)


def sealed(content: bytes, name: str) -> bytes:
    """Bytes that prove themselves, with their digest at their end."""
    return content + _mark(content, name)


def unsealed(content: bytes, name: str) -> bytes:
    """What `sealed` was given. Raises UnprovedError where it was something else."""
    inner = content[:-_DIGEST]
    if content[-_DIGEST:] != _mark(inner, name):
        raise UnprovedError(_not_written(content[-_DIGEST:].startswith(_MARK)))
    return inner


def sealed_record(record: Mapping[str, Any], name: str) -> bytes:
    """JSON that proves itself and that people can read."""
    text = json.dumps(record, indent=1, sort_keys=True)
    return f'{{"digest": "{digest(name, json.loads(text))}",\n"record": {text}}}\n'.encode()


def unsealed_record(content: bytes, name: str) -> dict[str, Any]:
    """What `sealed_record` was given. Raises UnprovedError where it was something else, ValueError for no JSON."""
    outer = json.loads(content)
    if not isinstance(outer, dict) or outer.keys() != {"digest", "record"} or not isinstance(outer["record"], dict):
        raise UnprovedError(_not_written(known=False))
    if digest(name, outer["record"]) != outer["digest"]:
        raise UnprovedError(_not_written(known=True))
    return outer["record"]


def _not_written(known: bool) -> str:
    if known:
        return "its digest says that something else was written under this name"
    return "it carries no digest: an earlier version wrote it, or it is damaged"
