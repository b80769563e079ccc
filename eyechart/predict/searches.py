"""Searches: the smallest change that breaks a bound, found by Hypothesis on a live checkpoint in the predict phase.

What a search finds is stored under the checkpoint's identity. It is the worst of many looks at its images, so the
verdict is measured on others: see `searched_rows`.
"""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from hypothesis import find
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from numpy.typing import NDArray
from PIL import Image as PILImage

from eyechart.errors import BlockedError, SpecError, nearest
from eyechart.images.ordering import declared_order
from eyechart.images.views import ORIGINAL, Image, View, brightness, relative_shift, scale
from eyechart.measures.intervals import tango
from eyechart.measures.predictions import Bools, Ints
from eyechart.predict.exploring import steady

Answer: TypeAlias = Callable[[Sequence[Image], View], NDArray[Any]]
"""Raw images and a view → (n, classes), in the label space of the images' labels."""

SEARCHED = 128
"""Images that a search looks at: enough to see a loss of a few points, few enough to try many changes on."""

DOUBT = 0.025
"""A change counts as breaking where the lower limit at this error rate does, so that noise is no counter-example."""

HARMLESS = 0.001
"""A change needs no further images where its upper limit at this error rate keeps the bound on the searched ones."""

EXAMPLES = 4
"""Keys of images that were right and are wrong, to be shown."""

SIDE, LARGEST, GAP, COLUMNS = 96, 256, 4, 4
"""Pixels of a picture's cells at least and at most, between them, and how many images it shows."""

WAYS: Mapping[str, tuple[tuple[View, ...], ...]] = MappingProxyType(
    {
        "shift": (tuple(relative_shift(k / 64) for k in range(1, 9)),),
        "scale": (tuple(scale(1 + k / 16) for k in range(1, 9)),),
        "brightness": tuple(tuple(brightness(1 + sign * k / 8) for k in range(1, 4)) for sign in (-1, 1)),
    }
)
"""What is searched: for each kind one way or more to change a picture, each from its smallest step to its largest."""

_TEXT = re.compile(r"(?P<kind>\w+) > (?P<bound>0|0?\.\d+)")


