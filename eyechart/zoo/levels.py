"""How often a verdict may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import Field

from eyechart.entries import Entry
from eyechart.errors import SpecError
from eyechart.measures.measurement import HALF

FALSE_PASS = HALF
"""One-sided error of *pass*: the whole 95 % interval is on the right side."""

FALSE_FAIL = 0.01
"""One-sided error of *fail*, shared by all claims about one model."""


@dataclass(frozen=True, slots=True)
class Levels:
    """One-sided errors of one verdict.

    false_pass  that this claim passes though it is not true; not shared, since a gate passes only if all claims do
    false_fail  that any of `claims` claims fails though all are true; each gets its share (Bonferroni)
    claims      how many claims share `false_fail`
    part        share of both that one of several looks may spend
    """

    false_pass: float = FALSE_PASS
    false_fail: float = FALSE_FAIL
    claims: int = 1
    part: float = 1.0

    def __post_init__(self) -> None:
        """Raise SpecError for an error rate outside (0, 0.5), or no claims."""
        for name in ("false_pass", "false_fail"):
            rate = getattr(self, name)
            if not 0.0 < rate < 0.5:
                raise SpecError(f"{name} is a one-sided error rate: expected between 0 and 0.5, found {rate!r}")
        if self.claims < 1:
            raise SpecError(f"false_fail is shared by at least one claim, found {self.claims}")
        if not 0.0 < self.part <= 1.0:
            raise SpecError(f"a look spends more than 0 and at most 1 of the error, found {self.part!r}")

    @property
    def pass_alpha(self) -> float:
        """Error rate of the limit that decides *pass*."""
        return self.false_pass * self.part

    @property
    def fail_alpha(self) -> float:
        """Error rate of the limit that decides *fail*."""
        return self.false_fail * self.part / self.claims

    def at_look(self, part: float) -> Levels:
        """Levels of a look that spends `part` of the error."""
        return replace(self, part=part)


class GateEntry(Entry):
    """`gate` of a zoo in `models.yaml`: how often its verdicts may be wrong."""

    false_pass: float = Field(default=FALSE_PASS, gt=0.0, lt=0.5)
    false_fail: float = Field(default=FALSE_FAIL, gt=0.0, lt=0.5)


def percent(alpha: float) -> str:
    """Confidence of a limit with this error rate: `97.5 %`, `99.9667 %`."""
    return f"{100 * (1 - alpha):.6g} %"
