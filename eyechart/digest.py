"""Content digests: the only identities the store knows."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, TypeAlias

LENGTH = 16
"""Bytes of a digest: 128 bits, 32 hexadecimal characters."""


def digest(*parts: Any) -> str:
    """Digest JSON-able values; dictionaries count by content, not by order."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=LENGTH).hexdigest()


def bytes_digest(content: bytes) -> str:
    """Digest bytes; equal to `file_digest` of a file that holds them."""
    return hashlib.blake2b(content, digest_size=LENGTH).hexdigest()


def file_digest(path: Path) -> str:
    """Digest a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=LENGTH)).hexdigest()


Mark: TypeAlias = tuple[int, int, int, int]
"""Size in bytes, times of the last write and of the last change in ns, inode."""


def mark_of(path: Path) -> Mark:
    """What tells that a file is the one it was, without reading it.

    A program that edits a file in place can set the time of its last write, but on POSIX not that of its last change.
    A link to nothing has the mark of the link.
    """
    try:
        status = path.stat()
    except OSError:
        status = path.lstat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def known_digest(path: Path) -> str:
    """Digest a file's bytes, once in this process while its mark stays."""
    return _digest_while(path, mark_of(path))


@functools.lru_cache(maxsize=256)
def _digest_while(path: Path, mark: Mark) -> str:
    del mark
    return file_digest(path)
