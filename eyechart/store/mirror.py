"""A store at a URL: a local folder that fetches from there what it lacks, and puts there what is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from eyechart.digest import digest
from eyechart.errors import StoreError
from eyechart.store.writing import atomically

MARK = "mirror-of.txt"
"""A file of the local folder that holds the URL: whoever opens the folder finds it there."""


def local_folder(url: str, beside: Path) -> Path:
    """The folder under `beside` that stands for the store at a URL. Raises StoreError where it cannot be made."""
    folder = beside / digest(url.rstrip("/"))
    try:
        atomically(folder / MARK, lambda path: path.write_text(url.rstrip("/"), encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"store {url}: cannot write its local copy {folder} ({error.strerror or error})") from error
    return folder


class Mirror:
    """The files of a store where others see them. Every storage of fsspec puts a file there whole or not at all."""

    def __init__(self, url: str) -> None:
        """Mirror to a URL such as `s3://bucket/store`; nothing is asked of it yet."""
        self.url = url
        self._root = ""
        self._storage: Any = None

    @classmethod
    def of(cls, folder: Path) -> Mirror | None:
        """The mirror of a local folder, if it has one."""
        with contextlib.suppress(OSError):
            return cls((folder / MARK).read_text(encoding="utf-8"))
        return None

    def fetch(self, name: str, path: Path) -> bool:
        """Copy a file from there to `path`; whether it was there. Raises StoreError where that cannot be told."""
        with self._asked("read") as storage:
            try:
                atomically(path, lambda temporary: storage.get_file(f"{self._root}/{name}", str(temporary)))
            except FileNotFoundError:
                return False
        return True

    def put(self, name: str, path: Path) -> None:
        """Copy a file there. Raises StoreError where that cannot be done; it is in the local folder then."""
        with self._asked("written to") as storage:
            target = f"{self._root}/{name}"
            storage.makedirs(target.rpartition("/")[0], exist_ok=True)
            storage.put_file(str(path), target)

    def names(self, folder: str) -> list[str]:
        """Names of the files of a folder there."""
        with self._asked("read") as storage:
            found = storage.find(f"{self._root}/{folder}")
        return [f"{folder}/{PurePosixPath(each).name}" for each in found]

    def drop(self, folder: str) -> None:
        """Remove a folder there."""
        with self._asked("written to") as storage, contextlib.suppress(FileNotFoundError):
            storage.rm(f"{self._root}/{folder}", recursive=True)

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[Any]:
        import fsspec

        try:
            if self._storage is None:
                self._storage, root = fsspec.core.url_to_fs(self.url)
                self._root = root.rstrip("/")
            yield self._storage
        except Exception as error:  # every storage has errors of its own
            raise StoreError(f"store {self.url}: cannot be {what} ({type(error).__name__}: {error})") from error
