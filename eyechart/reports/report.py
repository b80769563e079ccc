"""What a run leaves behind: `reports/verdicts.json`, and the matrix of models × properties as text."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyechart.errors import SpecError, StoreError
from eyechart.judge.verdict import Outcome, Verdict, as_record, from_record, measured

SCHEMA = 1
VERDICTS = "verdicts.json"
PROPERTIES = (
    "accuracy", "mistakes", "shape_bias", "calibration", "robustness", "transferability", "synthetic", "invariance",
    "contract", "findings",
)  # fmt: skip
"""Properties in the order of the matrix's columns; others follow in alphabetical order."""


def write_verdicts(folder: Path, run: dict[str, Any], verdicts: Sequence[Verdict]) -> Path:
    """Write `verdicts.json` into `folder`, whole or not at all, in an order that does not depend on workers.

    Raises StoreError where the folder cannot be written to.
    """
    text = json.dumps(
        {"schema": SCHEMA, "run": run, "verdicts": [as_record(v) for v in in_order(verdicts)]},
        indent=1,
        allow_nan=False,
    )
    return write_text(folder / VERDICTS, text + "\n")


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Sort by model and behavior, a claim before what is only reported beside it: no order of workers."""
    return sorted(
        verdicts, key=lambda v: (v.model, v.behavior, v.versus or "", v.verdict is Outcome.REPORTED, v.measure or "")
    )


def write_text(path: Path, text: str) -> Path:
    """Write one file of the reports, whole or not at all. Raises StoreError where its folder cannot be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(name).chmod(0o644)
            return Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"reports {path.parent}: cannot be written to ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class Report:
    """What a run left: its `run` part as it stands in the file, and its verdicts."""

    run: dict[str, Any]
    verdicts: tuple[Verdict, ...]

    @property
    def claims(self) -> tuple[Verdict, ...]:
        """The verdicts without numbers that are only reported."""
        return tuple(verdict for verdict in self.verdicts if verdict.verdict is not Outcome.REPORTED)


def read_report(location: Path) -> Report:
    """Read `verdicts.json`, from the file or the folder it is in.

    Raises SpecError where there is none, or where it is damaged or of another schema.
    """
    path = location / VERDICTS if location.is_dir() else location
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise SpecError(f"{path}: schema {data['schema']!r}, this version of eyechart reads {SCHEMA}")
        return Report(dict(data["run"]), tuple(from_record(record) for record in data["verdicts"]))
    except OSError as error:
        raise SpecError(f"{path}: no report of a run there ({error.strerror}); judge first: eyechart run") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError(f"{path}: not a report of a run ({type(error).__name__}: {error})") from error


def claim_id(verdict: Verdict) -> str:
    """Name a claim in the files of a report: `model|behavior`, and `|versus` where it compares with another model."""
    return "|".join(filter(None, [verdict.model, verdict.behavior, verdict.versus]))


LEGEND = "kept/judged; known: fails for a reason in models.yaml; F fails, ? undecided, B blocked"
"""Below a matrix."""


def matrix(models: Sequence[str], verdicts: Iterable[Verdict]) -> list[str]:
    """Lines of a table, a row a model and a column a property; a cell counts claims by what became of them.

    `7/7` all pass; `5/7 2 known` two fail for a known reason; `F`, `?` and `B` count fails, inconclusive and blocked.
    """
    claims = [verdict for verdict in verdicts if verdict.verdict is not Outcome.REPORTED]
    columns = properties(claims)
    rows = [["", *columns]]
    rows += [[model, *(cell([c for c in claims if (c.model, c.property) == (model, name)]) for name in columns)]
             for model in models if any(claim.model == model for claim in claims)]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def properties(claims: Iterable[Verdict]) -> list[str]:
    """Name the properties that claims are about, in the order of the matrix's columns."""
    named = {claim.property for claim in claims}
    return [name for name in PROPERTIES if name in named] + sorted(named - set(PROPERTIES))


def cell(claims: Sequence[Verdict]) -> str:
    """Count the claims of one model about one property by what became of them."""
    if not claims:
        return "-"
    count = Counter(kind(claim) for claim in claims)
    judged = len(claims) - count["n/a"]
    parts = [f"{count['pass']}/{judged}" if judged else ""]
    parts += [f"{count[name]} {name}" for name in _KINDS if count[name]]
    return " ".join(part for part in parts if part)


_KINDS = ("known", "F", "?", "B", "n/a")
_LETTERS = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "F",
    Outcome.INCONCLUSIVE: "?",
    Outcome.BLOCKED: "B",
    Outcome.NOT_APPLICABLE: "n/a",
}


def kind(claim: Verdict) -> str:
    """Say what became of a claim, as the matrix does: pass, known, F, ?, B or n/a."""
    return "known" if claim.known_failure and claim.verdict is Outcome.FAIL else _LETTERS[claim.verdict]


def open_points(verdicts: Iterable[Verdict]) -> list[str]:
    """One line for every claim that is neither kept nor excused; claims blocked for one reason share a line."""
    ordered = sorted(verdicts, key=lambda v: (v.model, v.behavior, v.versus or ""))
    words = {Outcome.FAIL: "fails", Outcome.INCONCLUSIVE: "undecided"}
    lines = [
        f"{words[verdict.verdict]:9}  {verdict.model}  {verdict.behavior}{_versus(verdict)}: "
        f"{measured(verdict)}{_needed(verdict)}"
        for verdict in ordered
        if verdict.verdict in words and kind(verdict) != "known"
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
