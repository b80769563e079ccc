"""The paper's four checkpoints, drawn: tables that answer as the paper publishes it, in place of forward passes.

A plugin of pytest (`-p tests.paper_checkpoints`): a run over the zoo `paper` indexes image sets of the published sizes
without pixels, and finds in its store what the real checkpoints would leave there. All that follows is the real thing.

What nobody published is drawn as plainly as the published numbers allow, and no verdict on it says anything about the
real checkpoints: under a view an answer changes only as accuracy falls, amounts in between lie on a monotone curve,
corruptions are as hard beside each other as they are for AlexNet, and on a shifted set confidences of a kind are right
as often as on the nearest set whose calibration is published.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.checkpoints.preprocessing import Geometry, Preprocessing
from eyechart.digest import digest
from eyechart.errors import NotApplicableError
from eyechart.images.corruptions import CORRUPTIONS
from eyechart.images.cue_conflict import CATEGORIES
from eyechart.images.image_set import ImageSet
from eyechart.images.published import imagenet_labels, imagenet_x, real
from eyechart.images.readers.assembling import cue_columns
from eyechart.images.readers.derived import DerivedSet
from eyechart.images.views import View
from eyechart.measures import ALEXNET_ERRORS
from eyechart.predict.contracts import Finding
from eyechart.predict.predictor import Predictor
from eyechart.predict.run import Need
from eyechart.predict.searches import search, searched_rows
from eyechart.progress import Progress
from eyechart.zoo import indexing
from fixtures.session import SESSION
from tests import paper_numbers as paper

CORRUPTED_IMAGES = 400
"""Of each corruption and severity, of 50,000: fewer leave more undecided, and break no other promise."""

ALIKE = 0.7
"""Correlation of what two checkpoints find hard."""

SHORT_SIDE = 375
"""Pixels of a typical ImageNet image's shorter side: shifts by a share of it are looked up in the paper's pixels."""

NAMED_BY_REAL = 0.25
"""Share of validation images that are named by a label which ReaL does not give them."""


def draws(*names: str) -> np.random.Generator:
    """Random numbers of these names' own."""
    return np.random.default_rng(int(digest("paper", *names), 16))


# image sets


def drawn_images(zoo: Any, name: str, spec: Any, store: Any) -> ImageSet:
    """Index an image set of the published size, or the training images of one; in place of `indexing._read`."""
    if isinstance(spec, DerivedSet):
        return INDEX(zoo, name, spec, store)
    space, leaked = zoo.labels(name), name == "sun397"  # whose published test images are its training images
    training = spec.role == "transfer" and spec.train is None
    keys, labels, columns = _listed(name, zoo, 1 if training and not leaked else spec.count or 108_754, len(space))

    def read(rows: Any) -> Any:
        raise AssertionError(f"{len(rows)} images of {name!r} are asked for, and there are none")

    source = name if leaked else spec.path
    return ImageSet(
        name, space.name, keys, labels, {**columns, **cue_columns(spec.role, space, keys.tolist())},
        digest("drawn", source, len(keys)), read, cropped=spec.cropped,
        digests=lambda rows: [f"{source}/{row}" for row in rows.tolist()],
    )  # fmt: skip


