"""`matrix.html`: what a run found, on one page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.report import Report, cell, kind, properties

PAGE = "matrix.html"
HUGE = 1e100
"""Numbers beyond it are written and not drawn."""

MANY = 12
"""More undecided claims than these are folded away; each stands in its property's table all the same."""

STYLE = Path(__file__).with_name("matrix.css")

_LOOKS = {
    "pass": ("pass", "✓ pass"),
    "F": ("fail", "✗ fail"),
    "known": ("known", "✗ fail, known"),
    "?": ("open", "? inconclusive"),
    "B": ("blocked", "■ blocked"),
    "n/a": ("none", "– not applicable"),
}
"""What became of a claim → class and words; every color has a word and a sign beside it."""


def matrix_page(report: Report) -> str:
    """Lay out a report as HTML: the matrix, what is open, then every claim with its interval, bound and reason."""
    anchors = {id(claim): f"claim-{number}" for number, claim in enumerate(report.claims, 1)}
    parts = [
        *_head(report),
        *_matrix(report, anchors),
        *_open(report, anchors),
        *_sections(report, anchors),
        *_about(report.run),
    ]
    title = escape(f"Eyechart: {report.run.get('zoo', '')}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _models(report: Report) -> list[str]:
    """Models that have a claim, in the order of the zoo."""
    judged = {claim.model for claim in report.claims}
    named = [str(name) for name in report.run.get("models", {}) if name in judged]
    return named + sorted(judged - set(named))


def _head(report: Report) -> Iterator[str]:
    run, count = report.run, Counter(kind(claim) for claim in report.claims)
    words = {"pass": "pass", "F": "fail", "known": "fail for a known reason", "?": "are inconclusive",
             "B": "are blocked", "n/a": "are not applicable"}  # fmt: skip
    counted = ", ".join(f"{count[name]} {text}" for name, text in words.items() if count[name])
    yield f"<h1>Eyechart: zoo {escape(str(run.get('zoo')))}</h1>"
    yield f'<p class="faint">{escape(str(run.get("started")))} · exit code {escape(str(run.get("exit_code", "?")))}</p>'
    yield f"<p><strong>{len(report.claims)} claims</strong>: {escape(counted) or 'none judged'}.</p>"
    if run.get("limit"):
        yield f'<p class="notice">A subset: at most {run["limit"]:,} images a set.</p>'
    if run.get("stopped_early"):
        yield '<p class="notice">This run was stopped early: claims that it did not reach are not on this page.</p>'


def _matrix(report: Report, anchors: Mapping[int, str]) -> Iterator[str]:
    columns = properties(report.claims)
    heads = "".join(f'<th scope="col"><a href="#property-{escape(name)}">{escape(name)}</a></th>' for name in columns)
    yield f'<div class="wide"><table class="matrix"><thead><tr><td></td>{heads}</tr></thead><tbody>'
    for model in _models(report):
        cells = [[c for c in report.claims if (c.model, c.property) == (model, name)] for name in columns]
        row = "".join(f"<td>{_cell(claims, anchors)}</td>" for claims in cells)
        yield f'<tr><th scope="row">{escape(model)}</th>{row}</tr>'
    yield "</tbody></table></div>"
    yield (
        '<p class="faint">kept/judged; known: fails for a reason in models.yaml; F fails, ? undecided, B blocked, '
        "n/a not applicable</p>"
    )


def _cell(claims: Sequence[Verdict], anchors: Mapping[int, str]) -> str:
    if not claims:
        return '<span class="none">-</span>'
    worst = max(claims, key=lambda claim: ["n/a", "pass", "known", "?", "B", "F"].index(kind(claim)))
    return f'<a class="{_LOOKS[kind(worst)][0]}" href="#{anchors[id(worst)]}">{escape(cell(claims))}</a>'


def _open(report: Report, anchors: Mapping[int, str]) -> Iterator[str]:
    """What is neither kept nor excused, fails first; claims blocked for one reason share a line."""
    points: list[str] = []
    undecided: list[str] = []
    shared: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for claim in sorted(report.claims, key=lambda claim: kind(claim) != "F"):
        if kind(claim) == "B":
            shared[claim.model, claim.reason or ""].append(claim)
        elif kind(claim) in ("F", "?"):
            (points if kind(claim) == "F" else undecided).append(
                _point(claim, f"{claim.behavior}{_versus(claim)}", _measured(claim), anchors)
            )
    for (_, reason), claims in shared.items():
        what = claims[0].behavior if len(claims) == 1 else f"{len(claims)} claims"
        points.append(_point(claims[0], what, reason, anchors))
    for trouble in report.run.get("troubles", ()):
        text = f"<code>{escape(str(trouble['test']))}</code><pre>{escape(str(trouble['what']))}</pre>"
        points.append(f'<li><strong class="fail">✗ failed without a verdict</strong> {text}</li>')
    if points or undecided:
        yield "<h2>Open</h2>"
    if points:
        yield f'<ul class="points">{"".join(points)}</ul>'
    if undecided:
        fold = "" if len(undecided) > MANY else " open"
        yield f"<details{fold}><summary>{len(undecided)} inconclusive</summary>"
        yield f'<ul class="points">{"".join(undecided)}</ul></details>'


def _point(claim: Verdict, what: str, text: str, anchors: Mapping[int, str]) -> str:
    look, word = _LOOKS[kind(claim)]
    return (
        f'<li><a class="{look}" href="#{anchors[id(claim)]}"><strong>{word}</strong></a> '
        f"<strong>{escape(claim.model)}</strong> {escape(what)}: {escape(text)}</li>"
    )


def _sections(report: Report, anchors: Mapping[int, str]) -> Iterator[str]:
    order = {model: position for position, model in enumerate(_models(report))}
    for name in properties(report.claims):
        yield f'<h2 id="property-{escape(name)}">{escape(name)}</h2>'
        groups: dict[tuple[str, str | None], list[Verdict]] = defaultdict(list)
        for claim in report.claims:
            if claim.property == name:
                groups[claim.behavior, claim.versus].append(claim)
        promise = None
        for (behavior, versus), claims in groups.items():
            function = behavior.partition("[")[0]
            if (function, versus) != promise:
                promise = (function, versus)
                sentence = claims[0].promise or function
                yield f"<h3>{escape(sentence)}{escape(_versus(claims[0]))}</h3>"
                yield f'<p class="faint"><code>{escape(function)}</code></p>'
            ordered = sorted(claims, key=lambda claim: order[claim.model])
            yield from _claims(ordered, anchors)
            yield from _reported([v for v in report.verdicts if v.verdict is Outcome.REPORTED
                                  and (v.behavior, v.versus) == (behavior, versus)], order)  # fmt: skip


def _claims(claims: Sequence[Verdict], anchors: Mapping[int, str]) -> Iterator[str]:
    first = claims[0]
    under = "" if first.view in (None, "original") else f" under {first.view}"
    measures = sorted({claim.measure for claim in claims if claim.measure})
    yield '<table class="claims">'
    reasons = dict.fromkeys(f"{_bound(claim)}: {claim.bound_reason}" for claim in claims if claim.bound_reason)
    why = "".join(f"<div>{escape(reason)}</div>" for reason in reasons)
    yield f"<caption>on {escape(str(first.image_set))}{escape(under)}: {escape(', '.join(measures))}{why}</caption>"
    heads = ("model", "verdict", "value [95 % interval]", "", "bound", "images", "reason")
    yield "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead><tbody>"
    scale = _scale(claims)
    for claim in claims:
        look, word = _LOOKS[kind(claim)]
        excuse = f"known failure: {claim.known_failure} " if claim.known_failure else ""
        count = "" if claim.count is None else f"{claim.count:,}"
        yield (
            f'<tr id="{anchors[id(claim)]}"><th scope="row">{escape(claim.model)}</th>'
            f'<td class="verdict {look}">{word}</td><td class="number">{escape(_value(claim))}</td>'
            f'<td class="{look}">{_strip(claim, scale)}</td>'
            f'<td class="number" data-label="bound">{escape(_bound(claim))}</td>'
            f'<td class="number" data-label="images">{count}</td>'
            f'<td class="reason faint">{escape(excuse + (claim.reason or ""))}</td></tr>'
        )
    yield "</tbody></table>"


def _reported(verdicts: Sequence[Verdict], order: Mapping[str, int]) -> Iterator[str]:
    """Numbers without a bound: a row a model, a column a measure."""
    if not verdicts:
        return
    measures = sorted({str(verdict.measure) for verdict in verdicts})
    values = {(verdict.model, str(verdict.measure)): _value(verdict) for verdict in verdicts}
    heads = "".join(f'<th scope="col">{escape(measure)}</th>' for measure in measures)
    yield '<div class="wide"><table class="faint"><caption>also reported</caption>'
    yield f"<thead><tr><td></td>{heads}</tr></thead><tbody>"
    for model in sorted({model for model, _ in values}, key=lambda model: order.get(model, len(order))):
        cells = "".join(f'<td class="number">{escape(values.get((model, measure), ""))}</td>' for measure in measures)
        yield f'<tr><th scope="row">{escape(model)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _value(verdict: Verdict) -> str:
    if verdict.value is None:
        return ""
    return f"{verdict.value:.4f}" + ("" if verdict.low is None else f" [{verdict.low:.4f}, {verdict.high:.4f}]")


def _bound(claim: Verdict) -> str:
    if claim.margin is not None:
        return f"at most {claim.margin:g} worse"
    sides = (("at most", claim.at_most), ("at least", claim.at_least))
    return ", ".join(f"{word} {limit:g}" for word, limit in sides if limit is not None)


def _measured(claim: Verdict) -> str:
    return f"{claim.measure} {_value(claim)}, {_bound(claim)}" if claim.value is not None else claim.reason or ""


def _versus(claim: Verdict) -> str:
    return f" (compared with {claim.versus})" if claim.versus else ""


def _limit(claim: Verdict) -> float | None:
    return next((limit for limit in (claim.margin, claim.at_most, claim.at_least) if limit is not None), None)


def _scale(claims: Iterable[Verdict]) -> tuple[float, float] | None:
    """Ends of an axis that holds every interval and bound of a table; None where there is nothing to draw."""
    drawn = [claim for claim in claims if claim.value is not None]
    numbers = [n for claim in drawn for n in (claim.value, claim.low, claim.high, _limit(claim)) if n is not None]
    ends = [number for number in numbers if abs(number) < HUGE]
    if not ends or min(ends) == max(ends):
        return None
    margin = 0.06 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def _strip(claim: Verdict, scale: tuple[float, float] | None) -> str:
    """The interval, the value and the bound on the table's axis; the wrong side of the bound is shaded."""
    limit, value = _limit(claim), claim.value
    if scale is None or value is None or limit is None or math.isnan(value) or math.isnan(limit):
        return ""
    start, end = scale

    def at(number: float) -> float:
        return round(100 * (min(max(number, start), end) - start) / (end - start), 2)

    left, right = (0.0, at(limit)) if claim.at_least is not None else (at(limit), 100.0)
    low, high = (value if side is None or math.isnan(side) else side for side in (claim.low, claim.high))
    return (
        f'<svg viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{escape(_measured(claim))}">'
        f'<rect class="wrong" x="{left}" y="0" width="{round(right - left, 2)}" height="12"/>'
        f'<line class="bound" x1="{at(limit)}" x2="{at(limit)}" y1="0" y2="12"/>'
        f'<line class="interval" x1="{at(low)}" x2="{at(high)}" y1="6" y2="6"/>'
        f'<rect class="value" x="{at(value) - 0.8:.2f}" y="2.5" width="1.6" height="7"/></svg>'
    )


def _about(run: Mapping[str, object]) -> Iterator[str]:
    """What was judged with what: enough to do it again."""
    rows: list[tuple[str, str]] = [
        (key, str(run[key])) for key in ("device", "precision", "seed", "seconds") if key in run
    ]
    rows += [(f"model {name}", str(value or "not loaded")) for name, value in _pairs(run.get("models"))]
    for name, about in _pairs(run.get("image_sets")):
        facts = dict(_pairs(about))
        rows.append((f"image set {name}", f"{facts.get('count', '?')} images, {facts.get('fingerprint', '')}"))
    rows += [(f"{name} was predicted with", _versions(used)) for name, used in _pairs(run.get("predicted_with"))]
    rows.append(("judged with", _versions(run.get("versions"))))
    yield "<h2>This run</h2>"
    cells = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td><code>{escape(value)}</code></td></tr>' for key, value in rows
    )
    yield f"<table>{cells}</table>"


def _versions(value: object) -> str:
    return ", ".join(f"{name} {version}" for name, version in _pairs(value)) or "not said"


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    return [(str(key), each) for key, each in value.items()] if isinstance(value, Mapping) else []
