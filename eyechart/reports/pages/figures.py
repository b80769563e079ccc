"""Figures and images that a run left in `reports/figures`, taken into the page: it needs no other file.

Only drawings are taken: what could run, or be fetched, is left out, whoever put it there.
"""

from __future__ import annotations

import base64
import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from eyechart.reports.figures.writing import FOLDER, INDEX

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
TABLES = {".csv": "text/csv;charset=utf-8"}

LONGEST_TABLE = 60
"""Rows of a table that is shown in place of a drawing; the CSV has all of them."""

IMAGES_BYTES = 3_000_000
"""Of the images that the page holds, each a third larger there: as large as all the rest of 800 claims."""

_LEFT_OUT = {"script", "foreignObject", "metadata", "iframe", "a", "animate", "set"}
_SAFE_HREF = re.compile(r"#|data:image/(png|jpeg|webp);base64,")
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_FETCHES = re.compile(r"@import|url\(\s*['\"]?(?!#|['\"])", re.IGNORECASE)


@dataclass(frozen=True)
class Drawing:
    """A figure: what is said of it, the SVG as markup (None where nothing could draw it), its CSV as a data URI."""

    name: str
    title: str
    caption: str
    property: str
    models: Sequence[str]
    svg: Markup | None
    svg_id: str
    width: str
    height: str
    csv: str | None
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Picture:
    """An image behind a claim: as data URIs what was shown, and what it was changed from or to where there is that."""

    key: str
    label: str
    answer: str
    confidence: float | None
    thumbnail: str | None
    changed: str | None
    sentence: str


@dataclass(frozen=True)
class Figures:
    """What the page shows beside numbers: drawings, and images and confused classes of claims by their ids.

    `left` counts the images for whose pixels the page has no room.
    """

    figures: Sequence[Drawing] = ()
    pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    classes: Mapping[str, Any] = field(default_factory=dict)
    _of_claim: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left: int = 0

    @classmethod
    def read(cls, reports: Path) -> Figures:
        """Read what `reports/figures/index.json` lists; nothing where it is not there, or not what it should be."""
        folder = reports / FOLDER
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            drawings = [_drawing(entry, folder) for entry in index.get("figures", ())]
            of_claim: dict[str, list[str]] = defaultdict(list)
            for entry in index.get("figures", ()):
                for claim in entry.get("claims", ()):
                    of_claim[claim].append(str(entry["name"]))
            listed = index.get("pictures") or {}
            pixels = _with_pixels(listed, folder)
            pictures = {claim: [_picture(each, folder if (claim, at) in pixels else None)
                                for at, each in enumerate(entries)] for claim, entries in listed.items()}  # fmt: skip
            left = sum(map(len, listed.values())) - len(pixels)
            return cls(drawings, pictures, index.get("classes") or {}, dict(of_claim), left)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return NOTHING

    def of_claim(self, claim: str) -> Sequence[str]:
        """Names of the figures that belong to a claim."""
        return self._of_claim.get(claim, ())

    def confused(self, model: str, image_set: str | None) -> Sequence[Sequence[Any]]:
        """Most confused pairs of classes of a model on an image set: label, answer, images."""
        pairs = (self.classes.get(f"{model}|{image_set}") or {}).get("confused") or ()
        return [pair for pair in pairs if len(pair) == 3]

    def named(self, names: Sequence[str]) -> list[Drawing]:
        """Figures by name, in their own order."""
        return [figure for figure in self.figures if figure.name in names]


NOTHING = Figures()


