"""Figures: tables that come back as they were written, and drawings of any names and numbers, within their axes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.errors import BlockedError
from eyechart.judge.evidence import Evidence
from eyechart.judge.gates.baseline import StoredTables, ZooModel
from eyechart.judge.verdict import Verdict
from eyechart.reports.figures import drawing, writing
from eyechart.reports.figures.drawing import KINDS, drawn
from eyechart.reports.figures.figure import as_csv, file_name, number, read_csv
from eyechart.reports.figures.judged import Judged
from eyechart.reports.figures.style import CROSSES, MARKS, drawing_style, series_in
from eyechart.reports.figures.writing import draw_figures
from eyechart.reports.report import write_text
from tests.test_pages import claim

EVIL = [
    "<script>alert('&\"')</script>",
    "$x^2$ \\frac{",
    "two\nlines\x1b[31m",
    "n" * 300,
    "模型 ]]> --&#x0;",
    "#010201",
]

SPOKEN = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def part(model: str = "vit", name: str = "pose", **more: object) -> dict[str, object]:
    """A row about one part."""
    usual = {
        "panel": "error ratio", "part": name, "model": model, "measure": "error_ratio", "value": 1.4, "low": 1.1,
        "high": 1.9, "count": 40, "other": None, "at_most": 2.0, "at_least": None, "verdict": "pass", "line": "1",
        "published": "", "baseline": "",
    }  # fmt: skip
    return {**usual, **more}


def bins(model: str = "vit", **more: object) -> list[dict[str, object]]:
    """Rows of a model's reliability diagram, one bin empty."""
    usual = {"model": model, "image_set": "a", "top1": 0.8, "mean_confidence": 0.7, "ece": 0.05, "ece_low": 0.04,
             "ece_high": 0.06, "ece_equal_width": 0.05, "gap": -0.1, "gap_low": -0.12, "gap_high": -0.08,
             "baseline": "", "beside": ""}  # fmt: skip
    full = {"images": 10, "share": 0.5, "confidence": 0.4, "accuracy": 0.6, "low": 0.3, "high": 0.9, "gap_of_bin": -0.2,
            "calibrated_low": 0.1, "calibrated_high": 0.7}  # fmt: skip
    empty = dict.fromkeys(full) | {"images": 0, "share": 0.0}
    return [{**usual, "from": 0.0, "to": 0.5, **full, **more}, {**usual, "from": 0.5, "to": 1.0, **empty, **more}]


def curve(model: str = "vit", **more: object) -> dict[str, object]:
    """A point of a curve."""
    usual = {
        "row": 0, "column": 0, "panel": "fog", "measure": "accuracy", "style": "point", "model": model, "x": 1.0,
        "tick": "1", "value": 0.8, "low": 0.7, "high": 0.9, "count": 10, "bound": None, "own_bound": "",
        "verdict": "", "baseline": "",
    }  # fmt: skip
    return {**usual, **more}


TABLES = {
    "parts": [
        part(), part("net", value=0.0, low=0.0, high=9.0, verdict="fail"),
        part(name="fog", value=None, low=None, high=None), part(part="", value=1.2),
        part("people", part="", value=0.9, published="yes"),
        part("net", "fog", high=float("inf"), other=1.0),
        part(panel="lead", value=-0.5, low=-0.9, high=-0.1, at_most=None, line="0"),
        part("vit", value=1.1, baseline="yes"), part("old", value=0.2, low=None, high=None, baseline="yes"),
    ],
    "curves": [
        curve(), curve(x=2.0, value=0.0), curve("net", x=2.0, tick="a" * 50, low=None, high=None),
        curve(style="mean", x=3.0, tick="mean", bound=0.2, verdict="fail"), curve("net", column=1, style="band", x=0.0),
        curve("AlexNet", style="published", value=0.4, x=9.0),
        curve(column=1, style="break", value=0.1, low=None, x=0.5),
        curve(row=1, measure="answers kept", style="band", x=0.0, value=1.0, bound=0.9, own_bound="yes"),
        curve("old", baseline="yes", value=0.1), curve("old", baseline="yes", x=2.0), curve(baseline="yes", x=2.0),
    ],
    "reliability": [*bins(), *bins("net"), *bins("third", ece=None, ece_low=None, ece_high=None),
                    *bins("old", baseline="yes", beside="vit"), *bins("vit", baseline="yes", beside="net")],
}  # fmt: skip
"""Kind → rows with everything odd that such a table may hold."""


