"""The console script `eyechart`; each command lives beside what it commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from eyechart.errors import EyechartError
from eyechart.gates.command import add_baseline


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a mistake is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="eyechart", description="Behavior tests for vision models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_baseline(commands)
    given = parser.parse_args(arguments)
    try:
        return int(given.function(given))
    except EyechartError as error:
        print(f"eyechart: {error}", file=sys.stderr)
        return 2
