"""The noun `Run`: one zoo, one store, and what the claims of this run need of them.

A run only reads the store; the predictor fills it and notes here where each need is met.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.measures.measurement import take
from eyechart.measures.predictions import Floats, Ints, Predictions
from eyechart.predict.contracts import Finding
from eyechart.predict.needs import FEATURES, ORIGINAL, Address, Addresses, Need
from eyechart.predict.searches import Found
from eyechart.predict.tables import predictions_in, spread
from eyechart.store import Store
from eyechart.store.parts import Partial
from eyechart.zoo.zoo import Zoo

Strings: TypeAlias = NDArray[np.str_]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a run that decide its predictions.

    `images` is where relative paths of image sets start (`--data`); `limit` keeps a seeded subset of each set;
    `engine` is where predictions are made, here (`local`) or on the machines of a cluster (`ray`); `workers` processes
    read images for one that answers, None for as many as pay; `crop_cache` is how many GB of crops are kept from run to
    run, None for what pays.
    """

    store: Path
    images: Path | str | None = None
    device: str = "auto"
    precision: str = "fp32"
    limit: int | None = None
    engine: str = "local"
    workers: int | None = None
    crop_cache: float | None = None


@dataclass
class Cost:
    """What the predict phase did: seconds in all and in forward passes, answers given, checkpoints loaded.

    Where claims were decided in looks, how many answers were `needed` of all `possible` ones, of tables that had not
    been complete.
    """

    seconds: float = 0.0
    forward_seconds: float = 0.0
    answers: int = 0
    images_read: int = 0
    loads: dict[str, int] = field(default_factory=dict)
    needed: int = 0
    possible: int | None = None

    def as_record(self) -> dict[str, Any]:
        """As `verdicts.json` has it."""
        return {
            "seconds": round(self.seconds, 3),
            "forward_seconds": round(self.forward_seconds, 3),
            "answers": self.answers,
            "images_read": self.images_read,
            "loads": self.loads,
            "in_looks": None if self.possible is None else {"answers": self.needed, "of": self.possible},
        }


