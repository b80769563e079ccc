"""Tables as people write them: Parquet or CSV, by the file's suffix."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

SUFFIXES = (".parquet", ".csv")


def read_table(path: Path) -> pa.Table:
    """Read a whole table. Raises ValueError for another suffix, and what pyarrow and the system raise for bad files."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".csv":
        return pyarrow.csv.read_csv(path)
    raise ValueError(f"expected a table as {' or '.join(SUFFIXES)}, found {path.name!r}")
