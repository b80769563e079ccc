"""Proof: every file of a store says what it is and carries a digest, and is checked against both when it is read.

Each states its name, relative to the store, so that a file in the place of another is noticed as well.

Parquet   every page has a checksum; the footer, which says where pages are and how a table was made, follows its own
          digest. Readers of Parquet find the footer from the end of the file and pass over what stands before it.
JSON      `{"digest": …, "record": …}`
others    (.npy, .png) end with their digest; readers of these formats stop before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.digest import LENGTH, bytes_digest, digest

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
    """Write tables of one schema below each other as a Parquet file that proves itself, holding one at a time.

    `meta` is JSON-able and has the file's `name`. Raises ValueError where a schema differs, or without any table.
    """
    writer = None
    try:
        for table in tables:
            if writer is None:
                schema = table.schema.with_metadata({_META: json.dumps(meta)})
                writer = pq.ParquetWriter(path, schema, compression=compression, write_page_checksum=True)
            writer.write_table(table.replace_schema_metadata(schema.metadata))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("there are no rows")
    start = _footer_at(path)
    with path.open("r+b") as stream:
        stream.seek(start)
        footer = stream.read()
        stream.seek(start)
        stream.write(_mark(footer) + footer)


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


def open_table(path: Path) -> tuple[pq.ParquetFile, dict[str, Any]]:
    """Open a Parquet file whose footer proves itself, with its meta; pages are checked as they are read.

    Raises UnprovedError where the footer does not prove itself, OSError and pyarrow's errors for a damaged page.
    """
    start = _footer_at(path)
    with path.open("rb") as stream:
        stream.seek(max(0, start - _DIGEST))
        mark, footer = stream.read(_DIGEST), stream.read()
    if not mark.startswith(_MARK):
        raise UnprovedError("it carries no digest: an earlier version wrote it, or it is damaged")
    if mark != _mark(footer):
        raise UnprovedError("its footer is not the one that was written")
    file = pq.ParquetFile(path, page_checksum_verification=True)
    return file, dict(json.loads((file.schema_arrow.metadata or {})[_META]))


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
