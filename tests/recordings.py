"""Zoos of recorded predictions, judged in this process."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from tests.image_files import zoo_of

REAL = Path(os.environ["EYECHART_DATA"]) if os.environ.get("EYECHART_DATA") else None

needs_data = pytest.mark.skipif(REAL is None, reason="EYECHART_DATA is not set: no real recordings to test against")

PUBLISHED = {
    "imagenet-1k": {"role": "validation", "label_space": "imagenet-1k", "labels": "imagenet-x"},
    "imagenet-x": {"role": "factors", "of": "imagenet-1k", "annotations": "imagenet-x"},
    "imagenet-real": {"role": "relabeled", "of": "imagenet-1k", "annotations": "real"},
    "cue-conflict": {"role": "cue-conflict", "label_space": "cue-conflict-16"},
    "imagenet-v2": {"role": "shifted", "label_space": "imagenet-1k"},
    "cifar-10": {"role": "validation", "label_space": {"classes": 10}},
}
"""The image sets of a zoo without pixels."""


def recorded(**predictions: Any) -> dict[str, Any]:
    """Entry of a recorded model; `_` in the name of an image set stands for `-`."""
    return {"source": "recorded", "predictions": {name.replace("_", "-"): file for name, file in predictions.items()}}


def judged(folder: Path, image_sets: Mapping[str, Any], models: Mapping[str, Any], **settings: Any) -> Run:
    """Predict for every image set that is given."""
    data = settings.pop("images", None)
    zoo = zoo_of(folder, image_sets, models, data)
    run = Run(zoo, Settings(folder / "store", data, device="cpu", **settings))
    needs = {Need(model, name) for model in zoo.models for name in image_sets}
    Predictor(run, Progress(io.StringIO())).prepare(needs)
    return run
