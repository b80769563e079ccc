"""Images at a URL: copied beside the store, then read like any others, by content."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from eyechart.digest import digest
from eyechart.errors import BlockedError
from eyechart.store import Store

FOLDER = "remote"
"""Folder of the store that holds the copies."""


def is_url(path: str) -> bool:
    """Whether a path is a URL that fsspec reads, such as `s3://bucket/images`."""
    return "://" in path


def local_copy(url: str, store: Store) -> Path:
    """Copy the file or folder at a URL into the store; what has not changed there since is not copied again.

    Protocols are fsspec's: `s3://` needs s3fs, `gs://` gcsfs, `hf://` huggingface_hub, and their own credentials.
    Raises BlockedError that names the URL where it cannot be read.
    """
    import fsspec

    key = digest(url)
    copy = store.root / FOLDER / key / PurePosixPath(url.rstrip("/")).name
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.parent.with_suffix(".lock")):
        known: dict[str, str] = store.read_json(FOLDER, key) or {}
        try:
            files, root = fsspec.core.url_to_fs(url)
            there = _listed(files, root)
            changed = [name for name, mark in there.items() if known.get(name) != mark or not (copy / name).is_file()]
            targets = [copy / name for name in changed]
            for folder in {target.parent for target in targets}:
                folder.mkdir(parents=True, exist_ok=True)
            if changed:
                sources = [f"{root.rstrip('/')}/{name}" if name else root for name in changed]
                files.get(sources, [str(target) for target in targets])
        except Exception as error:  # every storage has errors of its own; the images of this set are not there
            raise BlockedError(f"{url} cannot be read: {type(error).__name__}: {error}") from error
        for name in set(known) - set(there):
            (copy / name).unlink(missing_ok=True)
        if there != known:
            store.write_json(FOLDER, key, there)
    return copy


def _listed(files: Any, root: str) -> dict[str, str]:
    """Names of files under a folder (a file has the empty name) → what changes with them there."""
    infos = files.find(root, detail=True)
    if not infos:
        raise FileNotFoundError("no file is there")
    listed = {}
    for path, info in infos.items():
        name = PurePosixPath(path).relative_to(PurePosixPath(root)).as_posix() if path != root else ""
        if ".." in PurePosixPath(name).parts:
            raise ValueError(f"{path} leads out of it")
        listed[name] = digest(str(sorted((key, str(value)) for key, value in info.items())))
    return listed
