"""What Allure's results say once the run is over: statuses that read like verdicts, and figures and images.

Allure knows passed, failed, broken, skipped and unknown, and its rate of success leaves the last two out. So what
is undecided or blocked is *broken*, told apart by category; skipped is left to what promises nothing or is excused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eyechart.digest import bytes_digest
from eyechart.judge.verdict import Outcome, Verdict
from eyechart.reports.figures.writing import FOLDER, INDEX
from eyechart.reports.report import claim_id, kind, write_text

LABEL = "claim"
"""Allure's label that holds the id of a claim."""

FIGURES_BYTES, IMAGES_BYTES = 6_000_000, 4_000_000
"""Of the files that are attached: Allure's page holds each once, a third larger, beside 4 MB of its own."""

_NO_SUCCESS = {Outcome.INCONCLUSIVE, Outcome.BLOCKED}
_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
          ".webp": "image/webp"}  # fmt: skip


def complete(results: Path, reports: Path, verdicts: Iterable[Verdict], *, lenient: Iterable[Outcome] = ()) -> str:
    """Give each result in a folder the status of its claim, and attach the figures and images that belong to it.

    lenient  outcomes that the run was told to leave out of its exit code: these stay skipped

    A file that several claims share is there once. Returns a line about what was left out, mostly nothing.
    """
    claims = {claim_id(each): each for each in verdicts if each.verdict is not Outcome.REPORTED}
    attachments, left = _attachments(results, reports / FOLDER, claims)
    for path in sorted(results.glob("*-result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        named = next((str(each["value"]) for each in result.get("labels", ()) if each["name"] == LABEL), "")
        claim = claims.get(named)
        if claim is None:
            continue
        if claim.verdict in _NO_SUCCESS - {*lenient}:
            result["status"] = "broken"
        result.setdefault("attachments", []).extend(attachments.get(named, ()))
        write_text(path, json.dumps(result))
    return f"{left} files are not attached in Allure, to keep its page small; index.html has them" if left else ""


def _attachments(
    results: Path, folder: Path, claims: Mapping[str, Verdict]
) -> tuple[dict[str, list[dict[str, str]]], int]:
    """Copy figures and images into the results; returns claim → its attachments, and how many files were left out."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}, 0
    attached: dict[str, list[dict[str, str]]] = {}
    copied: dict[Path, str] = {}
    left: set[Path] = set()
    for wanted, budget in ((_figures(index), FIGURES_BYTES), (_images(index, claims), IMAGES_BYTES)):
        size = 0
        for claim, name, file in wanted:
            path = (folder / file).resolve()
            if claim not in claims or not path.is_file() or not path.is_relative_to(folder.resolve()):
                continue
            if path not in copied:
                size += path.stat().st_size
                if size > budget:
                    left.add(path)
                    continue
                copied[path] = f"{bytes_digest(str(path).encode())}-attachment{path.suffix}"
                shutil.copyfile(path, results / copied[path])
            entry = {"name": name, "source": copied[path], "type": _TYPES.get(path.suffix, "text/plain")}
            attached.setdefault(claim, []).append(entry)
    return attached, len(left - copied.keys())


Wanted = Iterator[tuple[str, str, str]]
"""The id of a claim, what an attachment is called, and its file in the folder of figures."""


def _figures(index: Mapping[str, Any]) -> Wanted:
    for figure in index.get("figures", ()):
        if figure.get("svg"):
            yield from (
                (claim, str(figure.get("title") or figure["name"]), figure["svg"]) for claim in figure["claims"]
            )


def _images(index: Mapping[str, Any], claims: Mapping[str, Verdict]) -> Wanted:
    """Images of what failed first, then of what is open; of each claim the most telling first."""
    listed = [(claim, each) for claim, each in index.get("pictures", {}).items() if claim in claims]
    order = {"F": 0, "?": 1, "known": 2}
    for claim, images in sorted(listed, key=lambda pair: order.get(kind(claims[pair[0]]), 3)):
        for image in images:
            for key, word in (("thumbnail", "shown"), ("changed", "changed")):
                if image.get(key):
                    yield claim, f"{word}: {image.get('sentence') or image.get('key') or ''}", str(image[key])
