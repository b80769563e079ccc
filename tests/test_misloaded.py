"""A checkpoint that does far worse than it is published to is blocked, and told how that usually comes about."""

from __future__ import annotations

import pytest

from eyechart.errors import BlockedError, SpecError
from eyechart.judge.loading import block_misloaded, misloaded
from eyechart.predict.needs import Need
from tests.image_files import put, zoo_of
from tests.recordings import judged, recorded

SETS = {
    "pets": {"role": "validation", "label_space": {"names": ["cat", "dog"]}},
    "drawn": {"role": "shifted", "label_space": {"names": ["cat", "dog"]}},
}


def run_of(tmp_path, right: int, count: int, expected: float | None):
    """Judge a recorded model that names `right` of `count` images."""
    rows = [f"{row},cat,{'cat' if row < right else 'dog'}" for row in range(count)]
    put(tmp_path / "a.csv", ("key,label,predicted\n" + "\n".join(rows) + "\n").encode())
    entry = recorded(pets="a.csv", drawn="a.csv")
    models = {"net": {**entry, "expected": {"top1": expected}} if expected else entry, "other": entry}
    return judged(tmp_path, SETS, models)


def test_far_below_what_is_published_all_is_blocked(tmp_path):
    """60 of 100 where 85 were expected: every need of that model, and of no other."""
    run = run_of(tmp_path, 60, 100, 0.85)
    block_misloaded(run, run.zoo.models)
    for name in SETS:
        with pytest.raises(BlockedError, match=r"probably loaded wrongly: it names 0.600 .*expects 0.850.*QuickGELU"):
            run.predictions(Need("net", name))
        assert len(run.predictions(Need("other", name))) == 100


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [(82, 100, 0.85), (6, 10, 0.85), (7_900, 10_000, 0.83), (60, 100, None)],
    ids=["little below", "few images", "within five points", "nothing expected"],
)
def test_no_doubt_without_evidence(tmp_path, right, count, expected):
    """A few points below, or so few images that they show nothing: judged as usual."""
    run = run_of(tmp_path, right, count, expected)
    assert misloaded(run, "net") == ""


def test_an_accuracy_is_a_share(tmp_path):
    """83 % is written .83."""
    with pytest.raises(SpecError, match=r"models.net.expected.top1: found 83.0"):
        zoo_of(tmp_path, SETS, {"net": {**recorded(pets="a.csv"), "expected": {"top1": 83.0}}})
