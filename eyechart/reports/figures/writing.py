"""Writes the figures of a run into `reports/figures`, and draws again what is there; see docs/reports.md.

A figure that cannot be drawn is said in one line and stops nothing: what a run measured does not depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eyechart.errors import EyechartError, printable
from eyechart.reports.figures import accuracies, calibration, checkpoints, invariance, mistakes, sweeps
from eyechart.reports.figures.classes import classes_of
from eyechart.reports.figures.drawing import HOW, KINDS, can_draw, drawn, is_off, is_wanted, mark_of
from eyechart.reports.figures.figure import Figure, as_csv
from eyechart.reports.figures.judged import Judged
from eyechart.reports.figures.pictures import FOLDER as PICTURES
from eyechart.reports.figures.pictures import Pictures
from eyechart.reports.report import write_text

FOLDER = "figures"
INDEX = "index.json"

SOURCES: tuple[Callable[[Judged], Iterator[Figure]], ...] = (
    checkpoints.checkpoints, accuracies.shifted_accuracies, mistakes.error_ratios, mistakes.shape_biases,
    calibration.reliabilities, sweeps.corruptions, accuracies.transfer_accuracies, sweeps.factor_sweeps,
    invariance.invariances,
)  # fmt: skip
"""What makes figures of a run, in the order in which they are shown."""


def write_figures(reports: Path, judged: Judged) -> list[str]:
    """Write all figures of a run: the data as CSV, then the drawings. Returns a line for each thing that went wrong.

    Files of an earlier run that this one does not have are removed.
    """
    folder, troubles = reports / FOLDER, []
    if is_off():
        _keep_only(folder, set())
        (folder / INDEX).unlink(missing_ok=True)
        return []
    entries: list[dict[str, Any]] = []
    pictures = Pictures(judged, folder / PICTURES)
    try:
        for source in SOURCES:
            troubles += _written(folder, source, judged, entries)
        shown, classes, more = _beside(judged, pictures)
        _keep_only(folder, {entry[each] for entry in entries for each in ("csv", "svg")} | pictures.names)
        write_text(folder / INDEX, _as_json({"figures": entries, "pictures": shown, "classes": classes}))
        return [*troubles, *more, *draw_figures(reports)]
    except (EyechartError, OSError) as error:
        return [*troubles, f"not written: {_line(error)}"]


def draw_figures(reports: Path) -> list[str]:
    """Draw what `index.json` lists, each from its CSV, and note there what is drawn; returns what went wrong.

    A drawing of the same data is left as it is, and needs no plotting library.
    """
    folder, troubles = reports / FOLDER, []
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    missing = 0
    for entry in index["figures"]:
        if entry["kind"] not in KINDS:
            continue
        path = folder / f"{entry['name']}.svg"
        try:
            missing += not _draw(folder, entry, path)
        except Exception as error:  # whatever the plotting library raises, the run is judged
            troubles.append(f"{path.name} is not drawn: {_line(error)}")
            path.unlink(missing_ok=True)
        entry["svg"] = path.name if path.exists() else None
    write_text(folder / INDEX, _as_json(index))
    return [*troubles, *([f"{missing} as data only, in {folder}; to draw them: {HOW}"] if missing else [])]


def _draw(folder: Path, entry: Mapping[str, Any], path: Path) -> bool:
    """Draw one figure unless it is there; False where it is wanted and there is nothing to draw with."""
    table = (folder / entry["csv"]).read_bytes().decode("utf-8")
    words = (entry["kind"], entry["title"], entry["caption"], table)
    if path.exists() and f'data-drawn-from="{mark_of(*words)}"' in path.read_text(encoding="utf-8")[:1000]:
        return True
    if not (is_wanted() and can_draw()):
        path.unlink(missing_ok=True)
        return not is_wanted()
    write_text(path, drawn(entry["name"], *words))
    return True


def _written(
    folder: Path, source: Callable[[Judged], Iterator[Figure]], judged: Judged, entries: list[dict[str, Any]]
) -> list[str]:
    try:
        for figure in source(judged):
            write_text(folder / f"{figure.name}.csv", as_csv(figure.rows))
            drawing = f"{figure.name}.svg" if figure.kind in KINDS else None
            entries.append({
                "name": figure.name, "kind": figure.kind, "title": figure.title, "caption": figure.caption,
                "property": figure.property, "models": list(figure.models), "svg": drawing,
                "csv": f"{figure.name}.csv", "claims": list(figure.claims),
            })  # fmt: skip
    except Exception as error:  # whatever a measure or a library raises, the run is judged
        return [f"no {source.__name__.replace('_', ' ')}: {_line(error)}"]
    return []


def _beside(judged: Judged, pictures: Pictures) -> tuple[dict[str, Any], Mapping[str, Any], list[str]]:
    """The images of open claims, the classes of models, and what went wrong."""
    shown = pictures.of_claims()
    troubles = [printable(line).replace("\n", " ")[:300] for line in pictures.troubles[:3]]
    if len(pictures.troubles) > len(troubles):
        troubles.append(f"no images of {len(pictures.troubles) - len(troubles)} more claims")
    try:
        return shown, classes_of(judged), troubles
    except Exception as error:  # whatever a measure raises, the run is judged
        return shown, {}, [*troubles, f"no table of classes: {_line(error)}"]


def _keep_only(folder: Path, names: set[str]) -> None:
    for path in [*folder.glob("*.csv"), *folder.glob("*.svg"), *folder.glob(f"{PICTURES}/*.jpg")]:
        if path.name not in names:
            path.unlink(missing_ok=True)


def _as_json(index: Mapping[str, Any]) -> str:
    return json.dumps(index, indent=None, separators=(",", ":")) + "\n"


def _line(error: Exception) -> str:
    return printable(f"{type(error).__name__}: {error}").replace("\n", " ")[:300]
