"""The noun `Run`: one zoo, one store, and what the claims of this run need of them.

A run only reads the store; `eyechart.predict` fills it and notes here where each need is met.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from eyechart.contracts import Finding
from eyechart.errors import BlockedError
from eyechart.predictions import Predictions
from eyechart.store import Store
from eyechart.zoo import Zoo

ORIGINAL = "original"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """What a claim needs of one checkpoint: its predictions for a set under a view, or a contract's outcome."""

    model: str
    image_set: str
    view: str = ORIGINAL
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a need is met in the store, or why it cannot be."""

    key: str = ""
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a run that decide its predictions.

    `images` is where relative paths of image sets start (`--data`); `limit` keeps a seeded subset of each set.
    """

    store: Path
    images: Path | None = None
    device: str = "auto"
    precision: str = "fp32"
    limit: int | None = None


@dataclass
class Cost:
    """What the predict phase did: seconds in all and in forward passes, answers given, checkpoints loaded."""

    seconds: float = 0.0
    forward_seconds: float = 0.0
    answers: int = 0
    images_read: int = 0
    loads: dict[str, int] = field(default_factory=dict)


@dataclass
class Run:
    """One evaluation of a zoo.

    `addresses`, `fingerprints` and `counts` are plain data: a worker is given them and reads the store with them.
    """

    zoo: Zoo
    settings: Settings
    addresses: dict[Need, Address] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    image_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    _read: dict[Need, Predictions] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The store under `--store`."""
        return Store(self.settings.store)

    def address(self, need: Need) -> str:
        """The key that meets a need. Raises BlockedError with the reason where it was not met."""
        found = self.addresses.get(need, Address(blocked="it was not predicted in this run"))
        if found.blocked:
            raise BlockedError(found.blocked)
        return found.key

    def predictions(self, need: Need) -> Predictions:
        """Read the predictions that meet a need, once in this process.

        Raises BlockedError where there are none, or where some answers are not numbers.
        """
        if need not in self._read:
            self._read[need] = self._predictions(need)
        return self._read[need]

    def _predictions(self, need: Need) -> Predictions:
        key, store = self.address(need), self.store
        table = store.read_table(key, ["key", "label", "predicted", "confidence"])
        keys, labels, predicted, confidence = (column.to_numpy() for column in table.columns)
        bad = np.flatnonzero(~np.isfinite(confidence))
        if len(bad):
            raise BlockedError(
                f"{need.model} gives no finite answer for {len(bad)} of {len(keys)} images of {need.image_set} "
                f"under {need.view}, first {keys[bad[0]]!r}"
            )

        def logits() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
            column = store.read_table(key, ["logits"])["logits"].combine_chunks()
            return np.asarray(column.flatten().to_numpy().reshape(len(column), -1), dtype=np.float64)

        return Predictions(
            need.model, need.image_set, need.view, keys.astype(np.str_), labels.astype(np.int64),
            predicted.astype(np.int64), confidence.astype(np.float64), logits,
        )  # fmt: skip

    def assume(self, need: Need, predictions: Predictions) -> None:
        """Take these for the predictions that meet a need: a rehearsal before there are any."""
        self._read[need] = predictions

    def finding(self, need: Need) -> Finding:
        """Read what was found of a contract. Raises BlockedError where there is nothing to read."""
        record = self.store.read_json("contracts", self.address(need))
        if record is None:
            raise BlockedError(f"what was found of contract {need.contract!r} is missing from the store")
        return Finding(**record)

    def dump(self) -> str:
        """Everything a worker needs to judge, as plain text."""
        addresses = [[asdict(need), asdict(address)] for need, address in self.addresses.items()]
        return json.dumps([addresses, self.fingerprints, self.image_sets])

    def adopt(self, dumped: str) -> None:
        """Take over what `dump` wrote."""
        addresses, self.fingerprints, self.image_sets = json.loads(dumped)
        self.addresses = {Need(**need): Address(**address) for need, address in addresses}


def versions(libraries: tuple[str, ...] = ("torch", "timm", "open_clip_torch", "numpy")) -> dict[str, str]:
    """Versions of python and of installed libraries, without importing them."""
    found = {"python": platform.python_version()}
    for library in libraries:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found
