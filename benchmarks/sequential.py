"""What deciding in looks saves, and how often it errs: recorded answers of real checkpoints, in random orders.

    EYECHART_DATA=... python benchmarks/sequential.py

Needs the recorded predictions (50,000 ImageNet validation images, ViT and ResNet-50) and the package `imagenet-x`.

Savings: the images come in 1,000 random orders (claims about factors: in 50), and each claim is decided by the
product's own rule. Answers: what the looks of all claims of a gate read, each row of each table once, as `--sequential`
predicts it.

Errors: 50,000 images are drawn from the recorded ones with replacement, so that the truth is what was recorded, and the
bound is exactly that: each verdict but *inconclusive* is an error.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from eyechart.judge.gates import ruling
from eyechart.judge.gates.paired import loss
from eyechart.judge.gates.ruling import rule
from eyechart.judge.verdict import Bound, Outcome
from eyechart.measures import (
    accuracy,
    calibration_error,
    confidence_gap,
    error_ratio,
    only,
    share,
    worst_factor_accuracy,
)
from eyechart.measures.measurement import Measurement, take
from eyechart.measures.predictions import Ints, Predictions
from eyechart.zoo.levels import Levels
from tests.real_predictions import factors, recorded

CLAIMS = 100
"""Claims that share the error of *fail*, as of a zoo of the usual size."""

COUNTED = 400_000
"""Trials of a share, which are a matter of counts."""

FEWER = 20
"""One order of so many is tried on claims about factors, which take most of the time and vary little."""

BOUNDS, BASELINE, FACTORS, ALONE = "bounds", "bounds, and a baseline", "bounds and factors", ""
"""Gates that are made of claims; the others stand alone."""

Claim = tuple[str, str, Measurement, Bound]


def claims(vit: Predictions, resnet: Predictions) -> list[Claim]:
    """What a pull request's gate asks of ViT: its bounds, and that it is no worse than ResNet-50, or than itself."""
    masks = {name: mask for name, mask in factors().items() if mask.any()}
    alike = replace(vit, model="the same, exported")
    twin, at_most = loss(accuracy(vit), accuracy(resnet), more_is_worse=False), Bound(at_most=0.01)
    return [
        (BOUNDS, "top-1 at least 0.70", accuracy(vit), Bound(at_least=0.70)),
        *((ALONE, f"top-1 at least {at:.2f}", accuracy(vit), Bound(at_least=at)) for at in (0.60, 0.75, 0.77, 0.82)),
        (BOUNDS, "calibration error at most 0.05", calibration_error(vit), Bound(at_most=0.05)),
        (BOUNDS, "overconfidence at most 0.085", confidence_gap(vit), Bound(at_most=0.085)),
        (BOUNDS, "underconfidence at most 0.10", confidence_gap(vit), Bound(at_least=-0.10)),
        (BASELINE, "loses at most 0.01 to ResNet-50", twin, at_most),
        (ALONE, "loses at most 0.01 exported", loss(accuracy(vit), accuracy(alike), more_is_worse=False), at_most),
        *((FACTORS, f"error ratio of {name} at most 2", error_ratio(vit, mask), Bound(at_most=2.0))
          for name, mask in masks.items()),
        *((FACTORS, f"top-1 of {name} at least 0.33", accuracy(only(vit, mask)), Bound(at_least=0.33))
          for name, mask in masks.items()),
        (FACTORS, "worst factor's top-1 at least 0.20", worst_factor_accuracy(vit, masks), Bound(at_least=0.20)),
    ]  # fmt: skip


class Orders:
    """Puts a random order in the place of the declared one."""

    def __init__(self, count: int) -> None:
        """Of so many images, whose keys sort as they stand."""
        self.rank = np.arange(count)
        self.row_of: dict[str, int] = {}

    def draw(self, rng: np.random.Generator) -> None:
        """Take a new order."""
        self.rank = rng.permutation(len(self.rank))

    def __call__(self, keys: np.ndarray) -> Ints:
        """Rows of these images in that order, as `declared_order`."""
        return np.argsort(self.rank[self.rows(keys)])

    def rows(self, keys: np.ndarray) -> Ints:
        """Which of all images these are."""
        if len(keys) == len(self.rank):
            return np.arange(len(keys))
        return np.fromiter((self.row_of[key] for key in keys.tolist()), dtype=np.int64, count=len(keys))


