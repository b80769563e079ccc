"""Which of the shipped behaviors a zoo is judged by: properties by name, and a version of the whole suite."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from eyechart.entries import Entry
from eyechart.errors import nearest
from eyechart.zoo.places import SHIPPED_BEHAVIORS

SUITE = 1
"""Version of the shipped behaviors. A promise that is added or made tighter is one of the next version."""


def shipped_properties() -> list[str]:
    """Name the properties that ship: `calibration` for `test_calibration.py`."""
    return sorted(file.stem.removeprefix("test_") for file in SHIPPED_BEHAVIORS.glob("test_*.py"))


class SuiteEntry(Entry):
    """`shipped`: these properties only, or all; `version`: promises of later versions are not made."""

    shipped: tuple[str, ...] | None = None
    version: int = Field(default=SUITE, ge=1)

    @model_validator(mode="after")
    def _known(self) -> SuiteEntry:
        known = shipped_properties()
        if unknown := [name for name in self.shipped or () if name not in known]:
            raise ValueError(f"'shipped' names {unknown[0]!r}, which does not ship: {nearest(unknown[0], known)}")
        if self.version > SUITE:
            raise ValueError(f"'version' is {self.version}, and this Eyechart has versions up to {SUITE}: upgrade it")
        return self

    def has(self, file: Path) -> bool:
        """Whether claims are made by a file of behaviors: by any that is not shipped, and by the chosen ones."""
        if self.shipped is None or file.parent != SHIPPED_BEHAVIORS:
            return True
        return file.stem.removeprefix("test_") in self.shipped
