"""Verdicts: which limits decide, who shares their error, what would settle an open one."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from eyechart.errors import BlockedError, NotApplicableError, SpecError
from eyechart.judge.gates.report import coverage, with_holm
from eyechart.judge.gates.ruling import p_fail, rule
from eyechart.judge.verdict import Bound, Outcome, Verdict, as_record, decide, require_possible
from eyechart.measures import accuracy, calibration_error, error_ratio
from eyechart.measures.accuracy import share
from eyechart.measures.measurement import Measurement
from eyechart.zoo.levels import Levels
from tests.made_predictions import at_most_by_chance, made


def normal(value: float, error: float = 1.0, count: int = 100) -> Measurement:
    """A measurement with a normal interval."""

    def limits(alpha: float) -> tuple[float, float]:
        reach = -float(stats.norm.ppf(alpha)) * error
        return value - reach, value + reach

    return Measurement("made", value, count, limits, "normal")


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(-1.97, "pass"), (-1.95, "inconclusive"), (0.0, "inconclusive"), (2.31, "inconclusive"), (2.34, "fail")],
)
def test_pass_is_decided_at_97_5_and_fail_at_99_percent(value: float, outcome: str):
    """One claim alone: the limits are 1.960 and 2.326 errors from the value."""
    assert decide(normal(value), Bound(at_most=0.0))[0] == outcome
    assert decide(normal(-value), Bound(at_least=0.0))[0] == outcome


def test_the_error_of_fail_is_shared_and_that_of_pass_is_not():
    """Among 100 claims a failure needs 3.719 errors; a pass needs what it always needs."""
    levels = Levels(claims=100)
    assert decide(normal(3.70), Bound(at_most=0.0), levels)[0] is Outcome.INCONCLUSIVE
    assert decide(normal(3.73), Bound(at_most=0.0), levels)[0] is Outcome.FAIL
    assert decide(normal(-1.97), Bound(at_most=0.0), levels)[0] is Outcome.PASS


def test_any_of_many_true_claims_fails_rarely_and_a_false_one_passes_rarely():
    """All 50 claims are exactly at their bound: any fails in 1 % of the gates, each passes in 2.5 %."""
    gates, claims = 2000, 50
    values = np.random.default_rng(0).normal(size=(gates, claims))
    levels = Levels(claims=claims)
    fails = values > -stats.norm.ppf(levels.fail_alpha)
    passes = values < stats.norm.ppf(levels.pass_alpha)
    sample = [decide(normal(value), Bound(at_most=0.0), levels)[0] for value in values[:4].ravel()]
    assert [o is Outcome.FAIL for o in sample] == fails[:4].ravel().tolist()
    assert [o is Outcome.PASS for o in sample] == passes[:4].ravel().tolist()
    assert fails.any(axis=1).sum() <= at_most_by_chance(0.01, gates)
    assert passes.sum() <= at_most_by_chance(0.025, gates * claims)


@pytest.mark.parametrize("rates", [{"false_pass": 0.0}, {"false_pass": 1.0}, {"false_fail": -0.1}, {"false_fail": 0.5}])
def test_error_rates_outside_their_range_are_refused(rates: dict[str, float]):
    """The message names the rate, its value and what is allowed."""
    with pytest.raises(SpecError, match=rf"{next(iter(rates))}.*between 0 and 0.5.*{next(iter(rates.values()))}"):
        Levels(**rates)


def test_a_single_image_decides_nothing():
    """One image leaves an interval that says so, whatever it shows; none is an error."""
    for right in (True, False):
        for bound in (Bound(at_least=0.6), Bound(at_most=0.6)):
            assert rule(accuracy(made(np.array([right]))), bound, Levels()).outcome is Outcome.INCONCLUSIVE
    assert (
        rule(calibration_error(made(np.array([True]))), Bound(at_most=0.05), Levels()).outcome is Outcome.INCONCLUSIVE
    )
    with pytest.raises(ValueError, match="n = 0"):
        accuracy(made(np.array([], dtype=bool)))


@pytest.mark.parametrize("right", [True, False])
def test_all_right_and_all_wrong_are_decided(right: bool):
    """300 images that agree are as clear as can be, and still no proof of perfection."""
    measurement = accuracy(made(np.full(300, right)))
    low, high = measurement.interval
    assert high - low > 0.009
    outcome = Outcome.PASS if right else Outcome.FAIL
    assert rule(measurement, Bound(at_least=0.9), Levels(claims=100)).outcome is outcome
    assert rule(measurement, Bound(at_least=1.0), Levels()).outcome is (Outcome.INCONCLUSIVE if right else Outcome.FAIL)


def test_an_open_claim_says_how_many_images_would_settle_it():
    """The number has one significant digit, and that many images do settle it 9 times of 10."""
    ruling = rule(accuracy(made(np.arange(200) % 20 < 15)), Bound(at_least=0.70), Levels())
    assert ruling.outcome is Outcome.INCONCLUSIVE
    needed = ruling.images_needed
    assert f"about {needed:,} images would decide it" in ruling.reason
    assert str(needed).rstrip("0") in "123456789"
    draws = np.random.default_rng(1).uniform(size=(300, needed)) < 0.75
    decided = sum(rule(accuracy(made(draw)), Bound(at_least=0.70), Levels()).outcome is Outcome.PASS for draw in draws)
    assert 0.8 <= decided / 300 <= 0.99


def test_a_value_on_its_bound_is_said_to_be_beyond_help():
    """No number of images tells 0.75 from 0.75."""
    ruling = rule(accuracy(made(np.arange(200) % 4 < 3)), Bound(at_least=0.75), Levels())
    assert ruling.images_needed is None
    assert "no number of images would decide it" in ruling.reason


def said(reason: str) -> list[float]:
    """The values that a reason says would be decided."""
    return [float(number) for number in re.findall(r"(?:up to|from)(?: about)? (-?[\d.]+)", reason)]


@pytest.mark.parametrize("bound", [Bound(at_most=1.5), Bound(at_least=1.5)])
def test_an_open_claim_says_what_its_images_can_decide(bound: Bound):
    """Of a factor with 44 images: each count of mistakes beyond the two is decided, each between them is not."""
    inside = np.arange(4000) < 44

    def ratio(wrong: int) -> Measurement:
        return error_ratio(made(np.where(inside, np.arange(4000) >= wrong, np.arange(4000) % 5 > 0)), inside)

    open_one = rule(ratio(14), bound, Levels(claims=20))
    assert open_one.outcome is Outcome.INCONCLUSIVE
    low, high = said(open_one.reason)
    assert f"with 44 images only values up to {low:.2f} or from {high:.2f} would be decided" in open_one.reason
    for wrong in range(45):
        found = ratio(wrong)
        decided = rule(found, bound, Levels(claims=20)).outcome is not Outcome.INCONCLUSIVE
        assert decided == (found.value < low + 0.01 or found.value > high - 0.01), wrong


@given(st.integers(1, 300), st.data(), st.floats(0.02, 0.98), st.booleans(), st.integers(1, 200))
@settings(deadline=None, max_examples=60)
def test_what_is_said_of_shares_is_exact(count: int, data: st.DataObject, limit: float, at_most: bool, claims: int):
    """The neighbors of the two values it names are as open as it says; where it names none, none is decided."""
    bound = Bound(at_most=limit) if at_most else Bound(at_least=limit)
    levels = Levels(claims=claims)
    right = data.draw(st.integers(0, count))
    outcomes = [decide(share("top1", each, count), bound, levels)[0] for each in range(count + 1)]
    outcome, reason = decide(share("top1", right, count), bound, levels)
    if outcome is not Outcome.INCONCLUSIVE:
        return
    open_ones = [each for each, found in enumerate(outcomes) if found is Outcome.INCONCLUSIVE]
    ends = [each / count for each in (open_ones[0] - 1, open_ones[-1] + 1) if 0 <= each <= count]
    assert said(reason) == pytest.approx(ends, abs=0.01)
    assert ("no value would be decided" in reason) == (not ends)


def test_what_is_said_of_other_measures_is_about_right():
    """As far from the bound as the limit is from the value, to two digits of it; what cannot be is not offered."""
    reason = decide(normal(0.1), Bound(at_most=0.0))[1]
    assert "with 100 images only values up to about -1.96 or from about 2.33 would be decided" in reason
    assert said(decide(normal(0.1), Bound(at_least=0.0), Levels(claims=100))[1]) == [-3.72, 1.96]
    kept = decide(replace(normal(0.1), possible=(0.0, 3.0)), Bound(at_most=0.0))[1]
    assert "with 100 images values from about 2.33 would be decided" in kept
    never = decide(replace(normal(0.1), possible=(0.0, 1.0)), Bound(at_most=0.0))[1]
    assert "with 100 images hardly any value would be decided" in never


def record(p: float | None, claims: int = 20, **more: object) -> Verdict:
    """A verdict with this p-value."""
    blank = Verdict("zoo", "model", "p", "b", "s", "original", "top1", Outcome.INCONCLUSIVE, p_fail=p, claims=claims)
    return replace(blank, **more)


def test_holm_agrees_with_statsmodels_and_knows_of_claims_that_were_not_judged():
    """Claims that were left out count as if they could not fail."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    values = [0.0004, 0.009, 0.0006, 0.002]
    found = [verdict.holm for verdict in with_holm([record(p) for p in values])]
    oracle = multitest.multipletests([*values, *[1.0] * 16], alpha=0.01, method="holm")[1][:4]
    assert found == pytest.approx(list(oracle))
    apart = with_holm([record(0.001), record(0.001, versus="base"), record(None)])
    assert [verdict.holm for verdict in apart] == [pytest.approx(0.02), pytest.approx(0.02), None]


