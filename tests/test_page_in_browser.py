"""The page of a real run in headless Chromium: its sentence, its links, its figures, and that nothing leaves it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyechart.commands import main as cli
from eyechart.reports.figures.figure import read_csv
from eyechart.reports.report import claim_id, read_report
from eyechart.reports.sentence import deciding_sentences
from tests.harness import ROOT, Judged, run_pytest

EVIL = "<script>alert('&\"')</script>\nnext" + "n" * 300
MODEL = "sure <b>'\"&"
CLASSES = ["cat", EVIL, "dog", "\"quoted\" & 'so'"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[test]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


def recording(path: Path, right: float, seed: int) -> Path:
    """Write 500 answers of four classes, almost sure of each, right in so many."""
    draw = np.random.default_rng(seed)
    labels = np.arange(500) % len(CLASSES)
    answers = np.where(draw.random(500) < right, labels, (labels + 1) % len(CLASSES))
    table = np.full((500, len(CLASSES)), 0.01)
    table[np.arange(500), answers] = 0.97
    keys = [f"{row:04} {EVIL}" if row < 9 else f"{row:04}.png" for row in range(500)]
    np.savez(path, keys=keys, labels=labels, probabilities=table)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A recorded model that is too sure of itself, beside a baseline; names hold what a page must not run."""
    folder = tmp_path_factory.mktemp("browser")
    sets = {name: {"role": role, "label_space": {"names": CLASSES}}
            for name, role in (("photos", "validation"), ("sketches", "shifted"))}  # fmt: skip
    models = {}
    for seed, (name, right) in enumerate({MODEL: 0.7, "old": 0.72}.items()):
        files = {each: str(recording(folder / f"{seed}-{each}.npz", right, seed)) for each in sets}
        models[name] = {"source": "recorded", "predictions": files}
    zoo = folder / "models.yaml"
    zoo.write_text(json.dumps({"zoos": {"recorded": {"image_sets": sets, "models": models}}}))
    judged = run_pytest(ROOT / "behaviors", f"--models={zoo}", "--model", MODEL, "--baseline=old",
                        reports=folder / "reports", EYECHART_FIGURES="")  # fmt: skip
    assert judged.code == 1, judged.text
    return judged


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, for all tests of this file."""
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, run: Judged) -> Iterator[Any]:
    """The page of the run, open; at the end it has asked for nothing and complained of nothing."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        opened = context.new_page()
        requests, complaints = [], []
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto((run.reports / "index.html").as_uri())
        yield opened
        sent = [url for url in requests if not url.startswith(("data:", run.reports.as_uri()))]
        assert (sent, complaints) == ([], [])


def test_the_sentence_that_decides_comes_first(page, run):
    """As it is counted from the records; the model's name is a text like any other."""
    (sentence,) = deciding_sentences(read_report(run.reports)).values()
    assert page.locator("h1").inner_text() == sentence
    assert sentence.startswith(f"{MODEL} may not ship: ")
    assert page.locator("script, b").count() == 0


def test_a_red_cell_leads_to_its_evidence(page, run):
    """A click on it shows what was measured, promised and why, and how to judge it again."""
    cell = page.locator(".matrix a.fail").first
    target = cell.get_attribute("href")
    cell.click()
    evidence = page.locator(target)
    box = evidence.bounding_box()
    assert 0 <= box["y"] < 900
    words = evidence.inner_text()
    assert all(word in words for word in ("measured", "promised", "why", "again", "pytest "))
    record = next(each for each in run.claims if each["verdict"] == "fail")
    assert record["reason"] in page.locator(".evidence.fail").all_inner_texts()[0]


def test_figures_show_the_baseline_beside_the_candidate(page, run):
    """As rows of the same table, right as often as its recording is, and in the legend; each claim has its margin."""
    pytest.importorskip("matplotlib")
    with np.load(run.reports.parent / "1-sketches.npz") as answers:
        right = float((answers["probabilities"].argmax(axis=1) == answers["labels"]).mean())
    folder = run.reports / "figures"
    rows = read_csv((folder / "accuracy-shifted.csv").read_text())
    beside = {(row["panel"], row["part"], row["model"]): row for row in rows if row["baseline"]}
    assert float(beside["accuracy", "sketches", "old"]["value"]) == right
    lead = next(float(row["value"]) for row in rows if (row["panel"], row["part"]) == ("lead over old", "sketches"))
    twin = next(claim for claim in run.claims if claim["versus"] and claim["behavior"].endswith("named[sketches]"))
    assert (lead, twin["margin"]) == (pytest.approx(-twin["value"]), 0.01)
    for name in ("accuracy-shifted", "reliability-photos"):
        assert "old (baseline)" in (folder / f"{name}.svg").read_text()
    assert page.locator("#beside ~ table").first.locator("td[data-label=margin]").first.inner_text() == "0.01"


