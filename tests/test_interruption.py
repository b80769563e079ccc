"""A run that is cut short: nothing is lost, nothing is damaged, and the next one goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from eyechart.checkpoints.checkpoint import PROCESSOR
from eyechart.predict.predictor import CHUNK
from tests.harness import ROOT, command, run_pytest, surroundings, toy, zoo_file

pytestmark = pytest.mark.slow
LIMIT = 2 * CHUNK
"""Two chunks a set, so that a run can be stopped in the middle of one."""


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Ctrl-C reaches the runs of these tests, though this one was started where it is ignored, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wait_for(condition, seconds: float = 300) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("stop", "workers"),
    [(signal.SIGKILL, 0), (signal.SIGINT, 0), (signal.SIGINT, 2)],
    ids=["killed", "ctrl-c", "ctrl-c with workers"],
)
def test_a_run_that_is_cut_short_goes_on_where_it_was(store, tmp_path, stop, workers):
    """Each chunk that was answered before the end is kept; the next run answers the rest, and judges all of it."""
    log = tmp_path / "log"
    zoo = zoo_file(tmp_path / "models.yaml", {"slow": toy("slow")})
    arguments = ("behaviors/", "--models", zoo, "--store", store, "--limit", LIMIT, "-k", "names_what or recognized")
    process = subprocess.Popen(
        command(*arguments, "-n", workers, "--reports", tmp_path / "reports", "-p", "no:cacheprovider"), cwd=ROOT,
        env=surroundings(EYECHART_TEST_LOG=str(log), EYECHART_TEST_SLEEP="0.1"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    # in the second chunk of the first set
    wait_for(lambda: log.exists() and len(log.read_text().splitlines()) > CHUNK // PROCESSOR.most + 1)
    process.send_signal(stop)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == (-signal.SIGKILL if stop is signal.SIGKILL else 2), text
    assert not (tmp_path / "reports" / "verdicts.json").exists()
    parts = sorted((store / "partial").rglob("*.parquet"))
    assert parts
    if stop is signal.SIGINT:
        assert not list(store.rglob(".writing-*"))
    again = run_pytest(*arguments, reports=tmp_path / "reports", EYECHART_TEST_SLEEP="0")
    assert [(r["count"], r["verdict"] == "blocked") for r in again.claims] == [(LIMIT, False)] * 3
    assert again.run["predict"]["answers"] == LIMIT * 3 - CHUNK * len(parts)
    assert not list((store / "partial").iterdir())
