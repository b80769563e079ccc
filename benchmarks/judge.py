"""How long judging takes: 4 models x 100 claims x 50,000 images, from stored predictions to verdicts, on one core.

    OMP_NUM_THREADS=1 python benchmarks/judge.py

Predictions are drawn and stored first (not timed). Timed is what a worker does for each claim: reading the tables it
is the first to need, measuring, deciding, and the report's p-value. Both CPU and wall time are shown, since on a busy
machine only the first says what judging costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from eyechart.judge.gates.paired import loss
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound
from eyechart.measures import accuracy, accuracy_drop, answers_kept, calibration_error, confidence_gap, error_ratio
from eyechart.measures.measurement import Measurement
from eyechart.measures.predictions import Predictions
from eyechart.predict.needs import Need
from eyechart.predict.run import Run, Settings
from eyechart.zoo.levels import Levels
from eyechart.zoo.zoo import read_zoo

IMAGES, MODELS, VIEWS, CLASSES = 50_000, 4, 20, 1000
Claim = tuple[str, Callable[[], Measurement], Bound]


def fill(run: Run, images: int) -> None:
    """Store predictions of each model under each view; without logits, which no claim here reads."""
    rng = np.random.default_rng(0)
    keys = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(images)]
    labels = rng.integers(0, CLASSES, images)
    for model in range(MODELS):
        confidence = rng.beta(4, 1, images)
        for view in range(VIEWS):
            right = rng.uniform(size=images) < confidence - 0.02 * (view % 3)
            table = {
                "key": keys, "label": labels, "predicted": np.where(right, labels, (labels + 1) % CLASSES),
                "confidence": confidence,
            }  # fmt: skip
            key = f"{model}-{view}"
            run.store.write_part(key, 0, pa.table(table), {})
            run.store.finish(key, {}, np.array(keys), {})
            run.addresses.meet(Need(str(model), "validation", f"shift({view})"), key)


def no_logits() -> np.ndarray:
    """Like a source that records no probabilities but the answer's."""
    raise LookupError


def claims(run: Run, model: int, masks: list[np.ndarray]) -> Iterator[Claim]:
    """One hundred claims about a model, of every kind that is common."""

    def table(view: int, of: int = model) -> Predictions:
        return replace(run.predictions(Need(str(of), "validation", f"shift({view})")), logits_of=no_logits)

    for view in range(VIEWS):
        yield "accuracy", lambda v=view: accuracy(table(v)), Bound(at_least=0.79)
        yield "calibration", lambda v=view: calibration_error(table(v)), Bound(at_most=0.02)
    for view in range(1, VIEWS):
        yield "drop", lambda v=view: accuracy_drop(table(0), table(v)), Bound(at_most=0.02)
    for mask in masks:
        yield "error ratio", lambda m=mask: error_ratio(table(0), m), Bound(at_most=1.05)
    for view in range(1, 6):
        yield "kept", lambda v=view: answers_kept(table(0), table(v)), Bound(at_least=0.7)
    for view in range(10):
        twin = lambda v=view: loss(accuracy(table(v)), accuracy(table(v, 0)), more_is_worse=False)  # noqa: E731
        yield "accuracy, twin", twin, Bound(at_most=0.01)
    for view in range(5):
        twin = lambda v=view: loss(  # noqa: E731
            calibration_error(table(v)), calibration_error(table(v + 1, 0)), more_is_worse=True
        )
        yield "calibration, twin", twin, Bound(at_most=0.01)
    for view in range(5):
        yield "confidence gap", lambda v=view: confidence_gap(table(v)), Bound(at_most=0.01)


def judge(run: Run, sequential: bool) -> tuple[list[tuple[str, float]], float, float]:
    """Judge everything once; (kind, CPU seconds) of each claim, CPU seconds and wall seconds in all."""
    run._read.clear()
    rng = np.random.default_rng(1)
    masks = [rng.uniform(size=IMAGES) < share for share in np.geomspace(0.001, 0.3, 16)]
    times = []
    began, cpu = time.perf_counter(), time.process_time()
    for model in range(MODELS):
        hundred = list(claims(run, model, masks))
        for kind, measure, bound in hundred:
            started = time.process_time()
            rule(measure(), bound, Levels(claims=100), sequential=sequential)
            times.append((kind, time.process_time() - started))
    return times, time.process_time() - cpu, time.perf_counter() - began


def main() -> None:
    """Print the totals of several repetitions, and the slowest claim of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sequential", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        zoo = read_zoo(Path(__file__).parents[1] / "models.yaml", "miniature")
        run = Run(zoo, Settings(Path(folder)))
        fill(run, IMAGES)
        found = [judge(run, given.sequential) for _ in range(given.repeat)]
    totals = [cpu for _, cpu, _ in found]
    spread = statistics.stdev(totals) if len(totals) > 1 else 0.0
    walls = ", ".join(f"{wall:.1f}" for _, _, wall in found)
    print(f"{MODELS} models x 100 claims x {IMAGES:,} images: {statistics.mean(totals):.2f} s CPU")
    print(f"  spread {spread:.2f} s over {len(totals)} runs; wall {walls} s")
    for kind in dict.fromkeys(kind for kind, _ in found[0][0]):
        of_kind = [seconds for times, _, _ in found for each, seconds in times if each == kind]
        median, worst = statistics.median(of_kind) * 1000, max(of_kind) * 1000
        print(f"  {kind:18} median {median:6.1f} ms, slowest {worst:6.1f} ms")


if __name__ == "__main__":
    main()
