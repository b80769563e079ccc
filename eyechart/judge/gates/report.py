"""What a run says of itself at its end: how much of what was promised was judged, and Holm's adjustment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.measures.intervals import holm


def with_holm(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Add the adjusted p-value to each verdict that would fail by itself.

    Claims about one model form a family, its comparisons with a baseline another. Claims that were declared and not
    judged in this run count as if they could not fail, which makes the others' adjusted values larger, never smaller.
    """
    families: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for index, verdict in enumerate(verdicts):
        if verdict.p_fail is not None and verdict.claims is not None:
            families[verdict.model, verdict.versus if verdict.margin is not None else None].append(index)
    adjusted = list(verdicts)
    for members in families.values():
        claims = max(verdicts[index].claims or 0 for index in members)
        values = [min(1.0, verdicts[index].p_fail or 0.0) for index in members]
        rest = [1.0] * max(0, claims - len(values))
        for index, value in zip(members, holm([*values, *rest]), strict=False):
            adjusted[index] = replace(verdicts[index], holm=value)
    return adjusted


def coverage(made: int, declared: int, verdicts: Iterable[Verdict]) -> str:
    """One line: claims made, judged, inconclusive, blocked, not applicable, known failures.

    made      claims of this run, after `-k` and the like
    declared  claims that the zoo makes of the models of this run
    """
    judged = [verdict for verdict in verdicts if verdict.verdict is not Outcome.REPORTED]
    count = Counter(verdict.verdict for verdict in judged)
    known = sum(1 for verdict in judged if verdict.known_failure and verdict.verdict is Outcome.FAIL)
    decided = count[Outcome.PASS] + count[Outcome.FAIL]
    parts = [
        f"{made} of {declared} claims made" if made < declared else f"{made} claims made",
        f"{decided + count[Outcome.INCONCLUSIVE]} judged",
        f"{count[Outcome.INCONCLUSIVE]} inconclusive",
        f"{count[Outcome.BLOCKED]} blocked",
        f"{count[Outcome.NOT_APPLICABLE]} not applicable",
        f"{known} known failures" if known != 1 else "1 known failure",
    ]
    return "coverage: " + ", ".join(parts)