def _listed(name: str, zoo: Any, count: int, classes: int) -> tuple[Any, Any, dict[str, Any]]:
    """Keys, labels and annotations of the images of a set."""
    if name == "imagenet-1k":
        known = sorted(imagenet_labels().items())
        return np.array([key for key, _ in known]), np.array([label for _, label in known]), {}
    if name == "cue-conflict":
        names = list(CATEGORIES)
        shapes, numbers = np.divmod(np.arange(count), count // len(names))
        texture = [f"{names[number % 16]}{number // 16 % 3 + 1}" for number in numbers]
        files = zip(shapes, numbers, texture, strict=True)
        return np.array([f"{names[s]}/{names[s]}{n // 8 + 1}-{t}.png" for s, n, t in files]), shapes, {}
    if name == "imagenet-c":
        cells = [(corruption, severity) for corruption in CORRUPTIONS for severity in range(1, 6)]
        image = np.tile(np.arange(CORRUPTED_IMAGES).astype(np.str_), len(cells))
        corruption, severity = (np.repeat(column, CORRUPTED_IMAGES) for column in zip(*cells, strict=True))
        keys = [f"{kind}/{level}/{each}" for kind, level, each in zip(corruption, severity, image, strict=True)]
        columns = {"corruption": corruption, "severity": severity, "image": image}
        return np.array(keys), image.astype(np.int64) % classes, columns
    rows = np.arange(count)
    keys, labels = np.char.zfill(rows.astype(np.str_), 6), rows % classes
    if name in paper.COMMONEST:
        labels = np.where(rows < paper.COMMONEST[name] * count, 0, 1 + rows % (classes - 1))
    if name == "pug-imagenet":
        factors = zoo.parts(name, "factor")
        return keys, labels, {"factor": np.array(factors)[rows // classes % len(factors)]}
    return keys, labels, {}


# answers


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


def _validation(
    model: str, images: ImageSet, hard: np.ndarray, wrong: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
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
    from eyechart.images.labels import label_space

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
        """(len(rows), classes)"""
        labels, predicted = self._labels[rows], self._predicted[rows]
        logits = np.zeros((len(labels), self._classes), dtype=np.float32)
        logits[np.arange(len(labels)), labels] = 8.0
        logits[np.arange(len(labels)), predicted] = 9.0
        return logits

    def max(self, **_: Any) -> Any:
        """Refuse what is about all images."""
        raise NotApplicableError("nobody published the probabilities of all classes")


# confidences

SURE_AS = {
    "imagenet-1k": "imagenet-1k", "imagenet-v2": "imagenet-1k", "imagenet-sketch": "imagenet-1k",
    "imagenet-hard": "imagenet-1k", "imagenet-a": "imagenet-r", "imagenet-r": "imagenet-r",
}  # fmt: skip
"""Image set → the one whose published reliability it has: read out of as many classes."""


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


# views


def kept(model: str, view: View, resolved: Resolved) -> float:
    """Accuracy under a view, as the paper's curves have it: what a view costs there, off the accuracy here."""
    accuracy = paper.of(model, paper.ACCURACY["imagenet-1k"])
    if view.kind == "scale":
        return accuracy + _change(model, paper.SCALES, paper.SCALED, 1, view.amount)
    if view.kind in ("resolution", "relative_resolution"):
        side = resolved.geometry(view).size[0]
        return accuracy + _change(model, np.log(paper.RESOLUTIONS), paper.RESIZED, np.log(224), np.log(side))
    if view.pads:
        pixels = view.amount * (SHORT_SIDE if view.kind == "relative_shift" else 1)
        return accuracy + _change(model, paper.SHIFTS, paper.SHIFTED, 0, pixels)
    return accuracy


def _change(model: str, amounts: Sequence[float], rows: Any, usual: float, amount: float) -> float:
    curve = PchipInterpolator(amounts, paper.of(model, rows))
    return float(curve(amount) - curve(usual))


# the run


class Drawn(Predictor):
    """Meets every need with what is drawn, through the real keys, tables and indexes."""

    def known(self, model: str) -> Resolved:
        """What the published checkpoints resolve to, but for their weights."""
        patch = 16 if model.startswith("vit") else 1
        pixels = Preprocessing(Geometry((224, 224), (224, 224)), (0.5,) * 3, (0.5,) * 3)
        resolved = Resolved("drawn", model, "drawn", "", pixels, patch, 1000, "fp32")
        self.run.fingerprints[model] = resolved.identity
        return resolved

    def locate(self, need: Need) -> bool:
        """Whether a need is met: what is not is drawn first."""
        if not super().locate(need):
            self._draw(self.whole(need))
        return super().locate(need)

    def prepare(self, needs: set[Need]) -> None:
        """Meet every need; and let masks choose among all classes of the validation images."""
        super().prepare(needs)
        for need in sorted({Need(need.model, "imagenet-1k") for need in needs} & set(self.run.addresses)):
            answers = self.run.predictions(need)
            rows = Rows(answers.labels, answers.predicted, 1000)
            self.run.assume(need, replace(answers, logits_of=lambda rows=rows: rows))

    def _draw(self, need: Need) -> None:
        run, images, resolved = self.run, self.images(need.image_set), self.known(need.model)
        key = self.key(resolved, need)
        if need.contract:
            run.store.write_json("contracts", key, asdict(Finding(holds=True, count=64)))
        elif need.search:
            run.store.write_json("searches", key, asdict(self._searched(need, images)))
        else:
            answers = self._answers(need.model, images.name)
            predicted = self._under(need.model, images, need.view)
            columns = {"label": images.labels, "predicted": predicted, "confidence": answers.confidence}
            run.store.write_part(key, 0, pa.table({"key": images.keys.tolist(), **columns}), {})
            run.store.finish(key, {"model": need.model, "image_set": need.image_set, "view": need.view}, images.keys, {})

    def _answers(self, model: str, name: str) -> Answers:
        what = ("drawn", model, name)
        return self.run.remembered(what, lambda: base(model, self.images(name), len(self.run.zoo.labels(name))))

    def _under(self, model: str, images: ImageSet, view: str) -> np.ndarray:
        answers = self._answers(model, images.name)
        if view == "original" or view.startswith("probe"):
            return answers.predicted
        return answers.at(images.labels, kept(model, View.parse(view), self.known(model)))

    def _searched(self, need: Need, images: ImageSet) -> Any:
        rows = searched_rows(images.keys)
        classes = np.eye(1000, dtype=np.float32)

        def answer(_: Any, view: View) -> Any:
            return classes[self._under(need.model, images, str(view))[rows]]

        return search(need.search, answer, rows.tolist(), images.labels[rows], images.keys[rows])


INDEX = indexing._read


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put what is drawn in place of image files and forward passes."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        indexing._read = drawn_images
        session._predictor = Drawn(session.run, Progress(io.StringIO()))
