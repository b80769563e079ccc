"""Source `python`: any callable that answers images with logits or probabilities."""

from __future__ import annotations

import importlib
import secrets
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from eyechart.checkpoints.checkpoint import Checkpoint, Features, Logits, Resolved, Returns, as_logits
from eyechart.checkpoints.entries import ModelEntry
from eyechart.checkpoints.preprocessing import Batch, Geometry, Preprocessing
from eyechart.checkpoints.sources.base import Surroundings
from eyechart.digest import digest
from eyechart.errors import BlockedError

LIBRARIES: tuple[str, ...] = ()

_THIS_RUN = secrets.token_hex(8)
"""Stands for a version that nobody stated: nothing is reused in another process."""

NO_FEATURES = (
    "the callable that factory {!r} returns has no `features`: give it a method from the same images to features "
    "(n, dimensions), and change `version`"
)


class PythonSpec(ModelEntry):
    """`factory` ("package.module:function") returns a callable from images to logits, probabilities or labels.

    Images come as a uint8 array (n, height, width, 3); answers leave as a float array (n, classes), labels as
    class numbers (n,). Where the callable has a method `features`, that maps the same images to (n, dimensions).
    `version` stands for the weights, which cannot be seen from here: change it when the answers change. Without one,
    every run asks again.
    """

    source: Literal["python"]
    factory: str = Field(pattern=r"^[\w.]+:\w+$")
    version: str | None = Field(default=None, min_length=1)
    returns: Returns | Literal["labels"] = "logits"


def weights(spec: PythonSpec, root: Path) -> str:  # noqa: ARG001  # every source answers the same call
    """Identify the answers by what the user says of them: the factory's name and version, or else this run."""
    return digest(spec.factory, _THIS_RUN if spec.version is None else spec.version)


def load(spec: PythonSpec, around: Surroundings) -> Checkpoint:
    """Import the factory, which may lie beside the file that names it, and call it.

    Raises BlockedError where that fails or its answers have the wrong shape.
    """
    module, _, function = spec.factory.partition(":")
    if str(around.root) not in sys.path:
        sys.path.append(str(around.root))
    try:
        model: Any = getattr(importlib.import_module(module), function)()
    except Exception as error:  # whatever the user's own code raises, this model is blocked and the others go on
        raise BlockedError(f"factory {spec.factory!r} failed: {type(error).__name__}: {error}") from error

    def answer(batch: Batch) -> Logits:
        if spec.returns == "labels":
            return _one_of(np.asarray(model(batch)), len(around.labels))
        answers = np.asarray(model(batch), dtype=np.float32)
        return as_logits(answers, spec.returns)

    own: Any = getattr(model, "features", None)

    def embed(batch: Batch) -> Features:
        return np.asarray(own(batch), dtype=np.float32)

    preprocessing = Preprocessing(Geometry(None, None), (), ()).overridden(spec.preprocessing)
    resolved = Resolved(
        source="python",
        architecture=spec.returns,
        weights=weights(spec, around.root),
        classifier="",
        preprocessing=preprocessing,
        patch=1,
        classes=len(around.labels),
        precision=around.precision,
        answers="labels" if spec.returns == "labels" else "distribution",
        no_features="" if callable(own) else NO_FEATURES.format(spec.factory),
    )
    return Checkpoint(resolved, answer, embed=embed if callable(own) else None)


def _one_of(labels: NDArray[Any], classes: int) -> Logits:
    """(n, classes): 1 for the class that is named. Raises BlockedError for what are no class numbers."""
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise BlockedError(f"expected class numbers (n,), found {labels.dtype} {labels.shape}")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
        raise BlockedError(f"expected class numbers from 0 to {classes - 1}, found {labels.min()} to {labels.max()}")
    return np.asarray(np.eye(classes, dtype=np.float32)[labels])
