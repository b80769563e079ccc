"""The images behind a claim that is broken or undecided: up to eight, the most telling first, as small JPEG files."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from eyechart.checkpoints.checkpoint import Resolved
from eyechart.digest import bytes_digest
from eyechart.errors import BlockedError, NotApplicableError, printable
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import spoken
from eyechart.images.views import ORIGINAL, Image, View
from eyechart.judge.evidence import Evidence
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.measures.predictions import Bools, Ints, Predictions
from eyechart.predict.needs import Need
from eyechart.reports.figures.judged import Judged
from eyechart.reports.report import claim_id

SHOWN = 8
"""Images of a claim at most."""

SIDE, LARGEST = 160, 20_000
"""Pixels of a thumbnail's longer side, and bytes of its file, at most."""

MOST = 1500
"""Thumbnails of a run at most: beyond them, claims show names."""

FOLDER = "pictures"


@dataclass(frozen=True)
class Telling:
    """Answers that tell why a claim is open: which rows of them, and what was answered before a change, if any.

    `unsure` where they are right and say so with little confidence; `textures` are those of cue-conflict images.
    """

    answers: Predictions
    rows: Ints
    before: Predictions | None = None
    view: View = ORIGINAL
    unsure: bool = False
    textures: Sequence[str] | None = None


class Pictures:
    """Chooses and writes the images of a run's claims into one folder; one image is one file, however often shown."""

    def __init__(self, judged: Judged, folder: Path) -> None:
        """Write into `folder`, which is made when there is something to write."""
        self._judged = judged
        self._folder = folder
        self.names: set[str] = set()
        self.troubles: list[str] = []
        self._rows: dict[str, dict[str, int]] = {}

    def of_claims(self) -> dict[str, list[dict[str, Any]]]:
        """Id of a claim → its images, each with what is known of it, as index.json holds them."""
        shown = {}
        for verdict in self._open():
            try:
                telling = most_telling(self._judged, verdict)
                if telling is not None and len(telling.rows):
                    shown[claim_id(verdict)] = [self._entry(telling, row) for row in telling.rows.tolist()]
            except (BlockedError, NotApplicableError):  # a source that has no such answers shows none
                continue
            except Exception as error:  # whatever reading or shrinking an image raises, the others are shown
                self.troubles.append(f"no images of {claim_id(verdict)}: {type(error).__name__}: {error}")
        return shown

    def _open(self) -> list[Verdict]:
        """Claims that fail or are undecided, broken promises first; and of each model its worst factor."""
        ratios = [verdict for verdict in self._judged.measured("error_ratio") if verdict.part]
        worst = {verdict.model: verdict for verdict in sorted(ratios, key=lambda each: each.value or 0.0)}
        rank = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 2}
        judged = [verdict for verdict in self._judged.verdicts if verdict.verdict in rank]
        ordered = sorted(judged, key=lambda each: rank[each.verdict] + bool(each.known_failure))
        return list({claim_id(verdict): verdict for verdict in [*ordered, *worst.values()]}.values())

    def _entry(self, telling: Telling, row: int) -> dict[str, Any]:
        answers, before = telling.answers, telling.before
        names = spoken(self._judged.run.zoo.labels(answers.image_set).names)
        key, right = str(answers.keys[row]), int(answers.labels[row])
        labels = [right, *(each for each in answers.also.get(key, ()) if each != right)]
        label, answer = (
            " or ".join(_name(names, each) for each in labels[:3]),
            _name(names, int(answers.predicted[row])),
        )
        sure = _sure(answers, row)
        entry: dict[str, Any] = {"key": printable(key), "label": label, "answer": answer, "confidence": sure}
        entry["thumbnail"], entry["changed"] = self._thumbnails(telling, key)
        said = f"{answer}{_surely(sure)}"
        if before is not None:
            first = _name(names, int(before.predicted[row]))
            entry["before"] = {"answer": first, "confidence": _sure(before, row)}
            entry["view"] = str(telling.view)
            before_it = f"{first}{_surely(_sure(before, row))}"
            entry["sentence"] = f"shows {label}: answered {before_it}, under {telling.view} {said}"
        elif telling.unsure:
            entry["sentence"] = f"shows {label}: answered so, but only {sure:.0%} sure"
        elif telling.textures is not None:
            entry["sentence"] = f"shape of {label}, texture of {printable(telling.textures[row])}: answered {said}"
        else:
            entry["sentence"] = f"shows {label}: answered {said}"
        return entry

    def _thumbnails(self, telling: Telling, key: str) -> tuple[str | None, str | None]:
        """Files of what was shown, and of what was shown under the view; nothing where there are no pixels."""
        if len(self.names) >= MOST:
            return None, None
        with contextlib.suppress(BlockedError, NotApplicableError, OSError, KeyError):
            images = self._judged.images(telling.answers.image_set)
            if not images.has_pixels:
                return None, None
            raw = self._read(images, key)
            if telling.view != ORIGINAL:
                resolved = self._resolved(telling.answers)
                shown = (resolved.geometry(view, whole=images.cropped).apply([view.of_image(raw)])[0]
                         for view in (ORIGINAL, telling.view))  # fmt: skip
                first, changed = (self._written(image) for image in shown)
                return first, changed
            clean = self._clean(images, key)
            return (self._written(raw), None) if clean is None else (self._written(clean), self._written(raw))
        return None, None

    def _clean(self, images: ImageSet, key: str) -> Image | None:
        """The image that a corrupted one was made of, where the run has it."""
        of = getattr(self._judged.run.zoo.image_sets[images.name], "of", "")
        if not of or "corruption" not in images.annotations:
            return None
        return self._read(self._judged.images(of), str(images.annotations["image"][self._row(images, key)]))

    def _read(self, images: ImageSet, key: str) -> Image:
        return images.read(np.array([self._row(images, key)]))[0]

    def _row(self, images: ImageSet, key: str) -> int:
        if images.name not in self._rows:
            self._rows[images.name] = {each: row for row, each in enumerate(images.keys.tolist())}
        return self._rows[images.name][key]

    def _resolved(self, answers: Predictions) -> Resolved:
        run = self._judged.run
        meta = run.store.read_meta(run.address(Need(answers.model, answers.image_set)))
        return Resolved.from_json(meta["checkpoint"])

    def _written(self, image: Image) -> str:
        content = thumbnail(image)
        name = f"{bytes_digest(content)}.jpg"
        if name not in self.names:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(content)
            self.names.add(name)
        return f"{self._folder.name}/{name}"


