"""Tables of predictions as files: what each says of how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eyechart.errors import SpecError
from eyechart.store.proof import UNREADABLE, open_table


def read_meta(path: Path) -> dict[str, Any] | None:
    """Read what a table of predictions says of how it was made, or None where it does not say what it is.

    Raises SpecError for a file that is no table of a store, or does not prove itself.
    """
    try:
        meta = open_table(path).meta
    except UNREADABLE as error:
        raise SpecError(f"{path}: cannot be read as a table of predictions ({error})") from error
    return meta if {"model", "image_set", "view", "images"} <= meta.keys() else None
