"""Crops that are kept: the next checkpoint decodes nothing, sees the same bytes, and what is not whole is not seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyechart.images import decoding
from eyechart.predict.crops import FOLDER, Crops, limit_of
from eyechart.predict.needs import Need
from tests.image_files import predicted, zoo_of

COUNT, SIDE = 12, 16
CROP = SIDE * SIDE * 3
NEEDS = {"original", "scale(1.5)"}


def sums():
    """A model whose answers depend on every pixel."""
    weights = np.random.default_rng(0).normal(size=(CROP, 2)).astype(np.float32)
    return lambda batch: batch.reshape(len(batch), -1).astype(np.float32) @ weights / 1e4


@pytest.fixture
def photos(tmp_path: Path):
    """A zoo of photographs, two models that see them in one geometry, and one that sees them in another."""
    draw = np.random.default_rng(1)
    (tmp_path / "photos/a").mkdir(parents=True)
    for number in range(COUNT):
        pixels = draw.integers(0, 256, (30, 30 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photos/a/{number:02d}.png")
    model = {"source": "python", "factory": "tests.test_crops:sums", "preprocessing": {"resize": 20, "crop": SIDE}}
    models = {name: {**model, "version": name} for name in ("first", "second")}
    models["other"] = {**model, "version": "other", "preprocessing": {"resize": 24, "crop": SIDE}}
    sets = {
        "photos": {"role": "validation", "reader": "folder", "path": "photos", "label_space": {"names": ["a", "b"]}}
    }
    return zoo_of(tmp_path, sets, models)


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Has an entry for each image that is decoded."""
    calls, decode = [], decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda *arguments: calls.append(1) or decode(*arguments))
    return calls


def run(photos, store: Path, *models: str, **settings):
    """Predict with these models under both views, one after the other in runs of their own; returns the last run."""
    for model in models:
        last = predicted(photos, store, {Need(model, "photos", view) for view in NEEDS}, **settings)
    return last


def tables(run, model: str) -> list:
    """The predictions of a model."""
    return [
        run.store.read_table(run.addresses[Need(model, "photos", view)].key, ["key", "logits"])
        for view in sorted(NEEDS)
    ]


def pixels_of(store: Path) -> list[Path]:
    """The files of pixels that are kept."""
    return sorted((store / FOLDER).glob("*/pixels"))


def test_the_next_checkpoint_decodes_nothing_and_sees_the_same(photos, tmp_path, decoded):
    """One of another geometry does, and so does one whose image was edited."""
    plain = run(photos, tmp_path / "plain", "first", "second")
    assert not (tmp_path / "plain" / FOLDER).exists()
    decoded.clear()
    first = run(photos, tmp_path / "store", "first", crop_cache=1.0)
    assert len(decoded) == first.cost.images_read == COUNT
    assert [path.stat().st_size for path in pixels_of(tmp_path / "store")] == [COUNT * CROP] * 2
    second = run(photos, tmp_path / "store", "second", crop_cache=1.0)
    assert len(decoded) == COUNT
    assert second.cost.images_read == 0
    assert tables(second, "second") == tables(plain, "second")
    run(photos, tmp_path / "store", "other", crop_cache=1.0)
    assert len(decoded) == 2 * COUNT
    Image.new("RGB", (30, 30), "red").save(tmp_path / "photos/a/03.png")
    shutil.rmtree(tmp_path / "store" / "predictions")
    edited = run(photos, tmp_path / "store", "second", crop_cache=1.0)
    assert edited.cost.images_read == 1
    assert tables(edited, "second") == tables(run(photos, tmp_path / "plain", "second"), "second")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[CROP + 5] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -CROP // 2])


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"half a crop")


@pytest.mark.parametrize(("damage", "missing"), [(_flip, 1), (_cut, 1), (_append, 0), (Path.unlink, COUNT)])
def test_what_is_not_whole_is_read_anew(photos, tmp_path, damage, missing):
    """A flipped bit, a crop cut in half, and what a run that was killed left behind; afterwards all is kept again."""
    expected = run(photos, tmp_path / "plain", "first", "second")
    run(photos, tmp_path / "store", "first", crop_cache=1.0)
    damage(pixels_of(tmp_path / "store")[0])
    second = run(photos, tmp_path / "store", "second", crop_cache=1.0)
    assert second.cost.images_read == missing
    assert tables(second, "second") == tables(expected, "second")
    shutil.rmtree(tmp_path / "store" / "predictions")
    assert run(photos, tmp_path / "store", "second", crop_cache=1.0).cost.images_read == 0


def test_no_more_is_kept_than_was_said(photos, tmp_path, monkeypatch):
    """What no run has used for longest goes first; where all is in use, that is said once, and the run goes on."""
    one = (CROP + 28) * COUNT
    run(photos, tmp_path / "store", "first", crop_cache=2 * one / 1e9)
    shelves = {path.parent for path in pixels_of(tmp_path / "store")}
    run(photos, tmp_path / "store", "other", crop_cache=2 * one / 1e9)
    assert len(shelves) == 2
    assert shelves.isdisjoint({path.parent for path in pixels_of(tmp_path / "store")})
    told = []
    kept = Crops(tmp_path / "few", CROP * 3, told.append)
    monkeypatch.setattr("eyechart.predict.engine.Crops", lambda *_: kept)
    run(photos, tmp_path / "few", "first", crop_cache=1.0)
    assert [line.partition(" kept in ")[0] for line in told] == ["no more crops are"]
    assert sum(path.stat().st_size for path in pixels_of(tmp_path / "few")) == 2 * CROP


def test_by_default_crops_are_kept_beside_a_gpu_only():
    """And as many bytes as are stated anywhere."""
    assert limit_of(None, accelerated=False) == 0
    assert limit_of(None, accelerated=True) == 10 * 10**9
    assert limit_of(0.0, accelerated=True) == 0
    assert limit_of(2.5, accelerated=False) == 2_500_000_000


def test_workers_take_what_is_kept(photos, tmp_path):
    """In processes of their own, which only read."""
    expected = run(photos, tmp_path / "plain", "second")
    run(photos, tmp_path / "store", "first", crop_cache=1.0)
    second = run(photos, tmp_path / "store", "second", crop_cache=1.0, workers=1)
    assert second.cost.images_read == 0
    assert tables(second, "second") == tables(expected, "second")
