"""A row for each part (factor, category, image set, task), a mark with its interval for each model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eyechart.reports.figures.figure import Written, distinct, number
from eyechart.reports.figures.style import FAINT, GRID, INK, PAPER, WIDTH, Series, label_of, series_in, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

STEP = 0.115
"""Inches from a model's mark to the next model's below it."""

ROOM = 1.9
"""How far an axis goes beyond its farthest value, as a multiple: an interval may go on, and then ends in an arrow."""


def draw_parts(rows: Sequence[Written]) -> Canvas:
    """Draw a panel for each `panel` of the rows, all with the same parts from top to bottom.

    A row without a part is a line across all of them: a model's own mean, or with `published` a known number.
    """
    from matplotlib.figure import Figure as Canvas

    parts = [part for part in distinct(rows, "part") if part]
    models = series_in(rows)
    panels = distinct(rows, "panel")
    height = len(parts) * (STEP * len(models) + 0.13) + 0.75 + 0.16 * math.ceil(len(models) / 2)
    canvas = Canvas(figsize=(WIDTH, height))
    grid = canvas.subplots(1, len(panels), squeeze=False, sharey=True, width_ratios=[1.6, 1.0][: len(panels)])
    for axes, panel in zip(grid[0], panels, strict=True):
        _panel(axes, [row for row in rows if row["panel"] == panel], parts, models)
    handles, labels = grid[0][0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside upper left", ncols=2 if len(models) > 4 else 4, handletextpad=0.2)
    return canvas


def _panel(axes: Axes, rows: Sequence[Written], parts: Sequence[str], models: Series) -> None:
    ends = [number(row, name) for row in rows for name in ("value", "at_most", "at_least", "other")]
    finite = [end for end in ends if math.isfinite(end)] or [1.0]
    reach = [end for row in rows for side in ("low", "high") if math.isfinite(end := number(row, side))]
    start, end = min([*finite, *reach, 0.0]), max([*finite, *reach, 0.0])
    if "0" not in {row["line"] for row in rows}:  # a difference has its whole interval, a ratio's may have no end
        farthest = ROOM * max(map(abs, finite))
        start, end = max(start, -farthest if min(finite) < 0 else 0.0), min(end, farthest)
    margin = 0.03 * (end - start)
    start, end = start - margin, end + margin
    axes.set(xlim=(start, end), ylim=(len(parts) - 0.5, -0.5), xlabel=rows[0]["panel"])
    axes.set_yticks(range(len(parts)), [_label(part, rows) for part in parts])
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    for between in range(1, len(parts)):
        axes.axhline(between - 0.5, color=GRID, linewidth=0.5)
    _bounds(axes, rows, parts)
    if "0" in {row["line"] for row in rows}:
        axes.axvline(0.0, color=FAINT, linewidth=0.8)
    if "1" in {row["line"] for row in rows}:
        axes.axvline(1.0, color=FAINT, linewidth=0.8)
    for row in rows:
        if row["published"]:
            axes.axvline(number(row, "value"), color=FAINT, linewidth=0.9, linestyle=(0, (1, 1.5)))
            axes.text(number(row, "value"), -0.55, row["model"], ha="center", va="bottom", fontsize=6.5, color=FAINT)
    for position, (model, (color, mark)) in enumerate(models.items()):
        axes.plot([], [], mark, color=color, label=label_of(model))
        for row in rows:
            if (row["model"], row["baseline"]) == model and not row["published"]:
                offset = (position + 1) / (len(models) + 1) - 0.5
                _mark(axes, row, parts.index(row["part"]) + 0.86 * offset if row["part"] else None, (color, mark))


def _label(part: str, rows: Sequence[Written]) -> str:
    """The name of a part, and how many images it has where that is the same for all models."""
    counts = {(row["part"], row["count"]) for row in rows if row["part"]}
    told = len(counts) == len({row["part"] for row in rows if row["part"]})
    count = next((count for name, count in counts if name == part), "")
    return f"{shown(part)}  {int(count):,}" if told and count else shown(part)


def _bounds(axes: Axes, rows: Sequence[Written], parts: Sequence[str]) -> None:
    """A dashed line where the bound is, from the first row to the last that it holds for."""
    for side in ("at_most", "at_least"):
        for row in {(row["part"], row[side]): row for row in rows if row["part"] and row[side]}.values():
            middle = parts.index(row["part"])
            ends = [middle - 0.5, middle + 0.5]
            axes.plot([number(row, side)] * 2, ends, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))


def _mark(axes: Axes, row: Written, y: float | None, drawn_as: tuple[str, str]) -> None:
    """Draw a value with its interval at the height `y`, or without one as a line across all parts."""
    value, low, high = (number(row, name) for name in ("value", "low", "high"))
    color, mark = drawn_as
    ends = axes.get_xlim()
    if not math.isfinite(value):
        return
    if y is None:
        axes.axvline(value, color=color, linewidth=1.0, linestyle=(0, (5, 2)))
        return
    other = number(row, "other")
    if math.isfinite(other):
        axes.plot([other, value], [y, y], color=color, linewidth=0.5, alpha=0.6)
        axes.plot([other], [y], "|", color=color, markersize=6)
    if not math.isnan(low) and not math.isnan(high):
        line = (0, (2, 1)) if row["baseline"] else "-"
        axes.plot([max(low, ends[0]), min(high, ends[1])], [y, y], color=color, linewidth=1.3, linestyle=line)
        if high > ends[1]:
            axes.plot([ends[1]], [y], ">", color=color, markersize=3, clip_on=False)
    settled = row["verdict"] in ("pass", "reported", "")
    face = color if settled else PAPER
    axes.plot([value], [y], mark, color=color, markerfacecolor=face, markeredgewidth=1.0)
