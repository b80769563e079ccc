"""The page of a real run in headless Chromium: its sentence, its links, its figures, and that nothing leaves it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyechart.reports.figures.figure import read_csv
from eyechart.reports.pages.allure import HOW, PageError, generate, generator, models_of
from eyechart.reports.report import read_report
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


COLORS = {"cat": (220, 30, 30), "dog": (30, 30, 220)}
"""Class → what its images look like, of a set whose pixels are there."""


def recording(path: Path, classes: list[str], keys: list[str], right: float, seed: int) -> Path:
    """Write an answer to each image, almost sure of it, right in so many; images show one class after the other."""
    draw = np.random.default_rng(seed)
    labels = np.arange(len(keys)) % len(classes)
    answers = np.where(draw.random(len(keys)) < right, labels, (labels + 1) % len(classes))
    table = np.full((len(keys), len(classes)), 0.03 / (len(classes) - 1))
    table[np.arange(len(keys)), answers] = 0.97
    np.savez(path, keys=keys, labels=labels, probabilities=table)
    return path


def photographs(folder: Path) -> list[str]:
    """Write 30 images of each class; returns their names."""
    names = [f"{name}/{number}.png" for number in range(30) for name in COLORS]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), COLORS[name.partition("/")[0]]).save(folder / name)
    return names


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A recorded model that is too sure of itself, beside a baseline; names hold what a page must not run."""
    folder = tmp_path_factory.mktemp("browser")
    sets = {name: {"role": role, "label_space": {"names": CLASSES}}
            for name, role in (("photos", "validation"), ("sketches", "shifted"))}  # fmt: skip
    named = [f"{row:04} {EVIL}" if row < 9 else f"{row:04}.png" for row in range(500)]
    told = dict.fromkeys(sets, (CLASSES, named, 0.0)) | {
        "pictures": (list(COLORS), photographs(folder / "pictures"), 0.65)
    }
    sets["pictures"] = {"role": "shifted", "reader": "folder", "path": str(folder / "pictures"),
                        "label_space": {"names": list(COLORS)}}  # fmt: skip
    models = {}
    for seed, (name, right) in enumerate({MODEL: 0.7, "old": 0.72}.items()):
        files = {each: str(recording(folder / f"{seed}-{each}.npz", classes, keys, right - less, seed))
                 for each, (classes, keys, less) in told.items()}  # fmt: skip
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


PIXEL = """(image) => {
  const canvas = document.createElement('canvas').getContext('2d')
  canvas.drawImage(image, 0, 0, 1, 1)
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
}"""
"""The first pixel of an image, as the page shows it."""


def test_a_red_cell_leads_to_images_of_the_set(page):
    """Those that were answered wrong, as their files are: of this class's color, named beside what was answered."""
    page.locator(".matrix a.fail").first.click()
    shown = page.locator(":target .gallery li")
    assert shown.count() == 8
    for number in range(8):
        words = shown.nth(number).inner_text()
        label, answer = ("cat", "dog") if "shows cat" in words else ("dog", "cat")
        assert f"shows {label}: answered {answer} (97% sure)" in words
        pixel = shown.nth(number).locator("img").evaluate(PIXEL)
        assert np.abs(np.subtract(pixel, COLORS[label])).max() < 8, "JPEG keeps a plain color nearly as it is"


@pytest.fixture(scope="module")
def allure(run: Judged) -> Path:
    """Allure's page of the same run; skipped, with the reason, where Node.js or npm's registry is not there."""
    command = generator()
    if command is None:
        pytest.skip(HOW)
    try:
        results = run.reports / "allure-results"
        return generate(command, results, run.reports / "allure", models_of(read_report(run.reports).run))
    except PageError as error:
        if re.search("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED", str(error)):
            pytest.skip(f"Allure's generator cannot be fetched: {error}")
        raise


def test_allure_counts_as_passed_only_what_passed_and_asks_for_nothing(browser, run, allure):
    """Undecided and blocked claims are broken there, so that its rate of success is not theirs; no request is made."""
    count = Counter(record["verdict"] for record in run.claims)
    opened = browser.new_page()
    requests: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(allure.as_uri())
    told = {}
    for status in ("passed", "failed", "broken"):
        item = opened.get_by_test_id(f"metadata-item-{status}")
        told[status] = int(item.get_by_test_id("metadata-value").inner_text())
    open_claims = count["inconclusive"] + count["blocked"]
    assert told == {"passed": count["pass"], "failed": count["fail"], "broken": open_claims}
    assert open_claims > 0
    words = {"pass": "passed", "fail": "failed", "not_applicable": "skipped"}
    expected = {record["test"].partition("::")[2]: words.get(record["verdict"], "broken") for record in run.claims}
    leaves = opened.get_by_test_id("tree-leaf")
    shown = {
        leaves.nth(number).get_by_test_id("tree-leaf-title").inner_text(): leaves.nth(number)
        .locator("[data-testid^=tree-leaf-status-]").get_attribute("data-testid").removeprefix("tree-leaf-status-")
        for number in range(leaves.count())
    }  # fmt: skip
    assert len(shown) > open_claims
    assert shown == {name: expected[name] for name in shown}
    opened.wait_for_load_state("networkidle")
    assert [url for url in requests if not url.startswith(("data:", "blob:", allure.as_uri()))] == []
    opened.close()
