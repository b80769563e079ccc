"""The command `eyechart`: what is done outside a pytest run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata

from eyechart.commands.baseline import add_baseline
from eyechart.commands.card import add_card
from eyechart.commands.check_data import add_check_data
from eyechart.commands.compare import add_compare
from eyechart.commands.eject import add_eject
from eyechart.commands.history import add_history
from eyechart.commands.init import add_init
from eyechart.commands.report import add_report
from eyechart.commands.run import add_run, run
from eyechart.commands.store import add_store
from eyechart.commands.train import add_train
from eyechart.errors import EyechartError
from eyechart.zoo.suite import SUITE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 if all is well, 1 if not, 2 for wrong usage.

    `run` is pytest and has its codes.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["run"]:
        return run(words[1:])
    options = _parser().parse_args(words)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read this, `head` perhaps, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except EyechartError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eyechart", description="Behavior tests for vision models.")
    version = f"eyechart {metadata.version('eyechart')}, shipped behaviors of version {SUITE}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_init(commands)
    add_run(commands)
    add_eject(commands)
    add_check_data(commands)
    add_train(commands)
    add_baseline(commands)
    add_report(commands)
    add_compare(commands)
    add_card(commands)
    add_history(commands)
    add_store(commands)
    return parser
