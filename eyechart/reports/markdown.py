"""Text that Markdown shows as it is, whatever it holds: names come from files, and comments are read by many."""

from __future__ import annotations

import re

from eyechart.errors import printable

LONGEST_NAME = 160
"""Characters of a name or reason that a line shows."""

_SYNTAX = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&$^=:])")
_GAP = "\u200b"
"""A space without width: a mark before it mentions nobody, and is no issue."""


def text(value: object, longest: int = LONGEST_NAME) -> str:
    """Escape plain text for a line of Markdown or a cell of a table; no mention, link, image or tag comes of it."""
    return _SYNTAX.sub(r"\\\1", _line(value, longest)).replace("@", f"@{_GAP}").replace("#", f"#{_GAP}")


def code(value: object, longest: int = LONGEST_NAME) -> str:
    """Write a name as code, in a line or a cell of a table: inside, nothing is syntax but bars and backticks."""
    line = _line(value, longest)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")


def table(rows: list[list[str]]) -> list[str]:
    """Lines of a table of cells that are escaped already; the first row is its head."""
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return [head, "|" + " --- |" * len(rows[0]), *rest]


def _line(value: object, longest: int) -> str:
    line = " ".join(printable(str(value)).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
