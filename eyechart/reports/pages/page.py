"""`index.html`: what a run found, on one page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from eyechart.errors import SpecError
from eyechart.reports.history import HISTORY, Trend, read_history, trends
from eyechart.reports.history import SHOWN as SHOWN_RUNS
from eyechart.reports.pages import words
from eyechart.reports.pages.charts import Chart, chart
from eyechart.reports.pages.figures import NOTHING, Figures
from eyechart.reports.pages.layout import LONGEST, Layout
from eyechart.reports.report import Report
from eyechart.reports.sentence import deciding_sentences, headline

PAGE = "index.html"
STYLE = Path(__file__).with_name("page.css")

SHOWN = ("zoo", "started", "exit_code", "limit", "stopped_early", "troubles")
"""What the top of the page says of a run; an earlier version may have left some of it out."""

NEXT = 8
"""Kept promises that are shown as the ones that break next; the others are folded away."""


def report_page(report: Report, folder: Path | None = None) -> str:
    """Lay out a report as HTML; `folder` is where its figures and images are, which a page does without."""
    figures = Figures.read(folder) if folder else NOTHING
    layout = Layout(report, figures)
    sentences = deciding_sentences(report)
    sections, twins, nearest = layout.sections(), layout.twins(), layout.nearest()
    runs = _runs(folder)
    now = str(report.run.get("started"))
    lines = _drawn(trend for trend in trends(runs) if trend.points[-1].started == now)[:LONGEST]
    contents = [("open", "open"), *([("beside", "beside the baseline")] if twins else []),
                *([("next", "what breaks next")] if nearest else []),
                *([("history", "over checkpoints")] if lines else []),
                *((f"property-{each.slug}", each.name.replace("_", " ")) for each in sections if each.promises),
                *([("classes", "classes")] if figures.classes else []),
                ("again", "how to repeat this")]  # fmt: skip
    template = templates().get_template("index.html.jinja")
    return template.render(
        run={**dict.fromkeys(SHOWN), **report.run},
        style=STYLE.read_text(encoding="utf-8"),
        headline=headline(sentences),
        sentences=sentences,
        claims=len(report.claims),
        models=layout.models,
        columns=layout.columns,
        matrix=layout.matrix(),
        contents=contents,
        failures=layout.open("F"),
        blocked=layout.blocked(),
        undecided=layout.open("?"),
        twins=twins,
        nearest=nearest,
        next=NEXT,
        trends=lines,
        runs=len(runs),
        sections=sections,
        figures=figures,
        loose=[figure for figure in figures.figures if figure.property not in layout.columns],
        about=about(report.run),
        again=lambda claim: words.again(claim, report.run),
    )


def history_page(listed: Sequence[Trend], runs: int) -> str:
    """Draw claims over checkpoints, on a page of their own."""
    head = f"{len(listed):,} claims over {runs} runs"
    template = templates().get_template("history.html.jinja")
    return template.render(
        headline=head,
        style=STYLE.read_text(encoding="utf-8"),
        trends=_drawn(listed, least=1),
        models=(),
        figures=NOTHING,
    )


def _drawn(listed: Iterable[Trend], least: int = 2) -> list[tuple[Trend, Chart | None, str]]:
    """Claims at `least` so many checkpoints, with their pictures and what was measured last."""
    return [(trend, chart(trend), words.measured(trend.last)) for trend in listed if len(trend.points) >= least]


def _runs(folder: Path | None) -> list[Report]:
    try:
        return read_history(folder / HISTORY, last=SHOWN_RUNS)[0] if folder else []
    except SpecError:  # no history yet
        return []


@cache
def templates() -> Environment:
    """The page's templates, each compiled once in this process."""
    environment = Environment(
        loader=FileSystemLoader(STYLE.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["count"] = lambda value: "" if value is None else f"{value:,}"
    return environment


def about(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was judged with what: enough to do it again."""
    keys = ("command", "started", "seconds", "device", "precision", "seed", "limit", "exit_code")
    rows = [(key.replace("_", " "), str(run[key])) for key in keys if run.get(key) is not None]
    rows += [(f"model {name}", str(value or "not loaded")) for name, value in _pairs(run.get("models"))]
    for name, facts in _pairs(run.get("image_sets")):
        known = dict(_pairs(facts))
        rows.append((f"image set {name}", f"{known.get('count', '?')} images, {known.get('fingerprint', '')}"))
    rows += [(f"{name} was predicted with", _versions(used)) for name, used in _pairs(run.get("predicted_with"))]
    rows.append(("judged with", _versions(run.get("versions"))))
    return rows


def _versions(value: object) -> str:
    return ", ".join(f"{name} {version}" for name, version in _pairs(value)) or "not said"


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    return [(str(key), each) for key, each in value.items()] if isinstance(value, Mapping) else []
