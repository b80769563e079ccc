"""`history.jsonl`, a line a run, and what becomes of a claim over checkpoints: slow decay is seen before it fails."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyechart.errors import SpecError, StoreError
from eyechart.judge.verdict import Outcome, Verdict, as_record, from_record
from eyechart.reports.distance import distance, half_interval, limit_of
from eyechart.reports.report import SCHEMA, Report, in_order, read_report

HISTORY = "history.jsonl"
SHOWN = 30
"""Runs that the page of a run looks back on."""

_RUN = ("zoo", "started", "limit", "precision", "exit_code", "stopped_early", "models", "stands_for")
_CLAIM = ("model", "versus", "property", "behavior", "image_set", "view", "part", "measure", "value", "low", "high",
          "count", "at_most", "at_least", "margin", "verdict", "known_failure")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """A claim at one checkpoint: what the checkpoint is called, its fingerprint if known, when it was judged."""

    checkpoint: str
    fingerprint: str | None
    started: str
    claim: Verdict


@dataclass(frozen=True, slots=True)
class Trend:
    """One claim over checkpoints, the earliest first; `model` is what the weights of `--checkpoint` stand for."""

    model: str
    points: Sequence[Point]

    @property
    def last(self) -> Verdict:
        """The claim as it was judged last."""
        return self.points[-1].claim

    @property
    def left(self) -> float | None:
        """Distance of the last value to its bound, in half intervals."""
        return distance(self.last)

    @property
    def lost(self) -> float | None:
        """How far the value came nearer to the bound since the first checkpoint, in half intervals of the last."""
        first, half = self.points[0].claim, half_interval(self.last)
        if half is None or first.value is None or self.last.value is None or first.measure != self.last.measure:
            return None
        before, now = first.value, self.last.value
        return (before - now if self.last.at_least is not None else now - before) / half

    @property
    def checkpoints_left(self) -> int | None:
        """How many more checkpoints until the bound, if each loses as much as they did on average.

        None where nothing was lost, or less than half an interval: that is no trend.
        """
        left, lost = self.left, self.lost
        if left is None or lost is None or lost < 1 or left < 0 or len(self.points) < 3:
            return None
        return int(left / (lost / (len(self.points) - 1)))


def append(folder: Path, report: Report) -> Path | None:
    """Add a run to the history of a folder, as one write of one line; a run without a claim is none.

    Raises StoreError where the file cannot be written to.
    """
    if not report.claims:
        return None
    run = {key: report.run[key] for key in _RUN if key in report.run}
    claims = [{key: value for key in _CLAIM if (value := record[key]) is not None}
              for record in map(as_record, in_order(report.claims))]  # fmt: skip
    line = json.dumps({"schema": SCHEMA, "run": run, "claims": claims}, allow_nan=False, separators=(",", ":"))
    path = folder / HISTORY
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"  # what a full disk left of an earlier line
            os.write(file, ("\n" * torn + line + "\n").encode())
        finally:
            os.close(file)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written to ({error.strerror})") from error
    return path


def read_history(path: Path, last: int | None = None) -> tuple[list[Report], list[str]]:
    """Read the runs of a history, the earliest first, and say which lines are none.

    Raises SpecError where there is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SpecError(f"{path}: no history of runs there ({error.strerror}); each run adds a line to it") from error
    reports, troubles = [], []
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in numbered[-last:] if last else numbered:
        try:
            reports.append(_report(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            troubles.append(f"{path}:{number}: not a run, left out ({type(error).__name__}: {error})")
    return reports, troubles


def _report(data: dict[str, object]) -> Report:
    if data["schema"] != SCHEMA:
        raise ValueError(f"schema {data['schema']!r}, this version of eyechart reads {SCHEMA}")
    run, claims = data["run"], data["claims"]
    if not isinstance(run, dict) or not isinstance(claims, list):
        raise TypeError("a run and its claims are expected")
    empty = dict.fromkeys(_CLAIM)
    return Report(run, tuple(from_record({"zoo": run.get("zoo"), **empty, **claim}) for claim in claims))


def runs_at(path: Path) -> tuple[list[Report], list[str]]:
    """Runs of a `.jsonl`, or the one of a `verdicts.json` or its folder. Raises SpecError where there is none."""
    return read_history(path) if path.suffix == ".jsonl" else ([read_report(path)], [])


def trends(reports: Iterable[Report]) -> list[Trend]:
    """Claims over the checkpoints of several runs, what is nearest to its bound first.

    Runs are put in the order of their start. A checkpoint that was judged again counts once, as it was judged last.
    """
    points: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for report in sorted(reports, key=lambda each: str(each.run.get("started"))):
        stands_for, prints = (report.run.get(key) or {} for key in ("stands_for", "models"))
        for claim in report.claims:
            point = Point(claim.model, prints.get(claim.model), str(report.run.get("started")), claim)
            line = points[stands_for.get(claim.model, claim.model), claim.behavior, claim.versus or ""]
            if line and point.fingerprint and line[-1].fingerprint == point.fingerprint:
                line[-1] = point
            else:
                line.append(point)
    made = [Trend(model, line) for (model, _, _), line in points.items()]
    return sorted(made, key=_nearest)


def _nearest(trend: Trend) -> tuple[bool, float, str, str]:
    left = trend.left
    decided = trend.last.verdict is not Outcome.NOT_APPLICABLE and limit_of(trend.last) is not None
    return not decided or left is None, left or 0.0, trend.model, trend.last.behavior


def spark(trend: Trend) -> str:
    """Distances to the bound over checkpoints as a row of bars: empty on the bound, full six half intervals away."""
    bars = "▁▂▃▄▅▆▇█"
    signs = []
    for point in trend.points:
        far = distance(point.claim)
        signs.append("·" if far is None else "×" if far < 0 else bars[min(len(bars) - 1, int(far / 6 * len(bars)))])
    return "".join(signs)
