"""The store proves itself: no damaged, misplaced or foreign file is read as if it were what was written."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.digest import bytes_digest
from eyechart.errors import BlockedError, DamagedError, EyechartError
from eyechart.store import Store, parts, proof
from eyechart.store.keys import are_unique, digest_of
from tests.damage import MEANS, empty, fill, flip, halve, keys, rows

COUNT = 48
RECORD = {"holds": True, "message": "größer", "values": [0.1, 2.0, None], "nested": {"count": 40}}


def new(root: Path, say: list[str] | None = None) -> Store:
    """A store that tells of damage to `say`."""
    return Store(root, (say if say is not None else []).append)


@pytest.fixture
def store(tmp_path) -> Store:
    """A store with a file of every kind."""
    store = new(tmp_path / "store")
    fill(store, "table", COUNT, (0, 16, 32))
    store.write_part("half", 0, rows(0, 24), MEANS)
    store.keep_index("index", lambda: pa.table({"key": keys(8).tolist(), "also": [[]] * 7 + [[1, 2]]}))
    store.write_table("files/known.parquet", pa.table({"path": ["a", "b"], "size": [1, 2]}))
    store.write_json("resolved", "model", RECORD)
    store.array("text", lambda: np.arange(24, dtype=np.float32).reshape(4, 6))
    store.write_picture("search", bytes(range(200)))
    return store


def array_of(store: Store) -> np.ndarray:
    """The array, or -1 where it must be computed again."""
    return store.array("text", lambda: np.float32(-1) * np.ones(1, dtype=np.float32))


READS: dict[str, Callable[[Store], Any]] = {
    "predictions/table.parquet": lambda store: (
        store.has_table("table", keys(COUNT)), store.read_table("table", ["key", "predicted", "logits"]).to_pydict(),
        store.read_meta("table"), store.columns("table"),
    ),
    "partial/half/000000000.parquet": lambda store: store.answered("half", COUNT, MEANS).tolist(),
    "indexes/index.parquet": lambda store: store.read_index("index").to_pydict(),
    "files/known.parquet": lambda store: store.read_kept("files/known.parquet")[0].to_pydict(),
    "resolved/model.json": lambda store: store.read_json("resolved", "model"),
    "arrays/text.npy": lambda store: array_of(store).tolist(),
    "pictures/search.png": lambda store: store.read_picture("search"),
}  # fmt: skip
"""File → reads all that it holds."""

NOTHING = {
    "partial/half/000000000.parquet": [False] * COUNT,
    "resolved/model.json": None,
    "arrays/text.npy": [-1.0],
    "pictures/search.png": None,
}
"""What is read of a file that is not there, where that is no error."""


def outcome(store: Store, name: str) -> Any:
    """What is read of a file; None where it was noticed that there is nothing sound to read."""
    try:
        value = READS[name](store)
    except (EyechartError, TypeError):  # nothing to read, which only the test takes for a table
        return None
    return None if name in NOTHING and value == NOTHING[name] else value


def test_no_flipped_bit_is_silent(store):
    """300 single bits over every kind of file: what is read is what was written, or nothing, and then it is told."""
    rng, sound = np.random.default_rng(0), {name: outcome(store, name) for name in READS}
    assert all(value is not None for value in sound.values())
    noticed = dict.fromkeys(READS, 0)
    for trial in range(300):
        name = list(READS)[trial % len(READS)]
        path, say = store.root / name, []
        before = path.read_bytes()
        flip(path, int(rng.integers(len(before))), int(rng.integers(8)))
        value = outcome(new(store.root, say), name)
        if value is None:
            noticed[name] += 1
            assert (store.root / "damaged" / name).is_file(), f"{name}, trial {trial}: {say}"
            shutil.rmtree(store.root / "damaged")
        else:
            assert value == sound[name], f"{name}, trial {trial} changed and nobody noticed"
        path.write_bytes(before)
    assert min(noticed.values()) > 20, noticed


def test_no_flipped_bit_of_a_page_header_is_silent(store):
    """Parquet's own checksums leave these out: every bit of the first column's, and of the second's, is tried."""
    path = store.root / "indexes" / "index.parquet"
    content, silent = path.read_bytes(), []
    for position, bit in itertools.product(range(140), range(8)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        with contextlib.suppress(*proof.UNREADABLE):
            proof.open_table(path).read()
            silent.append((position, bit))
    assert {position for position, _ in silent} <= set(range(4)), "only Parquet's own first four bytes decide nothing"


@pytest.mark.parametrize("damage", [empty, halve], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", READS)
def test_a_file_that_was_cut_is_set_aside_and_named(store, name, damage):
    """Whatever kind it is; where it is kept only to save time, it is as if it were not there."""
    damage(store.root / name)
    say = []
    assert outcome(new(store.root, say), name) is None
    assert (store.root / "damaged" / name).is_file()
    if name in NOTHING:
        assert len(say) == 1
        assert f"{store.root / name} is damaged (" in say[0]
    if name != "arrays/text.npy":  # computed again at once
        assert not (store.root / name).exists()


def test_a_file_in_the_place_of_another_is_noticed(store):
    """A sound copy under another name is not what it is said to be."""
    for name in ("predictions/{}.parquet", "partial/{}/000000000.parquet", "resolved/{}.json", "arrays/{}.npy"):
        (own,) = [each for each in READS if each.startswith(name.partition("/")[0])]
        path = store.root / name.format("other")
        path.parent.mkdir(exist_ok=True)
        shutil.copy(store.root / own, path)
    assert not store.has_table("other", keys(COUNT))
    assert not store.answered("other", COUNT, MEANS).any()
    assert store.read_json("resolved", "other") is None
    assert store.array("other", lambda: np.zeros(2, dtype=np.float32)).tolist() == [0, 0]
    assert len([path for path in (store.root / "damaged").rglob("*") if path.is_file()]) == 4


@pytest.mark.parametrize("asked", [keys(COUNT - 1), keys(COUNT + 1), keys(COUNT)[::-1]], ids=["fewer", "more", "order"])
def test_a_table_about_other_images_is_no_answer(store, asked):
    """Rows and their order are those of the image set that is asked about; of a part of it, in its order."""
    assert store.has_table("table", keys(COUNT))
    assert store.has_table("table", keys(COUNT + 9), complete=False)
    assert not store.has_table("table", asked)
    assert not store.table_path("table").exists()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("predictions/table.parquet", lambda path: pq.write_table(rows(0, COUNT), path)),
        ("indexes/index.parquet", lambda path: pq.write_table(rows(0, COUNT), path)),
        ("partial/half/000000000.parquet", lambda path: pq.write_table(rows(0, 24), path)),
        ("resolved/model.json", lambda path: path.write_text('{"holds": true, "count": 3}')),
        pytest.param("resolved/model.json", lambda path: path.write_text("[" * 100_000), id="nested"),
        ("arrays/text.npy", lambda path: np.save(path, np.arange(4))),
        ("pictures/search.png", lambda path: path.write_bytes(b"\x89PNG")),
    ],
)
def test_what_an_earlier_version_wrote_is_made_again(store, name, write):
    """It carries no digest, so nobody can know whether it is sound."""
    write(store.root / name)
    assert outcome(store, name) is None
    assert (store.root / "damaged" / name).is_file()


