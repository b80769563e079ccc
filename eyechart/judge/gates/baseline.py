"""Baselines: where their predictions are, and whether they may be compared with a candidate's at all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.images.image_set import ImageSet
from eyechart.judge.gates.paired import cannot_show, loss, unremembered
from eyechart.judge.verdict import Bound, is_open
from eyechart.measures.measurement import Measurement, take
from eyechart.measures.predictions import Floats, Predictions
from eyechart.predict.needs import Address, Need
from eyechart.predict.run import Run, Strings
from eyechart.predict.tables import predictions_in, read_meta
from eyechart.store.proof import UNREADABLE, open_table
from eyechart.zoo.levels import Levels

T = TypeVar("T")

Meta = dict[str, Any]
"""What a table says of how it was made; see `eyechart.predict.answering.meta_of`."""


class Baseline(Protocol):
    """Something to be no worse than."""

    @property
    def name(self) -> str:
        """What verdicts call it."""

    def beside(self, model: str) -> str:
        """Name what a model is compared with: the baseline, and its model where it holds several."""

    def find(self, need: Need, meta: Meta) -> tuple[Meta, Callable[[], Predictions]]:
        """Find what to compare the table that meets `need` with; BlockedError where there is nothing."""


@dataclass(frozen=True)
class Comparison:
    """How much worse than the baseline a candidate is.

    loss      positive is worse
    itself    the loss of the baseline to itself: 0, with an interval of what the images can show at best
    not_known what nobody recorded of how the two were predicted; mostly nothing
    """

    loss: Measurement
    itself: Callable[[], Measurement]
    not_known: str

    def cannot_show(self, margin: Bound, levels: Levels) -> str:
        """Say why the images leave a margin open for any checkpoint, even the baseline itself; mostly nothing.

        That depends on the images and the baseline, and not on the candidate: nothing is promised where nothing could
        be shown. It excuses no loss that the images do show.
        """
        itself = self.itself()
        if itself.limits is None or not is_open(itself, margin, levels):
            return ""
        return cannot_show(itself.count, itself.limits(levels.pass_alpha)[1], margin.limit)


class InItsPlace:
    """A run whose models' answers are those of their baseline, for whoever derives more from a run's predictions."""

    def __init__(self, run: Run, baseline: Baseline) -> None:
        """Stand for `run`, with the answers of `baseline` to the same images in the same order."""
        self._run, self._baseline = run, baseline

    def predictions(self, need: Need) -> Predictions:
        """What the baseline answered. Raises BlockedError where that is not there, or cannot be compared."""
        own = self._run.predictions(need)
        return replace(_counterpart(own, self._run, self._baseline)[0], model=self._baseline.beside(need.model))

    def remembered(self, what: tuple[str, ...], make: Callable[[], T]) -> T:
        """Make something of the baseline's predictions once."""
        return self._run.remembered(("baseline", self._baseline.name, *what), make)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the run's own."""
        return getattr(self._run, name)


def compare(measurement: Measurement, bound: Bound, run: Run, baseline: Baseline) -> Comparison:
    """Measure how much worse `measurement` is than the same measure of the baseline, on the same images.

    Raises BlockedError where they cannot be compared, saying why.
    """
    if measurement.recipe is None or not measurement.recipe.tables():
        raise NotApplicableError(unremembered(measurement, "compared"))
    own = measurement.recipe.tables()[0].model
    unsaid: list[str] = []

    def change(value: Any) -> Any:
        if isinstance(value, Predictions) and value.model == own:
            counterpart, unknown = _counterpart(value, run, baseline)
            unsaid.append(unknown)
            return counterpart
        return value

    try:
        other = measurement.recipe.with_changed(change).measure()
        less = functools.partial(loss, baseline=other, more_is_worse=bound.at_most is not None)
        return Comparison(less(measurement), functools.partial(less, other), next(filter(None, unsaid), ""))
    except ValueError as error:
        raise BlockedError(f"{baseline.name} cannot be compared with: {error}") from error


