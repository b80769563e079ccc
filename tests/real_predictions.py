"""Recorded predictions of two real checkpoints on ImageNet's 50,000 validation images, where EYECHART_DATA is set."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from eyechart.measures.predictions import Predictions

DATA = os.environ.get("EYECHART_DATA")
needs_data = pytest.mark.skipif(
    not DATA or importlib.util.find_spec("imagenet_x") is None,
    reason="EYECHART_DATA is unset or the package imagenet-x is not installed",
)


def _annotations(name: str) -> Path:
    spec = importlib.util.find_spec("imagenet_x")
    return Path(spec.submodule_search_locations[0]) / "annotations" / name


@lru_cache(maxsize=1)
def labels() -> dict[str, int]:
    """File name → class."""
    with _annotations("filename_label.csv").open() as stream:
        return {row["file_name"]: int(row["label"]) for row in csv.DictReader(stream)}


@lru_cache(maxsize=4)
def recorded(model: str) -> Predictions:
    """What `ResNet50` or `ViT` answered, in the order of file names; no probabilities but that of the answer."""
    with (Path(DATA) / "imagenet-x-predictions" / f"{model}.csv").open() as stream:
        rows = sorted(csv.reader(stream))[:-1]
    keys = np.array([row[0] for row in rows])

    def no_logits() -> np.ndarray:
        raise LookupError("only the probability of the answer was recorded")

    return Predictions(
        model, "imagenet-1k", "original", keys, np.array([labels()[key] for key in keys]),
        np.array([int(row[1]) for row in rows]), np.array([float(row[2]) for row in rows]), no_logits,
    )  # fmt: skip


@lru_cache(maxsize=1)
def factors() -> dict[str, np.ndarray]:
    """Factor → whether it is the image's main one, in the order of `recorded`."""
    place = {key: row for row, key in enumerate(recorded("ViT").keys)}
    found: dict[str, np.ndarray] = {}
    with _annotations("imagenet_x_val_top_factor.jsonl").open() as stream:
        for line in stream:
            entry = json.loads(line)
            for name, value in entry.items():
                if value == 1 and name != "class":
                    found.setdefault(name, np.zeros(len(place), dtype=bool))[place[entry["file_name"]]] = True
    return found
