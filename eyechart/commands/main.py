"""The command `eyechart`: what is done outside a pytest run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from eyechart.commands.baseline import add_baseline
from eyechart.commands.check_data import add_check_data
from eyechart.commands.compare import add_compare
from eyechart.commands.report import add_report
from eyechart.commands.run import add_run, run
from eyechart.commands.store import add_store
from eyechart.commands.train import add_train
from eyechart.errors import EyechartError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 if all is well, 1 if not, 2 for wrong usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["run"]:
        return run(words[1:])
    options = _parser().parse_args(words)
    try:
        return int(options.run(options))
    except EyechartError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eyechart", description="Behavior tests for vision models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands)
    add_check_data(commands)
    add_train(commands)
    add_baseline(commands)
    add_report(commands)
    add_compare(commands)
    add_store(commands)
    return parser