# pytest writes out the arguments of a test that fails, and all predictions of a run take it a while
@dataclass(repr=False)
class Run:
    """One evaluation of a zoo.

    `addresses`, `fingerprints`, `assumptions` and `image_sets` are plain data: a worker is given them, and reads the
    store with them. `in_full` holds the image sets and views of which claims ask for all logits; where one turns out to
    do so whose table did not keep them, `predict_anew` is asked for another one, if there is anybody to ask.
    """

    zoo: Zoo
    settings: Settings
    addresses: Addresses = field(default_factory=Addresses)
    fingerprints: dict[str, str] = field(default_factory=dict)
    assumptions: dict[str, str] = field(default_factory=dict)
    image_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    in_full: set[tuple[str, str]] = field(default_factory=set)
    predict_anew: Callable[[Need], None] | None = None
    store: Store = field(init=False)
    _read: dict[Need, Predictions] = field(default_factory=dict)
    _found: dict[Need, Found] = field(default_factory=dict)
    _derived: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the store, and let the zoo look for its image sets where the settings say."""
        self.store = Store(self.settings.store)
        self.zoo = self.zoo.model_copy(update={"images": self.settings.images})

    def address(self, need: Need) -> str:
        """The key that meets a need.

        Raises BlockedError with the reason where it was not met, NotApplicableError where the source never can.
        """
        address = self.addresses.get(need, Address(blocked="it was not predicted in this run"))
        if address.not_applicable:
            raise NotApplicableError(f"{need.model}: {address.not_applicable}")
        if address.blocked:
            raise BlockedError(address.blocked)
        return address.key

    def predictions(self, need: Need) -> Predictions:
        """Read the predictions that meet a need, once in this process.

        Raises BlockedError where there are none, or where some answers are not numbers.
        """
        if need not in self._read:
            self._read[need] = self._predictions(need)
        return self._read[need]

    def _predictions(self, need: Need) -> Predictions:
        key, of_set = self.address(need), self.image_sets.get(need.image_set, {})
        about = (need.model, need.image_set, need.view)
        logits_anew = partial(self._logits_anew, need)
        if self.addresses[need].partly:
            there = self._partial(need)
            answered = None
            if there.columns:
                of_rows = lambda: logits_anew()[there.rows]  # noqa: E731
                answered = predictions_in(about, there.columns, there.read, need.model, of_rows)
            index = self.index(of_set.get("of") or need.image_set)
            keys, labels = index["key"].to_numpy().astype(np.str_), index["label"].to_numpy().astype(np.int64)
            table = spread(about, keys, labels, answered, there.rows)
        else:
            read = partial(self.store.read_table, key)
            table = predictions_in(about, self.store.columns(key), read, need.model, logits_anew)
        if not of_set.get("of") and not of_set.get("several_labels"):
            return table
        rows, labels, also = self._relabeled(need, table.keys)
        return replace(take(table, rows), labels=labels, also=also)

    def meta(self, need: Need) -> dict[str, Any]:
        """What the table that meets a need says of how it was made. Raises as `address`, or BlockedError."""
        key = self.address(need)
        return self._partial(need).meta if self.addresses[need].partly else self.store.read_meta(key)

    def _partial(self, need: Need) -> Partial:
        """What is there of a table that is not complete."""
        there = self.store.partial(self.address(need))
        if there is None:
            raise BlockedError(f"what was predicted of {need.image_set} is gone; the next run predicts it again")
        return there

    def _logits_anew(self, need: Need) -> Floats:
        """Logits of all rows of a condensed table, which is predicted anew unless that was done meanwhile."""
        key = self.address(need)
        if self.addresses[need].partly or "logits" not in self.store.columns(key):
            if self.predict_anew is None:
                raise BlockedError(f"the logits of {need.model} on {need.image_set} under {need.view} were not kept")
            self.ask_logits(need)
            self.predict_anew(need)
            self._read.pop(need, None)
        column = self.store.read_table(self.address(need), ["logits"])["logits"].combine_chunks()
        return np.asarray(column.flatten().to_numpy().reshape(len(column), -1), dtype=np.float64)

    def ask_logits(self, need: Need) -> None:
        """Note that a claim asks for the logits of an image set under a view, so that they are kept, of any model."""
        self.in_full.add(self._whole(need))

    def asks_logits(self, need: Need) -> bool:
        """Whether a claim asks for the logits of the table that meets a need."""
        return need.is_table and need.view != FEATURES and self._whole(need) in self.in_full

    def _whole(self, need: Need) -> tuple[str, str]:
        return self.zoo.whole_of(need.image_set) or need.image_set, need.view

    def _relabeled(self, need: Need, keys: Strings) -> tuple[Ints, Ints, Mapping[str, tuple[int, ...]]]:
        """Rows of a table that belong to the need's image set, with that set's own labels and further right ones."""
        index = self.index(need.image_set)
        wanted = index["key"].to_numpy().astype(np.str_)
        inside = np.flatnonzero(np.isin(keys, wanted))
        row_of = {key: row for row, key in enumerate(wanted.tolist())}
        of_set = np.array([row_of[key] for key in keys[inside].tolist()], dtype=np.int64)
        also = {key: tuple(more) for key, more in zip(wanted.tolist(), index["also"].to_pylist(), strict=True) if more}
        return inside, index["label"].to_numpy()[of_set].astype(np.int64), also

    def index(self, image_set: str) -> pa.Table:
        """Read what is known of an image set's images: `key`, `label`, `also` (a list), and its annotations.

        Raises BlockedError where the set was not indexed in this run.
        """
        if image_set not in self.image_sets:
            raise BlockedError(f"image set {image_set!r} was not indexed in this run")
        return self.store.read_index(self.image_sets[image_set]["index"])

    def learned_by_heart(self, task: str) -> bool:
        """Whether probes learn from all images of a transfer task, so that it measures no transfer."""
        about = self.image_sets.get(task, {})
        return bool(about) and about.get("seen_in_training") == about["count"]

    def notes(self, need: Need) -> str:
        """What was assumed and tolerated in meeting a need, in words; mostly nothing."""
        address = self.addresses.get(need, Address())
        tolerated = [*self.image_sets.get(need.image_set, {}).get("notes", ()), address.note]
        return "; ".join(filter(None, [self.assumptions.get(need.model), *tolerated, self._padded(need, address)]))

    def remarks(self) -> dict[str, list[str]]:
        """What is to be said of image sets, and of which: those that are made of others share it."""
        remarks: dict[str, list[str]] = {}
        for name, about in self.image_sets.items():
            for note in about.get("notes", ()):
                remarks.setdefault(note, []).append(name)
        return remarks

    def _padded(self, need: Need, address: Address) -> str:
        if need.view == ORIGINAL or not address.key:
            return ""
        there = self._partial(need) if address.partly else None
        if "padded" not in (there.columns if there else self.store.columns(address.key)):
            return ""
        table = there.read(["padded"]) if there else self.store.read_table(address.key, ["padded"])
        shares = table["padded"].to_numpy()
        touched = np.count_nonzero(shares)
        return f"{touched / len(shares):.1%} of the images are padded, {shares.mean():.1%} of all that is seen"

    def remembered(self, what: tuple[str, ...], make: Callable[[], T]) -> T:
        """Make something of stored predictions once in this process, for all claims that ask for it."""
        if what not in self._derived:
            self._derived[what] = make()
        derived: T = self._derived[what]
        return derived

    def assume(self, need: Need, predictions: Predictions) -> None:
        """Take these for the predictions that meet a need: a rehearsal before there are any."""
        self._read[need] = predictions

    def finding(self, need: Need) -> Finding:
        """Read what was found of a contract. Raises BlockedError where there is nothing to read."""
        finding = self.store.read_json("contracts", self.address(need), Finding.from_json)
        if finding is None:
            raise BlockedError(f"what was found of contract {need.contract!r} is missing from the store")
        return finding

    def found(self, need: Need) -> Found:
        """Read what a search found. Raises BlockedError where there is nothing to read."""
        if need not in self._found:
            found = self.store.read_json("searches", self.address(need), Found.from_json)
            if found is None:
                raise BlockedError(f"what the search {need.search!r} found is missing from the store")
            self._found[need] = found
        return self._found[need]

    def has_found(self, need: Need) -> bool:
        """Whether the outcome of a search can be read."""
        return need in self._found or bool(self.addresses.get(need, Address()).key)

    def assume_found(self, need: Need, outcome: Found) -> None:
        """Take this for what a search found: a rehearsal before there was one."""
        self._found[need] = outcome

    def forget(self) -> None:
        """Forget what was read and assumed, and all that was made of it: the rehearsal is over."""
        self._read.clear()
        self._found.clear()
        self._derived.clear()

    def tables(self, model: str) -> list[str]:
        """Keys of the predictions of a model that this run may have judged."""
        met = [(need, each.key) for need, each in self.addresses.items() if each.key and not each.partly]
        return sorted({key for need, key in met if need.model == model and need.is_table and need.view != FEATURES})

    def partial_tables(self, model: str) -> int:
        """How many tables of a model this run judged of which not all rows were predicted."""
        return len({each.key for need, each in self.addresses.items() if need.model == model and each.partly})

    def predicted_with(self, model: str) -> dict[str, str]:
        """Versions of the libraries that predicted what this run may have judged of a model; several if they differ."""
        used: dict[str, set[str]] = {}
        for key in self.tables(model):
            with contextlib.suppress(BlockedError):
                for library, version in self.store.read_meta(key).get("versions", {}).items():
                    used.setdefault(library, set()).add(version)
        return {library: ", ".join(sorted(used[library])) for library in sorted(used)}

    def dump(self) -> str:
        """Everything a worker needs to judge, as plain text."""
        addresses = [[asdict(need), asdict(address)] for need, address in self.addresses.items()]
        return json.dumps([addresses, self.fingerprints, self.assumptions, self.image_sets])

    def adopt(self, dumped: str) -> None:
        """Take over what `dump` wrote."""
        addresses, self.fingerprints, self.assumptions, self.image_sets = json.loads(dumped)
        self.addresses = Addresses({Need(**need): Address(**address) for need, address in addresses})


LIBRARIES = ("eyechart", "torch", "timm", "open_clip_torch", "onnxruntime", "numpy", "pillow")
"""What predictions are made with: other versions may give other last bits."""


def versions(libraries: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Versions of python and of installed libraries, without importing them."""
    return {"python": platform.python_version(), **{library: _version(library) for library in libraries}}


@cache
def _version(library: str) -> str:
    # every table tells it, and each time a page of text would be parsed
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"
