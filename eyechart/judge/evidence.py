"""The noun `Evidence`: everything a claim may ask of one model, read from the store only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyechart.errors import BlockedError, NotApplicableError
from eyechart.images.labels import LabelSpace
from eyechart.judge.claims import Claim
from eyechart.measures import Cues
from eyechart.measures.awaiting import Pending, by_row
from eyechart.measures.measurement import take
from eyechart.measures.predictions import Bools, Columns, Predictions, softmax
from eyechart.predict.needs import Need
from eyechart.predict.run import Run
from eyechart.predict.searches import judged_views, searched_rows

Strings = NDArray[np.str_]


class Pair(NamedTuple):
    """The same images before a change, and under it or under each of several."""

    before: Predictions
    after: Sequence[Predictions]


class Sweep(NamedTuple):
    """One factor swept over its levels: predictions, and the level and the asset of each image, each (n,)."""

    predictions: Predictions
    levels: NDArray[Any]
    assets: NDArray[Any]


class Evidence:
    """What `model` answered to the subject of a claim."""

    def __init__(self, run: Run, claim: Claim, model: str) -> None:
        """Read for `claim`, which may be about another model that is compared with this one."""
        self._run = run
        self._subject = claim.subject
        self._search = claim.search
        self._model = model

    @property
    def image_set(self) -> str:
        """Name of the image set. Raises BlockedError for a claim about a group of them."""
        if self._subject.image_set is None:
            raise BlockedError("a claim about a group of image sets has no predictions of its own: it has `tasks`")
        return self._subject.image_set

    @cached_property
    def predictions(self) -> Predictions:
        """Answers to the unchanged images; for a transfer task those of its linear probe."""
        return self._probe(self.image_set) if self._is_transfer else self._run.predictions(self._need())

    @cached_property
    def under(self) -> Mapping[str, Predictions]:
        """Answers under each view of the claim, by its text."""
        return {view: self._run.predictions(self._need(view)) for view in self._subject.views}

    @property
    def changed(self) -> Predictions:
        """Answers under the one view of the claim."""
        (changed,) = self.under.values()
        return changed

    @property
    def tasks(self) -> list[Predictions]:
        """Answers of the linear probes for each task of a group that shows images which its probes did not learn from.

        Raises NotApplicableError for a group without such a task.
        """
        names = [name for name in self._subject.sets if not self._run.learned_by_heart(name)]
        return [self._probe(name) for name in names or self._subject.sets]

    @property
    def clean(self) -> Predictions:
        """Answers to unchanged images of the same classes, read out as those classes."""
        zoo, reference = self._run.zoo, self._subject.reference
        own, wanted = zoo.labels(reference), zoo.labels(self.image_set)
        return self._run.remembered(
            ("clean", self._model, reference, self.image_set),
            lambda: on_classes(self._run.predictions(Need(self._model, reference)), own, wanted),
        )

    @property
    def overall(self) -> Predictions | None:
        """Answers to all images that the annotated ones are part of, where the protocol divides by their errors."""
        name = self._run.zoo.whole_of(self.image_set)
        wanted = name and self._run.zoo.protocol.error_ratio == "validation"
        return self._run.predictions(Need(self._model, name)) if wanted else None

    @property
    def part(self) -> Bools:
        """(n,) whether an image belongs to the part that the claim is about: a factor or a category."""
        return self._inside(self._subject.part)

    @property
    def factors(self) -> Mapping[str, Bools]:
        """Every factor of the set → (n,) whether an image has it."""
        return {name: self._inside(name) for name in self._run.zoo.parts(self.image_set, "factor")}

    @cached_property
    def cues(self) -> Cues:
        """What the cue-conflict images were made of."""
        names = ("shape", "texture", "content_image", "texture_image")
        return Cues(*(self._annotation(name, name) for name in names))

    @cached_property
    def grid(self) -> Mapping[str, list[Predictions]]:
        """Corruption → answers under each of its severities, on the same images; one corruption where it is a part."""
        wanted = self._subject.part
        every = self._run.remembered(("grid", self._model, self.image_set), self._grid)
        return {name: levels for name, levels in every.items() if not wanted or name == wanted}

    @property
    def found(self) -> Pair:
        """Answers before and under the change that a search found, on images that the search has not seen.

        Where nothing that it tried breaks the bound, under each change that might.
        """
        outcome = self._run.found(Need(self._model, self.image_set, search=self._search))
        changed = [_unsearched(self._run.predictions(self._need(view))) for view in judged_views(outcome)]
        return Pair(_unsearched(self.predictions), changed)

    @property
    def sweep(self) -> Sweep:
        """One factor swept over its levels; where no annotation tells the level of an image, all have the same."""
        inside = self.part
        try:
            levels = self._annotation("level", *_level_columns(self._subject.part))
        except NotApplicableError:
            levels = np.full(len(inside), "all")
        return Sweep(_rows(self.predictions, inside), levels[inside], self._assets()[inside])

    @property
    def _is_transfer(self) -> bool:
        return self._run.zoo.image_sets[self.image_set].role == "transfer"

    def _need(self, view: str = "original") -> Need:
        return Need(self._model, self.image_set, view)

    def _probe(self, task: str) -> Predictions:
        return self._run.predictions(Need(self._model, task, f"probe({self._run.zoo.protocol.probe})"))

    def _columns(self) -> Mapping[str, NDArray[Any]]:
        """Annotations of the set, in the order of its predictions."""
        keys = self.predictions.keys

        def read() -> Mapping[str, NDArray[Any]]:
            index = self._run.index(self.image_set)
            known = index["key"].to_numpy().astype(np.str_)
            rows = np.arange(len(known))
            if not np.array_equal(known, keys):
                order = np.argsort(known, kind="stable")
                rows = order[np.searchsorted(known[order], keys)]
            names = set(index.column_names) - {"key", "label", "also"}
            return {name: _plain(index[name].to_numpy())[rows] for name in names}

        return self._run.remembered(("annotations", self._model, self.image_set), read)

    def _annotation(self, what: str, *names: str) -> NDArray[Any]:
        columns = self._columns()
        for name in names:
            match = next((column for column in columns if column.lower() == name), None)
            if match is not None:
                return columns[match]
        raise NotApplicableError(f"no annotation of {self.image_set!r} tells the {what} of an image; {_those(columns)}")

    def _inside(self, part: str) -> Bools:
        zoo, columns = self._run.zoo, self._columns()
        if "factor" in columns and part in zoo.parts(self.image_set, "factor"):
            return np.asarray(columns["factor"] == part)
        if part in columns:
            return np.asarray(columns[part].astype(np.float64) != 0)
        names = zoo.labels(self.image_set).names
        if part in names:
            return np.asarray(self.predictions.labels == names.index(part))
        raise BlockedError(f"no annotation of {self.image_set!r} tells {part!r}; {_those(columns)}")

    def _assets(self) -> NDArray[Any]:
        """(n,) what each image was rendered of, or its class where no annotation tells."""
        try:
            return self._annotation("asset", "asset", "character_name")
        except NotApplicableError:
            return self.predictions.labels

    def _grid(self) -> Mapping[str, list[Predictions]]:
        corruption, severity, image = (self._annotation(name, name) for name in ("corruption", "severity", "image"))
        levels: dict[str, list[Predictions]] = {}
        for name in self._run.zoo.parts(self.image_set, "corruption"):
            cells = [np.flatnonzero((corruption == name) & (severity == level)) for level in np.unique(severity)]
            keys = [(self.predictions.keys[rows], image[rows].astype(np.str_)) for rows in cells]
            levels[name] = [
                replace(_cell(*pair, self.predictions), derive=partial(_cell, *pair)) for pair in keys if len(pair[0])
            ]
        return levels


def on_classes(predictions: Predictions, own: LabelSpace, wanted: LabelSpace) -> Predictions:
    """Keep the images of the `wanted` classes and read their answers out as those: a mask before the softmax.

    Raises NotApplicableError where a source gives no probabilities of all classes to choose among.
    """
    if own.names == wanted.names:
        return predictions
    index_of = {name: index for index, name in enumerate(own.names)}
    chosen = np.array([index_of[name] for name in wanted.names])
    new = np.full(len(own), -1, dtype=np.int64)
    new[chosen] = np.arange(len(chosen))

    def among(shares: NDArray[Any]) -> NDArray[Any]:
        of_wanted = shares[:, chosen]
        return np.asarray(of_wanted / of_wanted.sum(axis=1, keepdims=True))

    def masked(full: Predictions) -> Predictions:
        members = _rows(full, np.asarray(new[full.labels] >= 0))
        waiting = isinstance(members.predicted, Pending)
        shares = by_row(softmax, members.logits_of()) if waiting else members.probabilities
        shares = by_row(among, shares)
        also = {key: tuple(new[list(more)].tolist()) for key, more in members.also.items()}
        return replace(
            members, labels=new[members.labels], predicted=by_row(lambda row: row.argmax(axis=1), shares),
            confidence=by_row(lambda row: row.max(axis=1), shares), logits_of=lambda: by_row(_log, shares),
            also=also, kept=Columns({}),
        )  # fmt: skip

    return replace(masked(predictions), derive=masked)


def _log(shares: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shares))


def _unsearched(predictions: Predictions) -> Predictions:
    """Images that a search has not seen, so that what it chose is measured on others."""
    return _rows(predictions, np.isin(np.arange(len(predictions)), searched_rows(predictions.keys), invert=True))


def _rows(predictions: Predictions, where: Bools) -> Predictions:
    return take(predictions, np.flatnonzero(where).astype(np.int64))


def _cell(keys: Strings, images: Strings, every: Predictions) -> Predictions:
    """Answers to one corruption at one severity, under the names of the uncorrupted images, in their order."""
    order = np.argsort(images, kind="stable")
    rows_of = np.argsort(every.keys, kind="stable")
    rows = rows_of[np.searchsorted(every.keys[rows_of], keys[order])]
    labels = {str(key): every.also[key] for key in keys.tolist() if key in every.also}
    also = {str(image): labels[str(key)] for key, image in zip(keys, images, strict=True) if str(key) in labels}
    return replace(take(every, rows), keys=images[order], also=also)


def _level_columns(factor: str) -> list[str]:
    """Names of columns that may tell the level of a factor: any set's own, or those published with PUG-ImageNet."""
    name = factor.lower()
    thing = name.removeprefix("object_")
    published = [f"character_rotation_{thing}", f"character_{thing}"] if thing != name else []
    return ["level_value", "level", name, f"{name.rstrip('s')}_name", *published]


def _those(columns: Mapping[str, object]) -> str:
    return f"it has {', '.join(sorted(columns)) or 'none'}"


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.str_) if values.dtype == object else values
