"""`eyechart baseline save NAME` and `eyechart baseline list`."""

from __future__ import annotations

import argparse
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.judge.gates.pins import pinned, save


def add_baseline(commands: Any) -> None:
    """Add `baseline` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("baseline", help="pin the predictions that later checkpoints must not fall behind")
    actions = parser.add_subparsers(required=True, metavar="save|list")
    saving = actions.add_parser("save", help="pin what the last run judged")
    saving.add_argument("name", help="what --baseline will call it")
    saving.add_argument("--model", action="append", default=[], help="pin this model only (repeatable)")
    add_places(saving, "reports")
    saving.add_argument("--replace", action="store_true", help="move a name that is pinned already")
    listing = actions.add_parser("list", help="list what is pinned")
    for action, function in ((saving, _save), (listing, _list)):
        add_places(action, "models", "store")
        action.set_defaults(run=function)


def _save(arguments: argparse.Namespace) -> int:
    where = placed(arguments)
    record = save(arguments.name, where.store, where.reports, tuple(arguments.model), replace=arguments.replace)
    say(f"pinned {record['name']}: {_tables(record)} of {', '.join(record['models'])} at {record['precision']}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    store = placed(arguments).store
    records = pinned(store)
    for record in records:
        models = ", ".join(record["models"])
        say(f"{record['name']}  pinned {record['pinned']}  {models}  {_tables(record)}, {record['precision']}")
    if not records:
        say(f"nothing is pinned in {store}")
    return 0


def _tables(record: dict[str, Any]) -> str:
    return f"{record['tables']} table{'' if record['tables'] == 1 else 's'}"
