"""Answers that are not there yet: they may be carried about and cut down, and whoever reads them learns which to ask.

Predictions whose answers are partly there hold `Pending` columns. Rows that are all answered are plain arrays again, so
a measure on these is what it would be if everything were there; anything that reads others raises AwaitedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from eyechart.errors import BlockedError

Source: TypeAlias = tuple[str, str, str]
"""Model, image set and view: whose answers."""

Wanted: TypeAlias = Mapping[Source, NDArray[np.int64]]
"""Rows of tables that somebody wants answered."""


class AwaitedError(BlockedError):
    """Something was read that is not predicted yet: `wanted` says what; `at_look`, that one look of a claim asks it."""

    def __init__(self, wanted: Wanted, *, at_look: bool = False) -> None:
        """Ask for the rows that are `wanted`."""
        self.wanted = wanted
        self.at_look = at_look
        count = sum(map(len, wanted.values()))
        sources = ", ".join(" ".join(source) for source in wanted)
        super().__init__(f"{count:,} answers were not predicted in this run ({sources})")


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the answers to the images of a table are among those that are there.

    source  whose answers they are
    at      (n,) the row of each image among those, or -1 where there is none
    """

    source: Source
    at: NDArray[np.int64]


class Pending(NDArrayOperatorsMixin):
    """A column of answers of which some are not there yet."""

    def __init__(
        self, spread: Spread, values: Callable[[], NDArray[Any]], rows: NDArray[np.int64] | None = None
    ) -> None:
        """Stand for these `rows` of a table, or all; `values` gives what is there."""
        self._spread = spread
        self._values = values
        self._rows = np.arange(len(spread.at)) if rows is None else rows

    def __len__(self) -> int:
        """Count the images."""
        return len(self._rows)

    def __getitem__(self, where: Any) -> Any:
        """Keep some images: plain values if they are all there."""
        if isinstance(where, tuple):
            self._ask()
        rows = self._rows[where]
        at = self._spread.at[rows]
        if np.all(at >= 0):
            return self._values()[at]
        return Pending(self._spread, self._values, rows) if isinstance(rows, np.ndarray) else self._ask()

    def then(self, make: Callable[[NDArray[Any]], NDArray[Any]]) -> Pending:
        """What `make` makes of these values, which it does row by row."""
        return Pending(self._spread, lambda: make(self._values()), self._rows)

    @property
    def source(self) -> Source:
        """Whose answers."""
        return self._spread.source

    @property
    def rows(self) -> NDArray[np.int64]:
        """(n,) the rows of the table."""
        return self._rows

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) which are not there."""
        return np.asarray(self._spread.at[self._rows] < 0)

    @property
    def wanted(self) -> tuple[Source, NDArray[np.int64]]:
        """The rows that are not there."""
        return self._spread.source, self._rows[self.missing]

    def _ask(self) -> NoReturn:
        raise AwaitedError(dict([self.wanted]))

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        """Raise AwaitedError."""
        self._ask()

    def __array_ufunc__(self, *_: Any, **__: Any) -> NoReturn:
        """Raise AwaitedError: every operator of numbers comes here."""
        self._ask()

    def __iter__(self) -> Any:
        """Raise AwaitedError."""
        self._ask()

    def __bool__(self) -> bool:  # noqa: PLE0304  # it raises
        """Raise AwaitedError."""
        self._ask()

    def __getattr__(self, name: str) -> NoReturn:
        """Raise AwaitedError for what arrays can do."""
        if name.startswith("__"):
            raise AttributeError(name)
        self._ask()


def by_row(make: Callable[[NDArray[Any]], NDArray[Any]], values: Any) -> Any:
    """What `make` makes of values row by row, now or when they are there."""
    return values.then(make) if isinstance(values, Pending) else make(values)


def asked_of(columns: Iterable[Any]) -> Wanted:
    """The rows that are not there of any of these columns."""
    wanted: dict[Source, NDArray[np.int64]] = {}
    for column in columns:
        if isinstance(column, Pending):
            source, rows = column.wanted
            wanted[source] = np.union1d(wanted.get(source, rows), rows)
    return wanted


def together(wanted: Iterable[Wanted]) -> Wanted:
    """All of what several want."""
    every: dict[Source, NDArray[np.int64]] = {}
    for one in wanted:
        for source, rows in one.items():
            every[source] = np.union1d(every.get(source, rows), rows)
    return every
