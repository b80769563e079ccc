"""The noun `Judged`: a run with its claims and verdicts, as the figures ask for them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from eyechart.errors import EyechartError
from eyechart.images.image_set import ImageSet
from eyechart.judge.claims import Claim
from eyechart.judge.evidence import Evidence
from eyechart.judge.gates.baseline import Baseline, InItsPlace, ZooModel
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.predict.run import Run
from eyechart.reports.figures.figure import Figure, Row, file_name
from eyechart.reports.report import claim_id


@dataclass(frozen=True)
class Judged:
    """What was judged: the run, the claims that were reported, their verdicts, and the models in the zoo's order.

    `images` gives an image set by its name, or raises BlockedError. `baseline` is what `--baseline` compares with.
    """

    run: Run
    claims: Sequence[Claim]
    verdicts: Sequence[Verdict]
    models: Sequence[str]
    images: Callable[[str], ImageSet]
    baseline: Baseline | None = None

    @cached_property
    def _claim_of(self) -> dict[tuple[str, str, str | None], Claim]:
        return {(claim.model, claim.behavior, claim.versus): claim for claim in self.claims}

    def measured(self, *measures: str) -> list[Verdict]:
        """Claims about one model, in the zoo's order, whose number has a name that begins like one of these."""
        order = {model: position for position, model in enumerate(self.models)}
        own = [verdict for verdict in self.verdicts if verdict.verdict is not Outcome.REPORTED
               and verdict.value is not None and verdict.versus is None and verdict.model in order
               and (verdict.measure or "").startswith(measures)]  # fmt: skip
        return sorted(own, key=lambda verdict: order[verdict.model])

    def beside(self, claim: Verdict, measure: str) -> Verdict | None:
        """A number that was reported beside a claim, if it was."""
        wanted = (claim.model, claim.behavior, claim.versus, measure)
        return next((v for v in self.verdicts if v.verdict is Outcome.REPORTED
                     and (v.model, v.behavior, v.versus, v.measure) == wanted), None)  # fmt: skip

    def claim(self, verdict: Verdict) -> Claim:
        """The claim of a verdict."""
        return self._claim_of[verdict.model, verdict.behavior, verdict.versus]

    def evidence(self, verdict: Verdict) -> Evidence:
        """Everything that the claim of a verdict may ask of its model.

        Raises BlockedError or NotApplicableError where something of it is asked for that is not there.
        """
        return Evidence(self.run, self.claim(verdict), verdict.model)

    def of_baseline(
        self, claims: Sequence[Verdict], rows_of: Callable[[str, Verdict, Evidence], Iterable[Row]]
    ) -> list[Row]:
        """Rows of the baseline beside those of claims.

        `rows_of` makes them of the baseline's name, a claim, and what the baseline answered to what that asks: once for
        each behavior. Where the baseline has no such answers, or none that can be compared, there are no rows; nor
        where it is a model that is judged itself, and so shown anyway.
        """
        rows: dict[tuple[str, str], list[Row]] = {}
        for claim in claims:
            if self.baseline is None:
                return []
            name = self.baseline.beside(claim.model)
            if (isinstance(self.baseline, ZooModel) and name in self.models) or (name, claim.behavior) in rows:
                continue
            with contextlib.suppress(EyechartError, ValueError):
                run = cast("Run", InItsPlace(self.run, self.baseline))
                made = rows_of(name, claim, Evidence(run, self.claim(claim), claim.model))
                rows[name, claim.behavior] = [{**row, "baseline": "yes"} for row in made]
        return [row for each in rows.values() for row in each]

    def by_set(self, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, list[Verdict]]]:
        """The image sets that verdicts are about, in the zoo's order, with those about each."""
        groups: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in verdicts:
            groups[verdict.image_set or ""].append(verdict)
        yield from ((name, groups[name]) for name in self.run.zoo.image_sets if name in groups)

    def figure(
        self,
        kind: str,
        name: tuple[str, ...],
        title: str,
        caption: str,
        *,
        rows: Sequence[Row],
        about: Sequence[Verdict],
    ) -> Figure:
        """Make a figure of rows; it belongs to the claims `about` and to those that compare them with a baseline."""
        behaviors = {(verdict.model, verdict.behavior) for verdict in about}
        claims = [v for v in self.verdicts if v.verdict is not Outcome.REPORTED and (v.model, v.behavior) in behaviors]
        models = dict.fromkeys(verdict.model for verdict in about)
        beside = dict.fromkeys(str(row["model"]) for row in rows if row.get("baseline"))
        caption += f" Crosses and dashed lines: the baseline, {' and '.join(beside)}." if beside else ""
        return Figure(
            file_name(*name), kind, title, caption, about[0].property, tuple(models),
            tuple(dict.fromkeys(map(claim_id, claims))), tuple(rows),
        )  # fmt: skip
