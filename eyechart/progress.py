"""What the predict phase tells the person who waits: a bar on a terminal; in a log, a line every half minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from eyechart.errors import printable

EVERY = 30.0
"""Seconds from one line to the next where there is no terminal."""


class Progress:
    """Says what is done, how many of how many, and how long it will take.

    `note` is told the same every half minute, on a terminal too: for another run that waits for this one.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Tell it to `stream`; a stream that is no terminal gets lines for a bar. `clock` gives seconds."""
        self._stream, self._clock = stream, clock
        self._bar: tqdm[None] | None = None
        self._total = self._stepped = self._stored = self._answered = 0
        self._started = self._told = 0.0
        self.note: Callable[[str], None] = lambda _: None

    def say(self, text: str) -> None:
        """Print one line."""
        if self._bar is not None:
            self._bar.clear()
        print(printable(text), file=self._stream, flush=True)

    def start(self, total: int) -> None:
        """Begin a count of `total` answers."""
        self._total, self._stepped, self._stored, self._answered = total, 0, 0, 0
        self._started = self._told = self._clock()
        self._bar = tqdm(
            total=total, file=self._stream, unit=" answers", unit_scale=True, disable=not self._stream.isatty(),
            dynamic_ncols=True, leave=False,
        )  # fmt: skip

    def step(self, count: int, what: str, *, stored: bool = False) -> None:
        """Count `count` more answers that are kept; `what` says whose, `stored` that they were there before."""
        self._stepped += count
        self._stored += count if stored else 0
        if self._bar is not None:
            self._bar.set_description_str(printable(what), refresh=False)
            self._bar.update(count)
        self._tell(what)

    def answered(self, count: int, what: str) -> None:
        """Count answers that are not kept yet, so that a long chunk is no long silence."""
        self._answered += count
        self._tell(what)

    def close(self) -> None:
        """End the count."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _tell(self, what: str) -> None:
        now = self._clock()
        if self._bar is None or now - self._told < EVERY:
            return
        self._told = now
        done = min(max(self._stepped, self._stored + self._answered), self._total)
        rate = (done - self._stored) / (now - self._started)
        left = f"{duration((self._total - done) / rate)} left" if rate else "nothing new yet"
        line = f"{what}: {done:,} of {self._total:,} answers, {rate:,.0f} a second, {left}"
        self.note(line)
        if not self._stream.isatty():
            self.say(line)


def duration(seconds: float) -> str:
    """Write seconds as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
