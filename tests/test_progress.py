"""What the person who waits is told: where there is no terminal a line every half minute, and whom a run waits for."""

from __future__ import annotations

import io
import os

import pytest

from eyechart.progress import EVERY, Progress
from eyechart.store import Store, holding


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def told():
    """A clock, a log, and what is told there of 10,000 answers."""
    clock, log = Clock(), io.StringIO()
    progress = Progress(log, clock)
    progress.start(10_000)
    return clock, log, progress


def test_a_log_hears_every_half_minute(told):
    """The rate counts what was answered, not what was there: 600 in 60 seconds, of 4,000 that are left."""
    clock, log, progress = told
    progress.step(6000, "photos", stored=True)
    clock.now += EVERY - 1
    progress.answered(300, "vit")
    assert log.getvalue() == ""
    clock.now += 1
    progress.answered(0, "vit")
    clock.now += EVERY
    progress.answered(300, "vit")
    assert log.getvalue().splitlines() == [
        "vit: 6,300 of 10,000 answers, 10 a second, 6 min left",
        "vit: 6,600 of 10,000 answers, 10 a second, 6 min left",
    ]


def test_answers_that_are_kept_count_once(told):
    """Whether a model gave them here, or many machines did."""
    clock, log, progress = told
    progress.answered(512, "vit")
    progress.step(512, "vit photos original")
    clock.now += 2 * EVERY
    progress.step(488, "vit photos original")
    assert log.getvalue() == "vit photos original: 1,000 of 10,000 answers, 17 a second, 9 min left\n"
    progress.close()
    clock.now += 2 * EVERY
    progress.step(1, "vit")
    assert log.getvalue().count("\n") == 1


def test_nothing_new_has_no_rate(told):
    """Nobody is told that it takes forever."""
    clock, log, progress = told
    clock.now += EVERY
    progress.step(100, "photos", stored=True)
    assert log.getvalue() == "photos: 100 of 10,000 answers, 0 a second, nothing new yet\n"


def test_a_run_that_waits_says_for_whom(tmp_path, monkeypatch):
    """Again and again, with how far that is; the word goes with the run."""
    monkeypatch.setattr(holding, "PATIENCE", 0.01)
    first, second, heard = Store(tmp_path), Store(tmp_path), []

    class EnoughError(Exception):
        """The test has heard enough."""

    def hear() -> None:
        heard.append(second.waiting())
        first.note(f"{len(heard)} of 9 answers")
        if len(heard) == 3:
            raise EnoughError

    with first.writing(lambda: None), pytest.raises(EnoughError), second.writing(hear):
        pass
    me = f"waiting for it: process {os.getpid()} on "
    assert all(me in each for each in heard)
    assert [each.rpartition(", ")[2] for each in heard[1:]] == ["1 of 9 answers", "2 of 9 answers"]
    assert second.waiting().endswith("waiting for it")
