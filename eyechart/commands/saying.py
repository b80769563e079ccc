"""How commands speak: names that come from files are shown, and no terminal obeys what they hold."""

from __future__ import annotations

from eyechart.errors import printable


def say(text: object) -> None:
    """Print one line or more."""
    print(printable(str(text)))
