"""Power before cost: what the images cannot decide is named before anything is predicted, and nothing of it stays."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from eyechart.fixtures import planning
from eyechart.judge.claims import Claim, Subject
from eyechart.judge.gates.paired import loss
from eyechart.judge.gates.plan import Forecast, against_itself, assumed, forecast, table
from eyechart.judge.verdict import Bound, is_open
from eyechart.measures import (
    accuracy,
    accuracy_by_level,
    calibration_error,
    error_ratio,
    mean_corruption_error,
    worst_factor_accuracy,
    worst_level,
)
from eyechart.measures.measurement import Measurement
from eyechart.measures.predictions import _best, condensed, softmax
from eyechart.predict.needs import Need
from eyechart.zoo.levels import Levels
from eyechart.zoo.margins import margin_of
from eyechart.zoo.zoo import read_zoo
from tests.gate_project import ROOT, Project, Toy, _index, project
from tests.harness import run_pytest, toy, zoo_file
from tests.made_predictions import made

CLAIM = Claim(model="toy", behavior="test_mistakes.py::test_factor[set-brighter]", subject=Subject("set", ("set",)))
TOLD = "would stay open:"


@pytest.fixture
def cold(tmp_path: Path) -> tuple[Project, Path]:
    """A project of 60 images, and a store that holds their index and no predictions."""
    here = project(tmp_path / "project")
    here.fill({"one": Toy(0.9), "two": Toy(0.9, seed=1)}, images=60)
    for name in ("validation", "sketch"):
        _index(tmp_path / "cold", name, 60)
    return here, tmp_path / "cold"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_run_names_what_it_cannot_decide_before_it_predicts(cold: tuple[Project, Path], workers: tuple[str, ...]):
    """Once for all models, by the default rate; a run with nothing to predict judges, and is silent."""
    here, store = cold
    run = here.pytest("behaviors/", *workers, store=store)
    behavior = "test_calibration.py::test_confidence[validation]"
    before = run.text.partition("loading one")[0]
    assert f"claims about a model like the one assumed (4 tables at a default accuracy of 0.8) {TOLD}" in before
    assert (
        len(re.findall(rf"  {re.escape(behavior)}: 60 images decide only differences beyond ±\d+ points", before)) == 1
    )
    assert {record["verdict"] for record in run.records} == {"blocked"}  # there is no model to predict with
    assert TOLD not in here.pytest("behaviors/", *workers, reports="warm").text


def test_a_stored_baseline_says_what_a_model_may_be_like(cold: tuple[Project, Path]):
    """It is assumed in place of the default rate, be it a folder or another model of the zoo that was judged before."""
    here, store = cold
    shutil.copytree(here.store / "predictions", here.root / "earlier")
    arguments = ("behaviors/", "--model", "one", "--baseline", here.root / "earlier")
    assert "(4 tables of the baseline)" in here.pytest(*arguments, store=store).text
    here.declare({"one": {}, "two": {}, "new": {}})
    assert "(4 tables of the baseline" in here.pytest("behaviors/", "--model", "new", "--baseline", "two").text
    looks = ("-p", "tests.short_looks", "--plan", "--sequential", "-k", "accuracy and not vs")
    told = here.pytest("behaviors/", "--model", "new", "--baseline", "two", *looks).text
    assert "--sequential asks for about 80 of 120 answers" in told  # 40 images of 60, of each of two sets


def test_what_was_assumed_is_forgotten(store: Path, tmp_path: Path):
    """A run that had to predict judges what was predicted: the same records as a run that found it in the store."""
    zoo = zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})
    arguments = ("behaviors/test_calibration.py", "--models", zoo, "--store", store, "--limit", 60)
    first, second = (run_pytest(*arguments, reports=tmp_path / name) for name in ("first", "second"))
    assert TOLD in first.text
    assert TOLD not in second.text
    assert first.claims == second.claims
    assert all(record["verdict"] != "blocked" for record in first.claims)


def test_a_plan_counts_images_models_and_views(cold: tuple[Project, Path]):
    """And a behavior that cannot be rehearsed is named, with what it raised."""
    here, store = cold
    (here.root / "behaviors" / "test_odd.py").write_text('''
from eyechart.claims import needs, shifted

@needs(shifted)
def test_raises(predictions, require):
    """It fails by itself."""
    raise ValueError("no such thing")
''')
    (here.root / "behaviors" / "test_live.py").write_text('''
from eyechart.claims import needs, validation
from eyechart.measures import accuracy, only, share

@needs(validation)
def test_answers(checkpoint):
    """It is asked itself."""

@needs(validation)
def test_reads(predictions, require):
    """It looks at answers before it measures."""
    require(accuracy(only(predictions, predictions.predicted >= 0)), at_least=0.1)

@needs(validation)
def test_own(predictions, require):
    """Its measure is its own, and not remembered."""
    require(share("right", int(predictions.correct.sum()), len(predictions)), at_least=0.1)
''')
    compared = here.pytest("behaviors/test_live.py", "--plan", "--baseline", "two", store=store)
    live = "  not applicable     one  test_live.py::test_answers[validation]: it is judged on the loaded checkpoint"
    assert live in compared.text
    assert "test_own[validation] vs two: ValueError: right does not say what it was measured on" in compared.text
    assert "to have it planned, write `@remembered`" in compared.text
    run = here.pytest("behaviors/", "--plan", "--sequential", store=store)
    assert run.code == 0, run.text
    assert (
        "--sequential asks for 480 answers, if the first look decides each claim, to all 480: nothing is known"
        in run.text
    )
    assert "  validation: 60 images x 2 models x 3 views, 360 answers" in run.text
    assert "  sketch: 60 images x 2 models x 1 view, 120 answers" in run.text
    assert "  cannot be planned  one  test_odd.py::test_raises[sketch]: ValueError: no such thing" in run.text


def test_shares_are_told_in_points():
    """44 images of a factor: 19 points of an error rate, but 0.98 of a ratio of two of them."""
    told = [str(Forecast(CLAIM, measure, 0.0, Bound(at_most=0.02), reach, 44))
            for measure, reach in (("factor_error", 0.1913), ("top1", 1.049), ("error_ratio", 0.98))]  # fmt: skip
    assert told[0] == "44 images decide only differences beyond ±19 points"
    assert told[1] == "44 images decide only differences beyond ±100 points"
    assert told[2] == "44 images decide only differences beyond ±0.98"


def test_a_plan_names_what_the_images_cannot_show_of_the_baseline():
    """Thirty images leave a loss of two points open for any checkpoint; 300 do not."""
    forecasts = []
    for count in (30, 300):
        measured = accuracy(made(np.arange(count) % 5 > 0))
        lost, itself = (function(measured) for function in (lambda m: against_itself(m, Bound(at_least=0.5)),
                                                            lambda m: loss(m, m, more_is_worse=False)))  # fmt: skip
        forecasts.append(forecast(CLAIM, lost, Bound(at_most=0.02), Levels(), at_best=itself))
    assert [each.shown for each in forecasts] == [False, True]
    lines = table(forecasts, [], [], [], [])
    assert "0 of 1 claims can be decided" in lines[0]
    assert "30 images cannot show of any checkpoint that it lost at most 0.02" in lines[2]


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        (accuracy(made(np.arange(3000) % 5 > 0)), True),
        (calibration_error(made(np.arange(3000) % 5 > 0)), True),
        (error_ratio(made(np.arange(3000) % 5 > 0), np.arange(3000) < 300), True),
        (worst_factor_accuracy(made(np.arange(3000) % 5 > 0), {str(n): np.arange(3000) // 300 == n for n in range(10)}),
         True),
        (mean_corruption_error({"fog": [made(np.arange(100) % 5 > 0)] * 3}), True),
        (accuracy_by_level(made(np.arange(504) % 5 > 0), np.arange(504) % 7, np.arange(504) // 7), True),
        (worst_level(made(np.arange(504) % 5 > 0), np.arange(504) % 7, np.arange(504) // 7), False),
    ],
    ids=lambda value: getattr(value, "measure", ""),
)  # fmt: skip
def test_the_margins_of_the_miniature_zoo_fit_its_images(measure: Measurement, shown: bool):
    """So that the zoo gated against itself is green; what its images cannot show even then is known."""
    itself = loss(measure, measure, more_is_worse=True)
    margin = margin_of(itself.measure, read_zoo(ROOT / "models.yaml", "miniature").margins)
    assert is_open(itself, Bound(at_most=margin.amount), Levels()) is not shown


def test_the_baseline_of_a_plan_is_as_good_as_the_candidate():
    """The assumed loss is 0, and not what the few images of a factor that change sides make of it."""
    right = [row % 5 > 0 for row in range(1000)]
    inside = [row < 44 for row in range(1000)]
    for measured in (accuracy(made(np.array(right))), error_ratio(made(np.array(right)), np.array(inside))):
        found = against_itself(measured, Bound(at_most=1.5))
        low, high = found.limits(0.025)
        assert found.value == 0.0
        assert low < 0.0 < high
    wide = forecast(CLAIM, found, Bound(at_most=0.02), Levels())
    assert not wide.decidable
    assert 0.1 < wide.reach < 0.3


@pytest.mark.parametrize("classes", [2, 12, 100])
def test_what_is_assumed_of_answers_needs_no_logits(classes: int):
    """Ranks and probabilities are those of the logits that nobody has to write out."""
    labels = np.arange(500) % classes
    answers = assumed(Need("net", "set"), np.arange(500).astype(str), labels, classes)
    expected = condensed(answers.logits_of(), labels)
    for name in ("true_probability", "sum_of_squares"):
        np.testing.assert_allclose(answers.kept(name), expected[name], rtol=1e-9, err_msg=name)
    sure = answers.confidence > 1 / classes  # else any class is as good
    for count in (1, 2, 5):
        assert np.array_equal(answers.ranked(count)[sure], _best(softmax(answers.logits_of()).round(12), count)[sure])
    silent = replace(answers, logits_of=lambda: pytest.fail("asked for logits"))
    assert {each.measure for each in calibration_error(silent).companions} >= {"nll", "brier"}
    assert accuracy(silent).value == answers.correct.mean()


def test_each_set_costs_what_reading_it_takes(monkeypatch):
    """Two models share the reading of 100 images, and batches of 8 are filled up; one reads 5 that take longer."""
    pace = {("model", "one"): 0.1, ("model", "two"): 0.2, ("set", "quick"): 0.02, ("set", "slow"): 2.0}
    monkeypatch.setattr(planning, "Pace", lambda _: SimpleNamespace(stored=pace.get, batch=lambda _: 8))
    predictor = SimpleNamespace(locator=SimpleNamespace(is_recorded=lambda _: False))
    missing = {Need("one", "quick"): 100, Need("two", "quick"): 100, Need("one", "slow"): 5}
    one, two = planning._costs(SimpleNamespace(run=None), missing, predictor)
    assert one.seconds == pytest.approx(104 * 0.1 + 100 * 0.02 / 2 + 8 * 0.1 + 5 * 2.0)
    assert two.seconds == pytest.approx(104 * 0.2 + 100 * 0.02 / 2)