def _drawing(entry: Mapping[str, Any], folder: Path) -> Drawing:
    name = str(entry["name"])
    title, caption, about = (str(entry.get(key) or "") for key in ("title", "caption", "property"))
    path = _inside(folder, entry.get("svg"))
    svg = inlined(path.read_text(encoding="utf-8"), name) if path else None
    size = re.search(r'viewBox="\S+ \S+ ([\d.]+) ([\d.]+)"', svg or "")
    width, height = size.groups() if size else ("", "")
    models = tuple(map(str, entry.get("models") or ()))
    table = _inside(folder, entry.get("csv"))
    rows = () if svg or table is None else _rows(table)
    drawn_as = (svg, f"{_prefix(name)}svg", width, height)
    return Drawing(name, title, caption, about, models, *drawn_as, _data_uri(table, TABLES), rows)


def _rows(path: Path) -> list[list[str]]:
    """A table to read in place of a drawing: its head and first rows, numbers to four digits."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [[_short(cell) for cell in row] for row in islice(csv.reader(stream), LONGEST_TABLE + 1)]


def _short(cell: str) -> str:
    try:
        return cell if cell.lstrip("-").isdigit() else f"{float(cell):.4g}"
    except ValueError:
        return cell


def _with_pixels(listed: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> set[tuple[str, int]]:
    """Claim and number of the images that there is room for: the first of each claim before the second of any."""
    room, within = IMAGES_BYTES, set()
    numbered = [(at, claim) for claim, entries in listed.items() for at in range(len(entries))]
    for at, claim in sorted(numbered, key=lambda each: each[0]):
        files = (_inside(folder, listed[claim][at].get(name)) for name in ("thumbnail", "changed"))
        room -= sum(file.stat().st_size for file in files if file)
        if room < 0:
            break
        within.add((claim, at))
    return within


def _picture(entry: Mapping[str, Any], folder: Path | None) -> Picture:
    key, label, answer, sentence = ("" if (word := entry.get(name)) is None else str(word)
                                    for name in ("key", "label", "answer", "sentence"))  # fmt: skip
    sure = entry.get("confidence")
    thumbnail, changed = (_data_uri(_inside(folder, entry.get(name)), PICTURES) for name in ("thumbnail", "changed"))
    return Picture(key, label, answer, None if sure is None else float(sure), thumbnail, changed, sentence)


def _inside(folder: Path | None, name: object) -> Path | None:
    """A file that an index names, if it is there and in the folder of figures; nothing without a folder."""
    if not name or folder is None:
        return None
    path = (folder / str(name)).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _data_uri(path: Path | None, kinds: Mapping[str, str]) -> str | None:
    if path is None or path.suffix.lower() not in kinds:
        return None
    return f"data:{kinds[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def inlined(text: str, name: str) -> Markup | None:
    """Make an SVG file a part of a page: ids begin with its `name`, nothing runs, nothing is fetched.

    None for a file that is no SVG.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # expat of Python 3.11 and later bounds entities
    except ElementTree.ParseError:
        return None
    if root.tag != f"{{{SVG}}}svg":
        return None
    prefix = _prefix(name)
    _clean(root, prefix)
    root.set("id", f"{prefix}svg")
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    # the markup is what _clean left of it, and ElementTree escapes every text
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704


def _prefix(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) + "--"


def _clean(element: ElementTree.Element, prefix: str) -> None:
    for attribute, value in list(element.attrib.items()):
        local = attribute.rpartition("}")[2].lower()
        if local.startswith("on") or (local == "href" and not _SAFE_HREF.match(value)) or _FETCHES.search(value):
            del element.attrib[attribute]
        elif local == "id":
            element.set(attribute, prefix + value)
        elif local == "href" and value.startswith("#"):
            element.set(attribute, f"#{prefix}{value[1:]}")
        elif local in ("aria-labelledby", "aria-describedby"):
            element.set(attribute, " ".join(prefix + each for each in value.split()))
        else:
            element.set(attribute, _REFERENCE.sub(lambda found: f"url(#{prefix}{found[1]})", value))
    for child in list(element):
        local = str(child.tag).rpartition("}")[2]
        if local in _LEFT_OUT or (local == "style" and _FETCHES.search(child.text or "")):
            element.remove(child)
        else:
            _clean(child, prefix)
