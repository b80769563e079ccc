"""What the paper's four checkpoints answer to unchanged images, drawn so that the published numbers come out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq

from eyechart.digest import digest
from eyechart.errors import NotApplicableError
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.cue_conflict import CATEGORIES
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import label_space
from eyechart.images.published import imagenet_x, real
from eyechart.measures import ALEXNET_ERRORS
from tests import paper_numbers as paper

ALIKE = 0.7
"""Correlation of what two checkpoints find hard."""

NAMED_BY_REAL = 0.25
"""Share of validation images that are named by a label which ReaL does not give them."""

SURE_AS = {
    "imagenet-1k": "imagenet-1k", "imagenet-v2": "imagenet-1k", "imagenet-sketch": "imagenet-1k",
    "imagenet-hard": "imagenet-1k", "imagenet-a": "imagenet-r", "imagenet-r": "imagenet-r",
}  # fmt: skip
"""Image set → the one whose published reliability it has: read out of as many classes."""


def draws(*names: str) -> np.random.Generator:
    """Random numbers of these names' own."""
    return np.random.default_rng(int(digest("paper", *names), 16))


@dataclass
class Answers:
    """What a checkpoint answers to unchanged images, hardest last: what it names right, then what it does not.

    hardness, right, predicted, confidence are (n,)
    """

    hardness: np.ndarray
    right: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray

    def at(self, labels: np.ndarray, share: float) -> np.ndarray:
        """Name so many of the images right under a view, changing no more answers than that takes."""
        order = np.lexsort((self.hardness, ~self.right))
        right = np.zeros(len(order), dtype=bool)
        right[order[: round(share * len(order))]] = True
        other = np.where(self.predicted == labels, (labels + 1) % (labels.max() + 1), self.predicted)
        return np.where(right, labels, other)


def hardness(model: str, name: str, groups: np.ndarray | None = None) -> Any:
    """(n,) how hard each image is: shared by all checkpoints in part; with `groups` by images of one group as well."""

    def one(size: int, *names: str) -> np.ndarray:
        shared, own = draws(name, *names).normal(size=size), draws(name, model, *names).normal(size=size)
        return np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * own

    def of(count: int) -> np.ndarray:
        return one(count) if groups is None else one(count) + one(int(groups.max()) + 1, "groups")[groups]

    return of


def easiest(hard: np.ndarray, count: int) -> np.ndarray:
    """(n,) which `count` of the images are least hard."""
    return np.argsort(np.argsort(hard, kind="stable"), kind="stable") < count


def otherwise(labels: np.ndarray, classes: int, *names: str) -> np.ndarray:
    """(n,) for each image a class that it does not show."""
    return (labels + draws(*names, "wrong").integers(1, classes, len(labels))) % classes


def base(model: str, images: ImageSet, classes: int) -> Answers:
    """What a checkpoint answers to the unchanged images of a set."""
    name, labels = images.name, images.labels
    groups = labels if name == "pug-imagenet" else None
    hard = hardness(model, name, groups)(len(labels))
    wrong = otherwise(labels, classes, model, name)
    if name == "imagenet-1k":
        right, wrong = _validation(model, images, hard, wrong)
    elif name == "cue-conflict":
        right, wrong = _cues(model, images, hard)
    elif name == "imagenet-c":
        right = _corrupted(model, images, hard)
    elif name == "pug-imagenet":
        parts = [(images.annotations["factor"] == factor, row) for factor, row in paper.RENDERED.items()]
        right = np.zeros(len(labels), dtype=bool)
        for inside, row in parts:
            right[inside] = easiest(hard[inside], round(paper.of(model, row) * inside.sum()))
    else:
        row = paper.TASKS.get(name) or paper.ACCURACY[name]
        right = easiest(hard, round(paper.of(model, row) * len(labels)))
    confidence = _confidence(model, name, right) if name in SURE_AS else np.full(len(labels), 0.5)
    return Answers(hard, right, np.where(right, labels, wrong), confidence)