@given(st.lists(st.fixed_dictionaries({"a": SPOKEN, "b": st.none() | st.floats(allow_nan=False), "c": st.integers()})))
def test_a_table_comes_back_as_it_was_written(rows):
    """Texts with quotes, commas and line ends; numbers to the last digit; nothing stays nothing."""
    again = read_csv(as_csv(rows))
    assert [row["a"] for row in again] == [row["a"] for row in rows]
    assert [number(row, "b") if row["b"] else None for row in again] == [row["b"] for row in rows]
    assert [int(row["c"]) for row in again] == [row["c"] for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_within_their_axes(kind):
    """Whatever a table holds, every value that is drawn lies between the ends of its axes."""
    with drawing_style("x"):
        canvas = KINDS[kind](read_csv(as_csv(TABLES[kind])))
        canvas.draw_without_rendering()
        for axes in canvas.axes:
            for line in axes.lines:
                points = line.get_transform().transform(line.get_xydata())
                inside = axes.transAxes.inverted().transform(points)
                assert ((inside > -1e-6) & (inside < 1 + 1e-6)).all(), (kind, line.get_xydata())


@pytest.mark.parametrize("kind", KINDS)
def test_any_name_is_shown_as_text(kind):
    """Markup, mathematics, escapes, 300 characters, signs without a glyph: the drawing stays one, and harmless."""
    rows = [{**row, **{column: name for column in ("model", "part") if row.get(column) in ("vit", "pose")}}
            for name in EVIL for row in TABLES[kind]]  # fmt: skip
    text = drawn("x", kind, f"of {EVIL[0]}", EVIL[0], as_csv(rows))
    root = ElementTree.fromstring(text)  # noqa: S314  # our own
    assert "<script" not in text
    assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
        "svg", "title", "desc", "style", "defs", "g", "path", "use", "text", "tspan", "clipPath", "rect",
    }  # fmt: skip
    assert max(len(each.text or "") for each in root.iter() if each.tag.endswith("text")) < 80


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_is_the_same_every_time(kind):
    """No date, no chance: nothing differs between two runs; colors are the reader's light or dark, text is text."""
    table = as_csv(TABLES[kind])
    first = drawn("x", kind, "A title", "A caption", table)
    assert first == drawn("x", kind, "A title", "A caption", table)
    assert "<title>A title</title>" in first
    assert "prefers-color-scheme:dark" in first
    assert not re.findall(r"(?:fill|stroke): #", first)
    assert ">vit<" in first
    ids = re.findall(r' id="([^"]*)"', first)
    assert len(ids) == len(set(ids))
    other = re.findall(r' id="([^"]*)"', drawn("y", kind, "A title", "A caption", table))
    assert not set(ids) & set(other), "two figures on one page would share an id"


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_is_told_from_models_without_color(kind):
    """The legend names it, also where a model is called like it; its mark is a shape that no model has, and dashed."""
    text = drawn("x", kind, "t", "c", as_csv(TABLES[kind]))
    assert {">old (baseline)<", ">vit (baseline)<"} <= set(re.findall(r">[^<>]* \(baseline\)<", text))
    assert not set(CROSSES) & set(MARKS)
    looks = series_in(read_csv(as_csv([part("old"), part("vit", baseline="yes"), part("vit"), part("old")])))
    assert list(looks) == [("old", ""), ("vit", ""), ("vit", "yes")]
    assert [mark for _, mark in looks.values()] == [*MARKS[:2], CROSSES[0]]
    assert "stroke-dasharray" in text


def of_baseline(models: tuple[str, ...], baseline: object) -> list[dict]:
    """Rows beside two claims about each of two models, of which the baseline cannot answer the second."""
    verdicts = [
        claim(model, behavior=f"test_a.py::test_{each}") for model in ("vit", "net") for each in ("kept", "lost")
    ]
    claims = [SimpleNamespace(model=each.model, behavior=each.behavior, versus=None, subject=None, search=None)
              for each in verdicts]  # fmt: skip

    def rows_of(named: str, about: Verdict, _: Evidence) -> list[dict[str, str]]:
        if about.behavior.endswith("lost"):
            raise BlockedError("the baseline holds no predictions of it")
        return [{"model": named, "baseline": ""}]

    return Judged(SimpleNamespace(), claims, verdicts, models, SimpleNamespace, baseline).of_baseline(verdicts, rows_of)


def test_a_baseline_is_left_out_where_it_has_no_answers_or_is_shown_anyway():
    """One series where it is one model, whatever it is beside; of a pin of several, that of each model's name."""
    old = {"model": "old", "baseline": "yes"}
    assert of_baseline(("vit", "net"), None) == []
    assert of_baseline(("vit", "net"), ZooModel("old", SimpleNamespace())) == [old]
    assert of_baseline(("vit", "net", "old"), ZooModel("old", SimpleNamespace())) == []
    one, two = (Path(), {"model": "vit"}), (Path(), {"model": "net"})
    assert of_baseline(("vit", "net"), StoredTables("old", [one])) == [old]
    assert [row["model"] for row in of_baseline(("vit", "net"), StoredTables("old", [one, two]))] == [
        "old, vit",
        "old, net",
    ]