def _counterpart(own: Predictions, run: Run, baseline: Baseline) -> tuple[Predictions, str]:
    """The baseline's answers to the same images, in the same order and read the same way; and what is not known."""
    need = Need(own.model, own.image_set, own.view)
    meta = run.meta(need)
    match_of, read = baseline.find(need, meta)
    apart = differences(meta, match_of)
    if apart:
        raise BlockedError(f"{own.model} and baseline {baseline.name} cannot be compared: {'; '.join(apart)}")
    unknown = [name for name, each in ((own.model, meta), (baseline.name, match_of)) if not each.get("checkpoint")]
    said = f"nobody recorded at which precision and preprocessing {' and '.join(unknown)} answered" if unknown else ""
    if own.derive is None:
        table = _in_order(read(), own.keys, own.image_set, baseline.name)
        return replace(table, labels=own.labels, also=own.also), said
    complete = run.predictions(need)
    table = _in_order(read(), complete.keys, own.image_set, baseline.name)
    derived = own.derive(replace(table, labels=complete.labels, also=complete.also))
    return _in_order(derived, own.keys, own.image_set, baseline.name), said


def _in_order(table: Predictions, keys: Strings, image_set: str, name: str) -> Predictions:
    """The answers of baseline `name` to these images, in this order. Raises BlockedError where some are missing."""
    if np.array_equal(table.keys, keys):
        return table
    order = np.argsort(table.keys, kind="stable")
    row_of = np.minimum(np.searchsorted(table.keys[order], keys), len(order) - 1)
    rows = order[row_of]
    missing = np.flatnonzero(table.keys[rows] != keys)
    if missing.size:
        raise BlockedError(
            f"{missing.size} images of {image_set} are missing from baseline {name}, such as {str(keys[missing[0]])!r}"
        )
    return take(table, rows)


def differences(own: Meta, other: Meta) -> list[str]:
    """Say what keeps two tables from being compared: other images, view, precision or preprocessing.

    Recorded predictions do not tell the last two; what is not known differs from nothing.
    """
    apart = []
    if own["images"]["fingerprint"] != other["images"]["fingerprint"]:
        apart.append(f"other images ({_images(own)} and {_images(other)})")
    if own["view"] != other["view"]:
        apart.append(_apart("view", own["view"], other["view"]))
    one, two = own.get("checkpoint"), other.get("checkpoint")
    if not one or not two:
        return apart
    pairs = [
        ("version of the views", own.get("views_version"), other.get("views_version")),
        ("precision", one.get("precision"), two.get("precision")),
        ("number of classes", one.get("classes"), two.get("classes")),
    ]
    first, second = _flat(one.get("preprocessing")), _flat(two.get("preprocessing"))
    names = sorted(first.keys() | second.keys())
    pairs += [(f"preprocessing, {key}", first.get(key), second.get(key)) for key in names]
    return apart + [_apart(*pair) for pair in pairs if pair[1] != pair[2]]


def _images(meta: Meta) -> str:
    limit = f", limit {meta['images']['limit']}" if meta["images"].get("limit") else ""
    images = meta["images"]
    return f"{images['count']:,} of {meta['image_set']} with fingerprint {images['fingerprint'][:8]}{limit}"


def _apart(word: str, one: Any, two: Any) -> str:
    return f"other {word} ({one} and {two})"


def _flat(value: Any) -> dict[str, Any]:
    """Preprocessing without its nesting; what a source does not know of its own is None."""
    flat: dict[str, Any] = {}
    for key, part in (value or {}).items():
        flat.update(_flat(part) if isinstance(part, dict) else {key: part})
    return flat


@dataclass(frozen=True)
class ZooModel:
    """Another model of the zoo, predicted in the same run."""

    name: str
    run: Run

    def beside(self, model: str) -> str:  # noqa: ARG002  # one model for all
        """Name the model."""
        return self.name

    def find(self, need: Need, meta: Meta) -> tuple[Meta, Callable[[], Predictions]]:  # noqa: ARG002  # one call for all
        """Find what the same run predicted."""
        theirs = replace(need, model=self.name)
        return self.run.meta(theirs), lambda: self.run.predictions(theirs)


