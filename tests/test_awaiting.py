"""Answers that are not there yet: nothing is read of them unseen, and what is read of the others is as ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.images.labels import LabelSpace
from eyechart.judge.evidence import on_classes
from eyechart.judge.gates.paired import loss
from eyechart.judge.gates.plan import outlined
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound
from eyechart.measures import (
    accuracy,
    accuracy_drop,
    accuracy_drop_on_other_images,
    answers_kept,
    calibration_error,
    confidence_gap,
    error_consistency,
    error_ratio,
    highest,
    lead_over_guessing,
    mean_corruption_error,
    only,
    worst_drop,
    worst_factor_accuracy,
    worst_level,
)
from eyechart.measures.awaiting import AwaitedError
from eyechart.measures.measurement import Unmeasured, take
from eyechart.measures.predictions import Predictions
from eyechart.predict.tables import spread
from eyechart.zoo.levels import Levels
from tests.made_predictions import made

COUNT = 4_000
DRAW = np.random.default_rng(5)
MASK = DRAW.uniform(size=COUNT) < 0.2
TABLES = [
    replace(made(DRAW.uniform(size=COUNT) < right, np.clip(DRAW.beta(8, 2, COUNT), 0.5, 0.999), model), view=view)
    for right, model, view in ((0.8, "one", "original"), (0.78, "one", "shift"), (0.7, "two", "original"))
]


def partly(table: Predictions, rows: np.ndarray) -> Predictions:
    """The same table, of which only these rows are there."""
    about = (table.model, table.image_set, table.view)
    return spread(about, table.keys, table.labels, take(table, rows) if len(rows) else None, rows)


MEASURES = {
    "accuracy": (lambda a, b, c: accuracy(a), Bound(at_least=0.75)),
    "of a factor": (lambda a, b, c: accuracy(only(a, MASK)), Bound(at_least=0.7)),
    "drop": (lambda a, b, c: accuracy_drop(a, b), Bound(at_most=0.1)),
    "kept": (lambda a, b, c: answers_kept(a, b), Bound(at_least=0.9)),
    "calibration": (lambda a, b, c: calibration_error(a), Bound(at_most=0.1)),
    "gap": (lambda a, b, c: confidence_gap(a), Bound(at_least=-0.2)),
    "ratio": (lambda a, b, c: error_ratio(a, MASK), Bound(at_most=1.5)),
    "worst factor": (lambda a, b, c: worst_factor_accuracy(a, {"in": MASK, "out": ~MASK}), Bound(at_least=0.7)),
    "worst level": (lambda a, b, c: worst_level(a, np.arange(COUNT) % 3, np.arange(COUNT) // 4), Bound(at_least=0.7)),
    "worst drop": (lambda a, b, c: worst_drop(a, [b, c]), Bound(at_most=0.2)),
    "shared": (lambda a, b, c: error_consistency(a, c), Bound(at_least=-0.5)),
    "grid": (lambda a, b, c: mean_corruption_error({"fog": [a, b], "snow": [c, b]}), Bound(at_most=0.4)),
    "loss": (lambda a, b, c: loss(accuracy(a), accuracy(c), more_is_worse=False), Bound(at_most=0.01)),
    "loss of a factor": (
        lambda a, b, c: loss(error_ratio(a, MASK), error_ratio(c, MASK), more_is_worse=True), Bound(at_most=0.1),
    ),
    "nested": (lambda a, b, c: highest("top", [accuracy_drop(a, b), accuracy_drop(a, c)]), Bound(at_most=0.05)),
    "guessing": (lambda a, b, c: lead_over_guessing(a), Bound(at_least=0.1)),
    "other images": (lambda a, b, c: accuracy_drop_on_other_images(a, only(c, MASK)), Bound(at_most=0.3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_asks_look_by_look_and_ends_as_if_all_were_there(name: str):
    """Whatever measure: the same ruling as on whole tables, from no more rows than its looks have."""
    measure, bound = MEASURES[name]
    expected = rule(measure(*TABLES), bound, Levels(claims=50), sequential=True)
    rows = {(table.model, table.image_set, table.view): np.zeros(0, np.int64) for table in TABLES}
    for _ in range(5):
        try:
            found = rule(
                measure(*(partly(table, there) for table, there in zip(TABLES, rows.values(), strict=True))),
                bound, Levels(claims=50), sequential=True,
            )  # fmt: skip
            break
        except AwaitedError as error:
            asked_for, at_look = error.wanted, error.at_look
        assert at_look
        for source, more in asked_for.items():
            assert len(more)
            assert not np.isin(more, rows[source]).any()
            rows[source] = np.union1d(rows[source], more)
    assert (found.outcome, found.look, found.reason) == (expected.outcome, expected.look, expected.reason)
    for told in ("value", "count", "measure"):
        assert getattr(found.measurement, told) == getattr(expected.measurement, told)
    assert found.interval == expected.interval
    if name == "accuracy":
        assert [len(each) for each in rows.values()] == [3000, 0, 0]


@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99), min_size=1))
def test_rows_that_are_there_are_plain_and_others_are_asked_for(there: set[int], wanted: set[int]):
    """Cut down to rows that are there, predictions are what they were; else exactly the others are named."""
    table = take(TABLES[0], np.arange(100))
    chosen = np.array(sorted(wanted))
    cut = take(partly(table, np.array(sorted(there), dtype=np.int64)), chosen)
    if wanted <= there:
        whole = take(table, chosen)
        assert np.array_equal(cut.predicted, whole.predicted)
        assert np.array_equal(cut.probabilities, whole.probabilities)
        assert accuracy(cut).interval == accuracy(whole).interval
    else:
        assert isinstance(accuracy(cut), Unmeasured)
        with pytest.raises(AwaitedError) as caught:
            cut.correct  # noqa: B018  # it raises
        assert set(caught.value.wanted["one", "set", "original"].tolist()) == wanted - there


def test_nothing_can_be_read_unseen():
    """By no operator, no function of numpy, no loop and no method; only the length is known."""
    column = partly(TABLES[0], np.array([1, 2])).predicted
    assert len(column) == COUNT
    ways = [
        lambda: column == 1, lambda: 1 + column, lambda: np.sort(column), lambda: list(column), lambda: bool(column),
        lambda: column.mean() + 0, lambda: np.asarray(column), lambda: column[:, 0], lambda: column[3],
        lambda: np.equal(column, column), lambda: 1 in column, lambda: np.concatenate([column, column]),
    ]  # fmt: skip
    for read in ways:
        with pytest.raises(AwaitedError, match="answers were not predicted in this run"):
            read()


def test_a_measurement_that_waits_tells_nothing_but_its_recipe():
    """Its value, its limits, even its name are asked for; what holds whatever the answers is worked out on others."""
    waiting = error_ratio(partly(TABLES[0], np.arange(5)), MASK)
    for name in ("value", "limits", "count", "measure", "possible", "interval"):
        with pytest.raises(AwaitedError):
            getattr(waiting, name)
    told, whole = outlined(waiting), error_ratio(TABLES[0], MASK)
    assert (told.measure, told.possible, told.conceivable) == (whole.measure, whole.possible, whole.conceivable)


def test_answers_read_out_as_other_classes_wait_as_well():
    """A mask before the softmax is applied row by row, when the rows are there."""
    own, wanted = LabelSpace("own", ("a", "b")), LabelSpace("wanted", ("b",))
    table = replace(TABLES[0], labels=TABLES[0].labels)
    rows = np.arange(1000)
    waiting, whole = on_classes(partly(table, rows), own, wanted), on_classes(table, own, wanted)
    assert np.array_equal(waiting.keys, whole.keys)
    there = np.flatnonzero(whole.labels[:500] >= 0)
    assert np.array_equal(take(waiting, there).confidence, take(whole, there).confidence)
    with pytest.raises(AwaitedError):
        waiting.correct  # noqa: B018  # it raises
