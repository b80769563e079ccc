"""`index.html`: what a run found, on one page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from eyechart.reports.pages import words
from eyechart.reports.pages.figures import NOTHING, Figures
from eyechart.reports.pages.layout import Layout
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
    contents = [("open", "open"), *([("beside", "beside the baseline")] if twins else []),
                *([("next", "what breaks next")] if nearest else []),
                *((f"property-{each.slug}", each.name.replace("_", " ")) for each in sections if each.promises),
                ("again", "how to repeat this")]  # fmt: skip
    template = _environment().get_template("index.html.jinja")
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
        sections=sections,
        figures=figures,
        loose=[figure for figure in figures.figures if figure.property not in layout.columns],
        about=about(report.run),
        again=lambda claim: words.again(claim, report.run),
    )


@cache
def _environment() -> Environment:
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
