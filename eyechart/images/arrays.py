"""Arrays of NumPy as people write them, looked at before they are read: few bytes may promise more than memory has."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

EXPANDED, TIMES = 1 << 30, 8
"""A compressed file may hold so many bytes, or so many times its own."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a `.npz`, or the one of a `.npy` as `arr_0`.

    Raises ValueError for one that holds Python objects, more bytes than are there, the same name twice, or more than a
    compressed file can be meant to hold; and what NumPy, zip and the system raise for damaged files.
    """
    if not zipfile.is_zipfile(file):
        with file.open("rb") as stream:
            _require_whole(stream, file.stat().st_size, file.name)
        return {"arr_0": np.load(file, allow_pickle=False)}
    with zipfile.ZipFile(file) as members:
        names = members.namelist()
        if len(set(names)) < len(names):
            raise ValueError(f"it holds {next(name for name in names if names.count(name) > 1)!r} more than once")
        require_expected(sum(member.file_size for member in members.infolist()), file.stat().st_size)
        for member in members.infolist():
            with members.open(member) as stream:
                _require_whole(stream, member.file_size, member.filename)
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def array_of(content: bytes) -> NDArray[Any]:
    """Read a `.npy` from its bytes. Raises ValueError as `read_arrays` does."""
    _require_whole(io.BytesIO(content), len(content), "the array")
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))


def require_expected(expanded: int, size: int) -> None:
    """Raise ValueError for a file of `size` bytes that would expand to more than it can be meant to hold."""
    if expanded > max(EXPANDED, TIMES * size):
        raise ValueError(
            f"its {size:,} bytes expand to {expanded:,}, more than {EXPANDED:,}: write it uncompressed if that is meant"
        )


def _require_whole(stream: IO[bytes], size: int, name: str) -> None:
    read_header = _HEADERS.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError(f"{name} is in a version of .npy that only records of Python need")
    shape, _, kind = read_header(stream)
    promised = math.prod(shape) * kind.itemsize
    if not kind.hasobject and promised > size - stream.tell():
        raise ValueError(f"{name} promises {kind} {shape}, {promised:,} bytes, and holds {size - stream.tell():,}")
