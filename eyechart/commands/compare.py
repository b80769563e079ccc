"""`eyechart compare`: which verdicts changed."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.reports.changes import Kind, changes, claims_of, claims_of_model, differences
from eyechart.reports.report import read_report


def add_compare(commands: Any) -> None:
    """Add `compare` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("compare", help="say which verdicts changed between two runs, or two models of a run")
    parser.add_argument("before", help="a verdicts.json or its folder; or a model of the run under --reports")
    parser.add_argument("after", help="the same, to compare with it")
    add_places(parser, "models", "reports")
    parser.add_argument("--all", action="store_true", help="list claims that did not change, too")
    parser.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    paths = [Path(arguments.before), Path(arguments.after)]
    if any(path.exists() for path in paths):
        before, after = (read_report(path) for path in paths)
        changed = changes(claims_of(before), claims_of(after))
        for line in differences(before, after):
            say(f"differs  {line}")
    else:
        report = read_report(placed(arguments).reports)
        changed = changes(claims_of_model(report, arguments.before), claims_of_model(report, arguments.after))
    for change in changed:
        if change.kind is not Kind.SAME or arguments.all:
            say(change)
    count = Counter(change.kind for change in changed)
    say(f"{len(changed)} claims: " + ", ".join(f"{count[kind]} {kind}" for kind in Kind))
    return 1 if count[Kind.WORSE] else 0
