"""`summary.md`: a run for a pull request: the sentence that decides, the matrix, what is open in a line each."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from eyechart.judge.verdict import Verdict
from eyechart.reports.markdown import code, table, text
from eyechart.reports.pages import words
from eyechart.reports.report import LEGEND, Report, cell, kind, properties
from eyechart.reports.sentence import deciding_sentences, headline

SUMMARY = "summary.md"
MARKER = "<!-- eyechart -->"
"""First line: by it the comment of an earlier run is found, and updated in place."""

LONGEST = 60_000
"""Bytes, of the 65,536 characters of a comment on GitHub: room for what a workflow adds."""

_LINE = 400
_COLUMNS = 30
_KINDS = {"F": "✗ fails", "B": "■ blocked", "?": "? undecided"}


def summarized(report: Report, page: str = "") -> str:
    """Say in Markdown what became of a run, in no more than a comment holds; `page` is the path of the whole report."""
    sentences = deciding_sentences(report)
    parts = [MARKER, f"### {text(headline(sentences), 2 * _LINE)}", ""]
    if len(sentences) > 1:
        listed = [f"- {text(sentence, _LINE)}" for sentence in sentences.values()]
        parts += [*_within(listed, LONGEST // 4, "- … and {:,} more models"), ""]
    run = report.run
    if run.get("limit"):
        parts += [f"A subset: at most {run['limit']:,} images of each set.", ""]
    parts += [*_matrix(report, list(sentences)), ""]
    ending = ["", f"Every claim with its interval, bound and reason: [{page}]({page})"] if page else []
    return "\n".join([*_fitting(parts, list(_open(report)), ending), ""])


def _fitting(parts: list[str], points: list[str], ending: list[str]) -> list[str]:
    """Leave out the last open points where they would not fit, and say how many."""
    room = LONGEST - _size([*parts, *ending, "Open:", ""])
    listed = _within(points, room, "- … and {:,} more, which the page lists")
    return [*parts, *(["Open:", "", *listed] if points else []), *ending]


def _within(lines: list[str], room: int, more: str) -> list[str]:
    """As many lines as there is room for, in bytes, and one that says how many more there are."""
    if _size(lines) <= room:
        return lines
    sizes = accumulate(_size([line]) for line in lines)
    kept = bisect.bisect_right(list(sizes), room - _size([more]) - 20)
    return [*lines[:kept], more.format(len(lines) - kept)]


def _size(lines: list[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _matrix(report: Report, models: list[str]) -> list[str]:
    columns = properties(report.claims)[:_COLUMNS]
    if not columns:
        return []
    cells: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for claim in report.claims:
        cells[claim.model, claim.property].append(claim)
    rows = [[code(model), *(text(cell(cells[model, name])) for name in columns)] for model in models]
    lines = table([["", *(text(name, 40) for name in columns)], *rows])
    return [*lines[:2], *_within(lines[2:], LONGEST // 4, "| … and {:,} more |"), "", LEGEND]


def _open(report: Report) -> Iterator[str]:
    """A line for each claim that is neither kept nor excused; claims blocked for one reason share one."""
    for letter in ("F", "B", "?"):
        groups: dict[object, list[Verdict]] = defaultdict(list)
        for claim in report.claims:
            if kind(claim) == letter:
                groups[(claim.model, claim.reason) if letter == "B" else id(claim)].append(claim)
        yield from (_point(claims) for claims in groups.values())
        if letter == "F":
            for trouble in report.run.get("troubles", ()):
                yield f"- ✗ ended without a verdict: {code(trouble['test'])}: {text(trouble['what'], _LINE)}"


def _point(claims: list[Verdict]) -> str:
    claim = claims[0]
    what = code(claim.behavior) if len(claims) == 1 else f"{len(claims):,} claims"
    beside = f" beside {code(claim.versus)}" if claim.versus and len(claims) == 1 else ""
    return f"- {_KINDS[kind(claim)]}: {code(claim.model)} {what}{beside}: {text(words.measured(claim), _LINE)}"
