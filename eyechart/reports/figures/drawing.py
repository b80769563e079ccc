"""From the rows of a figure's CSV to its drawing, and to nothing else: what is not in the rows is not drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from eyechart.digest import digest, known_digest
from eyechart.reports.figures.curves import draw_curves
from eyechart.reports.figures.figure import Written, read_csv
from eyechart.reports.figures.parts import draw_parts
from eyechart.reports.figures.reliability import draw_reliability
from eyechart.reports.figures.style import as_svg, drawing_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

KINDS: Mapping[str, Callable[[Sequence[Written]], Canvas]] = {
    "parts": draw_parts, "reliability": draw_reliability, "curves": draw_curves,
}  # fmt: skip
"""How figures are drawn."""

HOW = "pip install 'eyechart[figures]', then eyechart report"
"""How to get drawings where there are none."""

SETTING = "EYECHART_FIGURES"
"""With the value `data` in the environment, figures stay tables; with `none` there are no figures and no images."""


def can_draw() -> bool:
    """Whether the plotting library is installed; it is not imported for that."""
    return _library() != ""


def is_wanted() -> bool:
    """Whether figures are to be drawn, and not left as tables."""
    return os.environ.get(SETTING) != "data"


def is_off() -> bool:
    """Whether a run is to make neither figures nor images."""
    return os.environ.get(SETTING) == "none"


def mark_of(kind: str, title: str, caption: str, table: str) -> str:
    """Digest all that a drawing is made of, this code too, so that one that is there need not be made again."""
    own = [known_digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))]
    return digest(own, _library(), kind, title, caption, table)


def drawn(name: str, kind: str, title: str, caption: str, table: str) -> str:
    """Draw a figure as SVG from its CSV. Raises KeyError or ValueError for a table that is not of this kind."""
    with drawing_style(name):
        canvas = KINDS[kind](read_csv(table))
        return as_svg(canvas, title, caption, mark_of(kind, title, caption, table))


def _library() -> str:
    try:
        return metadata.version("matplotlib")
    except metadata.PackageNotFoundError:
        return ""
