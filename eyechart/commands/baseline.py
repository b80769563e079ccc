"""`eyechart baseline save NAME`, `list`, `export NAME FILE` and `import FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from eyechart.commands.options import add_places, placed
from eyechart.commands.saying import say
from eyechart.judge.gates.exports import export, import_
from eyechart.judge.gates.pins import pinned, save


def add_baseline(commands: Any) -> None:
    """Add `baseline` to the commands of `eyechart` (what `ArgumentParser.add_subparsers` returned)."""
    parser = commands.add_parser("baseline", help="pin the predictions that later checkpoints must not fall behind")
    actions = parser.add_subparsers(required=True, metavar="save|list|export|import")
    saving = actions.add_parser("save", help="pin what the last run judged")
    saving.add_argument("name", help="what --baseline will call it")
    saving.add_argument("--model", action="append", default=[], help="pin this model only (repeatable)")
    add_places(saving, "reports")
    saving.add_argument("--replace", action="store_true", help="move a name that is pinned already")
    listing = actions.add_parser("list", help="list what is pinned")
    exporting = actions.add_parser("export", help="write a pinned baseline as one file, for another machine")
    exporting.add_argument("name", help="what is pinned")
    exporting.add_argument("file", type=Path, metavar="FILE", help="where to write it, such as release-3.zip")
    exporting.add_argument("--replace", action="store_true", help="write over a file that is there")
    importing = actions.add_parser("import", help="pin the baseline in such a file, after checking every byte of it")
    importing.add_argument("file", metavar="FILE|URL", help="what `export` wrote")
    importing.add_argument("--name", default="", help="pin it under another name")
    importing.add_argument("--replace", action="store_true", help="move a name that is pinned already")
    works = ((saving, _save), (listing, _list), (exporting, _export), (importing, _import))
    for action, function in works:
        add_places(action, "models", "store")
        action.set_defaults(run=function)


def _save(arguments: argparse.Namespace) -> int:
    where = placed(arguments)
    record = save(arguments.name, where.store, where.reports, tuple(arguments.model), replace=arguments.replace)
    say(f"pinned {record['name']}: {_tables(record)} of {', '.join(record['models'])} at {record['precision']}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    manifest = export(arguments.name, placed(arguments).store, arguments.file, replace=arguments.replace)
    say(f"wrote {arguments.file} ({arguments.file.stat().st_size:,} bytes): baseline {arguments.name}")
    _say_what(manifest)
    return 0


def _import(arguments: argparse.Namespace) -> int:
    manifest = import_(arguments.file, placed(arguments).store, name=arguments.name, replace=arguments.replace)
    record = manifest["baseline"]
    say(f"pinned {record['name']}: {_tables(record)}, each checked, of {', '.join(record['models'])}")
    _say_what(manifest)
    return 0


def _say_what(manifest: dict[str, Any]) -> None:
    """Say what an exported baseline is: models, images, and what it was made with."""
    record = manifest["baseline"]
    for model, fingerprint in record["models"].items():
        say(f"  model      {model}, {fingerprint or 'whose checkpoint was never known'}, {record['precision']}")
    for name, about in manifest["image_sets"].items():
        views = len(about["views"])
        say(f"  images     {about['count']:,} of {name}, {about['fingerprint']}, {views} view{'s' * (views > 1)}")
    versions = ", ".join(f"{library} {' and '.join(each)}" for library, each in manifest["versions"].items())
    say(
        f"  made with  {versions or 'nobody recorded what'}; pinned {record['pinned']}, eyechart {manifest['eyechart']}"
    )


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
