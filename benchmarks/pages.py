"""Measures both pages of a large run: `python benchmarks/pages.py` after `make behaviors`.

The claims, results and figures of one model of that run are taken as those of four, 200 claims each, of which every
fifth is broken and has eight images of its own, of noise: about as large as the product lets them be. Prints the size
of `index.html` and of Allure's page, the CPU time that `index.html` takes to make, and how long headless Chromium takes
to load and to paint it. Allure's page needs Node.js, the loading Playwright (pip install -e '.[test]') and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.attaching import LABEL, complete
from eyechart.reports.figures.pictures import thumbnail
from eyechart.reports.pages.allure import HOW, generate, generator
from eyechart.reports.pages.page import report_page
from eyechart.reports.report import Report, claim_id, read_report, write_text, write_verdicts

MODELS = ("vit-one", "vit-two", "convnext-one", "convnext-two")
CLAIMS, OPEN, IMAGES = 200, 5, 8
"""Claims of a model, every how many of them is broken, and how many images it shows."""

LOADS = 7
"""How often the page is loaded."""

PAINTED = """() => [performance.getEntriesByType('navigation')[0].loadEventEnd,
  performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN]"""


def main() -> int:
    """Make the large run of a small one, and measure its pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="default: %(default)s")
    source = parser.parse_args().reports
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder)
        report = enlarged(source, reports)
        started = time.process_time()
        page = write_text(reports / "index.html", report_page(report, reports))
        print(
            f"{len(report.claims)} claims; index.html: {size(page)}, {time.process_time() - started:.2f} s of CPU time"
        )
        loads, paints, works = zip(*loading(page), strict=True)
        print(f"loaded in {spread(loads)}, first painted after {spread(paints)}")
        print(f"CPU time of the browser's main thread: {spread(works)}")
        print(complete(reports / "allure-results", reports, report.claims) or "everything is attached in Allure")
        command = generator()
        if command is None:
            print(HOW)
            return 1
        print(f"Allure: {size(generate(command, reports / 'allure-results', reports / 'allure', MODELS))}")
    return 0


def enlarged(source: Path, reports: Path) -> Report:
    """Write into `reports` what a run of four models with 200 claims each leaves."""
    run = read_report(source)
    model = run.claims[0].model
    original = [claim for claim in run.claims if claim.model == model][:CLAIMS]
    if len(original) < CLAIMS:
        raise SystemExit(f"{source}: {model} has {len(original)} claims, {CLAIMS} are needed: run with --baseline")
    copies = {claim_id(claim): [copy(claim, at, name) for name in MODELS] for at, claim in enumerate(original)}
    claims = [each for listed in copies.values() for each in listed]
    shutil.copytree(source / "figures", reports / "figures", ignore=shutil.ignore_patterns("pictures"))
    index = json.loads((source / "figures" / "index.json").read_text(encoding="utf-8"))
    for figure in index["figures"]:
        figure["claims"] = [claim_id(each) for claim in figure["claims"] for each in copies.get(claim, ())]
    broken = [claim for claim in claims if claim.verdict is Outcome.FAIL]
    index["pictures"] = {claim_id(claim): pictures(reports / "figures", at) for at, claim in enumerate(broken)}
    write_text(reports / "figures" / "index.json", json.dumps(index))
    results(source / "allure-results", reports / "allure-results", copies)
    summary = {**run.run, "models": dict.fromkeys(MODELS)}
    write_verdicts(reports, summary, claims)
    return read_report(reports)


def copy(claim: Verdict, at: int, model: str) -> Verdict:
    """Make a claim one about another model."""
    outcome = Outcome.PASS if at % OPEN else Outcome.FAIL
    return replace(claim, model=model, verdict=outcome, known_failure=None)


def pictures(folder: Path, claim: int) -> list[dict[str, Any]]:
    """Images of one claim: noise, which no compression makes small, as large as the product lets an image be."""
    draw = np.random.default_rng(claim)
    entries = []
    for number in range(IMAGES):
        name = f"{claim}-{number}.jpg"
        (folder / name).write_bytes(thumbnail(draw.integers(0, 256, (160, 160, 3), np.uint8)))
        entries.append({"key": name, "label": "bolt", "answer": "nut", "confidence": 0.9, "thumbnail": name,
                        "changed": None, "sentence": "shows bolt: answered nut (90% sure)"})  # fmt: skip
    return entries


def results(source: Path, target: Path, copies: dict[str, list[Verdict]]) -> None:
    """Copy Allure's results of claims to all models, with their own attachments and without figures and images."""
    target.mkdir()
    for path in source.glob("*-result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        named = next((each["value"] for each in result["labels"] if each["name"] == LABEL), "")
        own = [each for each in result["attachments"] if each["source"].endswith((".json", ".txt"))]
        for number, claim in enumerate(copies.get(named, ())):
            told = {"model": claim.model, LABEL: claim_id(claim)}
            labels = [{**each, "value": told.get(each["name"], each["value"])} for each in result["labels"]]
            attached = [{**each, "source": f"{number}-{each['source']}"} for each in own]
            for before, after in zip(own, attached, strict=True):
                shutil.copyfile(source / before["source"], target / after["source"])
            status = "passed" if claim.verdict is Outcome.PASS else "failed"
            ids = {name: f"{number}-{result[name]}" for name in ("uuid", "historyId")}
            changed = {**ids, "labels": labels, "attachments": attached, "status": status}
            (target / f"{number}-{path.name}").write_text(json.dumps({**result, **changed}), encoding="utf-8")


def loading(page: Path) -> Iterator[tuple[float, float, float]]:
    """Load a page anew, several times: seconds until it is loaded, and until something is painted; CPU time of that."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        for _ in range(LOADS):
            opened = browser.new_page(viewport={"width": 1400, "height": 900})
            tools = opened.context.new_cdp_session(opened)
            tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            opened.goto(page.as_uri())
            opened.wait_for_timeout(200)
            loaded, painted = (each / 1000 for each in opened.evaluate(PAINTED))
            metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
            yield loaded, painted, metrics["TaskDuration"]
            opened.close()
        browser.close()


def spread(seconds: tuple[float, ...]) -> str:
    """Median, least and most."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} times)"


def size(path: Path) -> str:
    """Megabytes of a file."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