def savings(orders: int) -> None:
    """Print how many images each claim needs, and how many answers all of them together."""
    vit, resnet = recorded("ViT"), recorded("ResNet50")
    order = Orders(len(vit))
    order.row_of = {key: row for row, key in enumerate(vit.keys.tolist())}
    ruling.declared_order = order
    rng, asked = np.random.default_rng(12), claims(vit, resnet)
    images: dict[str, list[int]] = {name: [] for _, name, _, _ in asked}
    outcomes: dict[str, Counter[Outcome]] = {name: Counter() for _, name, _, _ in asked}
    answers: dict[str, list[int]] = {BOUNDS: [], BASELINE: [], FACTORS: []}
    for turn in range(orders):
        order.draw(rng)
        read = {gate: {"ViT": np.zeros(len(vit), bool), "ResNet50": np.zeros(len(vit), bool)} for gate in answers}
        for kind, name, measurement, bound in asked:
            if kind == FACTORS and turn % FEWER:
                continue
            found = rule(measurement, bound, Levels(claims=CLAIMS), sequential=True)
            tables = measurement.recipe.tables()
            first = int(str(found.look).partition(": ")[2].partition(" of")[0].replace(",", ""))
            rows = order.rows(tables[0].keys)[order(tables[0].keys)[:first]]
            images[name].append(first)
            outcomes[name][found.outcome] += 1
            for gate in answers if kind == BOUNDS else {kind} & answers.keys():
                for model in {table.model for table in tables}:
                    read[gate][model][rows] = True
        for gate, counts in answers.items():
            if gate != FACTORS or not turn % FEWER:
                counts.append(sum(int(each.sum()) for each in read[gate].values()))
    print("| claim about ViT | verdicts | images that decide it: quartiles | of |")
    print("| --- | --- | --- | --- |")
    for _, name, measurement, _ in asked:
        said = ", ".join(f"{outcome} {count}" for outcome, count in outcomes[name].most_common())
        print(f"| {name} | {said} | {quartiles(images[name])} | {len(measurement.recipe.tables()[0]):,} |")
    for gate, counts in answers.items():
        every = len(vit) * (2 if gate == BASELINE else 1)
        print(f"{gate}: {quartiles(counts)} of {every:,} answers, {np.mean(counts) / every:.1%} on average")


def quartiles(counts: list[int]) -> str:
    """`1,000, 1,000, 3,000`."""
    return ", ".join(f"{value:,.0f}" for value in np.percentile(counts, [25, 50, 75], method="nearest"))


def errors(trials: int) -> None:
    """Print how often a claim whose truth is the bound passes, and how often it fails."""
    vit, resnet = recorded("ViT"), recorded("ResNet50")
    ruling.declared_order = lambda keys: np.arange(len(keys))  # a sample has no order
    lost = loss(accuracy(resnet), accuracy(vit), more_is_worse=False).value
    kinds: list[tuple[str, Callable[[Ints], Measurement], float]] = [
        ("calibration error", lambda rows: calibration_error(take(vit, rows)), calibration_error(vit).value),
        ("loss to a baseline", lambda rows: loss(
            accuracy(take(resnet, rows)), accuracy(take(vit, rows)), more_is_worse=False), lost),
    ]  # fmt: skip
    print("| measure, truth on the bound | trials | passes (asked .025) | fails (asked .01) |")
    print("| --- | --- | --- | --- |")
    print("| top-1 | {:,} | {:.4f} | {:.4f} |".format(COUNTED, *counted(accuracy(vit).value, len(vit))))
    for name, measure, truth in kinds:
        rng, outcomes = np.random.default_rng(7), Counter[Outcome]()
        for _ in range(trials):
            measured = measure(rng.integers(0, len(vit), len(vit)))
            outcomes[rule(measured, Bound(at_most=truth), Levels(), sequential=True).outcome] += 1
        shares = " | ".join(f"{outcomes[each] / trials:.3f}" for each in (Outcome.PASS, Outcome.FAIL))
        print(f"| {name} | {trials:,} | {shares} |")


def counted(truth: float, count: int) -> tuple[float, float]:
    """How often "at least the truth" passes and fails, from counts alone: those of a share are binomial."""
    rng, correct, before = np.random.default_rng(1), np.zeros(COUNTED, dtype=np.int64), 0
    is_open, passed, failed = np.ones(COUNTED, dtype=bool), 0, 0
    for look in ruling.looks(count):
        correct += rng.binomial(look.images - before, truth, COUNTED)
        before, levels = look.images, Levels().at_look(look.part)
        seen, kind = np.unique(correct, return_inverse=True)
        limits = [share("top1", number, look.images).limits for number in seen.tolist()]
        passes = np.array([of(levels.pass_alpha)[0] >= truth for of in limits])[kind] & is_open
        fails = np.array([of(levels.fail_alpha)[1] < truth for of in limits])[kind] & is_open
        passed, failed, is_open = passed + int(passes.sum()), failed + int(fails.sum()), is_open & ~passes & ~fails
    return passed / COUNTED, failed / COUNTED


def main() -> None:
    """Simulate both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=400)
    arguments = parser.parse_args()
    savings(arguments.orders)
    errors(arguments.trials)


if __name__ == "__main__":
    main()