def test_a_record_of_another_version_is_made_again(store):
    """Sound, and nothing that this version can make anything of."""

    def make(record):
        return record["a key of this version"]

    assert store.read_json("resolved", "model", make) is None
    assert (store.root / "damaged" / "resolved" / "model.json").is_file()


@pytest.mark.parametrize("name", READS)
def test_a_read_only_store_says_so_in_words(store, name, monkeypatch):
    """What is damaged there can be neither set aside nor computed again: blocked, and nothing worse."""
    empty(store.root / name)

    def refuse(path, to):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(BlockedError, match=r"is damaged .* cannot be written to .*Permission denied") as error:
        READS[name](store)
    assert str(store.root / name) in str(error.value)
    assert not isinstance(error.value, DamagedError)


def test_a_file_that_may_not_be_read_stays_where_it_is(store, monkeypatch):
    """A colleague's permissions are no damage."""

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BlockedError, match=r"cannot be read .Permission denied"):
        store.read_json("resolved", "model")
    assert (store.root / "resolved" / "model.json").is_file()


def test_other_programs_read_what_the_store_writes(store):
    """Pandas a table, numpy an array, json a record: the proof is in nobody's way."""
    import json

    import pandas as pd

    assert pd.read_parquet(store.table_path("table"))["key"].tolist() == keys(COUNT).tolist()
    assert np.load(store.root / "arrays" / "text.npy").shape == (4, 6)
    assert json.loads((store.root / "resolved" / "model.json").read_text())["record"] == RECORD


# tables in parts


def test_parts_join_in_row_order(tmp_path):
    """Parts that were written in another order, by another run, come out in the image set's order."""
    store = new(tmp_path)
    for start in (16, 0, 32):
        store.write_part("key", start, rows(start, start + 16), MEANS)
    store.finish("key", {"view": "original"}, keys(48), MEANS)
    assert store.read_table("key", ["predicted"])["predicted"].to_pylist() == list(range(48))
    assert store.read_meta("key").items() >= {"view": "original", "rows": 48, **MEANS}.items()
    assert not list((tmp_path / "partial").iterdir())


