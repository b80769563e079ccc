"""What is known of files by content: digests and faults, computed once and kept by path, size, times and inode."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.digest import bytes_digest, digest, file_digest
from eyechart.errors import StoreError
from eyechart.images import decoding
from eyechart.store import Store

WORKERS = 8
"""Threads that read and check files; reading waits for the disk, and Pillow decodes outside Python's lock."""

_COLUMNS = ("path", "size", "modified", "inode", "digest", "fault")


@dataclass(frozen=True, slots=True)
class Facts:
    """Digest of a file's bytes, and why they are no readable image (empty where they are)."""

    digest: str
    fault: str = ""


def image_facts(path: Path) -> Facts:
    """Read one image file. A file that cannot even be read, or is none, has its fault as its facts."""
    try:
        size = regular_size(path)
        if size > decoding.LARGEST_FILE:
            return Facts("", f"it takes {size:,} bytes, an image at most {decoding.LARGEST_FILE:,}")
        content = path.read_bytes()
    except OSError as error:
        return Facts("", error.strerror or str(error))
    return Facts(bytes_digest(content), decoding.fault(content))


def file_facts(path: Path) -> Facts:
    """Digest one file of any kind, piece by piece. Raises OSError for what is no file: a pipe would never end."""
    regular_size(path)
    return Facts(file_digest(path))


def regular_size(path: Path) -> int:
    """Bytes of a file. Raises OSError for what is none, such as a pipe or a device."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is no regular file")
    return status.st_size


def facts_of(
    root: Path,
    paths: Sequence[Path],
    store: Store,
    look: Callable[[Path], Facts] = image_facts,
) -> list[Facts]:
    """Facts of files under `root`, from the store where a file has kept its size, times and inode."""
    cache = store.root / "files" / f"{digest(str(root), look.__name__)}.parquet"
    known = _read(cache)
    marks = [_mark(root, path) for path in paths]
    todo = [row for row, mark in enumerate(marks) if mark not in known]
    with ThreadPoolExecutor(WORKERS) as pool:
        for row, facts in zip(todo, pool.map(look, [paths[row] for row in todo]), strict=True):
            known[marks[row]] = facts
    found = [known[mark] for mark in marks]
    if todo:
        _write(cache, marks, found, store)
    return found


Mark = tuple[str, int, int, int]
"""Path under the root, size in bytes, modification time in ns, inode."""


def _mark(root: Path, path: Path) -> Mark:
    try:
        there = path.stat()
    except OSError:  # a link to nothing: looking at it tells
        there = path.lstat()
    return os.path.relpath(path, root), there.st_size, there.st_mtime_ns, there.st_ino


def _read(cache: Path) -> dict[Mark, Facts]:
    try:
        columns = pq.read_table(cache, columns=list(_COLUMNS)).to_pydict()
    except (OSError, KeyError, pa.ArrowException):
        return {}  # it is made anew
    rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
    return {(path, size, modified, inode): Facts(found, fault) for path, size, modified, inode, found, fault in rows}


def _write(cache: Path, marks: Iterable[Mark], found: Iterable[Facts], store: Store) -> None:
    rows = [(*mark, facts.digest, facts.fault) for mark, facts in zip(marks, found, strict=True)]
    # a read-only store can still be judged from; its next reader looks again, as after a name that is no text
    with contextlib.suppress(StoreError, UnicodeEncodeError):
        table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)})
        store.write_file(cache, table)
