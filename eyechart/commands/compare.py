"""`eyechart compare`: which verdicts changed."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.reports.changes import Kind, changes, claims_of_model, comparable, differences, is_worse
from eyechart.reports.report import read_report


def add_compare(commands: Any) -> None:
    """Add `compare` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("compare", help="say which verdicts changed between two runs, or two models of a run")
    parser.add_argument(
        "before", help="RUN[:MODEL], a verdicts.json or its folder; or a model of the run under --reports"
    )
    parser.add_argument("after", help="the same, to compare with it")
    add_places(parser, "models", "reports")
    parser.add_argument("--all", action="store_true", help="list claims that did not change, too")
    parser.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    sides = [_side(text) for text in (arguments.before, arguments.after)]
    if all(path is None for path, _ in sides):
        report = read_report(placed(arguments).reports)
        before, after = report, report
    else:
        before, after = (read_report(path or Path(text)) for (path, _), text in
                         zip(sides, (arguments.before, arguments.after), strict=True))  # fmt: skip
        for line in differences(before, after):
            say(f"differs  {line}")
    models = [model for _, model in sides]
    if any(models):
        changed = changes(claims_of_model(before, models[0]), claims_of_model(after, models[1]))
    else:
        changed = changes(*comparable(before, after))
    for change in changed:
        if change.kind is not Kind.SAME or arguments.all:
            say(change)
    count = Counter(change.kind for change in changed)
    say(f"{len(changed)} claims: " + ", ".join(f"{count[kind]} {kind}" for kind in Kind))
    if not any(change.before and change.after for change in changed):
        say("no claim is in both, so nothing was compared; to compare models of other names: RUN:MODEL RUN:MODEL")
    return int(is_worse(changed))


def _side(text: str) -> tuple[Path | None, str | None]:
    """Split `RUN:MODEL`; a run that is there may be called anything, and what is no run is a model."""
    if Path(text).exists():
        return Path(text), None
    folder, colon, model = text.rpartition(":")
    return (Path(folder), model) if colon and folder and Path(folder).exists() else (None, text)