def test_parts_of_another_length_go_on_rightly(tmp_path):
    """A run with another chunk size answers what is missing; rows that were answered twice are there once."""
    store = new(tmp_path)
    store.write_part("key", 0, rows(0, 20), MEANS)
    store.write_part("key", 20, rows(20, 30), MEANS)
    assert np.flatnonzero(~store.answered("key", 48, MEANS)).tolist() == list(range(30, 48))
    store.write_part("key", 16, rows(16, 32), MEANS)
    store.write_part("key", 32, rows(32, 48), MEANS)
    store.finish("key", {}, keys(48), MEANS)
    table = store.read_table("key", ["key", "predicted"])
    assert table["key"].to_pylist() == keys(48).tolist()
    assert table["predicted"].to_pylist() == list(range(48))


@pytest.mark.parametrize("seed", range(4))
def test_whichever_rows_came_first_the_table_is_the_same_bytes(tmp_path, seed):
    """In order, or some at random, some of them twice: `finish` joins blocks of one size."""
    draw, chosen, meta = np.random.default_rng(seed), np.arange(2000), {"view": "original"}
    for start in range(0, 2000, 512):
        new(tmp_path / "order").write_part("key", start, rows(start, min(start + 512, 2000)), MEANS)
    store, everything = new(tmp_path / "any"), rows(0, 2000)
    while chosen.size:
        now = np.sort(draw.choice(2000, 300, replace=False)) if seed % 2 else chosen[:: int(draw.integers(2, 5))]
        store.write_part("key", now, everything.take(now), MEANS)
        chosen = np.flatnonzero(~store.answered("key", 2000, MEANS))
        if len(chosen) < 500:
            store.write_part("key", chosen, everything.take(chosen), MEANS)
            chosen = chosen[:0]
    for each in (new(tmp_path / "order"), store):
        each.finish("key", meta, keys(2000), MEANS)
    assert store.table_path("key").read_bytes() == new(tmp_path / "order").table_path("key").read_bytes()
    assert not list((tmp_path / "any" / "partial").iterdir())


def test_parts_by_other_means_are_begun_anew(tmp_path):
    """Answers of two versions of a library are never mixed in one table, which says what predicted it."""
    say = []
    store = new(tmp_path, say)
    store.write_part("key", 0, rows(0, 24), {"versions": {"numpy": "1"}})
    store.write_part("key", 24, rows(24, 48), MEANS)
    assert np.flatnonzero(store.answered("key", 48, MEANS)).tolist() == list(range(24, 48))
    assert "begun anew" in say[0]


@pytest.mark.parametrize(
    ("parts", "asked", "why"),
    [
        ([(0, 24)], keys(48), "row 24 of 48 is missing"),
        ([(24, 48)], keys(48), "row 0 of 48 is missing"),
        ([(0, 24)], keys(20), "is about other images"),
        ([(0, 24)], keys(24)[::-1], "is about other images"),
        ([(0, 24)], keys(24)[[0] * 24], "more than once"),
        ([], keys(0), "no rows"),
    ],
)
def test_a_table_is_finished_only_when_it_is_all_there(tmp_path, parts, asked, why):
    """Every image once, none of another set: else nothing is judged, and the next run begins anew."""
    store = new(tmp_path)
    for start, stop in parts:
        store.write_part("key", start, rows(start, stop), MEANS)
    with pytest.raises(BlockedError, match=why):
        store.finish("key", {}, asked, MEANS)
    assert not store.table_path("key").exists()
    assert not store.answered("key", 48, MEANS).any()


def test_parts_with_other_columns_do_not_join(tmp_path):
    """Such as those of a version that kept less."""
    store = new(tmp_path)
    store.write_part("key", 0, rows(0, 24).drop(["logits"]), MEANS)
    store.write_part("key", 24, rows(24, 48), MEANS)
    with pytest.raises(BlockedError, match="do not make up the table"):
        store.finish("key", {}, keys(48), MEANS)
    assert not store.table_path("key").exists()


def test_a_long_table_is_joined_a_few_rows_at_a_time(tmp_path, monkeypatch):
    """Some parts are a group of rows, and no more of them are in memory at once."""
    monkeypatch.setattr(proof, "GROUP", 10)
    monkeypatch.setattr(parts, "BLOCK", 12)
    store = new(tmp_path)
    fill(store, "key", 48, range(0, 48, 4))
    metadata = pq.read_metadata(store.table_path("key"))
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [12] * 4


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), max_size=12), st.integers(1, 5))
def test_names_are_looked_at_a_few_at_a_time(names, some):
    """Their digest is that of all of them at once, as older stores have it; and each is there once or not."""
    keys = np.array(names, dtype=str)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eyechart.store.keys.AT_A_TIME", some)
        assert digest_of(keys) == bytes_digest("\0".join(keys.tolist()).encode())
        assert are_unique(keys) == (len(set(keys.tolist())) == len(keys))
        patch.setattr("eyechart.store.keys.hash", lambda name: 1, raising=False)
        assert are_unique(keys) == (len(set(keys.tolist())) == len(keys))
