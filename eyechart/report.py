"""What a run leaves behind: `reports/verdicts.json`, and the matrix of models × properties as text."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from eyechart.errors import StoreError
from eyechart.judge import Outcome, Verdict, as_record, measured

SCHEMA = 1
PROPERTIES = (
    "accuracy", "mistakes", "shape_bias", "calibration", "robustness", "transferability", "synthetic", "invariance",
    "contract", "findings",
)  # fmt: skip
"""Properties in the order of the matrix's columns; others follow in alphabetical order."""


def write_verdicts(folder: Path, run: dict[str, Any], verdicts: Sequence[Verdict]) -> Path:
    """Write `verdicts.json` into `folder`, whole or not at all, in an order that does not depend on workers.

    Raises StoreError where the folder cannot be written to.
    """
    ordered = sorted(
        verdicts, key=lambda v: (v.model, v.behavior, v.versus or "", v.verdict is Outcome.REPORTED, v.measure or "")
    )
    text = json.dumps({"schema": SCHEMA, "run": run, "verdicts": [as_record(v) for v in ordered]}, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".writing-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
        Path(name).chmod(0o644)
        return Path(name).replace(folder / "verdicts.json")
    except OSError as error:
        raise StoreError(f"reports {folder}: cannot be written to ({error.strerror})") from error


def matrix(models: Sequence[str], verdicts: Iterable[Verdict]) -> list[str]:
    """Lines of a table, a row a model and a column a property; a cell counts claims by what became of them.

    `7/7` all pass; `5/7 2 known` two fail for a known reason; `F`, `?` and `B` count fails, inconclusive and blocked.
    """
    claims = [verdict for verdict in verdicts if verdict.verdict is not Outcome.REPORTED]
    found = {claim.property for claim in claims}
    columns = [name for name in PROPERTIES if name in found] + sorted(found - set(PROPERTIES))
    rows = [["", *columns]]
    rows += [[model, *(_cell([c for c in claims if (c.model, c.property) == (model, name)]) for name in columns)]
             for model in models if any(claim.model == model for claim in claims)]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(claims: Sequence[Verdict]) -> str:
    if not claims:
        return "-"
    count = Counter(_kind(claim) for claim in claims)
    judged = len(claims) - count["n/a"]
    parts = [f"{count['pass']}/{judged}" if judged else ""]
    parts += [f"{count[kind]}{space}{kind}" for kind, space in _KINDS if count[kind]]
    return " ".join(part for part in parts if part)


_KINDS = (("known", " "), ("F", " "), ("?", " "), ("B", " "), ("n/a", " "))
_LETTERS = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "F",
    Outcome.INCONCLUSIVE: "?",
    Outcome.BLOCKED: "B",
    Outcome.NOT_APPLICABLE: "n/a",
}


def _kind(claim: Verdict) -> str:
    return "known" if claim.known_failure and claim.verdict is Outcome.FAIL else _LETTERS[claim.verdict]


def open_points(verdicts: Iterable[Verdict]) -> list[str]:
    """One line for every claim that is neither kept nor excused; claims blocked for one reason share a line."""
    ordered = sorted(verdicts, key=lambda v: (v.model, v.behavior, v.versus or ""))
    words = {Outcome.FAIL: "fails", Outcome.INCONCLUSIVE: "undecided"}
    lines = [
        f"{words[verdict.verdict]:9}  {verdict.model}  {verdict.behavior}{_versus(verdict)}: "
        f"{measured(verdict)}{_needed(verdict)}"
        for verdict in ordered
        if verdict.verdict in words and _kind(verdict) != "known"
    ]
    blocked = Counter((v.model, v.reason) for v in ordered if v.verdict is Outcome.BLOCKED)
    return lines + [
        f"blocked    {model}  {count} claim{'s' * (count > 1)}: {reason}" for (model, reason), count in blocked.items()
    ]


def _needed(verdict: Verdict) -> str:
    """Say what would settle an undecided claim, in three words."""
    if verdict.verdict is not Outcome.INCONCLUSIVE:
        return ""
    return "; no number decides it" if verdict.images_needed is None else f"; about {verdict.images_needed:,} decide it"


def _versus(verdict: Verdict) -> str:
    return f" vs {verdict.versus}" if verdict.versus else ""
