"""Tables of predictions: what each says of how it was made, and the predictions that it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.measures.awaiting import Pending, Source, Spread
from eyechart.measures.predictions import Absent, Columns, Floats, Ints, Predictions
from eyechart.store.proof import UNREADABLE, open_table

KEPT = ("probabilities", "ranked", "best", "best_log_share", "log_sum_exp", "true_probability", "sum_of_squares")
"""Columns that a table may have in place of logits: the first two of a recording, the others where it is condensed."""


def read_meta(path: Path) -> dict[str, Any] | None:
    """Read what a table of predictions says of how it was made, or None where it does not say what it is.

    Raises SpecError for a file that is no table of a store, or does not prove itself.
    """
    try:
        meta = open_table(path).meta
    except UNREADABLE as error:
        raise SpecError(f"{path}: cannot be read as a table of predictions ({error})") from error
    return meta if {"model", "image_set", "view", "images"} <= meta.keys() else None


def is_condensed(columns: Collection[str]) -> bool:
    """Whether a table with these columns holds the best answers in place of logits."""
    return "best" in columns and "logits" not in columns


def predictions_in(
    about: tuple[str, str, str],
    columns: Collection[str],
    read: Callable[[list[str]], pa.Table],
    whose: str,
    logits_anew: Callable[[], Floats],
) -> Predictions:
    """The predictions in a table with these `columns`, of which `read` reads some.

    about        model, image set, view
    whose        whose they are, in messages
    logits_anew  gives the logits of a condensed table, (n, classes), or raises
    Raises BlockedError where some answers are not numbers.
    """
    table = read(["key", "label", "predicted", "confidence"])
    keys, labels, predicted, confidence = (column.to_numpy() for column in table.columns)
    unsure = len(confidence) > 0 and table["confidence"].null_count == len(confidence)
    bad = np.flatnonzero(~np.isfinite(confidence))
    if len(bad) and not unsure:
        raise BlockedError(
            f"{whose} gives no finite answer for {len(bad)} of {len(keys)} images of {about[1]} under {about[2]}, "
            f"first {keys[bad[0]]!r}"
        )
    reason = f"{whose} was recorded without %s of {about[1]}"

    def values(column: str) -> NDArray[Any]:
        if column not in columns:
            raise NotApplicableError(reason % column)
        stored = read([column])[column].combine_chunks()
        if pa.types.is_fixed_size_list(stored.type):
            return np.asarray(stored.flatten().to_numpy().reshape(len(stored), -1))
        return np.asarray(stored.to_numpy())

    def logits() -> Floats:
        return logits_anew() if is_condensed(columns) else np.asarray(values("logits"), dtype=np.float64)

    kept: dict[str, Callable[[], NDArray[Any]]] = {name: partial(values, name) for name in KEPT if name in columns}
    if "best" in columns:
        kept = {name: cache(column) for name, column in kept.items()} | {"label": lambda: labels}
    absent = Absent(reason % "the probability of its answers")
    return Predictions(
        *about, keys.astype(np.str_), labels.astype(np.int64), predicted.astype(np.int64),
        absent if unsure else confidence.astype(np.float64),  # type: ignore[arg-type]  # it stands for numbers that are not there
        logits, kept=Columns(kept),
    )  # fmt: skip


def spread(about: Source, keys: NDArray[np.str_], labels: Ints, there: Predictions | None, rows: Ints) -> Predictions:
    """The predictions of a whole table, of which only some are `there`: those for the images `rows`."""
    at = np.full(len(keys), -1)
    at[rows] = np.arange(len(rows))
    where = Spread(about, at)

    def pending(values: Callable[[], NDArray[Any]]) -> Any:
        return Pending(where, values)[np.arange(len(keys))]

    if there is None:
        nothing = pending(lambda: np.zeros(0))
        return Predictions(*about, keys, labels, nothing, nothing, lambda: nothing)
    unsure = isinstance(there.confidence, Absent)
    return Predictions(
        *about, keys, labels, pending(lambda: there.predicted),
        there.confidence if unsure else pending(lambda: there.confidence),
        lambda: pending(there.logits_of), kept=there.kept.each(pending),
    )  # fmt: skip
