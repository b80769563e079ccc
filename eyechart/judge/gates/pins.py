"""Pinned baselines: copies of the predictions that a run judged, which no later run changes."""

from __future__ import annotations

import datetime
import functools
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eyechart.errors import SpecError, nearest
from eyechart.judge.gates.baseline import Baseline, ZooModel, stored_tables
from eyechart.predict.run import Run
from eyechart.store.proof import UNREADABLE, open_table, sealed_record, unsealed_record
from eyechart.store.writing import atomically

RECORD = "baseline.json"


def pins(store: Path) -> Path:
    """Where pinned baselines are kept, beside the predictions that they were copied from."""
    return store / "baselines"


def find_baseline(named: str, here: Path, run: Run) -> Baseline:
    """Find what `--baseline` names: a model of the zoo, a pinned baseline, a table or a folder.

    Raises SpecError where it names nothing, or two things.
    """
    store = run.settings.store
    is_model, is_pin = named in run.zoo.models, "/" not in named and (pins(store) / named).is_dir()
    if is_model and is_pin:
        raise SpecError(
            f"--baseline {named!r} is a model of zoo {run.zoo.name!r} and a pinned baseline; "
            f"give {pins(store) / named} for the pinned one"
        )
    if is_model:
        return ZooModel(named, run)
    location = pins(store) / named if is_pin else (here / Path(named).expanduser()).resolve()
    if location.exists():
        return stored_tables(named if is_pin else location.stem, location)
    names = [*run.zoo.models, *(pin["name"] for pin in pinned(store))]
    raise SpecError(
        f"--baseline {named!r} is no model of zoo {run.zoo.name!r}, no pinned baseline, no file and no folder: "
        f"{nearest(named, names)}"
    )


def save(
    name: str, store: Path, reports: Path, models: tuple[str, ...] = (), *, replace: bool = False
) -> dict[str, Any]:
    """Pin what the last run judged of `models` (all of them by default) under `name`, and say what was pinned.

    Raises SpecError for a name that is taken or no file name, for a model the run did not judge, and where no run
    left its report or the store lacks the predictions.
    """
    target = free(name, store, replace=replace)
    run = _last_run(reports)
    judged = {model: keys for model, keys in run.get("tables", {}).items() if keys}
    for model, count in run.get("partial_tables", {}).items():
        if count and model in (models or run["tables"]):
            raise SpecError(
                f"baseline {name!r}: the last run predicted {count} tables of {model} only as far as its looks asked "
                "(--sequential), and a later run may ask for more; judge it once without --sequential, then pin it"
            )
    unknown = [model for model in models if model not in judged]
    if unknown:
        raise SpecError(f"the last run did not judge {unknown[0]!r}: {nearest(unknown[0], judged)}")
    if name in run["models"]:
        raise SpecError(f"baseline {name!r}: a model of zoo {run['zoo']} has this name; --baseline could mean either")
    wanted = models or tuple(judged)
    tables = _tables(store, {key for model in wanted for key in judged[model]})
    if not tables:
        raise SpecError(f"store {store} holds no predictions of the last run ({reports / 'verdicts.json'})")
    record = {
        "name": name,
        "pinned": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "zoo": run["zoo"],
        "models": {model: run["models"].get(model) for model in wanted},
        "precision": run["precision"],
        "tables": len(tables),
    }
    put(target, record, functools.partial(_copy, tables))
    return record


def free(name: str, store: Path, *, replace: bool) -> Path:
    """Where a baseline of this name is put. Raises SpecError for a name that is taken or no file name."""
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise SpecError(f"baseline {name!r}: a name is letters, digits, dots, dashes and underscores")
    target = pins(store) / name
    if target.exists() and not replace:
        raise SpecError(f"baseline {name!r} is pinned already ({target}); --replace moves it, and with it every margin")
    return target


def pinned_record(name: str, store: Path) -> dict[str, Any]:
    """Record of one pinned baseline. Raises SpecError where there is none of this name, or it is damaged."""
    names = [path.parent.name for path in pins(store).glob(f"*/{RECORD}")]
    if name not in names:
        raise SpecError(f"baseline {name!r} is not pinned in {store}: {nearest(name, names)}")
    return _record(pins(store) / name / RECORD)


def pinned(store: Path) -> list[dict[str, Any]]:
    """Records of all pinned baselines, by name. Raises SpecError for one that is damaged."""
    return [_record(path) for path in sorted(pins(store).glob(f"*/{RECORD}"))]


def _record(path: Path) -> dict[str, Any]:
    try:
        return unsealed_record(path.read_bytes(), RECORD)
    except UNREADABLE as error:
        raise SpecError(
            f"{path}: {error}. Judge that checkpoint again, and pin it anew: "
            f"eyechart baseline save {path.parent.name} --replace"
        ) from error


def _last_run(reports: Path) -> dict[str, Any]:
    path = reports / "verdicts.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["run"])
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise SpecError(
            f"{path}: no report of a run there ({error}); judge the model first: pytest behaviors/"
        ) from error


def _tables(store: Path, keys: set[str]) -> list[Path]:
    """Tables of the store that the run judged. Raises SpecError where some of them are gone."""
    paths = [store / "predictions" / f"{key}.parquet" for key in sorted(keys)]
    lost = [path for path in paths if not path.is_file()]
    if lost and len(lost) < len(paths):
        raise SpecError(f"{len(lost)} of the {len(paths)} tables that the last run judged are gone, such as {lost[0]}")
    return [path for path in paths if path not in lost]


def put(target: Path, record: dict[str, Any], write_tables: Callable[[Path], None]) -> None:
    """Let `write_tables` fill a folder with tables, and only then put them in place of an older baseline.

    Raises SpecError where the store cannot be written to.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pinning-") as folder:
            copies = Path(folder) / "new"
            (copies / "predictions").mkdir(parents=True)
            write_tables(copies / "predictions")
            atomically(copies / RECORD, lambda path: path.write_bytes(sealed_record(record, RECORD)))
            if target.exists():
                target.rename(Path(folder) / "old")
            copies.rename(target)
    except OSError as error:
        raise SpecError(
            f"baseline {target.name!r}: cannot be pinned in {target.parent} ({error.strerror or error})"
        ) from error


def _copy(tables: list[Path], folder: Path) -> None:
    """Copy tables that prove themselves. Raises SpecError for one that does not."""
    for path in tables:
        atomically(folder / path.name, functools.partial(_copy_table, path))


def _copy_table(table: Path, copy: Path) -> None:
    """Copy a table. Raises SpecError where the copy does not prove itself."""
    shutil.copyfile(table, copy)
    try:
        open_table(copy).check()
    except UNREADABLE as error:
        raise SpecError(f"{table}: {error}. Judge the model again, which computes it again") from error
