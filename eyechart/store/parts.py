"""Tables that are not complete yet: parts of their rows, and how these become a table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.store.keys import are_unique

Rows = NDArray[np.int64]

BLOCK = 512
"""Rows that are joined at a time: a table is the same bytes whichever rows came first."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a table, ascending, in a file of the store."""

    name: str
    rows: Rows

    @property
    def has_gaps(self) -> bool:
        """Whether rows between its first and its last are elsewhere."""
        return len(self.rows) > 0 and int(self.rows[-1] - self.rows[0]) + 1 != len(self.rows)


@dataclass(frozen=True, slots=True)
class Partial:
    """What is there of a table that is not complete.

    meta     what it says of how it is made
    rows     (n,) which of its rows, ascending
    columns  the columns that they have
    read     reads some columns of these rows
    """

    meta: dict[str, Any]
    rows: Rows
    columns: frozenset[str]
    read: Callable[[list[str]], pa.Table]


def of_meta(name: str, meta: dict[str, Any]) -> Part:
    """The part that a file with this meta is."""
    start = meta["start"]
    rows = meta.get("at") or np.arange(start, start + meta["rows"])
    return Part(name, np.asarray(rows, dtype=np.int64))


def joined(
    parts: Sequence[Part], keys: NDArray[np.str_], read: Callable[[Part], pa.Table], spool: Path
) -> Iterator[pa.Table]:
    """Rows for all of `keys`, in order, whatever rows the parts have; few are held at a time.

    Parts with gaps are copied to the file `spool`, which is mapped into memory, since every block has some of theirs.
    Raises ValueError where rows are missing, or are about other images.
    """
    if not are_unique(keys):
        raise ValueError("an image is in it more than once")
    owner = np.full(len(keys), -1)
    for number, part in sorted(enumerate(parts), key=lambda each: len(each[1].rows)):
        if part.rows[-1] >= len(keys):
            raise ValueError(f"{part.name} is about other images")
        owner[part.rows] = number
    missing = np.flatnonzero(owner < 0)
    if missing.size:
        raise ValueError(f"row {missing[0]} of {len(keys)} is missing")
    spooled = _spooled([part for part in parts if part.has_gaps], read, spool)

    @functools.lru_cache(maxsize=2)
    def content(number: int) -> pa.Table:
        part = parts[number]
        return spooled[part.name] if part.has_gaps else read(part)

    for start in range(0, len(keys), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(keys)))
        yield _block(rows, owner[rows], parts, keys, content)


def _block(
    rows: Rows, owner: Rows, parts: Sequence[Part], keys: NDArray[np.str_], content: Callable[[int], pa.Table]
) -> pa.Table:
    tables, order = [], []
    for number in dict.fromkeys(owner.tolist()):
        part, wanted = parts[number], rows[owner == number]
        table = content(number).take(np.searchsorted(part.rows, wanted))
        if table["key"].to_pylist() != keys[wanted].tolist():
            raise ValueError(f"{part.name} is about other images")
        tables.append(table.replace_schema_metadata())
        order.append(wanted)
    return pa.concat_tables(tables).take(np.argsort(np.concatenate(order))).combine_chunks()


def _spooled(parts: Sequence[Part], read: Callable[[Part], pa.Table], spool: Path) -> dict[str, pa.Table]:
    if not parts:
        return {}
    schema = read(parts[0]).schema.remove_metadata()
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for part in parts:
            writer.write_table(read(part).replace_schema_metadata())
    table, starts = pa.ipc.open_file(pa.memory_map(str(spool))).read_all(), np.cumsum([0, *map(_length, parts)])
    return {part.name: table.slice(start, len(part.rows)) for part, start in zip(parts, starts, strict=False)}


def _length(part: Part) -> int:
    return len(part.rows)
