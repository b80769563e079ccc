"""Condensed tables: what is kept in place of logits gives every measure the same digits."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyechart.errors import BlockedError
from eyechart.measures import only
from eyechart.measures.measurement import take
from eyechart.measures.predictions import BEST, Predictions, condensed, softmax
from eyechart.predict.tables import predictions_in
from tests.test_measures import everything

CUT = 7
"""Rows of a part, so that answers come from several."""

LOGITS = st.one_of(
    st.sampled_from([0.0, 1.0, 1.0000001, -1e4, 88.0, -np.inf, 1e-30, 3e38, -3e38]), st.floats(-40, 40, width=32)
)


def stored(logits: np.ndarray, labels: np.ndarray, *, keep: str, view: str = "original") -> Predictions:
    """Predictions read from a table that keeps `logits`, or the best answers only; condensed part by part.

    A readout gives its columns in Fortran's order.
    """
    exact = logits.astype(np.float64)
    columns = {
        "key": np.array([f"image-{row:05}" for row in range(len(labels))]).tolist(), "label": labels,
        "predicted": exact.argmax(axis=1), "confidence": softmax(exact).max(axis=1),
    }  # fmt: skip
    if keep == "logits":
        columns["logits"] = matrix(logits)
    else:
        parts = [
            condensed(np.asfortranarray(logits[row : row + CUT]), labels[row : row + CUT])
            for row in range(0, len(labels), CUT)
        ]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        columns |= {name: matrix(values) if values.ndim > 1 else values for name, values in joined.items()}
    table = pa.table(columns)

    def nobody() -> np.ndarray:
        raise BlockedError("these logits were not kept")

    return predictions_in(("m", "set", view), table.column_names, table.select, "m", nobody)


def matrix(values: np.ndarray) -> pa.FixedSizeListArray:
    """An array (n, k) as a column."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


@st.composite
def answered(draw):
    """Logits of two sets of predictions over the same images, with ties and extremes, and labels 0 to 2."""
    count, classes = draw(st.integers(1, 23)), draw(st.integers(3, 60))
    labels = draw(arrays(np.int64, count, elements=st.integers(0, 2)))
    logits = draw(arrays(np.float32, (2, count, classes), elements=LOGITS, fill=st.sampled_from([0.0, -2.5, -np.inf])))
    logits[:, :, 2] = np.maximum(logits[:, :, 2], -1e4)  # one of them at least is a number
    return logits, labels


def digits(measurement):
    """All of a measurement's numbers, to the last digit."""
    limits = measurement.limits and measurement.limits(0.025)
    companions = [digits(each) for each in measurement.companions]
    return repr((measurement.measure, measurement.value, measurement.count, limits, companions))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the mean of an infinite surprise has no spread
@given(answered())
@settings(deadline=None, max_examples=60)
def test_every_measure_is_the_same_to_the_last_digit(pair):
    """Measured on logits and on what is kept in their place: values, limits and companions, parts of images too."""
    logits, labels = pair
    full, short = ([stored(one, labels, keep=keep) for one in logits] for keep in ("logits", "best"))
    expected, measured = ([digits(each[0]) for each in everything(*both)] for both in (full, short))
    assert measured == expected
    assert any("nll" in each and "brier" in each for each in measured)
    half = np.arange(len(labels)) % 2 == 0
    for whole, other in zip(full, short, strict=True):
        for part in (
            lambda each: each,
            lambda each: only(each, half),
            lambda each: take(only(each, half), np.array([0, 0])),
        ):
            one, two = part(whole), part(other)
            for count in {1, 3, min(BEST, logits.shape[2])}:
                expected = np.argsort(-one.probabilities, axis=1, kind="stable")[:, :count]
                assert np.array_equal(one.ranked(count), expected)
                assert np.array_equal(two.ranked(count), expected)
            assert np.array_equal(one.true_probability, two.true_probability)
            assert np.array_equal(one.sum_of_squares, two.sum_of_squares)


def test_what_is_kept_by_hand():
    """Four classes, by hand: shares 1/8, 1/2, 1/8, 1/4; of the equal ones the first class comes first."""
    kept = condensed(np.log(np.array([[1.0, 4.0, 1.0, 2.0]], dtype=np.float32)), np.array([3]))
    assert kept["best"].tolist() == [[1, 3, 0, 2]]
    assert np.exp(kept["best_log_share"])[0] == pytest.approx([0.5, 0.25, 0.125, 0.125])
    assert kept["log_sum_exp"][0] == pytest.approx(np.log(8.0))
    assert kept["true_probability"][0] == pytest.approx(0.25)
    assert kept["sum_of_squares"][0] == pytest.approx(0.25 + 1 / 16 + 2 / 64)


def test_more_than_is_kept_is_asked_for():
    """More than the best, all probabilities, or those of other labels than the table's, are nothing to be made up."""
    logits, labels = np.zeros((4, 50), dtype=np.float32), np.arange(4)
    short = stored(logits, labels, keep="best")
    other = Predictions(
        *("m", "s", "v"), short.keys, labels + 1, short.predicted, short.confidence, short.logits_of, kept=short.kept
    )
    for ask in (
        lambda: short.ranked(BEST + 1),
        lambda: short.probabilities,
        short.logits_of,
        lambda: other.true_probability,
    ):
        with pytest.raises(BlockedError, match="not kept"):
            ask()
    assert np.array_equal(other.sum_of_squares, short.sum_of_squares)
