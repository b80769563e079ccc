"""Pinned baselines are copies that nothing can compute again: what is damaged there is refused by name."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eyechart.errors import BlockedError, SpecError
from eyechart.judge.gates.baseline import read_table, stored_tables
from eyechart.judge.gates.pins import pinned, save
from tests.damage import flip, halve, judged_once, rows


@pytest.fixture
def store(tmp_path) -> Path:
    """A store with what the last run judged of one model, and that run's report."""
    return judged_once(tmp_path)


def test_what_is_pinned_proves_itself_wherever_it_lies(store, tmp_path):
    """The copy is as good as the table, its record too."""
    save("release", store, tmp_path)
    assert [pin["name"] for pin in pinned(store)] == ["release"]
    ((path, meta),) = stored_tables("release", store / "baselines" / "release").tables
    assert meta["model"] == "net"
    assert len(read_table(path)) == 8


def test_a_damaged_table_is_never_pinned(store, tmp_path):
    """Nor is half a baseline left."""
    path = store / "predictions" / "key.parquet"
    flip(path, pq.read_metadata(path).row_group(0).column(2).data_page_offset + 20, 0)
    with pytest.raises(SpecError, match=r"key.parquet: its column 'logits' is not the one that was written"):
        save("release", store, tmp_path)
    assert not pinned(store)


def test_damage_in_a_baseline_is_refused_by_name(store, tmp_path):
    """A footer when the baseline is looked up, columns when they are read, the record when baselines are listed."""
    save("release", store, tmp_path)
    folder = store / "baselines" / "release"
    path = folder / "predictions" / "key.parquet"
    sound = path.read_bytes()
    flip(path, pq.read_metadata(path).row_group(0).column(2).data_page_offset + 20, 0)
    with pytest.raises(BlockedError, match=r"baseline .*key.parquet: cannot be read .its column 'logits'"):
        read_table(path).logits_of()
    path.write_bytes(sound)
    halve(path)
    with pytest.raises(SpecError, match=r"key.parquet: cannot be read as a table of predictions"):
        stored_tables("release", folder)
    halve(folder / "baseline.json")
    with pytest.raises(SpecError, match=r"baseline.json: .*eyechart baseline save release --replace"):
        pinned(store)


def test_a_baseline_of_an_earlier_version_is_refused_in_words(store, tmp_path):
    """It carries no digest, so nobody can know whether it is sound."""
    pq.write_table(rows(0, 8), tmp_path / "old.parquet")
    with pytest.raises(SpecError, match=r"old.parquet: .*carries no digest: an earlier version wrote it"):
        stored_tables("old", tmp_path / "old.parquet")
