"""Tighter bounds proposed from a run, as a diff of `models.yaml`: what checkpoints keep by far may become the promise.

Only proposed, never written, and never looser than what is promised now.
"""

from __future__ import annotations

import copy
import datetime
import difflib
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.zoo.zoo import Zoo

SLACK = 2.0
"""Distance of a proposed bound from the value, in distances from the value to its limit.

A checkpoint that is as good passes a bound at its own limit only by luck (half of the time on other images); at twice
that distance 97 times of 100.
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tighter bound for one behavior (with its image set and view), and what it rests on."""

    behavior: str
    key: str
    bound: float
    reason: str


def proposals(zoo: Zoo, verdicts: Iterable[Verdict], day: datetime.date) -> list[Proposal]:
    """Propose a bound wherever every model of the zoo keeps its promise by far, or fails for a known reason.

    A bound of a zoo binds all of its models, so the one that keeps it by least decides. Where another behavior bounds
    the same measurement from the other side, one that fails there is no example to follow, and no bound goes past it.
    """
    judged = [claim for claim in verdicts if claim.verdict is not Outcome.REPORTED and claim.versus is None]
    by_behavior: dict[str, list[Verdict]] = defaultdict(list)
    by_measurement: dict[tuple[object, ...], list[Verdict]] = defaultdict(list)
    for claim in judged:
        by_behavior[claim.behavior].append(claim)
        by_measurement[_measurement(claim)].append(claim)
    others = {
        id(claim): [other for other in by_measurement[_measurement(claim)] if _is_other_side(claim, other)]
        for claim in judged
    }
    proposed = (_proposal(name, claims, others, zoo, day) for name, claims in sorted(by_behavior.items()))
    return [proposal for proposal in proposed if proposal is not None]


def _measurement(claim: Verdict) -> tuple[object, ...]:
    return (claim.model, claim.measure, claim.image_set, claim.view, claim.part)


def _is_other_side(claim: Verdict, other: Verdict) -> bool:
    return (claim.at_most is None) != (other.at_most is None) and (claim.at_least is None) != (other.at_least is None)


def _proposal(
    behavior: str, claims: Sequence[Verdict], others: Mapping[int, Sequence[Verdict]], zoo: Zoo, day: datetime.date
) -> Proposal | None:
    """Propose a bound for one behavior; `others` are the claims on the other side of each claim, by its identity."""
    passed = [claim for claim in claims if claim.verdict is Outcome.PASS]
    excused = [claim for claim in claims if claim.verdict is Outcome.FAIL and claim.known_failure]
    complete = {claim.model for claim in claims} == set(zoo.models) and len(claims) == len(zoo.models)
    # one that fails on the other side keeps every bound that is not past that side
    records = [claim for claim in passed if all(other.verdict is not Outcome.FAIL for other in others[id(claim)])]
    if not records or not complete or len(passed) + len(excused) < len(claims):
        return None
    upper = records[0].at_most is not None
    now = records[0].at_most if upper else records[0].at_least
    reached = [_reach(claim, upper) for claim in records]
    if now is None or any(value is None for value in reached):
        return None
    values = [value for value in reached if value is not None]
    bound = max(values) if upper else min(values)
    if not (bound < now if upper else bound > now):
        return None
    sides = [side for claim in claims for other in others[id(claim)]
             if (side := other.at_least if upper else other.at_most) is not None]  # fmt: skip
    if any(bound <= side if upper else bound >= side for side in sides):
        return None
    own = zoo.bounds.get(behavior)
    reason = f"Ratcheted on {day}: {len(records)} of {len(claims)} models keep it by twice their uncertainty."
    return Proposal(behavior, "at_most" if upper else "at_least", bound, own.reason if own else reason)


def _reach(claim: Verdict, upper: bool) -> float | None:
    """The tightest bound to propose for one model, rounded outward to two digits of its slack."""
    if claim.value is None or claim.low is None or claim.high is None:
        return None
    slack = SLACK * (claim.high - claim.value if upper else claim.value - claim.low)
    if slack <= 0.0:
        return None
    step = 10.0 ** (math.floor(math.log10(slack)) - 1)
    digits = max(0, -round(math.log10(step)))
    edge = claim.value + slack if upper else claim.value - slack
    return round((math.ceil(edge / step) if upper else math.floor(edge / step)) * step, digits)


def as_diff(zoo: Zoo, proposed: Sequence[Proposal], root: Path) -> str:
    """Write the proposals as a unified diff of the zoo's file, for `git apply` under `root`; empty without any.

    Raises ValueError where the file is written in a style that cannot be edited line by line.
    """
    before = zoo.file.read_text(encoding="utf-8")
    lines = before.splitlines(keepends=True)
    for proposal in proposed:
        lines = _edited(lines, zoo.name, proposal)
    _check(before, "".join(lines), zoo.name, proposed)
    name = zoo.file.relative_to(root) if zoo.file.is_relative_to(root) else Path(zoo.file.name)
    return "".join(difflib.unified_diff(before.splitlines(keepends=True), lines, f"a/{name}", f"b/{name}"))


def _edited(lines: list[str], zoo: str, proposal: Proposal) -> list[str]:
    """Change or add one entry of `bounds`, touching no other line."""
    node = _load("".join(lines))["zoos"][zoo]
    text = f'"{proposal.behavior}": {{{proposal.key}: {proposal.bound:g}, reason: {_quoted(proposal.reason)}}}\n'
    if not _is_block(node):
        raise ValueError(f"zoo {zoo} is not written as an indented block")
    bounds = node.get("bounds")
    if bounds is None:
        at, column = node.lc.key("models")
        while at > 0 and lines[at - 1].lstrip().startswith("#"):
            at -= 1
        return [*lines[:at], f"{' ' * column}bounds:\n", f"{' ' * (column + 2)}{text}", *lines[at:]]
    if not bounds or not _is_block(bounds):
        raise ValueError(f"`bounds` of zoo {zoo} is not written as an indented block")
    first, column = bounds.lc.key(next(iter(bounds)))
    if proposal.behavior not in bounds:
        return [*lines[:first], f"{' ' * column}{text}", *lines[first:]]
    start = bounds.lc.key(proposal.behavior)[0]
    end = start + 1
    while end < len(lines) and len(lines[end]) - len(lines[end].lstrip(" ")) > column and lines[end].strip():
        end += 1
    return [*lines[:start], f"{' ' * column}{text}", *lines[end:]]


def _check(before: str, after: str, zoo: str, proposed: Sequence[Proposal]) -> None:
    """Raise ValueError unless the edited file says what it said before, but for the proposals."""
    expected = copy.deepcopy(_load(before))
    bounds = expected["zoos"][zoo].setdefault("bounds", CommentedMap())
    for proposal in proposed:
        bounds[proposal.behavior] = {proposal.key: proposal.bound, "reason": proposal.reason}
    if not proposed:
        return
    if _plain(_load(after)) != _plain(expected):
        raise ValueError("the edited file would not mean what was proposed")


def _load(text: str) -> Any:
    return YAML(typ="rt").load(text)


def _plain(data: Any) -> Any:
    stream = io.StringIO()
    YAML(typ="rt").dump(data, stream)
    return YAML(typ="safe", pure=True).load(stream.getvalue())


def _is_block(node: Any) -> bool:
    return isinstance(node, CommentedMap) and not node.fa.flow_style()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
