"""Files that are there whole or not at all, whatever ends the process or the machine meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

TEMPORARY = ".writing-"
"""How the names of files begin that are being written."""


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file beside `path`, and put it there once it is on disk; its mode follows the umask.

    Raises OSError where that cannot be done; what was there before is there still.
    """
    _make_folder(path.parent)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        write(temporary)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in new:
        _sync(each.parent)


def _sync(path: Path) -> None:
    """Let the operating system bring a file, or the names in a folder, to disk."""
    is_folder = path.is_dir()
    # Windows opens no folder, and syncs their names by itself
    with contextlib.suppress(*([PermissionError] if is_folder else [])):
        handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
