"""Confidence histograms above reliability diagrams, a panel a model (paper, Fig. 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eyechart.reports.figures.figure import Written, distinct, number
from eyechart.reports.figures.style import BAND, FAINT, INK, WIDTH, label_of, look, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

COLUMNS = 2
"""Panels beside each other: on a phone the type of more is too small."""


ENDS = (-0.03, 1.03)
"""Of both axes: a mark at 0 or 1 is seen whole."""


def draw_reliability(rows: Sequence[Written]) -> Canvas:
    """Draw a histogram and a diagram for each model: one row a bin, see `data.calibration`."""
    from matplotlib.figure import Figure as Canvas

    models = distinct([row for row in rows if not row["baseline"]], "model")
    columns = min(COLUMNS, len(models))
    deep = math.ceil(len(models) / columns)
    canvas = Canvas(figsize=(WIDTH if columns > 1 else WIDTH * 0.62, deep * 4.2))
    grid = canvas.subplots(2 * deep, columns, squeeze=False, height_ratios=[1.0, 2.6] * deep)
    highest = 100 * max(number(row, "share") for row in rows)
    for position, model in enumerate(models):
        above, below = (grid[2 * (position // columns) + row][position % columns] for row in (0, 1))
        own = [row for row in rows if row["model"] == model and not row["baseline"]]
        _histogram(above, own, look(position)[0], highest)
        _diagram(below, own, look(position)[0])
        if beside := [row for row in rows if row["beside"] == model]:
            _baseline(above, below, beside)
        above.set_title(shown(model), fontweight="bold")
    for position in range(len(models), deep * columns):
        for row in (0, 1):
            grid[2 * (position // columns) + row][position % columns].set_axis_off()
    return canvas


def _histogram(axes: Axes, rows: Sequence[Written], color: str, highest: float) -> None:
    starts = [number(row, "from") for row in rows]
    widths = [number(row, "to") - number(row, "from") for row in rows]
    axes.bar(starts, [100 * number(row, "share") for row in rows], widths, align="edge", color=color, alpha=0.75)
    for name, word, line in (("top1", "accuracy", "-"), ("mean_confidence", "confidence", (0, (2, 1.5)))):
        place = number(rows[0], name)
        label = f"{word} {place:.3f}"
        axes.plot([place, place], [0, highest * 1.08], color=INK, linewidth=1.1, linestyle=line, label=label)
    axes.set(xlim=ENDS, ylim=(0, highest * 1.75), ylabel="% of images")
    axes.set_yticks([tick for tick in (0, 10, 20, 30, 50, 75, 100) if tick <= highest][:: 2 if highest > 50 else 1])
    axes.tick_params(labelbottom=False)
    axes.legend(loc="upper left", handlelength=1.4, borderaxespad=0.1, labelspacing=0.2)


def _diagram(axes: Axes, rows: Sequence[Written], color: str) -> None:
    filled = [row for row in rows if number(row, "images")]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    for row in filled:
        x, width = number(row, "from"), number(row, "to") - number(row, "from")
        low, high = number(row, "calibrated_low"), number(row, "calibrated_high")
        axes.bar(x, high - low, width, bottom=low, align="edge", color=BAND, alpha=0.8)
        sure, right = number(row, "confidence"), number(row, "accuracy")
        axes.plot([sure, sure], [sure, right], color=INK if sure > right else FAINT, linewidth=3.0, alpha=0.45)
        axes.plot([sure, sure], [number(row, "low"), number(row, "high")], color=color)
        axes.plot([sure], [right], "o", color=color)
    axes.set(xlim=ENDS, ylim=ENDS, xlabel="confidence", ylabel="accuracy")
    first = rows[0]
    lines = [
        f"{word} {number(first, name):{sign}.3f} [{number(first, f'{name}_low'):{sign}.3f}, "
        f"{number(first, f'{name}_high'):{sign}.3f}]"
        for word, name, sign in (("ECE", "ece", ""), ("gap", "gap", "+"))
        if not math.isnan(number(first, name))
    ]
    axes.set_title("\n".join(lines), fontsize=7)


def _baseline(above: Axes, below: Axes, rows: Sequence[Written]) -> None:
    """Lay a baseline over a model's histogram, as an outline, and over its diagram, as crosses."""
    edges = [number(rows[0], "from"), *(number(row, "to") for row in rows)]
    above.stairs([100 * number(row, "share") for row in rows], edges, color=INK, linewidth=0.9, linestyle=(0, (3, 1.5)))
    filled = [row for row in rows if number(row, "images")]
    for row in filled:
        sure = number(row, "confidence")
        ends = [number(row, "low"), number(row, "high")]
        below.plot([sure, sure], ends, color=FAINT, linewidth=0.9, linestyle=(0, (2, 1)))
    below.plot(
        [number(row, "confidence") for row in filled], [number(row, "accuracy") for row in filled],
        "x", color=INK, label=label_of((rows[0]["model"], "yes")),
    )  # fmt: skip
    below.legend(loc="lower right", handletextpad=0.2, borderaxespad=0.1)
