"""Findings: each can be shown and each can be refuted, by checkpoints that differ just so."""

from __future__ import annotations

import importlib.util
import inspect
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from eyechart.judge.claims import needs_of, subjects
from eyechart.judge.verdict import Bound, Outcome, decide
from eyechart.measures import Cues
from eyechart.measures.predictions import Predictions
from eyechart.zoo.zoo import read_zoo
from tests.gallery import ROOT

_SPEC = importlib.util.spec_from_file_location("declared_findings", ROOT / "behaviors" / "test_findings.py")
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
FINDINGS = {name: function for name, function in vars(_MODULE).items() if name.startswith("test_")}
COUNT, CLASSES = 6000, 10
KEYS = np.array([f"image {number:05d}" for number in range(COUNT)])
LABELS = np.arange(COUNT) % CLASSES
FACTORS = {"texture": np.arange(COUNT) % 30 == 0, "pose": np.arange(COUNT) % 3 == 1, "size": np.arange(COUNT) % 3 == 2}


def answers(right: np.ndarray, confidence: float, named_if_wrong: np.ndarray | None = None) -> Predictions:
    """Predictions that are right where they are told to be."""
    wrong = (LABELS + 1) % CLASSES if named_if_wrong is None else named_if_wrong
    predicted = np.where(right, LABELS, wrong)
    rest = np.log((1 - confidence) / (CLASSES - 1))
    logits = np.full((COUNT, CLASSES), rest)
    logits[np.arange(COUNT), predicted] = np.log(confidence)
    return Predictions("m", "s", "original", KEYS, LABELS, predicted, np.full(COUNT, confidence), lambda: logits)


@dataclass(frozen=True)
class Fake:
    """What a claim may ask of a model that is right for `accuracy` of the images and says `confidence`.

    fragile   share of its right answers that a view or a corruption takes away
    shape     share of cue-conflict images that it names by their shape; the others by their texture
    texture   its accuracy where the factor is texture
    """

    accuracy: float
    confidence: float
    fragile: float
    shape: float
    texture: float

    def _share(self, share: float, salt: int) -> np.ndarray:
        return (np.arange(COUNT) * 7919 + salt) % 1009 < share * 1009

    @cached_property
    def predictions(self) -> Predictions:
        """Answers to unchanged images."""
        usual = self._share(self.accuracy, 0)
        return answers(np.where(FACTORS["texture"], self._share(self.texture, 3), usual), self.confidence)

    @cached_property
    def changed(self) -> Predictions:
        """Answers under a view."""
        return answers(self.predictions.correct & ~self._share(self.fragile, 500), self.confidence)

    @property
    def factors(self) -> dict[str, np.ndarray]:
        """Three factors, texture among them."""
        return FACTORS

    @property
    def cues(self) -> Cues:
        """Shape as labelled, texture the next class; every image its own source."""
        return Cues(LABELS, (LABELS + 1) % CLASSES, KEYS, KEYS)

    @property
    def grid(self) -> dict[str, list[Predictions]]:
        """Two corruptions at one severity."""
        return {"fog": [self.changed], "snow": [self.changed]}

    @property
    def tasks(self) -> list[Predictions]:
        """Two transfer tasks."""
        return [self.predictions, self.predictions]

    @property
    def sweep(self) -> tuple[Predictions, np.ndarray, np.ndarray]:
        """Two levels, of many assets."""
        return self.predictions, np.arange(COUNT) % 2, np.arange(COUNT) // 12


STRONG = Fake(accuracy=0.85, confidence=0.87, fragile=0.004, shape=0.7, texture=0.95)
WEAK = Fake(accuracy=0.60, confidence=0.45, fragile=0.30, shape=0.2, texture=0.05)
"""Weak in accuracy, calibration (it is underconfident), robustness, and where texture misleads."""


def by_shape(model: Fake) -> Fake:
    """The same model asked about cue-conflict images."""
    shown = answers(model._share(model.shape, 0), model.confidence)
    made = Fake(**{name: getattr(model, name) for name in model.__dataclass_fields__})
    made.__dict__["predictions"] = shown
    return made


def outcome(name: str, first: Fake, second: Fake) -> Outcome:
    """What a finding says of two models."""
    found: list[Outcome] = []

    def require(measurement, at_most=None, at_least=None, because=""):
        found.append(decide(measurement, Bound(at_most, at_least))[0])

    function = FINDINGS[name]
    given = {"require": require, "other": second}
    asked = inspect.signature(function).parameters
    if "cues" in asked:
        first, given["other"] = by_shape(first), by_shape(second)
    function(**{argument: given.get(argument) or getattr(first, argument) for argument in asked})
    (only,) = found
    return only


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_a_finding_can_be_shown_and_refuted(name: str):
    """One way round it passes, the other way round it fails: its measure, its direction and its bound are wired."""
    assert {outcome(name, STRONG, WEAK), outcome(name, WEAK, STRONG)} == {Outcome.PASS, Outcome.FAIL}


@pytest.mark.parametrize("name", sorted(n for n, f in FINDINGS.items() if needs_of(f).between))
def test_a_finding_is_not_shown_by_a_model_and_itself(name: str):
    """Two equal models show no difference: a finding that passes here would pass by its bound."""
    assert outcome(name, STRONG, STRONG) is not Outcome.PASS


def test_findings_are_about_zoos_that_say_so():
    """The miniature's models have the paper's names and are others; the paper's zoo makes all claims."""
    miniature, paper = (read_zoo(ROOT / "models.yaml", name) for name in ("miniature", "paper"))
    for name, function in FINDINGS.items():
        assert subjects(needs_of(function), miniature) == []
        made = subjects(needs_of(function), paper)
        assert made, name
        assert all(one.only for one in made), "a finding names the models it is about"


def test_every_finding_names_its_section():
    """A reader finds what the paper says."""
    assert len(FINDINGS) >= 20
    for name, function in FINDINGS.items():
        assert "(§" in inspect.getdoc(function).splitlines()[0], name