@dataclass(frozen=True)
class StoredTables:
    """Predictions of an earlier run: Parquet tables of the store, wherever they were copied to."""

    name: str
    tables: Sequence[tuple[Path, Meta]]

    def beside(self, model: str) -> str:
        """Name the baseline; of several models, that of this name."""
        return f"{self.name}, {model}" if len({each["model"] for _, each in self.tables}) > 1 else self.name

    def find(self, need: Need, meta: Meta) -> tuple[Meta, Callable[[], Predictions]]:
        """Find the table about the same images and view: of the model of this name, or of the only model there is."""
        model = need.model
        models = sorted({str(each["model"]) for _, each in self.tables})
        if len(models) > 1 and model not in models:
            raise BlockedError(f"baseline {self.name} holds predictions of {', '.join(models)}, and none of {model}")
        wanted = model if len(models) > 1 else models[0]
        of_model = [(path, each) for path, each in self.tables if each["model"] == wanted]
        same_view = [(path, each) for path, each in of_model if each["view"] == meta["view"]]
        same = [one for one in same_view if one[1]["images"]["fingerprint"] == meta["images"]["fingerprint"]]
        near = same or [one for one in same_view if one[1]["image_set"] == meta["image_set"]]
        if not near and len(self.tables) == 1:
            near = list(self.tables)  # a single file was meant: say what differs
        if not near:
            raise BlockedError(f"baseline {self.name} holds no predictions of {meta['image_set']} under {meta['view']}")
        fitting = [one for one in near if not differences(meta, one[1])]
        if len(fitting) > 1:
            raise BlockedError(
                f"baseline {self.name} holds {len(fitting)} tables that fit {meta['image_set']} under {meta['view']} "
                f"({', '.join(path.name for path, _ in fitting)}): pin the one that is meant, eyechart baseline save"
            )
        path, tables = fitting[0] if fitting else near[0]
        return tables, lambda: read_table(path)


def stored_tables(name: str, location: Path) -> StoredTables:
    """Index a Parquet table, or a folder of them (a store, or a part of one).

    Raises SpecError where there is none, or where none says how it was made.
    """
    folder = location / "predictions" if (location / "predictions").is_dir() else location
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else [folder]
    tables = [(path, meta) for path in files if (meta := read_meta(path)) is not None]
    if not tables:
        tables_there = f"{len(files)} Parquet tables, none with" if files else "no Parquet table with"
        raise SpecError(
            f"--baseline {location}: {tables_there} a record of its model, images and view. A baseline is a table of "
            "the store, or what `eyechart baseline save` pinned"
        )
    return StoredTables(name, tables)


@functools.lru_cache(maxsize=64)
def read_table(path: Path) -> Predictions:
    """Read one stored table. Raises BlockedError where it is damaged."""
    stored = _checked(path, open_table)
    about = (str(stored.meta.get("model")), str(stored.meta.get("image_set")), str(stored.meta.get("view")))

    def read(columns: list[str]) -> pa.Table:
        return _checked(path, lambda _: stored.read(columns))

    def no_logits() -> Floats:
        raise BlockedError(
            f"baseline {path}: a claim asks for its logits, of which it keeps the best answers only. Judge it again "
            "together with that claim, which keeps them, and pin it anew"
        )

    return predictions_in(about, stored.schema.names, read, f"baseline {path}", no_logits)


def _checked(path: Path, read: Callable[[Path], T]) -> T:
    """Read a table that proves itself, or a part of it. Raises BlockedError where it does not."""
    try:
        return read(path)
    except UNREADABLE as error:
        raise BlockedError(f"baseline {path}: cannot be read ({error})") from error


def read_baseline_like(baseline: Baseline | None, need: Need, images: ImageSet, complete: str) -> Predictions | None:
    """What the baseline answered to the same images under the same view, under the model's own name; or None.

    A guess at what a checkpoint that nobody has asked yet will answer. `whole` is the fingerprint of the set that was
    predicted, of which `images` may be a part.
    """
    if isinstance(baseline, ZooModel):
        theirs = replace(need, model=baseline.name)
        stored = baseline.run.addresses.get(theirs, Address()).key
        return replace(baseline.run.predictions(theirs), model=need.model) if stored else None
    if not isinstance(baseline, StoredTables):
        return None
    fitting = [
        (str(meta["model"]) != need.model, path) for path, meta in baseline.tables
        if meta["images"]["fingerprint"] == complete and meta["view"] == need.view
    ]  # fmt: skip
    if not fitting:
        return None
    table = _in_order(read_table(min(fitting)[1]), images.keys, need.image_set, baseline.name)
    return replace(
        table, model=need.model, image_set=need.image_set, labels=images.labels,
        also={key: tuple(more) for key, more in images.also.items()},
    )  # fmt: skip
