"""Content digests: the only identities the store knows."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

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


def known_digest(path: Path) -> str:
    """Digest a file's bytes, once in this process while its size, modification time and inode stay."""
    status = path.stat()
    return _digest_while(path, (status.st_size, status.st_mtime_ns, status.st_ino))


@functools.lru_cache(maxsize=256)
def _digest_while(path: Path, mark: tuple[int, int, int]) -> str:
    del mark
    return file_digest(path)