def test_the_p_value_is_the_error_at_which_a_claim_just_fails():
    """It is kept only where Holm could reject at all."""
    assert p_fail(normal(3.0), Bound(at_most=0.0), Levels()) == pytest.approx(stats.norm.sf(3.0), rel=1e-4)
    assert p_fail(normal(2.0), Bound(at_most=0.0), Levels()) is None
    assert p_fail(normal(-3.0), Bound(at_most=0.0), Levels()) is None


def test_coverage_counts_everything_that_was_promised():
    """A claim is judged, or it is said why not."""
    kinds = [
        Outcome.PASS,
        Outcome.FAIL,
        Outcome.INCONCLUSIVE,
        Outcome.BLOCKED,
        Outcome.NOT_APPLICABLE,
        Outcome.REPORTED,
    ]
    verdicts = [record(None, verdict=kind) for kind in kinds]
    verdicts.append(record(None, verdict=Outcome.FAIL, known_failure="because"))
    line = coverage(6, 9, verdicts)
    assert line == (
        "coverage: 6 of 9 claims made, 4 judged, 1 inconclusive, 1 blocked, 1 not applicable, 1 known failure"
    )


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (Bound(at_least=70), "top1 is between 0 and 1, so at least 70 promises nothing (is 0.7 meant"),
        (Bound(at_most=5), "is 0.05 meant, which is 5 points?"),
        (Bound(at_least=-0.1), "at least -0.1 promises nothing"),
        (Bound(at_least=0.0), "at least 0 promises nothing"),
        (Bound(at_most=1.0), "at most 1 promises nothing"),
        (Bound(at_least=1.1), "at least 1.1 promises nothing"),
    ],
)
def test_a_bound_in_another_unit_is_refused(bound: Bound, told: str):
    """What every model keeps, or none can, is no promise; perfection is one."""
    measured = accuracy(made(np.ones(30, dtype=bool)))
    with pytest.raises(BlockedError, match=re.escape(told)):
        require_possible(measured, bound)
    require_possible(measured, Bound(at_least=1.0))
    require_possible(measured, Bound(at_most=0.0))
    require_possible(replace(measured, possible=(0.0, math.inf)), Bound(at_most=5))


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (Bound(at_most=2.0), "so at most 2 is kept by definition"),
        (Bound(at_least=1.5), "so at least 1.5 is broken by def"),
    ],
)
def test_what_the_images_make_trivial_is_no_red_gate(bound: Bound, told: str):
    """A factor that three of four images have has an error ratio of at most 4/3, whatever the answers."""
    inside = np.arange(40) < 30
    ratio = error_ratio(made(np.arange(40) % 3 > 0), inside)
    with pytest.raises(NotApplicableError, match=f"between 0 and 1.33333 whatever the answers, {told}"):
        require_possible(ratio, bound)
    require_possible(ratio, Bound(at_most=1.2))
    with pytest.raises(BlockedError, match="promises nothing"):
        require_possible(ratio, Bound(at_least=0.0))


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_bound_is_a_number(number: float):
    """Compared with anything else, everything is undecided, or kept."""
    with pytest.raises(SpecError, match="a bound is a number"):
        Bound(at_most=number)


def test_a_record_is_json_whatever_was_measured():
    """A recorded probability of 0 for the true class makes the likelihood infinite, which JSON cannot say: null."""
    written = as_record(record(None, value=math.inf, low=1.0, high=math.inf, verdict=Outcome.REPORTED))
    assert (written["value"], written["low"], written["high"]) == (None, 1.0, None)
    assert written["reason"].endswith("the value is inf")
    json.dumps(written, allow_nan=False)
