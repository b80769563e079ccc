"""Tables of predictions as files: what each says of how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eyechart.errors import SpecError


def read_meta(path: Path) -> dict[str, Any] | None:
    """Read what a table of predictions says of how it was made, or None where it does not say what it is.

    Raises SpecError for a file that is no Parquet table.
    """
    try:
        stated = pq.read_schema(path).metadata or {}
        meta = json.loads(stated.get(b"eyechart", b"{}"))
    except (OSError, pa.ArrowException, json.JSONDecodeError) as error:
        raise SpecError(f"{path}: cannot be read as a Parquet table of predictions ({error})") from error
    return meta if {"model", "image_set", "view", "images"} <= meta.keys() else None