def _corrupted(model: str, images: ImageSet, hard: np.ndarray) -> np.ndarray:
    """In AlexNet's proportions, the same at all severities."""
    mean = 1 - paper.of(model, paper.ACCURACY["imagenet-c"])
    scale = mean / np.mean([ALEXNET_ERRORS[corruption] for corruption in CORRUPTIONS])
    right = np.zeros(len(hard), dtype=bool)
    for corruption in CORRUPTIONS:
        inside = images.annotations["corruption"] == corruption
        right[inside] = easiest(hard[inside], round((1 - scale * ALEXNET_ERRORS[corruption]) * inside.sum()))
    return right


def _cues(model: str, images: ImageSet, hard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each category as many decisions by shape and by texture as were counted; the others name a third class."""
    shape, texture = images.annotations["shape"], images.annotations["texture"]
    right, by_texture = np.zeros(len(shape), dtype=bool), np.zeros(len(shape), dtype=bool)
    decisions = [paper.of(model, row) for row in paper.CUE_DECISIONS.values()]
    for category, (shapes, textures) in enumerate(decisions):
        rows = np.flatnonzero((shape == category) & (texture != category))
        rows = rows[np.argsort(hard[rows])]
        right[rows[:shapes]], by_texture[rows[shapes : shapes + textures]] = True, True
    agreeing = np.flatnonzero(shape == texture)
    right[agreeing] = easiest(hard[agreeing], paper.of(model, paper.CUES_RIGHT) - sum(pair[0] for pair in decisions))
    third = (np.maximum(shape, texture) + 1) % len(CATEGORIES)
    third = np.where((third == shape) | (third == texture), (third + 1) % len(CATEGORIES), third)
    return right, np.where(by_texture, texture, third)


def _validation(model: str, images: ImageSet, hard: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many errors on the images of each factor, and as many right answers by ReaL's labels, as are published."""
    keys = images.keys.tolist()
    lists = [real().labels.get(key, ()) for key in keys]
    doubted = np.array([bool(each) and label not in each for each, label in zip(lists, images.labels, strict=True)])
    factors = _factors(tuple(keys))
    error = paper.of(model, paper.ANNOTATED_ERROR)
    right = np.zeros(len(keys), dtype=bool)
    for number, row in enumerate(paper.ERROR_RATIOS.values()):
        inside = factors == number
        errors = round(paper.of(model, row) * error * inside.sum())
        right[inside] = _named(hard[inside], doubted[inside], inside.sum() - errors)
    rest = factors < 0
    total = round(paper.of(model, paper.ACCURACY["imagenet-1k"]) * len(keys))
    right[rest] = _named(hard[rest], doubted[rest], total - right.sum())

    answers = _outside_masks(model, images, right, wrong)
    listed = np.array([bool(each) for each in lists])
    agreed = right & listed & ~doubted
    needed = round(paper.of(model, paper.ACCURACY["imagenet-real"]) * listed.sum()) - agreed.sum()
    others = [next((c for c in each if c != label), -1) for each, label in zip(lists, images.labels, strict=True)]
    open_to = np.flatnonzero(~right & (np.array(others) >= 0))
    assert 0 <= needed <= len(open_to), f"{needed} further answers are right by ReaL, and {len(open_to)} can be"
    chosen = open_to[np.argsort(hard[open_to])][:needed]
    answers[chosen] = np.array(others)[chosen]
    return right, answers


def _named(hard: np.ndarray, doubted: np.ndarray, count: int) -> np.ndarray:
    """Which `count` images are named by their label, of those whose label is in doubt no more than need be."""
    few = min(round(NAMED_BY_REAL * doubted.sum()), count)
    few = max(few, count - int((~doubted).sum()))
    right = np.zeros(len(hard), dtype=bool)
    right[doubted], right[~doubted] = easiest(hard[doubted], few), easiest(hard[~doubted], count - few)
    return right


@cache
def _factors(keys: tuple[str, ...]) -> np.ndarray:
    """(n,) number of the factor that ImageNet-X gives an image, -1 for none."""
    known = imagenet_x()
    numbers = {}
    for number, factor in enumerate(paper.ERROR_RATIOS):
        numbers.update({known.keys[row]: number for row in np.flatnonzero(known.columns[factor])})
    return np.array([numbers.get(key, -1) for key in keys])


MASKS = ("imagenet-a-200", "imagenet-r-200")


def _outside_masks(model: str, images: ImageSet, right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Wrong answers of which masks to 200 classes leave as many as is published; see `Rows`."""
    names = label_space("imagenet-1k").names
    inside = [np.isin(names, label_space(mask).names) for mask in MASKS]
    error = 1 - paper.of(model, paper.ACCURACY["imagenet-1k"])
    kept = [(1 - (paper.of(model, row) or 1 - error * 0.19)) / error for row in paper.CLEAN.values()]
    answers, chance = wrong.copy(), draws(model, "masks").random(len(right))
    outside = np.flatnonzero(~inside[0] & ~inside[1])
    for a, r in ((True, False), (False, True), (True, True)):
        rows = np.flatnonzero(~right & (inside[0][images.labels] == a) & (inside[1][images.labels] == r))
        group = np.flatnonzero((inside[0] == a) & (inside[1] == r))
        stays = chance[rows] < np.mean([share for share, within in zip(kept, (a, r), strict=True) if within])
        place = np.searchsorted(group, images.labels[rows])
        answers[rows] = np.where(stays, group[(place + 1) % len(group)], outside[rows % len(outside)])
    return answers


class Rows:
    """Logits of any few of 50,000 images: the answer first, then the label. All at once they would fill the memory."""

    def __init__(self, labels: np.ndarray, predicted: np.ndarray, classes: int) -> None:
        """Hold what to answer, (n,) each."""
        self._labels, self._predicted, self._classes = labels, predicted, classes

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), classes): 9 for the answer, 8 for the label, 0 for the others."""
        labels, predicted = self._labels[rows], self._predicted[rows]
        logits = np.zeros((len(labels), self._classes), dtype=np.float32)
        logits[np.arange(len(labels)), labels] = 8.0
        logits[np.arange(len(labels)), predicted] = 9.0
        return logits

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Refuse what is about all images."""
        raise NotApplicableError("nobody published the probabilities of all classes")


def _confidence(model: str, name: str, right: np.ndarray) -> np.ndarray:
    """(n,) confidences: as often in each bin, and there as often right, as published.

    On a set without a published histogram confidences shift to where that reliability gives the accuracy.
    """
    like = SURE_AS[name]
    error, over = (paper.of(model, table[like]) for table in (paper.CALIBRATION, paper.OVERCONFIDENT_BINS))
    bars = np.array(paper.of(model, paper.HISTOGRAMS[like]))
    bars = (bars + paper.EDGE * (bars > 0)) / (bars + paper.EDGE * (bars > 0)).sum()
    sign = np.where(np.arange(15) >= 15 - over, 1.0, -1.0)
    mean = paper.of(model, paper.ACCURACY[like]) + error * (bars @ sign)
    within = float(np.clip(15 * mean - bars @ np.arange(15), 0.1, 0.9))
    level = (np.arange(15) + within) / 15
    share = np.clip(level - error * sign, 0.0, 1.0)
    if name != like:
        bars = _tilted(bars, level, share, right.mean())
    counts, named = apportioned(bars, len(right)), bars * share
    named = np.minimum(apportioned(named / named.sum(), int(right.sum())), counts)
    for row in np.argsort(-bars)[: int(right.sum()) - named.sum()]:
        named[row] += 1
    spread = min(within, 1 - within)
    filled = np.empty(len(right))
    for inside, numbers in ((right, named), (~right, counts - named)):
        bins = draws(model, name, "bins", str(inside.sum())).permutation(np.repeat(np.arange(15), numbers))
        jitter = draws(model, name, "jitter").uniform(-spread, spread, len(bins))
        filled[inside] = (bins + within + 0.98 * jitter) / 15
    return filled


def _tilted(bars: np.ndarray, level: np.ndarray, share: np.ndarray, accuracy: float) -> np.ndarray:
    """Make sure answers rarer, or more frequent, until the accuracy is this; or as far as that goes."""

    def tilted(strength: float) -> np.ndarray:
        weights = bars * np.exp(strength * (level - level.mean()))
        return np.asarray(weights / weights.sum())

    def excess(strength: float) -> float:
        return float(tilted(strength) @ share - accuracy)

    return tilted(brentq(excess, -40, 40) if excess(-40) < 0 else -40)


def apportioned(shares: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers in these proportions, `count` in all."""
    exact = shares * count
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: count - whole.sum()]] += 1
    return whole
