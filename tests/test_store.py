"""The store: nothing half written, a reader needs no permission, and what cannot be written says where."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eyechart.errors import StoreError
from eyechart.predict.needs import Need
from eyechart.predict.predictor import CHUNK
from eyechart.store import Store, proof
from tests.damage import fill
from tests.harness import LIMIT, TIMEOUT, command, predict, run_pytest, surroundings, toy, zoo_file
from tests.image_files import folder, zoo_of

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
    written, real = [], proof.write_table

    def write(path, *arguments):
        if len(written) >= count:
            path.write_bytes(b"half a table")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        real(path, *arguments)

    monkeypatch.setattr(proof, "write_table", write)


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
def test_a_store_that_cannot_be_written_names_the_option(tmp_path, workers):
    """Exit code 4 and one line that names the folder and `--store`, from the controller too; no traceback."""
    (tmp_path / "file").write_text("not a folder")
    # a folder is indexed at once, where the miniature's images would be rendered first
    folder(tmp_path / "images", ["blue/a.png", "red/b.png"])
    images = {"role": "validation", "reader": "folder", "path": "images", "label_space": {"names": ["blue", "red"]}}
    zoo = zoo_of(tmp_path, {"set": images}).file
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
    calls = []

    def compute():
        calls.append(1)
        return np.arange(3, dtype=np.float32)

    for _ in range(2):
        assert np.array_equal(Store(tmp_path).array("key", compute), [0, 1, 2])
    assert calls == [1]


def test_files_take_the_mode_of_the_umask(tmp_path):
    """A team shares a store: with a umask of 002 its group may read and replace what is there, its lock included."""
    before = os.umask(0o002)
    try:
        store = Store(tmp_path / "shared" / "store")
        with store.writing(lambda: None):
            store.write_json("pace", "key", {})
            store.array("key", lambda: np.zeros(1, dtype=np.float32))
            fill(store, "key", 3)
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in store.root.rglob("*") if path.is_file()}
    assert modes == {"key.json": "0o664", "key.npy": "0o664", "key.parquet": "0o664", "lock": "0o664"}


def test_what_counts_is_on_disk_before_it_counts(tmp_path, monkeypatch):
    """A file is synced before it gets its name, and the folder with the name after; new folders are, too."""
    steps = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(kind(handle)) or real_sync(handle))
    monkeypatch.setattr(Path, "replace", lambda path, to: steps.append("rename") or real_replace(path, to))

    def kind(handle):
        return "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"

    Store(tmp_path / "store").write_json("pace", "key", {})
    assert steps == ["folder", "folder", "file", "rename", "folder"]
