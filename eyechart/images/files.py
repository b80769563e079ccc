"""What is known of files by content: digests and faults, computed once and kept by path, size, times and inode."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from eyechart.digest import Mark, bytes_digest, digest, file_digest, mark_of
from eyechart.errors import BlockedError, StoreError
from eyechart.images import decoding
from eyechart.progress import EVERY, duration
from eyechart.store import Store

WORKERS = 8
"""Threads that read and check files; reading waits for the disk, and Pillow decodes outside Python's lock."""

KEPT_AT_ONCE = 50_000
"""Files after which what is known is kept, so that a run that is cut short need not read them all again."""

_COLUMNS = ("path", "size", "modified", "changed", "inode", "digest", "fault")


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
    name = f"files/{digest(str(root), look.__name__)}.parquet"
    known = _read(name, store)
    marks = [(key, mark_of(path)) for key, path in zip(keys_of(paths, root), paths, strict=True)]
    todo = [row for row, mark in enumerate(marks) if mark not in known]
    started = told = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(todo), KEPT_AT_ONCE):
            rows = todo[start : start + KEPT_AT_ONCE]
            for done, (row, facts) in enumerate(
                zip(rows, pool.map(look, [paths[row] for row in rows]), strict=True), start + 1
            ):
                known[marks[row]] = facts
                if (now := time.monotonic()) - told >= EVERY:
                    told, rate = now, done / (now - started)
                    left = duration((len(todo) - done) / rate)
                    store.tell(f"{root}: {done:,} of {len(todo):,} files read, {rate:,.0f} a second, {left} left")
            _write(name, {mark: known[mark] for mark in marks if mark in known}, store)
    return [known[mark] for mark in marks]


def keys_of(paths: Sequence[Path], root: Path) -> list[str]:
    """Name files by their paths under a folder, of which they are part; a million of them in a second."""
    start = f"{root}{os.sep}"
    texts = [str(path) for path in paths]
    keys = [text[len(start) :] if text.startswith(start) else os.path.relpath(text, root) for text in texts]
    return keys if os.sep == "/" else [key.replace(os.sep, "/") for key in keys]


_Row = tuple[str, Mark]
"""Path under the root, and what tells that the file there is the same."""


def _read(name: str, store: Store) -> dict[_Row, Facts]:
    with contextlib.suppress(BlockedError):  # damaged in a read-only store: it is done without
        if table := store.read_kept(name):
            columns = table[0].to_pydict()
            rows = zip(*(columns[column] for column in _COLUMNS), strict=True)
            return {(path, tuple(mark)): Facts(content_digest, fault) for path, *mark, content_digest, fault in rows}
    return {}


def _write(name: str, known: Mapping[_Row, Facts], store: Store) -> None:
    rows = [(path, *mark, each.digest, each.fault) for (path, mark), each in known.items()]
    # a read-only store can still be judged from; its next reader looks again, as after a name that is no text
    with contextlib.suppress(StoreError, UnicodeEncodeError):
        table = pa.table({column: [row[position] for row in rows] for position, column in enumerate(_COLUMNS)})
        store.write_table(name, table)
