"""Panels of curves: a number against severity, level, shift, scale or resolution, a curve a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eyechart.reports.figures.figure import Written, distinct, number
from eyechart.reports.figures.style import FAINT, INK, PAPER, WIDTH, Series, label_of, series_in, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

SIGNS = 10
"""Characters that all labels of a panel's axis have together at most."""

SPREAD = 0.022
"""How far models stand apart along an axis, as a share of it, so that their intervals can be told apart."""


def draw_curves(rows: Sequence[Written]) -> Canvas:
    """Draw each panel where its `row` and `column` say; all panels about one measure share their vertical axis.

    The `style` of a row says how it is drawn: `point` with its interval, `band` around its curve, `mean` beside the
    curve, `published` as a line across, or `break` as a star.
    """
    from matplotlib.figure import Figure as Canvas

    models = series_in(rows)
    deep, columns = (1 + max(int(row[name]) for row in rows) for name in ("row", "column"))
    canvas = Canvas(figsize=(WIDTH, 0.35 + 0.16 * math.ceil(len(models) / 4) + deep * (1.25 if columns > 2 else 1.6)))
    grid = canvas.subplots(deep, columns, squeeze=False)
    for across in range(deep):
        own = [row for row in rows if int(row["row"]) == across]
        ends = _ends([row for row in rows if row["measure"] == own[0]["measure"]])
        for column in range(columns):
            axes = grid[across][column]
            panel = [row for row in own if int(row["column"]) == column]
            if not panel:
                axes.set_axis_off()
                continue
            axes.set_ylim(*ends)
            _panel(axes, panel, models)
            if column:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel(panel[0]["measure"])
    _legend(canvas, rows, models)
    return canvas


def _legend(canvas: Canvas, rows: Sequence[Written], models: Series) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=color, marker=mark, linestyle="--" if model[1] else "-", label=label_of(model))
        for model, (color, mark) in models.items()
    ]
    for name in distinct([row for row in rows if row["style"] == "published"], "model"):
        handles.append(Line2D([], [], color=FAINT, linestyle=(0, (1, 1.5)), label=shown(name)))  # noqa: PERF401
    canvas.legend(handles=handles, loc="outside upper left", ncols=2 if len(models) > 4 else 5, handlelength=1.6)


def _ends(rows: Sequence[Written]) -> tuple[float, float]:
    every = [number(row, name) for row in rows for name in ("value", "low", "high", "bound")]
    finite = [value for value in every if math.isfinite(value)] or [0.0, 1.0]
    margin = 0.05 * (max(finite) - min(finite)) or 0.05
    return min(finite) - margin, max(finite) + margin


def _panel(axes: Axes, rows: Sequence[Written], models: Series) -> None:
    axes.set_title(shown(rows[0]["panel"], 30), pad=3)
    places = sorted({number(row, "x") for row in rows if row["style"] != "published"})
    reach = (max(places) - min(places)) or 1.0
    apart = SPREAD * reach
    axes.set_xlim(min(places) - 3 * apart, max(places) + 3 * apart)
    axes.set_xticks(*_ticks(rows))
    for row in rows:
        if row["style"] == "published":
            axes.axhline(number(row, "value"), color=FAINT, linewidth=0.9, linestyle=(0, (1, 1.5)))
    for position, (model, drawn_as) in enumerate(models.items()):
        offset = (position - (len(models) - 1) / 2) * apart
        own = [row for row in rows if (row["model"], row["baseline"]) == model and row["style"] != "published"]
        _curve(axes, own, offset, drawn_as)


def _ticks(rows: Sequence[Written]) -> tuple[list[float], list[str]]:
    """Places on an axis that are labeled, and how: all of them, or every second, or fewer, and the judged mean."""
    along = {number(row, "x"): row["tick"][:9] for row in rows if row["style"] in ("point", "band", "break")}
    places = sorted(along)
    steps = (places[::step] for step in range(1, len(places) + 1))
    labeled = next((some for some in steps if sum(len(along[x]) for x in some) <= SIGNS), places[:1])
    last = {number(row, "x"): row["tick"] for row in rows if row["style"] == "mean"}
    return [*labeled, *last], [shown(text) for text in [*(along[x] for x in labeled), *last.values()]]


def _curve(axes: Axes, rows: Sequence[Written], offset: float, drawn_as: tuple[str, str]) -> None:
    color, mark = drawn_as
    along = sorted((row for row in rows if row["style"] in ("point", "band")), key=lambda row: number(row, "x"))
    banded = [row for row in along if row["style"] == "band"]
    offset = 0.0 if banded else offset
    if along:
        axes.plot(
            [number(row, "x") + offset for row in along], [number(row, "value") for row in along],
            color=color, linewidth=0.9, linestyle=(0, (4, 2)) if along[0]["baseline"] else "-",
        )  # fmt: skip
    if banded:
        along_x, lows, highs = ([number(row, name) for row in banded] for name in ("x", "low", "high"))
        axes.fill_between(along_x, lows, highs, color=color, alpha=0.18, linewidth=0)
    for row in rows:
        x, value, bound = number(row, "x") + offset, number(row, "value"), number(row, "bound")
        if row["style"] == "break":
            axes.plot([x], [value], "*", color=INK, markersize=9, markerfacecolor=color, markeredgewidth=0.6)
            continue
        if row["style"] != "band" and row["low"] and row["high"]:
            axes.plot([x, x], [number(row, "low"), number(row, "high")], color=color, linewidth=1.1)
        if math.isfinite(bound):
            axes.plot([x], [bound], "_", color=color if row["own_bound"] else INK, markersize=7)
        settled = row["verdict"] in ("pass", "reported", "")
        size = 4.0 if row["style"] == "mean" else 3.2
        axes.plot([x], [value], mark, color=color, markersize=size, markerfacecolor=color if settled else PAPER)
