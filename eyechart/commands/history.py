"""`eyechart history`: what becomes of each claim over checkpoints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.judge.verdict import measured
from eyechart.reports.history import HISTORY, Trend, runs_at, spark, trends
from eyechart.reports.pages.page import history_page
from eyechart.reports.report import write_text


def add_history(commands: Any) -> None:
    """Add `history` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("history", help="say what became of each claim over checkpoints")
    parser.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN",
        help="a history.jsonl, a verdicts.json, or the folder of one (default: history.jsonl of the reports)",
    )  # fmt: skip
    parser.add_argument("-k", dest="words", metavar="TEXT", default="", help="only claims that hold this text")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also draw them, on a page of their own")
    add_places(parser, "models", "reports")
    parser.set_defaults(run=_history)


def _history(arguments: argparse.Namespace) -> int:
    reports = []
    for path in arguments.runs or [placed(arguments).reports / HISTORY]:
        found, troubles = runs_at(path)
        reports += found
        for trouble in troubles:
            say(trouble)
    listed = [trend for trend in trends(reports) if arguments.words in f"{trend.model} {trend.last.behavior}"]
    say("left: half intervals to the bound; lost: since the first checkpoint; a bar a checkpoint, × beyond the bound")
    say(f"{'left':>6} {'lost':>6}")
    for trend in listed:
        say(_line(trend))
    say(f"{len(listed)} claims over {len(reports)} runs")
    if arguments.html:
        say(write_text(arguments.html, history_page(listed, len(reports))))
    return 0 if listed else 1


def _line(trend: Trend) -> str:
    last, soon = trend.last, trend.checkpoints_left
    numbers = " ".join("      " if number is None else f"{number:6.2f}" for number in (trend.left, trend.lost))
    versus = f" vs {last.versus}" if last.versus else ""
    pace = "" if soon is None else f"; at this pace {soon} more checkpoints keep it"
    return f"{numbers}  {spark(trend)}  {trend.model}  {last.behavior}{versus}: {last.verdict}, {measured(last)}{pace}"
