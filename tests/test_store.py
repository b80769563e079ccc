"""The store: nothing half written, a reader needs no permission, and what cannot be written says where."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyechart.errors import StoreError
from eyechart.predict.predictor import CHUNK
from eyechart.predict.run import Need
from eyechart.store import Store
from tests.harness import LIMIT, TIMEOUT, command, predict, run_pytest, surroundings, toy, zoo_file

VALIDATION = Need("saint", "validation")


@pytest.fixture
def zoo(tmp_path):
    """A zoo of one saint."""
    return zoo_file(tmp_path / "models.yaml", {"saint": toy("saint")})


def files(folder) -> set[str]:
    """Every file of a store but its images and its lock."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] not in ("images", "lock")}


def full_after(monkeypatch, count: int) -> None:
    """Let `count` tables be written, then let the disk be full."""
    written, real = [], pq.write_table

    def write(table, path, **options):
        if len(written) >= count:
            path.write_bytes(b"half a table")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        real(table, path, **options)

    monkeypatch.setattr(pq, "write_table", write)


def test_a_full_disk_is_an_error_that_names_the_store_and_loses_nothing(store, zoo, monkeypatch):
    """What was complete stays and is not computed again; no half file is left; the error names the store and why."""
    with monkeypatch.context() as full:
        full_after(full, 2)  # the index of the image set, and one part
        with pytest.raises(StoreError, match="No space left on device") as error:
            predict(zoo, store, {VALIDATION}, limit=CHUNK + 10)
    assert str(store) in str(error.value)
    kept = {name for name in files(store) if name.startswith(("partial", "predictions"))}
    assert [name.rpartition("/")[2] for name in kept] == ["000000000.parquet"]
    assert not list(store.rglob(".writing-*"))
    run = predict(zoo, store, {VALIDATION}, limit=CHUNK + 10)
    assert run.cost.answers == 10
    assert len(run.predictions(VALIDATION)) == CHUNK + 10
    assert not list((store / "partial").iterdir())


def test_a_disk_that_fills_while_parts_are_joined_keeps_the_parts(store, zoo, monkeypatch):
    """Parts are dropped only once the whole table is there."""
    with monkeypatch.context() as full:
        full_after(full, 2)  # the index of the image set, and one part
        with pytest.raises(StoreError, match="No space left on device"):
            predict(zoo, store, {VALIDATION})
    assert predict(zoo, store, {VALIDATION}).cost.answers == 0


def test_an_image_is_answered_once_whatever_its_chunk(store, zoo, monkeypatch):
    """A table joined from chunks is the table answered in one, in the image set's order, logits included."""
    monkeypatch.setattr("eyechart.predict.predictor.CHUNK", 16)
    run = predict(zoo, store, {VALIDATION})
    chunked = run.predictions(VALIDATION)
    run.store.table_path(run.addresses[VALIDATION].key).unlink()
    monkeypatch.setattr("eyechart.predict.predictor.CHUNK", 512)
    whole = predict(zoo, store, {VALIDATION}).predictions(VALIDATION)
    assert chunked.keys.tolist() == whole.keys.tolist()
    assert np.array_equal(chunked.logits_of(), whole.logits_of())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_that_cannot_be_written_names_the_option(zoo, tmp_path, workers):
    """Exit code 4 and one line that names the folder and `--store`, from the controller too; no traceback."""
    (tmp_path / "file").write_text("not a folder")
    run = run_pytest("behaviors/", "--models", zoo, "--store", tmp_path / "file" / "store", "-n", workers,
                     reports=tmp_path)  # fmt: skip
    assert run.code == 4
    assert f"store {tmp_path}/file/store: cannot be written to (Not a directory)" in run.text
    assert "--store DIR" in run.text
    assert "Traceback" not in run.text


def without_override() -> None:
    """Make a process that may be root's respect permissions (Linux: drop CAP_DAC_OVERRIDE before it starts)."""
    ctypes.CDLL(None, use_errno=True).prctl(24, 1)


