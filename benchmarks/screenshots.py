"""Takes the README's two pictures of a page: `python benchmarks/screenshots.py` after `make behaviors`.

Needs Playwright (pip install -e '.[test]') and Chromium. Writes docs/pictures/page.png and docs/pictures/evidence.png.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

LARGEST = 300_000
"""Bytes of a picture at most."""

WIDTH = 1200
"""Pixels of the window."""

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def main() -> int:
    """Open the page of a run, and take a picture of its top, and of the images and numbers behind a factor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="default: %(default)s")
    page_file = (parser.parse_args().reports / "index.html").resolve()
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(page_file.as_uri())
        taken = [
            take(page, "page", page.locator("h1"), page.locator("#next ~ table tbody tr").nth(5)),
            evidence(page),
        ]
        browser.close()
    for path in taken:
        print(f"{path}  {path.stat().st_size:,} bytes")
    return int(any(path.stat().st_size > LARGEST for path in taken))


def evidence(page: Page) -> Path:
    """Show the figure of mistakes, and the images behind the first factor that has some."""
    section = page.locator("#property-mistakes")
    images = section.locator("details details").first
    page.evaluate("document.querySelectorAll('#property-mistakes table.claims').forEach((each) => each.remove())")
    section.locator("details.promise").first.evaluate("(each) => each.open = true")
    images.evaluate("(each) => each.open = true")
    return take(page, "evidence", section.locator("h2"), images)


def take(page: Page, name: str, first: Locator, last: Locator) -> Path:
    """Take a picture of the page from one element to another."""
    start, end = first.bounding_box(), last.bounding_box()
    if start is None or end is None:
        raise SystemExit(f"{name}: that is not on the page")
    top = start["y"] - 16
    clip = {"x": 0, "y": top, "width": WIDTH, "height": end["y"] + end["height"] + 2 - top}
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, full_page=True, clip=clip)
    return path


if __name__ == "__main__":
    sys.exit(main())
