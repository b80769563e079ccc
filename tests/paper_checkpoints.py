"""The paper's four checkpoints, drawn: tables that answer as the paper publishes it, in place of forward passes.

A plugin of pytest (`-p tests.paper_checkpoints`): a run over the zoo `paper` indexes image sets of the published sizes
without pixels, and finds in its store what the real checkpoints would leave there. All that follows is the real thing.

What nobody published is drawn as plainly as the published numbers allow, and no verdict on it says anything about the
real checkpoints: under a view an answer changes only as accuracy falls, amounts in between lie on a monotone curve,
corruptions are as hard beside each other as they are for AlexNet, and on a shifted set confidences of a kind are right
as often as on the nearest set whose calibration is published.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.interpolate import PchipInterpolator

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.fixtures.session import SESSION
from eyechart.images.image_set import ImageSet
from eyechart.images.views import View
from eyechart.predict.contracts import Finding
from eyechart.predict.locating import Locator
from eyechart.predict.needs import Need
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run
from eyechart.predict.searches import search, searched_rows
from eyechart.progress import Progress
from eyechart.zoo import indexing
from tests import paper_numbers as paper
from tests.paper_answers import Answers, Rows, base
from tests.paper_images import drawn_images

SHORT_SIDE = 375
"""Pixels of a typical ImageNet image's shorter side: shifts by a share of it are looked up in the paper's pixels."""


def kept(model: str, view: View, resolved: Resolved) -> float:
    """Accuracy under a view, as the paper's curves have it: what a view costs there, off the accuracy here."""
    accuracy = paper.of(model, paper.ACCURACY["imagenet-1k"])
    if view.kind == "scale":
        return accuracy + _change(model, paper.SCALES, paper.SCALED, 1, view.amount)
    if view.kind in ("resolution", "relative_resolution"):
        side = resolved.geometry(view).size[0]
        return accuracy + _change(model, np.log(paper.RESOLUTIONS), paper.RESIZED, np.log(224), np.log(side))
    if view.pads:
        pixels = view.amount * (SHORT_SIDE if view.kind == "relative_shift" else 1)
        return accuracy + _change(model, paper.SHIFTS, paper.SHIFTED, 0, pixels)
    return accuracy


def _change(model: str, amounts: Sequence[float], rows: Any, usual: float, amount: float) -> float:
    curve = PchipInterpolator(amounts, paper.of(model, rows))
    return float(curve(amount) - curve(usual))


class Drawn(Locator):
    """Meets every need with what is drawn, through the real keys, tables and indexes."""

    def known(self, model: str) -> Resolved:
        """What the published checkpoints resolve to, but for their weights."""
        patch = 16 if model.startswith("vit") else 1
        pixels = Preprocessing(Geometry((224, 224), (224, 224)), (0.5,) * 3, (0.5,) * 3)
        resolved = Resolved("drawn", model, "drawn", "", pixels, patch, 1000, "fp32")
        self.run.fingerprints[model] = resolved.identity
        return resolved

    def locate(self, need: Need) -> bool:
        """Whether a need is met: what is not is drawn first."""
        if not super().locate(need):
            self._draw(self.whole(need))
        return super().locate(need)

    def _draw(self, need: Need) -> None:
        run, images, resolved = self.run, self.images(need.image_set), self.known(need.model)
        key = self.key(resolved, need)
        if need.contract:
            run.store.write_json("contracts", key, asdict(Finding(holds=True, count=64)))
        elif need.search:
            run.store.write_json("searches", key, asdict(self._searched(need, images)))
        else:
            answers = self._answers(need.model, images.name)
            predicted = self._under(need.model, images, need.view)
            columns = {"label": images.labels, "predicted": predicted, "confidence": answers.confidence}
            run.store.write_part(key, 0, pa.table({"key": images.keys.tolist(), **columns}), {})
            run.store.finish(
                key, {"model": need.model, "image_set": need.image_set, "view": need.view}, images.keys, {}
            )

    def _answers(self, model: str, name: str) -> Answers:
        what = ("drawn", model, name)
        return self.run.remembered(what, lambda: base(model, self.images(name), len(self.run.zoo.labels(name))))

    def _under(self, model: str, images: ImageSet, view: str) -> np.ndarray:
        answers = self._answers(model, images.name)
        if view == "original" or view.startswith("probe"):
            return answers.predicted
        return answers.at(images.labels, kept(model, View.parse(view), self.known(model)))

    def _searched(self, need: Need, images: ImageSet) -> Any:
        rows = searched_rows(images.keys)
        classes = np.eye(1000, dtype=np.float32)

        def answer(_: Any, view: View) -> Any:
            return classes[self._under(need.model, images, str(view))[rows]]

        found = search(need.search, answer, rows.tolist(), images.labels[rows], images.keys[rows])
        return replace(found, examples=[])  # there are no pictures to show


class DrawnPredictor(Predictor):
    """Predicts nothing: everything is met where it is looked for."""

    def __init__(self, run: Run, progress: Progress) -> None:
        """Meet the needs of `run` by what is drawn."""
        super().__init__(run, progress)
        self.locator = Drawn(run, progress)

    def prepare(self, needs: set[Need]) -> None:
        """Meet every need; and let masks choose among all classes of the validation images."""
        super().prepare(needs)
        for need in sorted({Need(need.model, "imagenet-1k") for need in needs} & set(self.run.addresses)):
            answers = self.run.predictions(need)
            rows = Rows(answers.labels, answers.predicted, 1000)
            self.run.assume(need, replace(answers, logits_of=lambda rows=rows: rows))

    def _compute(self, missing: list[Need]) -> None:
        if missing:
            raise AssertionError(f"not drawn: {missing}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put what is drawn in place of image files and forward passes."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        indexing._read = drawn_images
        session._predictor = DrawnPredictor(session.run, Progress(io.StringIO()))
