"""The noun `Figure`: rows of numbers, what is said of them, and how they are kept as CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from eyechart.digest import digest

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = Mapping[str, Cell]
"""Column → what stands there."""

Written: TypeAlias = Mapping[str, str]
"""A row as a CSV file holds it: nothing is the empty text."""

LONGEST_NAME = 60
"""Characters of a file's name before its ending: image sets may be called anything."""


@dataclass(frozen=True)
class Figure:
    """What one figure shows.

    name      of its files, without their endings
    kind      how it is drawn: one of `drawing.KINDS`, or `table`, which is read and not drawn
    property  the property that it illustrates
    models    whose numbers it shows
    claims    ids of the claims that it belongs to, see `claim_id`
    rows      its data; all rows have the same columns
    """

    name: str
    kind: str
    title: str
    caption: str
    property: str
    models: tuple[str, ...]
    claims: tuple[str, ...]
    rows: tuple[Row, ...]


def file_name(*parts: str) -> str:
    """Make a file's name of texts: as they are where they are short and plain, else with a digest of them."""
    text = "-".join(filter(None, parts))
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
    return plain if plain == text and len(plain) <= LONGEST_NAME else f"{plain[:40].strip('-.')}-{digest(*parts)[:8]}"


def as_csv(rows: Sequence[Row]) -> str:
    """Write rows as CSV (RFC 4180): numbers with all their digits, nothing as an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    columns = list(rows[0]) if rows else []
    writer.writerow(columns)
    writer.writerows([_text(row[column]) for column in columns] for row in rows)
    return stream.getvalue()


def read_csv(text: str) -> list[Written]:
    """Read what `as_csv` wrote."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def number(row: Written, column: str) -> float:
    """The number in a column; NaN where there is none."""
    return float(row[column]) if row.get(column) else math.nan


def distinct(rows: Iterable[Written], column: str) -> list[str]:
    """What stands in a column, each text once, in the order of the rows."""
    return list(dict.fromkeys(row[column] for row in rows))


def _text(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    # a name may hold what no file can: half of a surrogate pair
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else repr(cell)
