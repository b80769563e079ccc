"""`eyechart store list` and `eyechart store prune`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.predict.contents import holdings, kinds, leftovers, remove, usable, users_of
from eyechart.store.sizes import size_of
from eyechart.zoo.places import places
from eyechart.zoo.zoo import read_zoos


def add_store(commands: Any) -> None:
    """Add `store` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("store", help="say what the store holds, and remove what is not used")
    actions = parser.add_subparsers(required=True, metavar="list|prune")
    listing = actions.add_parser("list", help="say what it holds, and how much space that takes")
    add_places(listing, "models")
    pruning = actions.add_parser("prune", help="find what no model of models.yaml needs; --yes removes it")
    pruning.add_argument(
        "--models", action="append", metavar="FILE",
        help="keep what the models of this file need (repeatable; those that were judged with this store are known)",
    )  # fmt: skip
    pruning.add_argument("--yes", action="store_true", help="remove it; without this, it is only listed")
    for action, function in ((listing, _list), (pruning, _prune)):
        add_places(action, "store")
        action.set_defaults(run=function)


def _list(arguments: argparse.Namespace) -> int:
    root = usable(placed(arguments).store).root
    say(f"store {root}: {megabytes(size_of(root))}")
    for kind, (count, size) in kinds(root).items():
        say(f"  {kind:12} {count:6,} entries  {megabytes(size):>10}")
    for model, held in holdings(root).items():
        say(
            f"predictions of {model}: {held.tables} tables, {megabytes(held.size)}, last made {held.made[:10]}; "
            f"{', '.join(sorted(held.image_sets))}"
        )
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    given = arguments.models or [None]
    where = [places(Path.cwd(), models, arguments.store) for models in given]
    store = usable(where[0].store)
    users, gone = users_of(store)
    for file in gone:
        say(f"{file} was judged with this store, and is not there now: what only its models need is listed too")
    files = dict.fromkeys(file.resolve() for file in [*(each.models for each in where), *users])
    zoos = [zoo for file in files for zoo in read_zoos(file)]
    with store.writing(lambda: say(store.waiting())):
        unused = leftovers(store.root, zoos)
        for item in unused:
            say(f"{megabytes(item.size):>10}  {item.path.relative_to(store.root)}  {item.why}")
        if arguments.yes:
            remove(unused)
    total = megabytes(sum(item.size for item in unused))
    done = "removed" if arguments.yes else "can go: --yes removes it, and what is needed after all is computed again"
    say(f"{total} in {len(unused)} entries {done}" if unused else "nothing to remove")
    return 0


def megabytes(size: int) -> str:
    """`12.3 MB`."""
    return f"{size / 1e6:,.1f} MB"
