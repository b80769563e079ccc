"""`eyechart train`: a model of the miniature zoo, from a seed."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from eyechart.commands.options import add_places, placed
from eyechart.errors import SpecError, nearest
from eyechart.zoo.zoo import read_zoo


def add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `train`."""
    train = commands.add_parser("train", help="train a model of the miniature zoo")
    train.add_argument("name", metavar="NAME", help="a model of zoo miniature, such as vit-sup")
    add_places(train, "models")
    train.add_argument("--output", default="eyechart/miniature/weights", metavar="DIR", help="default: %(default)s")
    train.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    train.add_argument("--device", default="cpu", help="default: %(default)s")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    zoo = read_zoo(placed(options).models, "miniature")
    if options.name not in zoo.models:
        raise SpecError(f"{options.name!r} is not in zoo 'miniature': {nearest(options.name, zoo.models)}")
    from eyechart.miniature.training.schedules import RECIPES
    from eyechart.miniature.training.train import TrainSpec, train

    if options.name not in RECIPES:
        raise SpecError(f"there is no recipe for {options.name!r}: {nearest(options.name, RECIPES)}")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("eyechart").setLevel(logging.INFO)  # an epoch takes a minute: say which one it is
    spec = zoo.models[options.name]
    what = TrainSpec(
        source=spec.source,
        architecture=getattr(spec, "architecture", ""),
        recipe=RECIPES[options.name],
        arguments=getattr(spec, "arguments", {}),
    )
    print(train(options.name, what, Path(options.output), options.seed, options.device).markdown())
    return 0
