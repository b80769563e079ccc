"""The options that say where things are, the same for every subcommand (`eyechart.zoo.places` has the rule)."""

from __future__ import annotations

import argparse
from pathlib import Path

from eyechart.zoo.places import Places, places

_HELP = {
    "models": ("FILE", "models.yaml (default: the one here or nearest above, else the one that ships)"),
    "store": ("DIR", "where predictions are kept (default: .eyechart/store beside models.yaml)"),
    "reports": ("DIR", "where a run left its reports (default: reports beside models.yaml)"),
}


def add_places(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add `--models`, `--store` or `--reports`."""
    for name in names:
        metavar, text = _HELP[name]
        parser.add_argument(f"--{name}", metavar=metavar, help=text)


def placed(options: argparse.Namespace) -> Places:
    """Apply the rule in the current folder to the options that a command has."""
    models, store, reports = (getattr(options, name, None) for name in ("models", "store", "reports"))
    return places(Path.cwd(), models, store, reports)
