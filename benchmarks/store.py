"""What a store takes: bytes an answer, what condensing costs, and memory and time of joining a large table.

    OMP_NUM_THREADS=1 python benchmarks/store.py

Answers are drawn: a margin for the label, the other logits normal, which compress no better than a model's. Memory is
what the process holds itself (RssAnon, looked at every 5 ms) beyond what it held before; the names of the images, which
whoever asks holds anyway, are mapped from a file. Times are CPU seconds, since on a busy machine only they say what it
costs.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from eyechart.measures.predictions import condensed
from eyechart.predict.answering import Job, predictions_table
from eyechart.predict.needs import Need
from eyechart.store import Store

CHUNK = 512


def drawn(count: int, classes: int, *, keeps_logits: bool) -> pa.Table:
    """A table of so many answers, as a run makes it."""
    rng, rows = np.random.default_rng(0), np.arange(count)
    labels = rng.integers(0, classes, count)
    keys = np.array([f"{hashlib.sha256(str(row).encode()).hexdigest()[:8]}.JPEG" for row in rows])
    logits = rng.normal(0, 2, (count, classes)).astype(np.float32)
    logits[rows, labels] += rng.gamma(4, 2, count).astype(np.float32)
    checkpoint: Any = SimpleNamespace(resolved=SimpleNamespace(answers="logits"))
    images: Any = SimpleNamespace(keys=keys, labels=labels)
    return predictions_table(Job(Need("m", "s"), "", checkpoint, images, None, keeps_logits), rows, logits)


def size(count: int, classes: int, *, keeps_logits: bool) -> float:
    """Bytes an answer of a finished table."""
    with tempfile.TemporaryDirectory() as folder:
        store, table = Store(Path(folder)), drawn(count, classes, keeps_logits=keeps_logits)
        store.write_part("t", 0, table, {})
        store.finish("t", {}, table["key"].to_numpy().astype(np.str_), {})
        return store.table_path("t").stat().st_size / count


def condensing(classes: int) -> float:
    """CPU microseconds an answer."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (CHUNK, classes)).astype(np.float32), rng.integers(0, classes, CHUNK)
    times = []
    for _ in range(9):
        started = time.process_time()
        condensed(logits, labels)
        times.append(time.process_time() - started)
    return sorted(times)[4] / CHUNK * 1e6


def anonymous() -> int:
    """Bytes that this process holds itself."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def peak(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds, and the most bytes held beyond those before."""
    done, most, before = threading.Event(), [0], anonymous()

    def look() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], anonymous() - before)

    looking = threading.Thread(target=look)
    looking.start()
    started = time.process_time()
    work()
    seconds = time.process_time() - started
    done.set()
    looking.join()
    return seconds, most[0]


def joining(answers: int, parts: int) -> tuple[float, float]:
    """CPU seconds and bytes held at most, of a table of 1,000 classes."""
    each = answers // parts
    few = drawn(min(each, 5_000), 1000, keeps_logits=False)
    table = few.take(np.arange(each) % len(few))
    with tempfile.TemporaryDirectory() as folder:
        store, file = Store(Path(folder) / "store"), Path(folder) / "keys.npy"
        np.save(file, np.array([f"{row % 75:02}/ILSVRC2012_val_{row // 75:08}.JPEG" for row in range(each * parts)]))
        keys = np.load(file, mmap_mode="r")
        for part in range(parts):
            named = table.set_column(0, "key", pa.array(keys[part * each : (part + 1) * each].tolist()))
            store.write_part("t", part * each, named, {})
        with ProcessPoolExecutor(1, get_context("spawn")) as anew:  # which holds nothing of what was drawn
            return anew.submit(finishing, store.root, file).result()


def finishing(root: Path, file: Path) -> tuple[float, float]:
    """CPU seconds and bytes held at most by the process that joins a table."""
    store, keys = Store(root), np.load(file, mmap_mode="r")
    return peak(lambda: store.finish("t", {}, keys, {}))


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=3_750_000)
    parser.add_argument("--parts", type=int, nargs="+", default=[50])
    given = parser.parse_args()
    for classes in (12, 32, 100, 1000):
        kept, full = (size(5_000, classes, keeps_logits=keep) for keep in (classes <= 32, True))
        took = condensing(classes)
        print(f"{classes:5} classes: {kept:6.0f} bytes an answer, {full:6.0f} with logits; condensing {took:5.1f} us")
    for parts in given.parts:
        seconds, held = joining(given.answers, parts)
        print(f"{given.answers:,} answers from {parts:,} parts: {seconds:.1f} s CPU, {held / 1e6:.0f} MB at most")


if __name__ == "__main__":
    main()
