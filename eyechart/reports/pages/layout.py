"""The order of the page: claims of a report as rows, tables, promises and properties."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.distance import nearest_first
from eyechart.reports.pages import words
from eyechart.reports.pages.figures import Drawing, Figures
from eyechart.reports.pages.strips import Scale, Strip, axis_of, in_margins, room_left, strip
from eyechart.reports.report import Report, cell, claim_id, kind, properties
from eyechart.reports.sentence import models_of

LONGEST = 100
"""Kept promises in that list altogether."""

LOOKS = {
    "pass": ("pass", "✓ pass"),
    "F": ("fail", "✗ fail"),
    "known": ("known", "✗ fail, known"),
    "?": ("open", "? undecided"),
    "B": ("blocked", "■ blocked"),
    "n/a": ("none", "– not applicable"),
}
"""What became of a claim → class and words; every color has a word and a sign beside it."""

WORST_FIRST = ("F", "B", "?", "known", "pass", "n/a")


@dataclass(frozen=True)
class Row:
    """One claim, and what the templates say of it.

    figures    names of the figures that belong to it
    new_place  whether the row above is about another image set, part or view
    """

    claim: Verdict
    id: str
    anchor: str
    look: str
    word: str
    place: str
    value: str
    interval: str
    bound: str
    measured: str
    reason: str
    strip: Strip | None
    figures: Sequence[str]
    new_place: bool


@dataclass(frozen=True)
class Table:
    """Claims of one behavior that share a measure and an axis: promises of a model, or of a pair of models."""

    kind: str
    measures: str
    rows: Sequence[Row]
    reasons: Sequence[str]
    one_place: bool


@dataclass(frozen=True)
class Promise:
    """One behavior, with its tables and the numbers that are only reported beside them."""

    function: str
    sentence: str
    cell: str
    look: str
    tables: Sequence[Table]
    reported: Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """Comparisons with one baseline: by promise those that have a number, each with its strip; and those without."""

    baseline: str
    promises: Sequence[tuple[str, Sequence[tuple[Row, Strip | None]]]]
    unmeasured: Sequence[Row]


@dataclass(frozen=True)
class Section:
    """One property; `slug` is its name as a part of an id."""

    name: str
    slug: str
    cells: Sequence[tuple[str, str, str]]
    promises: Sequence[Promise]
    figures: Sequence[Drawing] = field(default_factory=list)


def slug(name: str) -> str:
    """A property's name as a part of an id and of a link."""
    return re.sub(r"\W", "-", name)


