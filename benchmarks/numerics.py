"""What changes in a checkpoint's answers with batch size and precision, on the miniature zoo.

    python -m benchmarks.numerics [--models FILE] [--store DIR] [--images N] [--device cpu]

Each line compares with the usual pass (fp32, batches of 128): answers that flip, the largest difference of a logit,
and what accuracy and calibration error make of it.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np

from eyechart.measures.intervals import ece
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.zoo import read_zoo

BATCH = 128


def answers(run: Run, model: str, images: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of the first `images` of the validation set, in filled batches of one size."""
    predictor = Predictor(run, Progress(io.StringIO()))
    checkpoint, found = predictor.locator.checkpoint(model), predictor.locator.images("validation")
    rows = np.arange(min(images, len(found)))
    raw = found.read(rows)
    parts = []
    for start in range(0, len(raw), batch):
        part = raw[start : start + batch]
        filled = [*part, *[part[-1]] * (batch - len(part))]
        parts.append(checkpoint(filled)[: len(part)])
    return np.concatenate(parts).astype(np.float64), found.labels[rows]


def scores(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy and debiased calibration error."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    right = logits.argmax(axis=1) == labels
    return float(right.mean()), ece((shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1), right).value


def main() -> None:
    """Print one line for each model and change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path(__file__).parents[1] / "models.yaml")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    zoo = read_zoo(given.models, "miniature")
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            precision: Run(zoo, Settings(given.store or Path(folder), device=given.device, precision=precision))
            for precision in ("fp32", "bf16")
        }
        for model in zoo.models:
            usual, labels = answers(runs["fp32"], model, given.images, BATCH)
            for name, precision, batch in (
                ("again", "fp32", BATCH), ("batch 32", "fp32", 32), ("batch 8", "fp32", 8), ("batch 7", "fp32", 7),
                ("bf16", "bf16", BATCH),
            ):  # fmt: skip
                other, _ = answers(runs[precision], model, given.images, batch)
                flips = int((usual.argmax(axis=1) != other.argmax(axis=1)).sum())
                (a0, e0), (a1, e1) = scores(usual, labels), scores(other, labels)
                print(
                    f"{model:14} {name:9} {flips:4} of {len(labels):,} flip, logits within "
                    f"{np.abs(usual - other).max():.1e}, accuracy {a1 - a0:+.4f}, calibration error {e1 - e0:+.5f}"
                )


if __name__ == "__main__":
    main()
