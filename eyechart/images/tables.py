"""Tables as people write them: Parquet or CSV, by the file's suffix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from eyechart.images.arrays import require_expected

SUFFIXES = (".parquet", ".csv")


def read_table(path: Path, text: Sequence[str] = ()) -> pa.Table:
    """Read a whole table. Of a CSV, columns named in `text` stay as they are written: 0001 is a name, no number.

    Raises ValueError for another suffix, a column that is there twice and a Parquet file that would expand to more than
    it can be meant to hold; and what pyarrow and the system raise for bad files.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"expected a table as {' or '.join(SUFFIXES)}, found {path.name!r}")
    if path.suffix == ".parquet":
        require_expected(_most_bytes(pq.read_metadata(path)), path.stat().st_size)
        table = pq.read_table(path)
    else:
        as_written = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string()))
        lines = pyarrow.csv.ParseOptions(newlines_in_values=True)  # as NumPy prints long rows
        table = pyarrow.csv.read_csv(path, convert_options=as_written, parse_options=lines)
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise ValueError(f"it has the column {twice[0]!r} more than once")
    return table


def _most_bytes(metadata: pq.FileMetaData) -> int:
    """Bytes that the numbers of a Parquet file take in memory, of which repeated ones take next to none in the file."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    return sum(8 * group.column(column).num_values for group in groups for column in range(group.num_columns))
