"""What a checkpoint resolves to: kept with the predictions, so that a warm run knows it without loading anything."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from eyechart.checkpoint import Resolved
from eyechart.digest import digest
from eyechart.errors import NotApplicableError
from eyechart.run import Run, versions
from eyechart.schema import labels_of
from eyechart.sources.recorded import RecordedSpec

if TYPE_CHECKING:
    from eyechart.sources import LiveSpec

KIND = "resolved"
"""Kind of the store's records."""


def module_of(spec: LiveSpec) -> Any:
    """The module that loads a model of this source."""
    return importlib.import_module(f"eyechart.sources.{spec.source}")


def live_spec(run: Run, model: str) -> LiveSpec:
    """What is declared of a model that can be asked. Raises NotApplicableError for recorded predictions."""
    spec = run.zoo.models[model]
    if isinstance(spec, RecordedSpec):
        raise NotApplicableError(f"{model}: its predictions were recorded elsewhere, there is no model to ask")
    return spec


def resolution_key(run: Run, model: str) -> str:
    """Key of what a checkpoint resolves to: its entry in `models.yaml`, its weights, its libraries' versions.

    Raises BlockedError where its weights are missing.
    """
    spec = live_spec(run, model)
    weights = module_of(spec).weights(spec, run.zoo.file.parent)
    entry = spec.model_dump(mode="json", exclude={"known_failures", "weights"})
    classes = labels_of(spec.label_space).names
    return digest(entry, weights, classes, run.settings.precision, versions(module_of(spec).LIBRARIES))


def resolved(run: Run, model: str) -> Resolved | None:
    """What a model's checkpoint resolves to; None where only loading it could tell. Raises as `resolution_key`."""
    record = run.store.read_json(KIND, resolution_key(run, model))
    return None if record is None else Resolved.from_json(record)