@pytest.fixture
def locked():
    """Takes the write permission from a folder and all in it, until the test ends."""
    changed = []

    def lock(folder):
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                changed.append((path, path.stat().st_mode))
                path.chmod(path.stat().st_mode & ~0o222)

    yield lock
    for path, mode in changed:
        path.chmod(mode)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="permissions bind root only where a capability can be dropped")
def test_a_read_only_store_is_judged_and_told_when_it_lacks_something(store, zoo, tmp_path, locked):
    """A colleague's store on a share: what is there is judged; what is not there is an error that names --store."""
    arguments = ("behaviors/", "--models", zoo, "--store", store, "-k", "recognized", "-p", "no:cacheprovider")
    filled = run_pytest(*arguments, "--limit", LIMIT, reports=tmp_path / "first")
    assert filled.code == 0
    locked(store)

    def judge(limit: int, reports: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            command(*arguments, "--limit", limit, "--reports", tmp_path / reports), env=surroundings(), text=True,
            capture_output=True, timeout=TIMEOUT, check=False, preexec_fn=without_override,  # one thread
        )  # fmt: skip

    warm = judge(LIMIT, "second")
    assert warm.returncode == 0, warm.stdout
    cold = judge(LIMIT - 1, "third")
    assert cold.returncode == 4
    assert f"store {store}" in cold.stdout + cold.stderr
    assert "Permission denied" in cold.stdout + cold.stderr
    assert "--store" in cold.stdout + cold.stderr


def test_a_damaged_table_is_named_and_can_be_made_again(store, zoo):
    """A table that another program cut is an error that names the file; once deleted, it is computed again."""
    run = predict(zoo, store, {VALIDATION})
    path = run.store.table_path(run.addresses[VALIDATION].key)
    path.write_bytes(path.read_bytes()[:100])
    run = predict(zoo, store, {VALIDATION})
    with pytest.raises(StoreError, match="delete the file to have it computed again") as error:
        run.predictions(VALIDATION)
    assert str(path) in str(error.value)
    path.unlink()
    assert len(predict(zoo, store, {VALIDATION}).predictions(VALIDATION)) == 40


def test_a_damaged_record_is_made_again(store, zoo):
    """A small record that cannot be read counts as absent."""
    predict(zoo, store, {VALIDATION})
    for path in (store / "resolved").iterdir():
        path.write_text("{")
    again = predict(zoo, store, {VALIDATION})
    assert (again.cost.loads, again.cost.answers) == ({"saint": 1}, 0)


def test_damaged_images_are_rendered_again(rendered, gallery, zoo, tmp_path):
    """Pixels that differ from the published fingerprint are never judged on."""
    import shutil

    folder = tmp_path / "store"
    name = next(path.name for path in (rendered / "images").iterdir() if path.name.startswith("sketch"))
    shutil.copytree(rendered / "images" / name, folder / "images" / name)
    pixels = folder / "images" / name / "pixels.npy"
    damaged = np.load(pixels)
    damaged[1, 2, 3] ^= 1
    np.save(pixels, damaged)
    predict(zoo, folder, {Need("saint", "sketch")})
    assert np.array_equal(np.load(pixels), np.load(rendered / "images" / name / "pixels.npy"))


def test_an_array_is_computed_once(tmp_path):
    """A small derived array (a text classifier) is computed the first time and read ever after."""
    made = []

    def compute():
        made.append(1)
        return np.arange(3, dtype=np.float32)

    for _ in range(2):
        assert np.array_equal(Store(tmp_path).array("key", compute), [0, 1, 2])
    assert made == [1]


def test_parts_join_in_row_order(tmp_path):
    """Parts that were written in another order, by another run, come out in the image set's order."""
    store = Store(tmp_path)
    for start in (512, 0, 1024):
        store.write_part("key", start, pa.table({"row": [start]}))
    store.finish("key", {"made": "here"})
    assert store.read_table("key", ["row"])["row"].to_pylist() == [0, 512, 1024]
    assert store.read_meta("key") == {"made": "here"}
    assert not store.has_part("key", 0)