def test_what_is_folded_opens_where_a_link_leads(page):
    """Claims are folded; a link to one opens what it is in."""
    page.locator("#next ~ table a").first.click()
    assert page.locator("tr:target").bounding_box()["height"] > 0


WITHIN = """(svg) => [...svg.querySelectorAll('[clip-path]')].map((mark) => {
  const rect = document.querySelector(mark.getAttribute('clip-path').slice(4, -1).replaceAll('"', '')).firstElementChild
  const [box, axes] = [mark.getBBox(), rect.getBBox()]
  return [box.x - axes.x, box.y - axes.y, axes.x + axes.width - box.x - box.width,
          axes.y + axes.height - box.y - box.height].reduce((one, other) => Math.min(one, other))
})"""
"""How far each mark of a drawing is inside its axes, in units of the drawing."""


def test_every_figure_has_marks_within_its_axes(page):
    """Each is drawn, with marks, none of which leaves its axes by more than the width of a line."""
    pytest.importorskip("matplotlib")
    drawings = page.locator(".drawing svg")
    assert drawings.count() >= 1
    for number in range(drawings.count()):
        drawing = drawings.nth(number)
        assert drawing.bounding_box()["height"] > 50
        inside = drawing.evaluate(WITHIN)
        assert len(inside) > 3
        assert min(inside) > -3, drawing.inner_html()[:300]
    drawings.last.evaluate("(svg) => svg.querySelector('path[clip-path]').setAttribute('d', 'M 0 0 L 9999 0')")
    assert min(drawings.last.evaluate(WITHIN)) < -1000, "a mark that leaves its axes is seen"


def test_every_strip_stays_in_its_frame(page):
    """Marks of all strips, folded or not, by their own coordinates."""
    frames = page.evaluate(
        "[...document.querySelectorAll('.strip')].map((svg) => { const box = svg.getBBox();"
        " return [box.x, box.x + box.width] })"
    )
    assert len(frames) > 10
    assert all(start >= -1 and end <= 101 for start, end in frames)


def test_a_phone_scrolls_down_only(browser, run):
    """400 pixels: nothing is wider than the screen but what scrolls by itself."""
    with browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark") as context:
        opened = context.new_page()
        opened.goto((run.reports / "index.html").as_uri())
        opened.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        assert opened.evaluate("document.documentElement.scrollWidth") <= 400
        dark = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        opened.emulate_media(color_scheme="light")
        assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_paper_shows_what_is_folded(page):
    """A print has every claim, for nobody can unfold it there."""
    folded = page.locator("details.promise table.claims tbody tr").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()


def test_it_is_read_by_the_keyboard(page):
    """The first stop of the tab key leads to what is open; cells, summaries and links follow."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "What is open"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#open"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_red_cell_leads_to_its_pictures(browser, run, tmp_path):
    """Images that a run left beside a claim stand in its evidence: what was shown, what was answered."""
    reports = shutil.copytree(run.reports, tmp_path / "reports")
    figures = reports / "figures"
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(figures / "shown.png")
    failed = next(claim for claim in read_report(reports).claims if claim.verdict == "fail")
    index = json.loads((figures / "index.json").read_text())
    shown = {"key": EVIL, "label": EVIL, "answer": "dog", "confidence": 0.97, "thumbnail": "shown.png", "changed": None,
             "sentence": EVIL}  # fmt: skip
    index["pictures"] = {claim_id(failed): [shown, {**shown, "thumbnail": "../../secret.png"}]}
    (figures / "index.json").write_text(json.dumps(index))
    assert cli.main(["report", "--no-allure", "--reports", str(reports)]) == 0
    shutil.rmtree(figures)
    opened = browser.new_page()
    opened.goto((reports / "index.html").as_uri())
    opened.locator(".matrix a.fail").first.click()
    gallery = opened.locator(".gallery").first
    assert gallery.locator("li").count() == 2
    assert gallery.locator("img").count() == 1
    assert gallery.locator("img").evaluate("(image) => image.naturalWidth") == 8
    assert "alert(" in gallery.inner_text()
    assert opened.locator("script").count() == 0
    opened.close()
