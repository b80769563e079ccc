"""Recorded hashes of every set, so that a changed byte is noticed: `python -m eyechart.miniature.fingerprints`."""

import json
from pathlib import Path

from eyechart.miniature.sets import SETS, render_set

RECORD = Path(__file__).with_name("fingerprints.json")
PREFIX = 200  # images whose own hash is recorded too, for a quick check


def recorded() -> dict[str, dict[str, str]]:
    """The committed hashes by set: of the whole set ("all") and of its first images ("prefix")."""
    record: dict[str, dict[str, str]] = json.loads(RECORD.read_text())
    return record


def compute(name: str, workers: int = 1) -> dict[str, str]:
    """Renders a set and hashes its keys, labels and pixels."""
    rendering = render_set(name, workers=workers)
    return {"all": rendering.fingerprint, "prefix": render_set(name, range(PREFIX)).fingerprint}


def main() -> None:
    """Renders every set and writes the record."""
    record = {name: compute(name, workers=2) for name in SETS}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
