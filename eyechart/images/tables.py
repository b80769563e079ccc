"""Tables as people write them: Parquet or CSV, by the file's suffix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

SUFFIXES = (".parquet", ".csv")


def read_table(path: Path, text: Sequence[str] = ()) -> pa.Table:
    """Read a whole table. Of a CSV, columns named in `text` stay as they are written: 0001 is a name, no number.

    Raises ValueError for another suffix, and what pyarrow and the system raise for bad files.
    """
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".csv":
        as_written = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string()))
        return pyarrow.csv.read_csv(path, convert_options=as_written)
    raise ValueError(f"expected a table as {' or '.join(SUFFIXES)}, found {path.name!r}")
