"""`eyechart report`: the pages of the last run, made again from what it left."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.reports.figures.writing import draw_figures
from eyechart.reports.pages.allure import HOW, generate, generator, models_of
from eyechart.reports.pages.page import PAGE, report_page
from eyechart.reports.report import read_report, write_text
from eyechart.reports.summary import SUMMARY, summarized


def add_report(commands: Any) -> None:
    """Add `report` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("report", help="make the pages of the last run: index.html, and Allure's")
    add_places(parser, "models", "reports")
    parser.add_argument("--results", type=Path, metavar="DIR", help="default: allure-results of the reports")
    parser.add_argument("--no-allure", action="store_true", help="make index.html only")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    reports = placed(arguments).reports
    report = read_report(reports)
    for line in draw_figures(reports):
        print(f"figures: {line}")
    print(write_text(reports / PAGE, report_page(report, reports)))
    print(write_text(reports / SUMMARY, summarized(report, PAGE)))
    if arguments.no_allure:
        return 0
    results = (arguments.results or reports / "allure-results").resolve()
    if not any(results.glob("*-result.json")):
        print(f"no Allure page: {results} holds no results")
        return 0
    command = generator()
    if command is None:
        print(f"no Allure page: {HOW}")
        return 0
    print(generate(command, results, reports / "allure", models_of(report.run)))
    return 0
