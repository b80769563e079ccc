"""Stopping early: the looks together are wrong no more often than one look at everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eyechart.images.ordering import declared_order
from eyechart.judge.gates import ruling
from eyechart.judge.gates.ruling import looks, rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.measures import accuracy, calibration_error, error_ratio, only, worst_level
from eyechart.zoo.levels import Levels
from tests.made_predictions import at_most_by_chance, made
from tests.real_predictions import needs_data, recorded


def test_the_looks_spend_the_whole_error_and_no_more():
    """A set of fewer than 1,001 images is looked at once, at the full rates."""
    assert [(look.images, look.part) for look in looks(800)] == [(800, 1.0)]
    assert [look.images for look in looks(50_000)] == [1_000, 3_000, 10_000, 25_000, 50_000]
    for count in (900, 1_001, 3_500, 24_000, 50_000):
        assert sum(look.part for look in looks(count)) == pytest.approx(1.0)


def test_the_order_is_that_of_the_keys_alone():
    """Whatever order images come in, the first thousand are the same ones."""
    table = made(np.ones(5000, dtype=bool))
    shuffled = np.random.default_rng(0).permutation(5000)
    first = set(table.keys[declared_order(table.keys)[:1000]])
    again = replace(table, keys=table.keys[shuffled])
    assert set(again.keys[declared_order(again.keys)[:1000]]) == first
    assert sorted(declared_order(table.keys)) == list(range(5000))
    assert abs(np.mean([int(key) for key in first]) - 2500) < 150


def test_a_clear_claim_stops_at_the_first_look_and_says_so():
    """95 % against 60 % needs no second look; the record counts what was looked at."""
    found = rule(accuracy(made(np.arange(5000) % 20 > 0)), Bound(at_least=0.6), Levels(), sequential=True)
    assert found.outcome is Outcome.PASS
    assert found.look == "look 1 of 3: 1,000 of 5,000 images"
    assert found.measurement.count == 1000
    assert found.look in found.reason


def test_what_is_as_long_as_the_images_follows_them():
    """A factor's mask, and predictions cut down to some images, are cut with them."""
    right = np.arange(5000) % 10 > 0
    mask = np.arange(5000) % 3 == 0
    found = rule(error_ratio(made(right), mask), Bound(at_most=3.0), Levels(), sequential=True)
    assert found.measurement.count < 400
    part = rule(accuracy(only(made(right), mask)), Bound(at_least=0.5), Levels(), sequential=True)
    assert part.look == "look 1 of 2: 1,000 of 1,667 images"


@pytest.mark.parametrize("bound", [Bound(at_least=0.8), Bound(at_most=0.8)])
def test_looks_keep_both_error_rates(bound: Bound):
    """The truth is exactly on the bound, so every pass and every fail is an error of the stated kind."""
    trials = 1000
    draws = np.random.default_rng(3).uniform(size=(trials, 4000)) < 0.8
    outcomes = [rule(accuracy(made(draw)), bound, Levels(), sequential=True).outcome for draw in draws]
    assert outcomes.count(Outcome.PASS) <= at_most_by_chance(0.025, trials)
    assert outcomes.count(Outcome.FAIL) <= at_most_by_chance(0.01, trials)
    assert outcomes.count(Outcome.PASS) >= 5  # not by never deciding anything


def test_looks_at_full_error_each_would_not(monkeypatch: pytest.MonkeyPatch):
    """The simulation is sharp enough to see what the spending prevents."""
    monkeypatch.setattr(ruling, "looks", lambda count: [ruling.Look(n, 1.0) for n in (500, 1000, 2000, 3000, count)])
    draws = np.random.default_rng(4).uniform(size=(1000, 4000)) < 0.8
    found = [rule(accuracy(made(draw)), Bound(at_least=0.8), Levels(), sequential=True).outcome for draw in draws]
    assert found.count(Outcome.PASS) > at_most_by_chance(0.025, 1000)


def test_looks_keep_the_error_of_a_calibration_claim():
    """A measure without independent increments: 0.03 off everywhere, judged against 0.03."""
    trials = 200
    rng = np.random.default_rng(5)
    outcomes = []
    for _ in range(trials):
        confidence = rng.beta(6, 2, 2500)
        right = rng.uniform(size=2500) < confidence - 0.03 * (confidence > 0.03)
        found = calibration_error(made(right, np.clip(confidence, 1e-6, 1 - 1e-6)))
        outcomes.append(rule(found, Bound(at_most=0.03), Levels(), sequential=True).outcome)
    assert outcomes.count(Outcome.PASS) <= at_most_by_chance(0.025, trials)
    assert outcomes.count(Outcome.FAIL) <= at_most_by_chance(0.01, trials)


@needs_data
def test_a_real_checkpoint_needs_a_few_thousand_of_fifty_thousand_images():
    """ViT names 78 %: 'at least 70 %' is certain early, and no claim is decided another way than by all images."""
    vit = accuracy(recorded("ViT"))
    assert rule(vit, Bound(at_least=0.70), Levels(claims=100), sequential=True).measurement.count <= 3000
    for limit in (0.70, 0.75, 0.77, 0.78, 0.79, 0.82):
        early = rule(vit, Bound(at_least=limit), Levels(claims=100), sequential=True).outcome
        late = rule(vit, Bound(at_least=limit), Levels(claims=100)).outcome
        assert {early, late} != {Outcome.PASS, Outcome.FAIL}


def by_level(right, levels, clusters, **looked):
    """Judge the worst level, in looks or at once."""
    measured = worst_level(made(right), levels, clusters)
    return rule(measured, Bound(at_least=0.6), Levels(claims=100), **looked)


def test_a_look_that_lacks_a_level_decides_nothing():
    """Fifty images of fifty thousand, all wrong, and missing from the first look: it passed there, and is open."""
    table = made(np.ones(20_000, dtype=bool))
    order = declared_order(table.keys)
    levels = np.full(20_000, "usual")
    levels[order[1_500:1_530]] = "rare"
    right = levels == "usual"
    clusters = np.arange(20_000) // 10
    at_once, in_looks = by_level(right, levels, clusters), by_level(right, levels, clusters, sequential=True)
    assert at_once.outcome is not Outcome.PASS
    assert in_looks.outcome is at_once.outcome


def test_a_first_look_at_one_level_is_not_applicable_to_nothing():
    """There is no worst of one level, and the whole set has two."""
    table = made(np.ones(5_000, dtype=bool))
    order = declared_order(table.keys)
    levels = np.full(5_000, "near")
    levels[order[1_200:]] = "far"
    ruling = by_level(np.ones(5_000, dtype=bool), levels, np.arange(5_000) // 5, sequential=True)
    assert ruling.outcome is Outcome.PASS
    assert ruling.look == "look 2 of 3: 3,000 of 5,000 images"
