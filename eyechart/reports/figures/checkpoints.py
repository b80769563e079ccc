"""Data of the table of checkpoints (paper, Table 1): it is read as a table, and not drawn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from eyechart.checkpoints.checkpoint import Effort, Resolved
from eyechart.errors import BlockedError
from eyechart.judge.verdict import Verdict
from eyechart.predict.locating import EFFORTS
from eyechart.predict.pace import Pace
from eyechart.reports.figures.figure import Figure, Row
from eyechart.reports.figures.judged import Judged

WAYS = {
    "open_clip": "CLIP, zero-shot",
    "recorded": "answers recorded elsewhere",
}
"""Source → how its models answer; the others are classifiers."""


def checkpoints(judged: Judged) -> Iterator[Figure]:
    """One row a model: what it is, what an answer takes, and its accuracy on each validation set."""
    sets = judged.run.zoo.image_sets
    claims = [v for v in judged.measured("top1") if v.measure == "top1" and v.image_set and not v.part
              and v.view == "original" and sets[v.image_set].role == "validation"]  # fmt: skip
    if claims:
        rows = [_row(judged, model, claims) for model in judged.models]
        yield judged.figure(
            "table", ("checkpoints",), "The checkpoints",
            "Multiply-adds of one image by torch's counter (the paper calls them FLOPs), images a second in forward "
            "passes as measured when they were predicted, accuracy with its 95 % interval.",
            rows=rows, about=claims,
        )  # fmt: skip


def _row(judged: Judged, model: str, claims: list[Verdict]) -> Row:
    spec = judged.run.zoo.models[model]
    resolved, effort = _resolved(judged, model), None
    if resolved is not None:
        with contextlib.suppress(BlockedError):
            effort = judged.run.store.read_json(EFFORTS, resolved.identity, lambda record: Effort(**record))
    size = resolved.preprocessing.geometry.size if resolved else None
    row: dict[str, Any] = {
        "model": model,
        "source": spec.source,
        "architecture": _architecture(getattr(spec, "architecture", None)),
        "pretraining": _pretraining(spec),
        "paradigm": WAYS.get(spec.source, "classifier"),
        "input": f"{size[0]} × {size[1]}" if size else None,
        "parameters": effort.parameters if effort else None,
        "multiply_adds": effort.multiply_adds if effort else None,
        "images_per_second": _pace(judged, model),
    }
    for name in dict.fromkeys(claim.image_set for claim in claims):
        own = next((claim for claim in claims if (claim.model, claim.image_set) == (model, name)), None)
        for column, value in (("", "value"), (" low", "low"), (" high", "high")):
            row[f"accuracy {name}{column}"] = getattr(own, value) if own else None
    return row


def _resolved(judged: Judged, model: str) -> Resolved | None:
    """What a live checkpoint resolved to, as its predictions say."""
    for key in judged.run.tables(model):
        with contextlib.suppress(BlockedError, KeyError, TypeError):
            return Resolved.from_json(judged.run.store.read_meta(key)["checkpoint"])
    return None


def _pace(judged: Judged, model: str) -> float | None:
    with contextlib.suppress(BlockedError):
        seconds = Pace(judged.run).stored(("model", model))
        return round(1.0 / seconds, 1) if seconds else None
    return None


def _architecture(stated: object) -> str | None:
    """The name of an architecture; of one that is written out, that of its image tower."""
    if isinstance(stated, Mapping):
        return str((stated.get("vision_cfg") or {}).get("timm_model_name") or "as models.yaml writes it out")
    return _words(stated)


def _pretraining(spec: object) -> str | None:
    """The tag that says how it was trained, or the name of its weights file."""
    tag, file = getattr(spec, "pretrained", None), getattr(spec, "weights", None)
    named = str(getattr(spec, "architecture", "")).partition(".")[2]
    return tag or (PurePath(str(file)).name if file else named or None)


def _words(value: object) -> str | None:
    return None if value is None else str(value)
