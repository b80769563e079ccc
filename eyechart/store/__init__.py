"""The store: predictions and what else a run derives, each under a digest of its content.

Every file is written whole or not at all, and proves itself when it is read (`eyechart.store.proof`). One that does not
is set aside under `damaged/`, named, and computed again. Tables are plain Parquet: `pandas.read_parquet` or DuckDB
opens them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.digest import bytes_digest
from eyechart.errors import BlockedError, DamagedError, StoreError
from eyechart.store import holding, parts, proof
from eyechart.store.keys import Keys, digest_of
from eyechart.store.mirror import Mirror
from eyechart.store.parts import Part, Partial, Rows
from eyechart.store.setting_aside import set_aside
from eyechart.store.writing import TEMPORARY, atomically

T = TypeVar("T")

_ABSENT = (FileNotFoundError, NotADirectoryError)
"""Nothing to read there."""


class Store:
    """A folder of files that prove themselves. Reading needs no write permission.

    What is read comes as None where it is not there, or was damaged and is set aside: it is to be computed again.
    Damage in a store that cannot be written to is a BlockedError.
    """

    def __init__(self, root: Path, tell: Callable[[str], None] = warnings.warn) -> None:
        """Remember the folder, which is made when first written to, and whom to tell of damage."""
        self.root = root
        self.tell = tell

    @functools.cached_property
    def _mirror(self) -> Mirror | None:
        return Mirror.of(self.root)

    # predictions

    def table_path(self, key: str) -> Path:
        """Where the predictions with this key are, or will be."""
        return self.root / _table(key)

    def has_table(self, key: str, keys: Keys, *, complete: bool = True) -> bool:
        """Whether the predictions with this key are there, for the images `keys` in this order.

        All columns but matrices are checked. A table that is not `complete` is about some of the images.
        """

        def check(path: Path) -> bool:
            table = self._open(path)
            table.check([each.name for each in table.schema if not pa.types.is_fixed_size_list(each.type)])
            about = keys
            if not complete:
                about = keys[np.isin(keys, table.read(["key"])["key"].to_numpy().astype(np.str_))]
            if table.meta["keys"] != digest_of(about):
                raise proof.UnprovedError("it is about other images, or in another order")
            return True

        return bool(self._healed(_table(key), check))

    def read_table(self, key: str, columns: list[str]) -> pa.Table:
        """Read columns of one table. Raises BlockedError where it is not there or damaged, naming the file."""
        return self._required(_table(key), lambda path: self._open(path).read(columns))

    def columns(self, key: str) -> frozenset[str]:
        """Name the columns of one table. Raises BlockedError as `read_table` does."""
        return self._required(_table(key), lambda path: frozenset(self._open(path).schema.names))

    def read_meta(self, key: str) -> dict[str, Any]:
        """Read what a table says of how it was made. Raises BlockedError as `read_table` does."""
        return self._required(_table(key), lambda path: self._open(path).meta)

    # predictions in parts

    def answered(self, key: str, count: int, by: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which of a table's `count` rows are kept already, predicted `by` the same means (such as library versions).

        Rows that were predicted by others are dropped, since a table is never mixed.
        """
        rows = np.zeros(count, dtype=np.bool_)
        for part in self._parts(key, by):
            rows[part.rows] = True
        return rows

    def begin(self, key: str, meta: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
        """Note how a table is made of which only parts may ever be asked for, so that these can be judged.

        Returns whether it was begun before, by other means: then its parts are no more.
        """
        known = self.read_json(_partial(key), "about")
        if known is None or known["by"] != by:
            self.write_json(_partial(key), "about", {**meta, **by, "by": by})
        return known is not None and known["by"] != by

    def partial(self, key: str) -> Partial | None:
        """What is there of a table that was begun, by whichever means; None where it was not."""
        about = self.read_json(_partial(key), "about")
        if about is None:
            return None
        there = self._parts(key, about["by"], drop=False)
        rows, first = np.unique(
            np.concatenate([np.zeros(0, np.int64), *(part.rows for part in there)]), return_index=True
        )

        def read(columns: list[str] | None) -> pa.Table:
            tables = [self._required(part.name, lambda path: self._open(path).read(columns)) for part in there]
            return pa.concat_tables(table.replace_schema_metadata() for table in tables).take(first)

        names = self._required(there[0].name, lambda path: self._open(path).schema.names) if there else []
        return Partial(about, rows, frozenset(names), read)

    def write_part(self, key: str, rows: int | Rows, table: pa.Table, by: Mapping[str, Any]) -> None:
        """Keep these rows, ascending, or those from the one on that is given; they survive a kill from here."""
        start = rows if isinstance(rows, int) else int(rows[0])
        meta = {"start": start, "rows": len(table), "by": by}
        name = f"{start:09d}"
        if not isinstance(rows, int) and Part("", rows).has_gaps:
            meta["at"] = rows.tolist()
            name = f"{name}-{bytes_digest(rows.tobytes())[:8]}"
        self.write_table(f"{_partial(key)}/{name}.parquet", table, meta)

    def finish(self, key: str, meta: Mapping[str, Any], keys: Keys, by: Mapping[str, Any]) -> None:
        """Join the parts of a table in row order, one at a time, and only then drop them.

        `keys` are the images that it must be about. Raises BlockedError where its parts are about others or lack some:
        they are dropped, and the next run begins anew.
        """
        name, folder = _table(key), self.root / _partial(key)
        about = {**meta, **by, "name": name, "rows": len(keys), "keys": digest_of(keys)}

        def read(part: Part) -> pa.Table:
            return self._required(part.name, self._read_all)

        rows = parts.joined(self._parts(key, by), keys, read, folder / f"{TEMPORARY}spool")
        try:
            self._write(name, lambda path: proof.write_table(path, rows, about, "zstd"))
        except ValueError as error:  # pyarrow's for parts of other columns, too
            self._drop(_partial(key))
            raise BlockedError(
                f"{folder}: its parts do not make up the table ({error}); they are dropped, the next run begins anew"
            ) from error
        self._drop(_partial(key))

    def _drop(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)
        if self._mirror:
            self._mirror.drop(folder)

    def _parts(self, key: str, by: Mapping[str, Any], *, drop: bool = True) -> list[Part]:
        """Sound parts of a table, predicted by these means; others are dropped, or only left out."""
        sound = []
        names = {f"{_partial(key)}/{path.name}" for path in (self.root / _partial(key)).glob("*.parquet")}
        if self._mirror:
            names.update(self._mirror.names(_partial(key)))
        for name in sorted(names):
            path = self.root / name
            meta = self._healed(name, self._meta_of_part)
            if meta is not None and meta["by"] == by:
                sound.append(parts.of_meta(name, meta))
            elif meta is not None and drop:
                self.tell(f"{path}: predicted by {meta['by']}, not {by}: begun anew")
                path.unlink(missing_ok=True)
        return sound

    def _meta_of_part(self, path: Path) -> dict[str, Any]:
        """Read all of a part, and give its meta."""
        table = self._open(path)
        if len(table.read()) != table.meta["rows"]:
            raise proof.UnprovedError(f"it states {table.meta['rows']} rows and has others")
        return table.meta

    # other tables, records, arrays and pictures

    def read_index(self, fingerprint: str) -> pa.Table:
        """Read the index of an image set. Raises BlockedError where it is not there or damaged."""
        return self._required(f"indexes/{fingerprint}.parquet", self._read_all)

    def keep_index(self, fingerprint: str, table: Callable[[], pa.Table]) -> None:
        """Keep the index of an image set, unless it is there."""
        name = f"indexes/{fingerprint}.parquet"
        if self.read_kept(name) is None:
            self.write_table(name, table())

    def read_kept(self, name: str) -> tuple[pa.Table, dict[str, Any]] | None:
        """Read a small table that is kept under a name of its own, and its meta."""

        def read(path: Path) -> tuple[pa.Table, dict[str, Any]]:
            table = self._open(path)
            return table.read(), table.meta

        return self._healed(name, read)

    def write_table(self, name: str, table: pa.Table, meta: Mapping[str, Any] | None = None) -> None:
        """Keep a table under a name of its own."""
        self._write(name, lambda path: proof.write_table(path, [table], {**(meta or {}), "name": name}))

    def read_json(self, kind: str, key: str, make: Callable[[dict[str, Any]], T] = dict) -> T | None:  # type: ignore[assignment]  # dict is the record itself
        """Read a small record, as what `make` makes of it."""
        name = f"{kind}/{key}.json"
        return self._healed(name, lambda path: make(proof.unsealed_record(path.read_bytes(), name)))

    def write_json(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Keep a small record."""
        name = f"{kind}/{key}.json"
        content = proof.sealed_record(record, name)
        self._write(name, lambda path: path.write_bytes(content))

    def array(self, key: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Read a small array, computing it the first time."""
        name = f"arrays/{key}.npy"
        values = self.read_array(name)
        if values is None:
            values = compute()
            self.write_array(name, values)
        return np.asarray(values)

    def read_array(self, name: str) -> NDArray[Any] | None:
        """Read an array that is kept under a name of its own."""
        content = self._read_bytes(name)
        return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)

    def write_array(self, name: str, values: NDArray[Any]) -> None:
        """Keep an array, as a .npy file under a name of its own."""
        stream = io.BytesIO()
        np.save(stream, values)
        self._write_bytes(name, stream.getvalue())

    def read_picture(self, key: str) -> bytes | None:
        """Read the picture (PNG) of what a search found."""
        return self._read_bytes(f"pictures/{key}.png")

    def write_picture(self, key: str, content: bytes) -> None:
        """Keep the picture (PNG) of what a search found."""
        self._write_bytes(f"pictures/{key}.png", content)

    def _read_bytes(self, name: str) -> bytes | None:
        return self._healed(name, lambda path: proof.unsealed(path.read_bytes(), name))

    def _write_bytes(self, name: str, content: bytes) -> None:
        self._write(name, lambda path: path.write_bytes(proof.sealed(content, name)))

    # what all have in common

    @contextlib.contextmanager
    def writing(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the store for one run: a second one waits, then finds everything done.

        The lock belongs to the process and goes with it, however it ends. `on_wait` is called every half minute.
        Raises StoreError where the folder cannot be written to.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(holding.holding(self.root, on_wait))
            except OSError as error:
                raise StoreError(
                    f"store {self.root}: cannot be written to ({error.strerror}). Give another folder: --store DIR"
                ) from error
            yield

    def waiting(self) -> str:
        """Say which run holds the store, and how far it is."""
        return holding.waiting(self.root)

    def note(self, text: str) -> None:
        """Say how far this run is, which holds the store, for others that wait for it."""
        holding.note(self.root, text)

    def _open(self, path: Path) -> proof.Table:
        """Open a table that states the name it has here."""
        table = proof.open_table(path)
        if self.root / table.meta["name"] != path:
            raise proof.UnprovedError(f"it was written as {table.meta['name']}")
        return table

    def _read_all(self, path: Path) -> pa.Table:
        return self._open(path).read()

    def _required(self, name: str, read: Callable[[Path], T]) -> T:
        """Read a file that must be there. Raises BlockedError where it is not, DamagedError where it is set aside."""
        try:
            return self._checked(name, read)
        except _ABSENT as error:
            raise BlockedError(f"{self.root / name} is gone; the next run computes it again") from error

    def _healed(self, name: str, read: Callable[[Path], T]) -> T | None:
        """Read a file, or None where there is none or it was set aside; whoever asks computes it again."""
        try:
            return self._checked(name, read)
        except _ABSENT:
            return None
        except DamagedError as error:
            self.tell(f"{error} and computed again")
            return None

    def _checked(self, name: str, read: Callable[[Path], T]) -> T:
        path = self.root / name
        try:
            if self._mirror and not path.exists() and not self._mirror.fetch(name, path):
                raise FileNotFoundError(path)
            return read(path)
        except _ABSENT:
            raise
        except proof.UNREADABLE as error:
            raise set_aside(self.root, name, error) from error

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        path = self.root / name
        try:
            atomically(path, write)
        except OSError as error:
            raise StoreError(f"store {self.root}: cannot write {path.name} ({error.strerror or error})") from error
        if self._mirror:
            self._mirror.put(name, path)


def _table(key: str) -> str:
    return f"predictions/{key}.parquet"


def _partial(key: str) -> str:
    return f"partial/{key}"