class Layout:
    """Puts the claims of a report into the order of the page."""

    def __init__(self, report: Report, figures: Figures) -> None:
        """Lay out `report`, with `figures` beside its claims."""
        self.report = report
        self.figures = figures
        self.models = models_of(report)
        self.columns = properties(report.claims)
        self.behaviors = {claim.behavior for claim in report.claims if not claim.versus}
        self._order = {model: position for position, model in enumerate(self.models)}
        self._anchor = {id(claim): f"claim-{number}" for number, claim in enumerate(report.claims, 1)}

    def row(self, claim: Verdict, axis: Scale | None = None, *, new_place: bool = True) -> Row:
        """Say one claim; its strip is on `axis`, or on one of its own."""
        look, word = LOOKS[kind(claim)]
        excuse = f"known failure: {claim.known_failure}" if claim.known_failure else ""
        return Row(
            claim, claim_id(claim), self._anchor[id(claim)], look, word, place=words.place(claim),
            value=words.number(claim.value, claim), interval=words.interval(claim), bound=words.bound(claim),
            measured=words.measured(claim), reason=" ".join(filter(None, [excuse, claim.reason])),
            strip=strip(claim, axis or axis_of([claim])), figures=self.figures.of_claim(claim_id(claim)),
            new_place=new_place,
        )  # fmt: skip

    def matrix(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """A row a model: for each property its look, its text and the place on the page that it leads to."""
        rows = []
        for model in self.models:
            of_model = [claim for claim in self.report.claims if claim.model == model]
            rows.append((model, [self._cell([c for c in of_model if c.property == name], name)
                                 for name in self.columns]))  # fmt: skip
        return rows

    def _cell(self, claims: Sequence[Verdict], name: str) -> tuple[str, str, str]:
        if not claims:
            return "none", "-", ""
        worst = min(claims, key=lambda claim: WORST_FIRST.index(kind(claim)))
        is_open = kind(worst) in ("F", "?", "B")
        return (
            LOOKS[kind(worst)][0], cell(claims),
            f"open-{self._anchor[id(self._shown_for(worst))]}" if is_open else f"property-{slug(name)}",
        )  # fmt: skip

    def _shown_for(self, claim: Verdict) -> Verdict:
        """Claims that are blocked for one reason share a line, which stands under the first of them."""
        if kind(claim) != "B":
            return claim
        return next(group[0] for group in self._blocked if any(each is claim for each in group))

    def open(self, letter: str) -> list[Row]:
        """Claims of one kind, by model and property."""
        claims = [claim for claim in self.report.claims if kind(claim) == letter]
        return [self.row(claim) for claim in sorted(claims, key=self._by_matrix)]

    def _by_matrix(self, claim: Verdict) -> tuple[int, int]:
        return self._order[claim.model], self.columns.index(claim.property)

    def blocked(self) -> list[tuple[Row, int]]:
        """What is blocked for one reason shares a line: its first claim, and how many there are."""
        return [(self.row(claims[0]), len(claims)) for claims in self._blocked]

    @cached_property
    def _blocked(self) -> list[list[Verdict]]:
        groups: dict[tuple[str, str | None], list[Verdict]] = defaultdict(list)
        for claim in sorted(self.report.claims, key=self._by_matrix):
            if kind(claim) == "B":
                groups[claim.model, claim.reason].append(claim)
        return list(groups.values())

    def nearest(self) -> list[tuple[float, Row, Strip | None]]:
        """Kept promises, the one that breaks next first."""
        listed = nearest_first(self.report.claims)[:LONGEST]
        return [(far, self.row(claim), room_left(claim)) for far, claim in listed]

    def twins(self) -> list[Beside]:
        """Comparisons with a baseline, a group a baseline and a promise, in the order of the properties."""
        groups: dict[str, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
        unmeasured: dict[str, list[Verdict]] = defaultdict(list)
        for claim in sorted(self.report.claims, key=self._by_property):
            if words.is_twin(claim, self.behaviors):
                name, promise = claim.versus or "", claim.promise or words.function_of(claim)
                groups[name][promise] += [claim] if claim.value is not None else []
                unmeasured[name] += [claim] if claim.value is None else []
        return [
            Beside(
                name,
                [(promise, [(self.row(claim), in_margins(claim)) for claim in claims])
                 for promise, claims in promises.items() if claims],
                [self.row(claim) for claim in unmeasured[name]],
            )
            for name, promises in groups.items()
        ]  # fmt: skip

    def _by_property(self, claim: Verdict) -> tuple[int, str, int]:
        return self.columns.index(claim.property), words.function_of(claim), self._order[claim.model]

    def sections(self) -> list[Section]:
        """Every claim, by property and promise."""
        return [self._section(name) for name in self.columns]

    def _section(self, name: str) -> Section:
        claims = [c for c in self.report.claims if c.property == name and not words.is_twin(c, self.behaviors)]
        functions = dict.fromkeys(words.function_of(claim) for claim in claims)
        cells = [
            (model, *self._cell(own, name)[:2])
            for model in self.models
            if (own := [claim for claim in self.report.claims if (claim.model, claim.property) == (model, name)])
        ]
        promises = [self._promise(function, [c for c in claims if words.function_of(c) == function])
                    for function in functions]  # fmt: skip
        return Section(
            name, slug(name), cells, promises, [each for each in self.figures.figures if each.property == name]
        )

    def _promise(self, function: str, claims: Sequence[Verdict]) -> Promise:
        groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
        for claim in claims:
            groups["pair" if claim.versus else "promise", claim.measure or ""].append(claim)
        for unmeasured in [key for key in groups if not key[1]]:  # what has no number joins what has one
            other = next((key for key in groups if key[0] == unmeasured[0] and key[1]), None)
            if other:
                groups[other] += groups.pop(unmeasured)
        tables = [self._table(key, groups[key]) for key in sorted(groups, reverse=True)]
        worst = min(claims, key=lambda claim: WORST_FIRST.index(kind(claim)))
        sentence = next((claim.promise for claim in claims if claim.promise), None) or function
        return Promise(function, sentence, cell(claims), LOOKS[kind(worst)][0], tables, self._reported(function))

    def _table(self, key: tuple[str, str], claims: Sequence[Verdict]) -> Table:
        places = {place: number for number, place in enumerate(dict.fromkeys(map(words.place, claims)))}
        ordered = sorted(claims, key=lambda claim: (places[words.place(claim)], self._order[claim.model]))
        axis = axis_of(ordered)
        rows: list[Row] = []
        for claim in ordered:
            same = bool(rows) and words.place(rows[-1].claim) == words.place(claim)
            rows.append(self.row(claim, axis, new_place=not same))
        reasons = dict.fromkeys(f"{words.bound(c)}: {c.bound_reason}" for c in ordered if c.bound_reason)
        return Table(*key, rows, list(reasons), one_place=len(places) == 1)

    def _reported(self, function: str) -> dict[str, Any]:
        """Numbers without a bound: a row a place and model, a column a measure."""
        records = [record for record in self.report.verdicts
                   if record.verdict is Outcome.REPORTED and words.function_of(record) == function]  # fmt: skip
        rows: dict[tuple[str, str], dict[str, Verdict]] = defaultdict(dict)
        for record in records:
            beside = f" against {record.versus}" if record.versus else ""
            rows[words.place(record) + beside, record.model][str(record.measure)] = record
        measures = sorted({str(record.measure) for record in records})
        return {"measures": measures, "rows": [(place, model, [
            (words.number(found.value, found), words.interval(found)) if (found := row.get(measure)) else ("", "")
            for measure in measures
        ]) for (place, model), row in rows.items()]}  # fmt: skip
