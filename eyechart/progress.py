"""What the predict phase tells the person who waits: a bar on a terminal, two lines in a log."""

from __future__ import annotations

from typing import TextIO

from tqdm import tqdm

from eyechart.errors import printable


class Progress:
    """Says what is done, how many of how many, and how long it will take."""

    def __init__(self, stream: TextIO) -> None:
        """Tell it to `stream`; a stream that is no terminal gets no bar."""
        self._stream = stream
        self._bar: tqdm[None] | None = None

    def say(self, text: str) -> None:
        """Print one line."""
        if self._bar is not None:
            self._bar.clear()
        print(printable(text), file=self._stream, flush=True)

    def start(self, total: int) -> None:
        """Begin a count of `total` answers."""
        self._bar = tqdm(
            total=total, file=self._stream, unit=" answers", unit_scale=True, disable=not self._stream.isatty(),
            dynamic_ncols=True, leave=False,
        )  # fmt: skip

    def step(self, count: int, what: str) -> None:
        """Count `count` more answers; `what` says whose."""
        if self._bar is not None:
            self._bar.set_description_str(printable(what), refresh=False)
            self._bar.update(count)

    def close(self) -> None:
        """End the count."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