def test_a_users_own_style_stays_and_changes_nothing():
    """Settings of a user's plots are as before, and no part of ours."""
    import matplotlib as mpl

    table = as_csv(TABLES["parts"])
    usual = drawn("x", "parts", "t", "c", table)
    with mpl.rc_context({"font.size": 40, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert drawn("x", "parts", "t", "c", table) == usual
        assert mpl.rcParams["font.size"] == 40


def test_files_have_plain_names():
    """Whatever an image set is called; different names stay different."""
    assert file_name("reliability", "imagenet-1k") == "reliability-imagenet-1k"
    names = [file_name("reliability", name) for name in [*EVIL, "../../etc", "A", "a", "."]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) and len(name) < 64 for name in names)


def test_the_figures_need_neither_torch_nor_a_model(tmp_path):
    """Nor is the plotting library imported before there is something to draw."""
    code = (
        "import sys, eyechart.reports.figures.writing; "
        "assert not {'torch', 'timm', 'open_clip', 'matplotlib'} & set(sys.modules)"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_an_answer_takes():
    """Parameters and multiply-adds of the paper's architectures, as its Table 1 has them: 17.5 and 15.4 billion."""
    import timm
    import torch

    from eyechart.checkpoints.sources.effort import counted

    for name, parameters, billions in (
        ("deit3_base_patch16_224", 86_585_320, 17.5),
        ("convnext_base", 88_591_464, 15.4),
    ):
        with torch.device("meta"), torch.inference_mode():
            module, image = timm.create_model(name).eval(), torch.zeros(1, 3, 224, 224)
            effort = counted(module, lambda module=module, image=image: module(image))
        assert effort.parameters == parameters
        assert effort.multiply_adds / 1e9 == pytest.approx(billions, abs=0.07)
    layer = torch.nn.MultiheadAttention(64, 4, batch_first=True).eval()
    tokens = torch.zeros(1, 10, 64)
    with torch.inference_mode():
        attention = counted(layer, lambda: layer(tokens, tokens, tokens, need_weights=False))
    assert attention.multiply_adds == 4 * 10 * 64 * 64 + 2 * 10 * 10 * 64, "four projections, scores and their sum"


def folder_of(reports, tables=("parts", "curves"), broken=()):
    """Reports whose figures wait to be drawn, some with a table that is none."""
    for name in (*tables, *broken):
        text = "a,b\r\n1,2\r\n" if name in broken else as_csv(TABLES[name])
        write_text(reports / "figures" / f"{name}.csv", text)
    entries = [{"name": name, "kind": name, "title": name, "caption": "", "svg": None, "csv": f"{name}.csv"}
               for name in (*tables, *broken)]  # fmt: skip
    write_text(reports / "figures" / "index.json", json.dumps({"figures": entries}))
    return reports


def drawings(reports) -> dict[str, str | None]:
    """Figure → its file, as the index says and as it is there."""
    entries = json.loads((reports / "figures" / "index.json").read_text())["figures"]
    assert all((entry["svg"] is None) != (reports / "figures" / f"{entry['name']}.svg").exists() for entry in entries)
    return {entry["name"]: entry["svg"] for entry in entries}


def test_without_the_plotting_library_the_tables_stay_and_one_line_tells_how(tmp_path, monkeypatch):
    """And with it, later, `eyechart report` draws them."""
    reports = folder_of(tmp_path)
    monkeypatch.setattr(drawing, "_library", lambda: "")
    (line,) = draw_figures(reports)
    assert "2 as data only" in line
    assert "pip install 'eyechart[figures]'" in line
    assert drawings(reports) == {"parts": None, "curves": None}
    monkeypatch.undo()
    assert draw_figures(reports) == []
    assert drawings(reports) == {"parts": "parts.svg", "curves": "curves.svg"}
    monkeypatch.setenv("EYECHART_FIGURES", "data")
    assert draw_figures(folder_of(tmp_path / "unwanted")) == []
    assert drawings(tmp_path / "unwanted") == {"parts": None, "curves": None}
    monkeypatch.setenv("EYECHART_FIGURES", "none")
    assert writing.write_figures(reports, None) == []
    assert [*(reports / "figures").iterdir()] == []


def test_a_figure_that_cannot_be_drawn_is_one_line_and_stops_no_other(tmp_path):
    """A table that is damaged, an index that is none."""
    reports = folder_of(tmp_path, ("parts",), ("reliability",))
    (line,) = draw_figures(reports)
    assert line.startswith("reliability.svg is not drawn: KeyError")
    assert drawings(reports) == {"parts": "parts.svg", "reliability": None}
    write_text(reports / "figures" / "index.json", "not JSON")
    assert draw_figures(reports) == []


def test_the_same_data_is_drawn_once(tmp_path, monkeypatch):
    """Another number, or another caption, is drawn anew."""
    reports, times = folder_of(tmp_path, ("parts",)), []
    draw = writing.drawn
    monkeypatch.setattr(writing, "drawn", lambda *words: times.append(words[0]) or draw(*words))
    for _ in range(2):
        assert draw_figures(reports) == []
    assert times == ["parts"]
    write_text(reports / "figures" / "parts.csv", as_csv([part(value=1.5)]))
    draw_figures(reports)
    assert times == ["parts", "parts"]