def most_telling(judged: Judged, verdict: Verdict) -> Telling | None:
    """Choose the images that say most about a claim: right before and wrong under its view, else surest and wrong.

    Of two models those that the other one names. Raises BlockedError or NotApplicableError where there are no answers.
    """
    claim, evidence = judged.claim(verdict), judged.evidence(verdict)
    if claim.image_set is None or claim.contract or verdict.value is None:
        return None
    answers = evidence.predictions
    inside = _inside(judged, evidence, verdict)
    if claim.search or claim.subject.views:
        before, changed = evidence.found if claim.search else (answers, list(evidence.under.values()))
        inside = inside if len(inside) == len(before) else np.ones(len(before), dtype=np.bool_)
        after = min(changed, key=lambda each: int(each.correct.sum()))
        lost = before.correct & ~after.correct
        other = (before.predicted != after.predicted) & ~lost
        return Telling(after, _surest(after, lost & inside, other & inside), before, View.parse(after.view))
    if verdict.measure == "confidence_gap" and verdict.at_least is not None:
        rows = np.flatnonzero(answers.correct & inside)
        return Telling(answers, rows[np.argsort(_confidence(answers)[rows], kind="stable")][:SHOWN], unsure=True)
    wrong = ~answers.correct & inside
    preferred, textures = wrong, None
    if verdict.measure == "shape_bias":
        by_texture = evidence.cues.textures
        textures = np.array(judged.run.zoo.labels(claim.image_set).names)[by_texture].tolist()
        preferred = wrong & (answers.predicted == by_texture)
    if claim.versus:
        with contextlib.suppress(BlockedError, NotApplicableError, KeyError):
            theirs = Evidence(judged.run, claim, claim.versus).predictions
            if np.array_equal(theirs.keys, answers.keys):
                preferred = wrong & theirs.correct
    return Telling(answers, _surest(answers, preferred, wrong & ~preferred), textures=textures)


def thumbnail(image: Image) -> bytes:
    """Make a JPEG of at most SIDE pixels and LARGEST bytes."""
    small = PILImage.fromarray(image)
    small.thumbnail((SIDE, SIDE))
    for quality in (85, 70, 50, 30, 10):
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=quality)
        if stream.tell() <= LARGEST:
            break
    return stream.getvalue()


def _inside(judged: Judged, evidence: Evidence, verdict: Verdict) -> Bools:
    """(n,) which images of the set a claim is about."""
    answers = evidence.predictions
    if verdict.measure == "worst_factor_top1":
        factors = [inside for inside in evidence.factors.values() if inside.any()]
        return min(factors, key=lambda inside: float(answers.correct[inside].mean()))
    if not verdict.part:
        return np.ones(len(answers), dtype=np.bool_)
    with contextlib.suppress(BlockedError):
        return evidence.part
    index = judged.run.index(answers.image_set)  # no factor and no class: a corruption
    named = index["key"].to_numpy()[index["corruption"].to_numpy() == verdict.part]
    return np.asarray(np.isin(answers.keys, named.astype(np.str_)))


def _surest(answers: Predictions, preferred: Bools, others: Bools) -> Ints:
    confidence = _confidence(answers)
    ranked = (rows[np.argsort(-confidence[rows], kind="stable")] for rows in map(np.flatnonzero, (preferred, others)))
    return np.concatenate(list(ranked))[:SHOWN].astype(np.int64)


def _confidence(answers: Predictions) -> Any:
    """How sure each answer is; all alike where the source does not say."""
    try:
        return np.asarray(answers.confidence)
    except NotApplicableError:
        return np.zeros(len(answers))


def _sure(answers: Predictions, row: int) -> float | None:
    try:
        return round(float(np.asarray(answers.confidence)[row]), 6)
    except NotApplicableError:
        return None


def _surely(sure: float | None) -> str:
    return "" if sure is None else f" ({sure:.0%} sure)"


def _name(names: Sequence[str], index: int) -> str:
    return printable(names[index]) if 0 <= index < len(names) else "none of the classes"
