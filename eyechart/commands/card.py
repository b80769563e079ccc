"""`eyechart card`: the results of a run as a section of a model card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.reports.card import card, model_of
from eyechart.reports.report import read_report, write_text


def add_card(commands: Any) -> None:
    """Add `card` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("card", help="write results as a section of a model card, with the Hub's model-index")
    parser.add_argument("run_", nargs="?", type=Path, metavar="RUN", help="a verdicts.json or its folder")
    parser.add_argument("--model", default="", help="the model it is about, where the run judged several")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there, and print nothing else")
    add_places(parser, "models", "reports")
    parser.set_defaults(run=_card)


def _card(arguments: argparse.Namespace) -> int:
    report = read_report(arguments.run_ or placed(arguments).reports)
    written = card(report, model_of(report, arguments.model))
    if arguments.output:
        print(write_text(arguments.output, written))
    else:
        print(written, end="")
    return 0
