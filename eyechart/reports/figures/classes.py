"""Which classes a model confuses, and how many images of each class it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eyechart.errors import BlockedError, NotApplicableError, printable
from eyechart.images.labels import spoken
from eyechart.measures.intervals import clopper_pearson
from eyechart.measures.measurement import HALF
from eyechart.measures.predictions import Predictions
from eyechart.reports.figures.judged import Judged

PAIRS, CLASSES = 10, 60
"""Most confused pairs, and classes with the lowest accuracy, that are listed of a model on a set at most."""

ROLES = ("validation", "shifted", "relabeled", "cue-conflict")


def classes_of(judged: Judged) -> Mapping[str, Any]:
    """`model|image set` → its most confused pairs, and the accuracy of each class, the least accurate first."""
    sets = judged.run.zoo.image_sets
    claims = {(v.model, v.image_set): v for v in judged.measured("")
              if v.image_set and sets[v.image_set].role in ROLES}  # fmt: skip
    told = {}
    for (model, name), claim in claims.items():
        try:
            told[f"{model}|{name}"] = confusions(
                judged.evidence(claim).predictions, spoken(judged.run.zoo.labels(name or "").names)
            )
        except (BlockedError, NotApplicableError):
            continue
    return told


def confusions(predictions: Predictions, names: tuple[str, ...]) -> dict[str, list[list[Any]]]:
    """`confused`: [label, answer, images], the most first; `accuracy`: [label, value, low, high, images]."""
    labels, wrong = predictions.labels, ~predictions.correct
    answers = np.clip(predictions.predicted, -1, len(names))
    pairs, counts = np.unique(np.column_stack([labels[wrong], answers[wrong]]), axis=0, return_counts=True)
    first = np.argsort(-counts, kind="stable")[:PAIRS]
    images = np.bincount(labels, minlength=len(names))
    right = np.bincount(labels[~wrong], minlength=len(names))
    present = np.flatnonzero(images)
    least = present[np.argsort(right[present] / images[present], kind="stable")][:CLASSES].tolist()
    return {
        "confused": [[_name(names, label), _name(names, answer), int(count)]
                     for (label, answer), count in zip(pairs[first].tolist(), counts[first], strict=True)],
        "accuracy": [[_name(names, each), right[each] / images[each],
                      *clopper_pearson(int(right[each]), int(images[each]), HALF), int(images[each])]
                     for each in least],
    }  # fmt: skip


def _name(names: tuple[str, ...], index: int) -> str:
    return printable(names[index]) if 0 <= index < len(names) else "none of the classes"
