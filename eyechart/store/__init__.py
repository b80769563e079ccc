"""The store: predictions and what else a run derives, each under a digest of its content, written atomically.

Tables are plain Parquet: `pandas.read_parquet` or DuckDB opens them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from eyechart.errors import StoreError


class Store:
    """A folder of content-addressed files. Reading needs no write permission; writing never leaves half a file."""

    def __init__(self, root: Path) -> None:
        """Remember the folder; it is made when first written to."""
        self.root = root

    def table_path(self, key: str) -> Path:
        """Where the predictions with this key are, or will be."""
        return self.root / "predictions" / f"{key}.parquet"

    def has_table(self, key: str) -> bool:
        """Whether the predictions with this key are complete."""
        return self.table_path(key).is_file()

    def read_table(self, key: str, columns: list[str]) -> pa.Table:
        """Read columns of one table. Raises StoreError where the file is damaged, naming it."""
        path = self.table_path(key)
        try:
            return pq.read_table(path, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); delete the file to have it computed again") from error

    def columns(self, key: str) -> frozenset[str]:
        """Name the columns of one table."""
        return frozenset(pq.read_schema(self.table_path(key)).names)

    def _index_path(self, fingerprint: str) -> Path:
        return self.root / "indexes" / f"{fingerprint}.parquet"

    def read_index(self, fingerprint: str) -> pa.Table:
        """Read the index of an image set. Raises StoreError where it is missing or damaged."""
        try:
            return pq.read_table(self._index_path(fingerprint))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{self._index_path(fingerprint)}: cannot be read ({error})") from error

    def keep_index(self, fingerprint: str, table: Callable[[], pa.Table]) -> None:
        """Keep the index of an image set, unless it is there."""
        path = self._index_path(fingerprint)
        if not path.is_file():
            self.write_file(path, table())

    def read_meta(self, key: str) -> dict[str, Any]:
        """Read what a table says of how it was made."""
        found = pq.read_schema(self.table_path(key)).metadata or {}
        return dict(json.loads(found.get(b"eyechart", b"{}")))

    def _part(self, key: str, start: int) -> Path:
        return self.root / "partial" / key / f"{start:09d}.parquet"

    def has_part(self, key: str, start: int) -> bool:
        """Whether the rows from `start` on were computed by this run or one that was cut short."""
        return self._part(key, start).is_file()

    def write_part(self, key: str, start: int, table: pa.Table) -> None:
        """Keep the rows from `start` on; they survive a kill from here."""
        self._atomically(self._part(key, start), lambda path: pq.write_table(table, path))

    def finish(self, key: str, meta: dict[str, Any]) -> None:
        """Join the parts of a table in row order, and only then drop them."""
        folder = self._part(key, 0).parent
        table = pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))])
        table = table.replace_schema_metadata({"eyechart": json.dumps(meta)})
        self._atomically(self.table_path(key), lambda path: pq.write_table(table, path, compression="zstd"))
        shutil.rmtree(folder, ignore_errors=True)

    def read_json(self, kind: str, key: str) -> dict[str, Any] | None:
        """Read a small record, or None where there is none (or a damaged one: it is made again)."""
        try:
            return dict(json.loads((self.root / kind / f"{key}.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return None

    def write_json(self, kind: str, key: str, record: dict[str, Any]) -> None:
        """Keep a small record."""
        text = json.dumps(record, indent=1, sort_keys=True)
        self._atomically(self.root / kind / f"{key}.json", lambda path: path.write_text(text, encoding="utf-8"))

    def array(self, key: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Read a small array, computing it the first time."""
        path = self.root / "arrays" / f"{key}.npy"
        if not path.is_file():
            self.write_array(path, compute())
        return np.asarray(np.load(path, allow_pickle=False))

    def write_array(self, path: Path, values: NDArray[Any]) -> None:
        """Write a .npy file somewhere under the store."""

        def save(temporary: Path) -> None:
            with temporary.open("wb") as stream:
                np.save(stream, values)

        self._atomically(path, save)

    def picture_path(self, key: str) -> Path:
        """Where the picture of what a search found is, or will be."""
        return self.root / "pictures" / f"{key}.png"

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file somewhere under the store."""
        self._atomically(path, lambda temporary: temporary.write_bytes(content))

    def write_file(self, path: Path, table: pa.Table) -> None:
        """Write a Parquet file somewhere under the store."""
        self._atomically(path, lambda temporary: pq.write_table(table, temporary))

    @contextlib.contextmanager
    def writing(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the store for one run: a second one waits, then finds everything done.

        The lock belongs to the process and goes with it, however it ends. Raises StoreError where the folder
        cannot be written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                lock.acquire()
        except OSError as error:
            raise StoreError(
                f"store {self.root}: cannot be written to ({error.strerror}). Give another folder: --store DIR"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _atomically(self, path: Path, write: Callable[[Path], object]) -> None:
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
            os.close(handle)
            temporary = Path(name)
            write(temporary)
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"store {self.root}: cannot write {path.name} ({error.strerror or error})") from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
