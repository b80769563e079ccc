"""One run at a time predicts into a store; another waits, and is told whom it waits for."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

HOLDER = "holder"
"""File in which the run that holds a store says who it is, and how far."""

PATIENCE = 30.0
"""Seconds from one word about waiting to the next."""


@contextlib.contextmanager
def holding(root: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a folder for this process; `on_wait` is called every half minute before. Raises OSError where it cannot."""
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / "lock")
    patience = 0.0
    while not lock.is_locked:
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            on_wait()
            patience = PATIENCE
    try:
        note(root, f"since {time.strftime('%H:%M')}")
        yield
    finally:
        with contextlib.suppress(OSError):
            (root / HOLDER).unlink()
        lock.release()


def note(root: Path, text: str) -> None:
    """Say how far the run is that holds the folder, for others that wait for it."""
    with contextlib.suppress(OSError):
        (root / HOLDER).write_text(f"process {os.getpid()} on {platform.node()}, {text}", encoding="utf-8")


def waiting(root: Path) -> str:
    """Say who is waited for, and how far that run is."""
    who = ""
    with contextlib.suppress(OSError, ValueError):
        who = f": {(root / HOLDER).read_text(encoding='utf-8')}"
    return f"another run is predicting into this store; waiting for it{who}"