@dataclass(frozen=True, slots=True)
class Search:
    """A kind of change, and the largest loss of accuracy that is no counter-example: `shift > 0.05`."""

    kind: str
    bound: float

    def __str__(self) -> str:
        """As a behavior writes it."""
        return f"{self.kind} > {self.bound:g}"

    @classmethod
    def parse(cls, text: str) -> Search:
        """Read what `str` wrote. Raises SpecError for any other text."""
        parts = _TEXT.fullmatch(text)
        if not parts or parts["kind"] not in WAYS:
            raise SpecError(
                f"search {text!r} is unknown, expected such as 'shift > 0.05': {nearest(text.partition(' ')[0], WAYS)}"
            )
        return cls(parts["kind"], float(parts["bound"]))

    @property
    def views(self) -> tuple[View, ...]:
        """Every change that may be tried, smallest first; where two are of one size, that of the first way."""
        return tuple(view for step in zip(*WAYS[self.kind], strict=True) for view in step)

    def smaller(self, view: View) -> View | None:
        """The next smaller step the same way, if there is one."""
        way = next(way for way in WAYS[self.kind] if view in way)
        return way[way.index(view) - 1] if view != way[0] else None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, in plain types.

    view      the smallest change that breaks the bound, or where none does the one with the largest drop
    breaks    whether it does
    drop      accuracy lost on the searched images; `low` is what of it is beyond doubt
    lost      images that were right and are wrong; `won` those the other way; of `count`
    tried     view → drop, of every change that was tried
    message   all this as a sentence
    examples  keys of a few of the lost images
    doubtful  changes that the searched images alone do not show to keep the bound
    """

    view: str
    breaks: bool
    drop: float
    low: float
    lost: int
    won: int
    count: int
    tried: dict[str, float] = field(repr=False)
    message: str
    examples: list[str]
    doubtful: list[str]

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Found:
        """Rebuild what `dataclasses.asdict` made."""
        return cls(**record)


@dataclass(frozen=True, slots=True)
class _Change:
    """What one view does to the answers."""

    lost: Bools
    won: Bools

    @property
    def drop(self) -> float:
        """Accuracy that is lost."""
        return float((self.lost.sum() - self.won.sum()) / len(self.lost))

    @property
    def low(self) -> float:
        """What of it is beyond doubt."""
        return tango(int(self.lost.sum()), int(self.won.sum()), len(self.lost), DOUBT)[0]

    @property
    def high(self) -> float:
        """What it is at most, where it is to be believed without further images."""
        return tango(int(self.lost.sum()), int(self.won.sum()), len(self.lost), HARMLESS)[1]


def searched_rows(keys: NDArray[np.str_]) -> Ints:
    """Rows of the images that searches look at: the first SEARCHED in the declared random order, at most half of all.

    A verdict on what was found is measured on the others.
    """
    return np.sort(declared_order(keys)[: min(SEARCHED, len(keys) // 2)])


def judged_views(outcome: Found) -> tuple[str, ...]:
    """Views that the verdict is measured under: the one that breaks the bound or, where none does, all that might.

    What costs most on the searched images need not be what costs most on others. A change that loses so little on the
    searched images that it keeps the bound beyond doubt is judged by those, and passes falsely in HARMLESS of samples.
    """
    return (outcome.view,) if outcome.breaks else tuple(dict.fromkeys([*outcome.doubtful, outcome.view]))


def most_answers(text: str, images: int) -> int:
    """How many images a search answers at most, of a set of so many. Raises SpecError for a text that is none."""
    return (len(Search.parse(text).views) + 1) * min(SEARCHED, images // 2)


def search_source(text: str) -> str:
    """Text of a search: part of its outcome's identity, so that an edited one is searched again.

    Raises SpecError for a text that is none.
    """
    return f"{Search.parse(text)} {inspect.getsource(sys.modules[__name__])}"


def search(
    text: str, answer: Answer, images: Sequence[Image], labels: Ints, keys: NDArray[np.str_],
    *, also: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> Found:  # fmt: skip
    """Find the smallest change of a kind that breaks a bound on these images, each change tried at most once.

    `also` are further classes that are right, by key. Raises BlockedError for no image.
    """
    wanted, seen = Search.parse(text), dict[View, _Change]()
    if not len(images):
        raise BlockedError(f"the search {text!r} has no image to look at")

    def right(view: View) -> Bools:
        return _right(answer(images, view), labels, keys, also)

    before = right(ORIGINAL)

    def change(view: View) -> _Change:
        if view not in seen:
            after = right(view)
            seen[view] = _Change(before & ~after, after & ~before)
        return seen[view]

    breaking = smallest(wanted.views, lambda view: change(view).low > wanted.bound)
    shown = breaking or max(seen, key=lambda view: (seen[view].drop, -wanted.views.index(view)))
    shown_change = seen[shown]
    return Found(
        view=str(shown),
        breaks=breaking is not None,
        drop=shown_change.drop,
        low=shown_change.low,
        lost=int(shown_change.lost.sum()),
        won=int(shown_change.won.sum()),
        count=len(images),
        tried={str(view): seen[view].drop for view in wanted.views if view in seen},
        message=_message(wanted, shown, change, keys, broken=breaking is not None),
        examples=keys[shown_change.lost][:EXAMPLES].tolist(),
        doubtful=[str(view) for view in wanted.views if view not in seen or seen[view].high > wanted.bound],
    )


def smallest(views: Sequence[View], breaks: Callable[[View], bool]) -> View | None:
    """The first of `views` that breaks, or None: Hypothesis draws, shrinks, then goes on below what it shrank to.

    Shrinking alone ends where the next smaller changes hold, and a smaller one still may break.
    """
    breaking: View | None = None
    while views:
        try:
            breaking = find(st.sampled_from(views), breaks, settings=steady(10 * len(views)))
        except NoSuchExample:
            break
        views = views[: views.index(breaking)]
    return breaking


def _right(answers: NDArray[Any], labels: Ints, keys: NDArray[np.str_], also: Mapping[str, tuple[int, ...]]) -> Bools:
    # what is no number is no right answer; the claim itself is blocked by the predictions it is measured on
    finite = np.isfinite(answers.max(axis=1))
    predicted = np.where(finite, answers.argmax(axis=1), -1)
    more = [guess in also.get(key, ()) for guess, key in zip(predicted.tolist(), keys.tolist(), strict=True)]
    return np.asarray((predicted == labels) | np.array(more))


def _message(
    wanted: Search, shown: View, change: Callable[[View], _Change], keys: NDArray[np.str_], *, broken: bool
) -> str:
    shown_change, count = change(shown), len(keys)
    lost, won = int(shown_change.lost.sum()), int(shown_change.won.sum())
    turned = f"{lost} of {count} images change from right to wrong" + (f", {won} the other way" if won else "")
    first = ", ".join(keys[shown_change.lost][:EXAMPLES].tolist())
    turned += f" ({first}{', …' if lost > EXAMPLES else ''})" if first else ""
    bound = f"more than {_points(wanted.bound)}"
    if not broken:
        most = f"{shown} costs most, {_points(shown_change.drop)}"
        return f"none of {len(wanted.views)} changes by {wanted.kind} costs {bound} beyond doubt; {most}: {turned}"
    less = wanted.smaller(shown)
    before = f"{less}, the next smaller, costs {_points(change(less).drop)}" if less else "no smaller one was tried"
    return f"{shown} costs {_points(shown_change.drop)}, {bound} beyond doubt; {before}: {turned}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def picture(before: Sequence[Image], after: Sequence[Image]) -> bytes:
    """A PNG of up to COLUMNS images above what a change makes of them."""
    pairs = [[_cell(image) for image in pair] for pair in zip(before, after, strict=True)][:COLUMNS]
    widths = [max(cell.width for cell in pair) for pair in pairs]
    heights = [max(pair[row].height for pair in pairs) for row in range(2)]
    sheet = PILImage.new("RGB", (sum(widths) + GAP * (len(pairs) + 1), sum(heights) + GAP * 3), "white")
    for column, pair in enumerate(pairs):
        left = GAP + sum(width + GAP for width in widths[:column])
        for row, cell in enumerate(pair):
            sheet.paste(cell, (left, GAP + row * (heights[0] + GAP)))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _cell(image: Image) -> PILImage.Image:
    """An image as it is, but small ones enlarged, pixels kept as squares, and large ones reduced."""
    cell = PILImage.fromarray(image)
    times = -(-SIDE // min(cell.size))
    if times > 1:
        cell = cell.resize((cell.width * times, cell.height * times), PILImage.Resampling.NEAREST)
    cell.thumbnail((LARGEST, LARGEST))
    return cell
