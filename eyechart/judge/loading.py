"""A sanity check that costs nothing: whether a checkpoint does as well as it is published to, before it is judged."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.entries import Role
from eyechart.images.ordering import declared_order
from eyechart.measures import accuracy
from eyechart.measures.awaiting import Pending
from eyechart.measures.measurement import take
from eyechart.measures.predictions import Predictions
from eyechart.predict.needs import Need
from eyechart.predict.run import Run

TOLERANCE = 0.05
"""What another decoder, resize or revision of the images may cost. Wrong preprocessing costs more, or little."""

DOUBT = 1e-4
"""One-sided error of the limit that blocks a checkpoint."""

CAUSES = (
    "another preprocessing than it was trained with (`preprocessing`, `pretrained`), classes in another order "
    "(`label_space`), another activation (QuickGELU), or weights that are not the averaged ones"
)


def block_misloaded(run: Run, models: Iterable[str]) -> None:
    """Block all that is asked of a checkpoint whose clean accuracy is far below what `models.yaml` expects of it.

    Only answers that this run has anyway are looked at: those to the zoo's first validation set.
    """
    for model in models:
        if reason := misloaded(run, model):
            run.addresses.block(model, reason)
            run.forget()  # the answers that raised the doubt were read


def _first_answered(predictions: Predictions) -> Predictions:
    """The images that are answered, in the declared order up to the first that is not: a sample that nobody chose."""
    if not isinstance(predictions.predicted, Pending):
        return predictions
    order, missing = declared_order(predictions.keys), predictions.predicted.missing
    until = int(np.argmax(missing[order]))
    return take(predictions, order[:until])


def misloaded(run: Run, model: str) -> str:
    """Why a checkpoint is probably loaded wrongly; empty where nothing says so."""
    expected = run.zoo.models[model].expected
    needs = [Need(model, name) for name in run.zoo.sets_with((Role.VALIDATION,))[:1]]
    if expected is None or not needs or needs[0] not in run.addresses:
        return ""
    try:
        measured = accuracy(_first_answered(run.predictions(needs[0])))
    except (BlockedError, NotApplicableError):
        return ""
    highest = measured.limits(DOUBT)[1] if measured.limits else 1.0
    if highest >= expected.top1 - TOLERANCE:
        return ""
    return (
        f"probably loaded wrongly: it names {measured.value:.3f} of the images of {needs[0].image_set!r} (at most "
        f"{highest:.3f} beyond doubt), and models.yaml expects {expected.top1:.3f}. The usual causes: {CAUSES}"
    )
