"""How every figure looks: one size of type, Okabe and Ito's colors, an SVG that follows the reader's light or dark.

Matplotlib draws with stand-ins for colors; in the finished SVG each is a CSS variable that the reader's setting fills.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from eyechart.errors import printable
from eyechart.reports.figures.figure import Written

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WIDTH = 5.2
"""Inches (72 units of the SVG each) of a figure of full width: its type can be read on a phone."""

INK, FAINT, GRID, PAPER, BAND = "#010101", "#010102", "#010103", "#010104", "#010105"
SERIES = ("#010201", "#010202", "#010203", "#010204", "#010205", "#010206", "#010207", "#010208")
"""Stand-ins for the colors of models, in their order; more models than these begin anew, with other marks."""

MARKS = ("o", "^", "s", "D", "v", "P", "p", "h")
"""Shapes of models, so that color alone tells nothing apart."""


def look(position: int) -> tuple[str, str]:
    """Color and mark of the model at this position: no two of the first 64 share both."""
    return SERIES[position % len(SERIES)], MARKS[(position + position // len(SERIES)) % len(MARKS)]


CROSSES = ("x", "+", "1", "2", "3", "4")
"""Shapes of baselines, which are gray and dashed: they are told from models without color too."""


Series: TypeAlias = Mapping[tuple[str, str], tuple[str, str]]
"""Model, and `yes` where it is a baseline → its color and its mark."""


def series_in(rows: Sequence[Written]) -> Series:
    """Whose numbers a table holds, and how each looks: baselines last, what others published left out."""
    own = [row for row in rows if not row.get("published") and row.get("style") != "published"]
    listed = sorted(dict.fromkeys((row["model"], row["baseline"]) for row in own), key=lambda each: each[1])
    models = [each for each in listed if not each[1]]
    beside = {each: (FAINT, CROSSES[at % len(CROSSES)]) for at, each in enumerate(listed[len(models) :])}
    return {each: look(at) for at, each in enumerate(models)} | beside


def label_of(series: tuple[str, str]) -> str:
    """What a legend calls a model or a baseline."""
    return f"{shown(series[0])} (baseline)" if series[1] else shown(series[0])


LIGHT = {
    INK: "#1a1a1a", FAINT: "#666666", GRID: "#e3e3e3", PAPER: "#ffffff", BAND: "#dadada",
    **dict(zip(SERIES, ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#777777", "#9c8f00"),
               strict=True)),
}  # fmt: skip
DARK = {
    INK: "#ececec", FAINT: "#a8a8a8", GRID: "#383838", PAPER: "#16181c", BAND: "#3d4046",
    **dict(zip(SERIES, ("#56b4e9", "#e69f00", "#2fc49a", "#cc79a7", "#d55e00", "#3d9ad6", "#b8b8b8", "#f0e442"),
               strict=True)),
}  # fmt: skip
"""Okabe & Ito's colors; on dark ground the lighter of each pair comes first."""

_NAMES = {color: f"--{name}" for color, name in zip(
    (INK, FAINT, GRID, PAPER, BAND, *SERIES),
    ("ink", "faint", "grid", "paper", "band", *(f"m{number}" for number in range(1, len(SERIES) + 1))),
    strict=True)}  # fmt: skip

CLASS = "eyechart-figure"
"""Class of every figure's root, and so the scope of its colors in a page that holds it."""

SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif", "font.size": 8.0, "axes.titlesize": 8.0, "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "legend.fontsize": 7.5, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
    "lines.linewidth": 1.1, "lines.markersize": 4.0, "axes.grid": True, "grid.linewidth": 0.5, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "text.parse_math": False,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": FAINT, "ytick.color": FAINT,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": GRID, "figure.facecolor": PAPER,
    "axes.facecolor": "none", "savefig.facecolor": "auto", "patch.linewidth": 0.0, "hatch.linewidth": 0.5,
    "svg.fonttype": "none", "axes.unicode_minus": True, "axes.formatter.use_mathtext": False,
    "figure.constrained_layout.use": True, "lines.solid_capstyle": "butt",
}  # fmt: skip

SHORTEST = 28
"""Characters of a name that a figure shows; the CSV has all of it."""


def shown(name: str, longest: int = SHORTEST) -> str:
    """Shorten a name to what a figure has room for, on one line: its beginning and its end."""
    line = " ".join(printable(name).split())
    half = (longest - 1) // 2
    return line if len(line) <= longest else f"{line[: longest - 1 - half]}…{line[-half:]}"


@contextlib.contextmanager
def drawing_style(name: str) -> Iterator[None]:
    """Draw in this style whatever the user's own settings are, and leave those as they were; `name` salts the ids."""
    import matplotlib as mpl

    log = logging.getLogger("matplotlib")
    level = log.level
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of signs that a font lacks: the reader's browser has its own fonts
        log.setLevel(logging.ERROR)
        mpl.rcdefaults()
        mpl.rcParams.update({**SETTINGS, "svg.hashsalt": name})
        try:
            yield
        finally:
            log.setLevel(level)


def as_svg(canvas: Canvas, title: str, caption: str, mark: str) -> str:
    """Write a drawing as SVG: text as text, colors as variables, the same bytes every time. `mark` names its data."""
    stream = io.BytesIO()
    canvas.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    body = stream.getvalue().decode("utf-8").partition("<svg ")[2]
    attributes, _, content = body.partition(">")
    view = re.search(r'viewBox="[^"]*"', attributes)
    content = re.sub(r"<style type=.*?</style>|<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    content = re.sub(r"((?:fill|stroke): )(#01[0-9]{4})", lambda found: f"{found[1]}var({_NAMES[found[2]]})", content)
    content = re.sub(r"font-family: [^;\"]*; | transform=\"rotate\(-0 [^\"]*\"", "", content)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', content))
    content = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", content)
    words = f"<title>{escape(printable(title))}</title>\n<desc>{escape(printable(caption))}</desc>"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'class="{CLASS}" role="img" '
        f'{view[0] if view else ""} width="{round(canvas.get_figwidth() * 130)}" data-drawn-from="{mark}">\n{words}\n'
        f"<style>{_css()}</style>{content}"
    )


def _css() -> str:
    light, dark = ("".join(f"{_NAMES[color]}:{value};" for color, value in theme.items()) for theme in (LIGHT, DARK))
    return (
        f".{CLASS}{{{light}max-width:100%;height:auto;"
        f"font-family:system-ui,sans-serif}}.{CLASS} *{{stroke-linejoin:round;stroke-linecap:butt}}"
        f"@media screen and (prefers-color-scheme:dark){{.{CLASS}{{{dark}}}}}"
    )
