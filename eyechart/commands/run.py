"""`eyechart run`: pytest, judging from any folder by the shipped behaviors and the project's own."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from eyechart.zoo.places import PACKAGE, SHIPPED_BEHAVIORS, places


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run` to the list of commands; its arguments are pytest's, so that `main` hands them over unread."""
    commands.add_parser("run", help="judge from any folder; every argument is pytest's (eyechart run --help)")


def run(arguments: Sequence[str]) -> int:
    """Run pytest in this process as `python -m pytest` does; returns its exit code."""
    here = Path.cwd()
    sys.argv = ["eyechart run", *settings(here, arguments), *arguments]
    sys.path.insert(0, str(here))
    try:
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def settings(here: Path, arguments: Sequence[str]) -> list[str]:
    """Arguments of pytest that make a run one of ours; given again behind them, each can be overruled.

    No conftest.py above the behaviors is read: that of the project is for the project's own tests.
    """
    reading = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reading.add_argument("--models")
    root = places(here, reading.parse_known_args(arguments)[0].models).root
    own = [folder / "behaviors" for folder in (root, here) if (folder / "behaviors").is_dir()]
    return [
        *("-c", str(PACKAGE / "fixtures" / "pytest.toml")),
        *("--rootdir", str(root)),
        *("--confcutdir", str(own[0] if own else SHIPPED_BEHAVIORS)),
    ]
