"""Figures and images on the page: taken in whole, made safe, beside their claims, and never needed."""

from __future__ import annotations

import json
import re

import pytest

from eyechart.judge.verdict import Outcome
from eyechart.reports.pages.figures import NOTHING, Figures, inlined
from eyechart.reports.pages.page import report_page
from eyechart.reports.report import Report, claim_id
from tests.test_pages import EVIL, RUN, Text, claim

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 374 200">
<title>&lt;script&gt;</title><style>.a{fill:red}</style>
<defs><clipPath id="p1"><rect id="r" width="9" height="9"/></clipPath><path id="m" d="M 0 0"/></defs>
<g clip-path="url(#p1)"><use xlink:href="#m" x="1" y="2"/></g></svg>"""

DANGER = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
<script>alert(2)</script><style>@import "https://x.org/a.css";</style><foreignObject><p>alert(3)</p></foreignObject>
<a href="https://x.org/"><text>away</text></a><image href="https://x.org/a.png"/><use xlink:href="other.svg#a"/>
<rect fill="url(https://x.org/#a)" onclick="alert(4)"/><path style="fill: url('#own')"/></svg>"""


def figures(folder, **index):
    """Write an index of figures, with one drawing and its table, and one that nothing could draw."""
    about = {"caption": EVIL, "property": "calibration", "models": ["vit"], "claims": [claim_id(claim())]}
    entries = [{"name": "drawn", "title": "Drawn", "svg": "drawn.svg", "csv": "drawn.csv", **about},
               {"name": "undrawn", "title": EVIL, "svg": None, "csv": "drawn.csv", **about}]  # fmt: skip
    (folder / "figures").mkdir()
    (folder / "figures" / "drawn.svg").write_text(DRAWING)
    (folder / "figures" / "drawn.csv").write_text("model,top1\r\nvit,0.123456789\r\n")
    (folder / "figures" / "index.json").write_text(json.dumps({"figures": entries, **index}))


def test_a_drawing_becomes_part_of_the_page(tmp_path):
    """In its property, with caption and data; its ids are its own; what could not be drawn is a table."""
    figures(tmp_path)
    text = report_page(Report(RUN, (claim(outcome=Outcome.FAIL),)), tmp_path)
    read = Text(text)
    assert "Drawn. <script>" in read.text
    assert '<g clip-path="url(#drawn--p1)"><use xlink:href="#drawn--m"' in text
    assert text.count('id="drawn--p1"') == 1
    assert '<use href="#drawn--svg" width="374" height="200"/>' in text
    assert "model top1 vit 0.1235" in read.text
    assert text.count('href="data:text/csv;charset=utf-8;base64,') == 2
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", text)


def test_what_could_run_or_be_fetched_is_left_out():
    """Whatever a file of the folder holds: no script, no handler, no address of another place."""
    safe = inlined(DANGER, "x y")
    assert not re.search("alert|script|x.org|other.svg|import|onload|onclick|foreign", safe)
    assert "url(#x_y--own)" in safe
    assert inlined("<svg", "x") is None
    assert inlined("<html/>", "x") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"figures": [{}]}', '{"figures": 1}', '{"pictures": {"a": [1]}}'])
def test_an_index_that_is_none_costs_its_figures_only(tmp_path, text):
    """The page is there all the same."""
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "index.json").write_text(text)
    assert Figures.read(tmp_path).figures == NOTHING.figures
    assert "may ship" in report_page(Report(RUN, (claim(),)), tmp_path)


def test_images_beyond_the_page_s_room_are_named(tmp_path, monkeypatch):
    """The first image of each claim has its pixels before the second of any; how many are left out is said."""
    monkeypatch.setattr("eyechart.reports.pages.figures.IMAGES_BYTES", 25)
    one, two = claim(outcome=Outcome.FAIL), claim("net", Outcome.FAIL)
    shown = {"label": "cat", "answer": "dog", "confidence": None, "thumbnail": "p.png", "changed": None, "sentence": ""}
    pictures = {claim_id(each): [{**shown, "key": f"{each.model}{at}"} for at in range(2)] for each in (one, two)}
    figures(tmp_path, pictures=pictures)
    (tmp_path / "figures" / "p.png").write_bytes(b"0123456789")
    read = Text(report_page(Report(RUN, (one, two)), tmp_path))
    assert [given["alt"] for tag, given in read.tags if tag == "img"] == ["vit0", "net0"]
    assert "Of 2 images only the names are here" in read.text
    assert all(f"cat, answered dog {each.model}1" in read.text for each in (one, two))


def test_images_and_classes_stand_where_they_belong(tmp_path):
    """Of an open claim in its evidence, of an excused one below its table; no file but a picture of its folder."""
    broken, excused = claim(outcome=Outcome.FAIL), claim("net", Outcome.FAIL, known_failure="Planned.")
    shown = {"key": "a.png", "label": EVIL, "answer": "dog", "confidence": 0.987, "changed": None, "sentence": None}
    pictures = {claim_id(broken): [{**shown, "thumbnail": "drawn.csv"}, {**shown, "thumbnail": "../secret.png"}],
                claim_id(excused): [{**shown, "sentence": "shows a cat: answered dog"}]}  # fmt: skip
    classes = {"vit|sketch": {"confused": [[EVIL, "dog", 7]], "accuracy": [["cat", 0.5, 0.4, 0.6, 20]]}}
    (tmp_path / "secret.png").write_bytes(b"secret")
    figures(tmp_path, pictures=pictures, classes=classes)
    text = report_page(Report(RUN, (broken, excused)), tmp_path)
    read = Text(text)
    assert "<img" not in text
    assert f"{EVIL}, answered dog (99 % sure) a.png" in read.text
    assert f"Most confused on sketch: {EVIL} as dog (7)" in read.text
    assert "Images behind sketch, net shows a cat: answered dog a.png" in read.text
    assert "cat 0.500 [0.400, 0.600]" in read.text
    assert "script" not in {tag for tag, _ in read.tags}
